"""Every decision and every access to patient data leaves exactly one event, which names each patient shown.

The routes are those of the resolver, so one that is added later without an event fails here by itself. Who is shown is
found out without asking the application: by searching each answer, and each row that the request wrote, for ids and
texts that belong to one patient alone.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.actors import Actor
from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent, Outcome
from apps.cases.models import Case, Consent, EmergencyAccess, Hold, Patient, RowVersion
from apps.cases.services import change_person
from apps.core.capabilities import Capability
from apps.predictions.models import Feedback, Prediction
from apps.predictions.services import predict_case
from apps.privacy.act_words import ACTS
from apps.privacy.models import AccessArchive, Erasure
from tests.conftest import PASSWORD
from tests.permissions.house import ANONYMOUS, ROUTES, Caller, is_crawled, session_of, tried_methods
from tests.permissions.test_matrix import row_of, unexpected

pytestmark = pytest.mark.django_db

# Where an answer shows patients whom its event does not name.
UNNAMED = dict.fromkeys(
    ("audit:events", "audit:export", "audit:export-json"),
    "the trail shows opaque ids alone; an event that named all of them would be longer with each look at it. Whoever "
    "asks for one patient's events is recorded with that patient.",
)
# Refused by the address itself, whoever asks.
NOWHERE = {
    "metrics": "without METRICS_TOKEN there is no such page for anybody",
    r"admin:admin/(?P<url>.*)$": "the administration has no such page, so nothing was refused to anybody",
}
# Requests that are another act beside: that one's event.
BESIDE = {
    # Who proves who he is has done so, whatever then becomes of what he asked for.
    ("api:emergencies", "POST"): "account.confirm",
}
# Here it is a program that acts, by its own name and secret, and nobody's session or token.
BY_PROGRAMS = {"oauth:token", "oauth:revoke"}
# The things that are a patient's, and the way from each to him.
_OWNERS = {
    Patient: "pk",
    Case: "patient_id",
    Consent: "patient_id",
    EmergencyAccess: "patient_id",
    Hold: "patient_id",
    AccessArchive: "patient_id",
    Erasure: "patient_id",
    Prediction: "case__patient_id",
    Feedback: "prediction__case__patient_id",
}


@dataclass
class Census:
    """Whom an id or a text means, and what has been counted."""

    requests: int = 0
    events: int = 0
    denials: int = 0
    routes: set[str] = field(default_factory=set)
    shown: set[UUID] = field(default_factory=set)
    n_shown: int = 0
    ids: dict[str, UUID] = field(default_factory=dict)
    texts: dict[str, UUID] = field(default_factory=dict)
    last_event: int = 0
    last_version: int = 0

    def take(self) -> None:
        """Learn who there is, and that what was recorded until now is no answer's doing."""
        self.ids = _ids()
        for case in Case.objects.select_related("patient__key"):
            patient = case.patient
            for text in (patient.pseudonym, patient.name, patient.identifier, patient.contact, case.note):
                if text:
                    self.texts[text] = patient.pk
        self.mark()

    def mark(self) -> None:
        self.last_event = _last_event()
        self.last_version = RowVersion.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def meant_by(self, text: str, *, anew: bool = False) -> set[UUID]:
        """The patients whose ids or texts stand in `text`; `anew`: also those of rows that are new."""
        ids = _ids() if anew else self.ids
        found = {patient for mark, patient in ids.items() if mark in text}
        return found | {patient for mark, patient in self.texts.items() if mark in text}

    def events_since(self) -> list[AuditEvent]:
        return list(AuditEvent.objects.filter(sequence__gt=self.last_event).order_by("sequence"))

    def changed_since(self) -> set[UUID]:
        """By the row history, which triggers write whatever the application does."""
        versions = RowVersion.objects.filter(pk__gt=self.last_version)
        return set(versions.values_list("patient_id", flat=True))

    def say(self, what: str) -> None:
        print(
            f"{what}: {self.requests:,} requests to {len(self.routes)} routes, {self.events:,} events, "
            f"{self.denials:,} of them denials, {len(self.shown)} patients shown {self.n_shown:,} times, 0 missing"
        )


def _last_event() -> int:
    return AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True)[0]


def _ids() -> dict[str, UUID]:
    return {
        str(key): owner
        for model, path in _OWNERS.items()
        for key, owner in model._default_manager.values_list("pk", path)
        if owner is not None
    }


def text_of(answer: Any) -> str:
    """All that an answer says: where it leads, and its content, unpacked."""
    raw = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if raw.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            raw = b"\n".join(packed.read(name) for name in packed.namelist())
    return f"{answer.headers.get('Location', '')}\n{raw.decode(errors='replace')}"


@pytest.fixture
def census(callers: dict[str, Caller], actor_of: Callable[[User], Actor]) -> Census:
    """Everybody of the house, each patient with a name, a number, a contact and a note that nobody else has."""
    for number, case in enumerate(Case.objects.select_related("created_by").order_by("pk")):
        person = {
            "name": f"Quetzalcoatl-{number:04}",
            "identifier": f"MRN-Wolpertinger-{number:04}",
            "contact": f"Frau-Rumpelstilz-{number:04}",
            "note": f"Xylotymbou-{number:04}",
        }
        change_person(actor=actor_of(case.created_by), case_id=case.pk, values=person)
    taken = Census()
    taken.take()
    return taken


@dataclass(frozen=True, slots=True)
class Seen:
    """What one request asked for, did and left: patients by whom it asked, whom its address means, whom it changed, who
    is in the answer, and who of these is news to the caller, for he did not say so himself."""

    status: int
    events: list[AuditEvent]
    asked: set[UUID]
    of_address: set[UUID]
    changed: set[UUID]
    answered: set[UUID]
    news: set[UUID]

    @property
    def named(self) -> set[UUID]:
        return {patient for event in self.events for patient in event.patient_ids}


def faults_of(
    census: Census,
    route: str,
    method: str,
    caller: Caller,
    *,
    access: EmergencyAccess | None = None,
    expected: int | None = None,
) -> Iterator[str]:
    """What is wrong with the events of one request, all of which is undone; and with its status, if one is expected."""
    name, pattern, _view = ROUTES[route]
    with transaction.atomic():
        answer = caller.call(name, pattern, method)
        seen = _seen(census, route, method, caller, answer)
        transaction.set_rollback(True)
    census.requests += 1
    census.routes.add(route)
    census.events += len(seen.events)
    if caller.user and seen.status in {403, 404} and route not in NOWHERE:
        census.denials += len(seen.events)
        faults = list(_of_refusal(seen))
    elif caller.user and seen.status < 400:
        census.shown |= seen.answered
        census.n_shown += len(seen.answered)
        faults = list(_of_success(seen, route in UNNAMED))
    else:
        faults = list(_of_mistake(seen))
    if len(seen.events) > 1:
        faults.append("more than one event")
    if expected is not None:
        faults += unexpected(route, answer, expected, is_anonymous=caller.user is None)
    if caller.user and route not in BY_PROGRAMS:
        faults += _unfilled(seen.events, answer, caller, pattern, access)
    where = f"{route} {method} as {caller.user.username if caller.user else ANONYMOUS}"
    events = [f"{event.action} {event.outcome} {len(event.patient_ids)}" for event in seen.events]
    yield from (f"{where}, {seen.status}, {events}: {fault}" for fault in faults)


def _seen(census: Census, route: str, method: str, caller: Caller, answer: Any) -> Seen:
    name, pattern, _view = ROUTES[route]
    asked, address, text = caller.asks_for(name, pattern, method), caller.address(pattern), text_of(answer)
    known = census.ids | census.texts
    news = {patient for mark, patient in known.items() if mark in text and mark not in asked}
    answered = census.meant_by(text)
    if method != "GET" and answer.status_code < 400:
        made = census.meant_by(text, anew=True) - answered
        news, answered = news | made, answered | made
    # Whose the things of another organisation are is not to be known.
    is_at_home = caller.user is None or caller.user.organisation_id == caller.organisation.pk
    return Seen(
        status=answer.status_code,
        events=[event for event in census.events_since() if event.action != BESIDE.get((route, method))],
        asked=census.meant_by(asked) if is_at_home else set(),
        of_address=census.meant_by(address) if is_at_home else set(),
        changed=census.changed_since(),
        answered=answered,
        news=news,
    )


def _of_refusal(seen: Seen) -> Iterator[str]:
    if [event.outcome for event in seen.events] != [Outcome.DENIED]:
        yield "refused without exactly one denial"
    if not seen.of_address <= seen.named <= seen.asked:
        yield f"the denial names {len(seen.named)} patients, and {len(seen.asked)} were asked for"
    if seen.of_address and not all(event.object_ids for event in seen.events):
        yield "the denial does not say what was asked for"
    if seen.news or seen.changed:
        yield f"refused, but {len(seen.news)} patients were shown and {len(seen.changed)} changed"


def _of_success(seen: Seen, is_unnamed: bool) -> Iterator[str]:
    concerned = seen.asked | seen.changed | (set() if is_unnamed else seen.answered)
    if concerned and len(seen.events) != 1:
        yield f"about {len(concerned)} patients without exactly one event"
    if concerned != seen.named:
        yield f"{len(concerned - seen.named)} patients are not named, {len(seen.named - concerned)} needlessly"


def _of_mistake(seen: Seen) -> Iterator[str]:
    """Of what was neither done nor refused: nobody is signed in, or what was sent cannot be used."""
    if not seen.news <= seen.named or seen.changed:
        yield f"{len(seen.news - seen.named)} patients are shown and {len(seen.changed)} changed without an event"


def _unfilled(
    events: list[AuditEvent], answer: Any, caller: Caller, pattern: str, access: EmergencyAccess | None
) -> Iterator[str]:
    """Who, when, from where and why, where an event lacks it."""
    user = caller.user
    assert user is not None
    token_id = caller.token.public_id if pattern.startswith("api/") else None
    for event in events:
        who = (event.actor_id, event.organisation_id, event.roles, event.token_id)
        roles = sorted(user.groups.values_list("name", flat=True))
        if who != (user.pk, user.organisation_id, roles, token_id):
            yield f"{event.action} was by {who}"
        age = timezone.now() - event.occurred_at
        if event.occurred_at.utcoffset() != timedelta(0) or not timedelta(0) <= age < timedelta(hours=1):
            yield f"{event.action} happened at {event.occurred_at}"
        if (event.address, event.request_id) != ("127.0.0.1", answer.headers["X-Request-ID"]):
            yield f"{event.action} came from {event.address}, {event.request_id}"
        if not event.patient_ids:
            continue
        if event.action not in ACTS and event.action not in Capability.values:
            yield f"{event.action} has no words for the patient"
        if access is not None and access.patient_id in event.patient_ids:
            if event.purpose != f"emergency:{access.pk}":
                yield f"{event.action} is for {event.purpose!r} and not for the emergency"
        elif not event.purpose:
            yield f"{event.action} is for no purpose"


@pytest.mark.parametrize("part", ["pages", "api", "admin"])
def test_each_role_leaves_one_event_that_names_whom_it_was_shown(
    part: str, callers: dict[str, Caller], census: Census
) -> None:
    faults = [
        fault
        for route in _routes_of(part)
        for method in tried_methods(route)
        for role, caller in callers.items()
        if is_crawled(route, method, role)
        for fault in faults_of(
            census, route, method, caller, expected=(row_of(route, method) or {}).get(role)
        )
    ]
    assert not faults, "\n".join(faults)
    if part == "admin":
        assert not census.shown
    census.say(part)


def _routes_of(part: str) -> list[str]:
    return [route for route in ROUTES if (route.split(":")[0] if ":" in route else "") in _PARTS[part]]


_PARTS: dict[str, set[str]] = {"api": {"api"}, "admin": {"admin"}}
_PARTS["pages"] = {route.split(":")[0] if ":" in route else "" for route in ROUTES} - {"api", "admin"}


def _about_somebody(census: Census, caller: Caller) -> list[tuple[str, str]]:
    """The requests that name something of a patient."""
    return [
        (route, method)
        for route, (name, pattern, _view) in ROUTES.items()
        for method in tried_methods(route)
        if census.meant_by(caller.asks_for(name, pattern, method))
    ]


def _with_things_of(caller: Caller, other: Caller) -> Caller:
    return replace(
        caller,
        organisation=other.organisation,
        case=other.case,
        prediction=other.prediction,
        erasure=other.erasure,
        archive=other.archive,
        access=other.access,
        hold=other.hold,
    )


def test_whoever_is_outside_of_the_care_team_leaves_a_denial_that_names_the_patient(
    callers: dict[str, Caller], census: Census
) -> None:
    for role in (Role.CLINICIAN, Role.INTEGRATOR):
        caller = _with_things_of(callers[role], callers[ANONYMOUS])
        faults = [
            fault
            for route, method in _about_somebody(census, caller)
            for fault in faults_of(census, route, method, caller)
        ]
        assert not faults, "\n".join(faults)
    census.say("outside of the care team")


def test_another_organisation_leaves_a_denial_and_learns_of_nobody(
    callers: dict[str, Caller],
    census: Census,
    other_organisation: Organisation,
    user_of: Callable[..., User],
    token_of: Callable[..., tuple[ApiToken, str]],
) -> None:
    for role in (Role.CLINICIAN, Role.PRIVACY_OFFICER):
        user = user_of(role, other_organisation)
        token, secret = token_of(user)
        caller = replace(callers[ANONYMOUS], user=user, token=token, secret=secret, cookies=session_of(user))
        census.mark()
        faults = [
            fault
            for route, method in _about_somebody(census, caller)
            for fault in faults_of(census, route, method, caller)
        ]
        assert not faults, "\n".join(faults)
    census.say("another organisation")


def test_what_a_restriction_forbids_is_a_denial_too(callers: dict[str, Caller], census: Census) -> None:
    caller = callers[Role.CLINICIAN]
    hold = Hold(
        organisation_id=caller.case.organisation_id,
        patient=caller.case.patient,
        kind=Hold.Kind.RESTRICTION,
        placed_by=caller.colleague,
    )
    hold.reason = "he contests what is recorded"
    hold.save(force_insert=True)
    census.take()
    faults = [
        fault
        for route, method in _about_somebody(census, caller)
        for fault in faults_of(census, route, method, caller)
    ]
    assert not faults, "\n".join(faults)
    assert census.denials > 20
    census.say("restricted")


def test_in_an_emergency_each_event_says_so(callers: dict[str, Caller], census: Census) -> None:
    caller = _with_things_of(callers[Role.CLINICIAN], callers[Role.PRIVACY_OFFICER])
    name, pattern, _view = ROUTES["cases:emergency"]
    assert caller.call(name, pattern, "POST").status_code == 302
    access = EmergencyAccess.objects.get(user=caller.user, patient=caller.case.patient)
    opened = AuditEvent.objects.get(action="emergency.open")
    assert (opened.patient_ids, opened.purpose) == ([access.patient_id], f"emergency:{access.pk}")
    census.take()
    faults = [
        fault
        for route in ("cases:list", "cases:export", "predictions:history", "predictions:export", "api:cases")
        for fault in faults_of(census, route, "GET", caller, access=access)
    ]
    faults += [
        fault
        for route, method in _about_somebody(census, caller)
        for fault in faults_of(census, route, method, caller, access=access)
    ]
    assert not faults, "\n".join(faults)
    assert access.patient_id in census.shown
    census.say("emergency")


N_MANY, A_PAGE = 27, 25


@pytest.mark.usefixtures("active_model")
def test_a_page_of_many_names_those_on_it_and_nobody_else(
    clinician: User,
    user_of: Callable[..., User],
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    page: Callable[..., Client],
    api: Callable[..., APIClient],
) -> None:
    cases = [case_of(clinician) for _number in range(N_MANY)]
    for case in cases[:5]:
        predict_case(actor=actor_of(clinician), case_id=case.pk)
    # A colleague's, whom none of the lists may show.
    case_of(user_of(Role.CLINICIAN))
    census = Census()
    census.take()
    browser, program = page(clinician), api(clinician)
    listed = "/api/v1/cases/", "/api/v1/predictions/"
    wanted: list[tuple[Any, str, dict[str, Any], int]] = [
        (browser, reverse("cases:list"), {}, A_PAGE),
        (browser, reverse("cases:list"), {"page": 2}, N_MANY - A_PAGE),
        (browser, reverse("cases:list"), {"q": cases[3].patient.pseudonym}, 1),
        (browser, reverse("cases:list"), {"q": "nobody"}, 0),
        (browser, reverse("cases:export"), {}, N_MANY),
        (browser, reverse("cases:export"), {"q": cases[3].patient.pseudonym}, 1),
        (browser, reverse("predictions:history"), {}, 5),
        (browser, reverse("predictions:history"), {"q": cases[2].patient.pseudonym}, 1),
        (browser, reverse("predictions:export"), {}, 5),
        (program, listed[0], {"limit": 7}, 7),
        (program, listed[0], {"q": cases[3].patient.pseudonym}, 1),
        (program, listed[1], {"limit": 2}, 2),
        (program, listed[1], {"case": str(cases[4].pk)}, 1),
    ]
    for client, address, query, n in wanted:
        census.mark()
        answer = client.get(address, query)
        shown = census.meant_by(text_of(answer))
        (event,) = census.events_since()
        assert (len(shown), set(event.patient_ids)) == (n, shown), f"{address} {query}"
        assert len(event.patient_ids) == n
        census.requests, census.events = census.requests + 1, census.events + 1
        census.routes.add(address)
        census.shown |= shown
        census.n_shown += n
    seen: set[UUID] = set()
    address = f"{listed[0]}?limit=10"
    while address:
        census.mark()
        answer = program.get(address)
        (event,) = census.events_since()
        assert not seen & set(event.patient_ids)
        seen |= set(event.patient_ids)
        address = answer.json()["next"]
    assert len(seen) == N_MANY
    census.say("pages of many")


def test_each_act_of_the_administration_is_one_event(
    user_of: Callable[..., User],
    token_of: Callable[..., tuple[ApiToken, str]],
    page: Callable[..., Client],
    clinician: User,
    organisation: Organisation,
) -> None:
    administrator = user_of(Role.ADMINISTRATOR)
    browser = page(administrator)
    token, _secret = token_of(clinician)
    group = Group.objects.get(name=Role.AUDITOR)
    account = {
        "username": clinician.username,
        "last_name": "Changed",
        "is_active": "on",
        "groups": [group.pk],
    }
    fresh = {"username": "new.one", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    passwords = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    chosen = {"action": "delete_selected", "_selected_action": token.pk, "post": "yes"}
    acts: list[tuple[str, list[Any], dict[str, Any], str]] = [
        ("accounts_user_add", [], fresh, "admin.user.add"),
        ("accounts_user_change", [clinician.pk], account, "admin.user.change"),
        ("auth_user_password_change", [clinician.pk], passwords, "admin.user.change"),
        (
            "accounts_user_changelist",
            [],
            {"action": "unlock", "_selected_action": clinician.pk},
            "account.unlock",
        ),
        ("auth_group_add", [], {"name": "night shift"}, "admin.group.add"),
        ("auth_group_change", [group.pk], {"name": "auditors"}, "admin.group.change"),
        ("accounts_apitoken_changelist", [], chosen, "admin.apitoken.delete"),
        ("accounts_apitoken_delete", [token_of(clinician)[0].pk], {"post": "yes"}, "admin.apitoken.delete"),
    ]
    for name, arguments, content, action in acts:
        last = _last_event()
        answer = browser.post(reverse(f"admin:{name}", args=arguments), content)
        assert answer.status_code == 302, name
        events = AuditEvent.objects.filter(sequence__gt=last)
        told = [(event.action, event.outcome, event.actor_id, event.patient_ids) for event in events]
        assert told == [(action, Outcome.OK, administrator.pk, [])], name
    print(f"administration: {len(acts)} acts, {len(acts)} events, 0 patients")


def test_retention_names_each_whom_it_deletes(clinician: User, case_of: Callable[..., Case]) -> None:
    cases = [case_of(clinician) for _number in range(4)]
    last = _last_event()
    over = timezone.now() - timedelta(days=1)
    Case.objects.filter(pk__in=[case.pk for case in cases[:2]]).update(retain_until=over)
    call_command("apply_retention")
    events = AuditEvent.objects.filter(sequence__gt=last).exclude(patient_ids=[])
    told = {(event.action, event.purpose, *event.roles, *event.patient_ids) for event in events}
    assert told == {("case.purge", "retention", "system", case.patient_id) for case in cases[:2]}
    assert len(events) == len(told)
