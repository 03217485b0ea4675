"""What leaves for research: only of those who agree, k of whom look alike, and nothing that tells who they are."""

import csv
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.consents import record_consent
from apps.cases.models import Case, Consent, Hold
from apps.cases.services import change_person, record_outcome
from apps.core.jobs import JobState
from apps.privacy import research
from apps.privacy.erasure import erase_patient, run_erasure
from apps.privacy.holds import place_hold
from apps.privacy.models import Erasure, ResearchExport
from apps.privacy.research import run_research_export
from apps.privacy.tasks import look_after_archives
from ml.serving.phenopacket import parse_packet
from tests.conftest import MARFAN, MARFAN_FINDINGS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("eager_celery")]

K = 5
NAME, NOTE = "Quetzalcoatl Obermoser", "Xylotymbou vineyard worker"
PERSON = {"name": NAME, "identifier": "MRN-Wolpertinger", "contact": "Frau Rumpelstilz", "note": NOTE}
RARE_DISEASE, RARE_FINDING = "OMIM:236200", "HP:0001083"  # homocystinuria, ectopia lentis
AGREED = {"care": True, "research": True}
FORM = {"study": "Lenses and hearts, ethics committee 12/26", "k": K, "small_cells": "withhold"}


@pytest.fixture
def actor(clinician: User, actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(clinician)


@pytest.fixture
def agreeing(clinician: User, case_of: Callable[..., Case], actor: Actor) -> list[Case]:
    """Six women of 20 to 24 with Marfan syndrome, and five men of 40 to 49, one with a rare disease and finding."""
    common = tuple(finding for finding in MARFAN_FINDINGS if finding != RARE_FINDING)
    women = [case_of(clinician, age=f"P{20 + n % 5}Y", consents=AGREED, present=common) for n in range(6)]
    men = [
        case_of(clinician, sex="male", age=f"P{40 + 2 * n}Y", consents=AGREED, present=common)
        for n in range(4)
    ]
    rare = case_of(clinician, sex="male", age="P48Y6M", consents=AGREED, present=(RARE_FINDING, *common))
    for case in women:
        record_outcome(actor=actor, case_id=case.pk, disease_id=MARFAN)
    record_outcome(actor=actor, case_id=rare.pk, disease_id=RARE_DISEASE)
    for case in (women[0], rare):
        change_person(actor=actor, case_id=case.pk, values=PERSON)
    return [*women, *men, rare]


@pytest.fixture
def officer(user_of: Callable[..., User]) -> User:
    return user_of(Role.PRIVACY_OFFICER)


@pytest.fixture
def browser(page: Callable[..., Client], officer: User) -> Client:
    return page(officer)


def make(browser: Client, commit: Any, **changes: Any) -> ResearchExport:
    with commit(execute=True):
        answer = browser.post(reverse("privacy:research"), FORM | {"confirmed": "yes"} | changes)
    assert answer.status_code == 302, answer.content
    export = ResearchExport.objects.first()
    assert export is not None
    return export


def download(browser: Client, export: ResearchExport) -> dict[str, str]:
    answer = browser.get(reverse("privacy:research-download", args=[export.pk]))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        return {name: files.read(name).decode() for name in files.namelist()}


def rows_of(files: dict[str, str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["cases.csv"].removeprefix("\ufeff"))))


def identifying(cases: list[Case]) -> Iterator[str]:
    """What must be in no file: who they are, and every id and moment by which the system knows them."""
    yield from (*PERSON.values(), "Quetzalcoatl", "Xylotymbou", "Wolpertinger", "Rumpelstilz")
    for case in cases:
        yield from (str(case.pk), str(case.patient_id), case.patient.pseudonym, str(case.organisation_id))
        yield from (case.organisation.name, str(case.created_by_id), case.created_by.username)


def test_who_agrees_leaves_as_one_of_k_and_without_what_tells_who_he_is(
    browser: Client,
    agreeing: list[Case],
    clinician: User,
    case_of: Callable[..., Case],
    django_capture_on_commit_callbacks: Any,
) -> None:
    alone = case_of(clinician, sex="other", age="P70Y", consents=AGREED)
    silent = case_of(clinician)
    export = make(browser, django_capture_on_commit_callbacks)
    files = download(browser, export)
    rows = rows_of(files)
    looks = Counter((row["sex"], row["age"]) for row in rows)
    found = [text for text in identifying([*agreeing, alone, silent]) if text in str(files)]
    today = timezone.now().date()
    print(
        f"{len(rows)} cases of {len(agreeing) + 2}: {dict(looks)}, k = {K}; identifying texts: {len(found)}"
    )
    assert looks == {("female", "20-24"): 6, ("male", "40-49"): 5}
    assert not found
    shifts = {(today - datetime.fromisoformat(row["entered"]).date()).days for row in rows}
    assert min(shifts) >= 1
    assert len(shifts) > 5
    assert all(row["confirmed"] in {"", row["entered"]} for row in rows)
    # One man has a disease and a finding that no four others have.
    assert Counter((row["diagnosis"], row["diagnosis_withheld"]) for row in rows) == {
        (MARFAN, "no"): 6, ("", "no"): 4, ("", "yes"): 1,
    }  # fmt: skip
    assert RARE_DISEASE not in str(files)
    assert RARE_FINDING not in str(files)
    packets = [parse_packet(json.loads(line)) for line in files["phenopackets.jsonl"].splitlines()]
    assert Counter(packet.diseases for packet in packets) == {(MARFAN,): 6, (): 5}
    by_case = {row["case"]: row for row in rows}
    assert {packet.id: (set(packet.present), set(packet.absent)) for packet in packets} == {
        case: (set(row["present"].split()), set(row["absent"].split())) for case, row in by_case.items()
    }
    (made,) = AuditEvent.objects.filter(action="research.create")
    (taken,) = AuditEvent.objects.filter(action="research.download")
    assert set(made.patient_ids) == set(taken.patient_ids) == {case.patient_id for case in agreeing}


def test_small_cells_are_warned_of_before_and_named_only_if_that_is_chosen(
    browser: Client, agreeing: list[Case], django_capture_on_commit_callbacks: Any
) -> None:
    for small_cells in "withhold", "keep":
        page = browser.post(reverse("privacy:research"), FORM | {"small_cells": small_cells})
        text = page.content.decode()
        assert page.context["report"].rare_diseases[0][::2] == (RARE_DISEASE, 1)
        assert "Small cells" in text
        assert RARE_DISEASE in text
    assert not ResearchExport.objects.exists()
    assert AuditEvent.objects.filter(action="research.preview", patient_ids=[]).count() == 2
    files = download(browser, make(browser, django_capture_on_commit_callbacks, small_cells="keep"))
    assert RARE_DISEASE in files["cases.csv"]
    assert json.loads(files["report.json"])["rare_diseases"][0][0] == RARE_DISEASE


def test_two_exports_cannot_be_joined(
    browser: Client, agreeing: list[Case], django_capture_on_commit_callbacks: Any
) -> None:
    first, second = (
        rows_of(download(browser, make(browser, django_capture_on_commit_callbacks))) for _ in range(2)
    )
    for column in "patient", "case":
        assert not {row[column] for row in first} & {row[column] for row in second}


def _erase(case: Case, actor: Actor) -> None:
    erasure = erase_patient(actor=actor, patient_id=case.patient_id, reason=Erasure.Reason.OBJECTION)
    run_erasure(erasure_id=erasure.pk)
    erasure.refresh_from_db()
    assert erasure.state == JobState.SUCCEEDED
    assert [name for name in erasure.files if name.startswith("research-")]


def _restrict(case: Case, actor: Actor) -> None:
    place_hold(
        actor=actor,
        patient_id=case.patient_id,
        kind=Hold.Kind.RESTRICTION,
        reason="he contests what is recorded",
    )


@pytest.mark.parametrize("act", ["erased", "restricted", "no longer agrees"])
def test_an_export_with_somebody_who_is_gone_can_no_longer_be_had(
    browser: Client,
    agreeing: list[Case],
    actor: Actor,
    officer: User,
    actor_of: Callable[[User], Actor],
    act: str,
    django_capture_on_commit_callbacks: Any,
) -> None:
    export = make(browser, django_capture_on_commit_callbacks)
    if act == "erased":
        _erase(agreeing[0], actor_of(officer))
    elif act == "restricted":
        _restrict(agreeing[0], actor_of(officer))
    else:
        record_consent(
            actor=actor,
            case_id=agreeing[0].pk,
            purpose=Consent.Purpose.RESEARCH,
            is_given=False,
            channel="oral",
        )
    answer = browser.get(reverse("privacy:research-download", args=[export.pk]))
    assert answer.status_code == 409
    look_after_archives()
    export.refresh_from_db()
    assert (bytes(export.content), export.withdrawn_at is not None) == (b"", True)
    assert (
        "must be told" in browser.get(reverse("privacy:research-export", args=[export.pk])).content.decode()
    )
    files = download(browser, make(browser, django_capture_on_commit_callbacks))
    print(f"{act}: 409, content deleted; the next export has {len(rows_of(files))} of {len(agreeing)} cases")
    assert len(rows_of(files)) == len(agreeing) - 1


def test_whoever_takes_his_consent_back_meanwhile_is_not_in_it(
    browser: Client,
    agreeing: list[Case],
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    pack = research.pack

    def withdraw_meanwhile(*args: Any, **options: Any) -> bytes:
        monkeypatch.setattr(research, "pack", pack)
        purpose = Consent.Purpose.RESEARCH
        record_consent(actor=actor, case_id=agreeing[0].pk, purpose=purpose, is_given=False, channel="oral")
        return pack(*args, **options)

    monkeypatch.setattr(research, "pack", withdraw_meanwhile)
    export = make(browser, django_capture_on_commit_callbacks)
    assert (export.state, bytes(export.content)) == (JobState.PENDING, b"")
    look_after_archives()
    assert len(rows_of(download(browser, export))) == len(agreeing) - 1


def test_what_does_not_keep_to_k_is_never_stored(
    browser: Client,
    agreeing: list[Case],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(research, "smallest_group", lambda cases: K - 1)
    export = make(browser, django_capture_on_commit_callbacks)
    assert (export.state, export.error, bytes(export.content)) == (JobState.FAILED, "NotAnonymous", b"")
    assert (
        "NotAnonymous" in browser.get(reverse("privacy:research-export", args=[export.pk])).content.decode()
    )
    assert browser.get(reverse("privacy:research-download", args=[export.pk])).status_code == 409


def test_it_expires_and_only_one_is_made_at_a_time(
    browser: Client, agreeing: list[Case], officer: User, django_capture_on_commit_callbacks: Any
) -> None:
    export = make(browser, django_capture_on_commit_callbacks)
    run_research_export(export_id=export.pk)
    assert AuditEvent.objects.filter(action="research.create").count() == 1
    ResearchExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser.get(reverse("privacy:research-download", args=[export.pk])).status_code == 409
    look_after_archives()
    export.refresh_from_db()
    assert (bytes(export.content), export.withdrawn_at) == (b"", None)
    waiting = browser.post(reverse("privacy:research"), FORM | {"confirmed": "yes"})
    assert waiting.status_code == 302  # its task was never queued, for nothing was committed
    assert browser.post(reverse("privacy:research"), FORM | {"confirmed": "yes"}).status_code == 409
    look_after_archives()
    assert ResearchExport.objects.filter(state=JobState.SUCCEEDED).count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"k": "4"}, "k"),
        ({"k": "many"}, "k"),
        ({"study": ""}, "study"),
        ({"small_cells": "some"}, "small_cells"),
    ],
)
def test_a_wrong_wish_is_told_beside_its_field(browser: Client, changes: dict[str, str], field: str) -> None:
    answer = browser.post(reverse("privacy:research"), FORM | {"confirmed": "yes"} | changes)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    assert not ResearchExport.objects.exists()


def test_where_too_few_look_alike_nothing_can_be_made(
    browser: Client, clinician: User, case_of: Callable[..., Case], django_capture_on_commit_callbacks: Any
) -> None:
    case_of(clinician, consents=AGREED)
    page = browser.post(reverse("privacy:research"), FORM)
    assert 'name="confirmed"' not in page.content.decode()
    assert page.context["report"].n_left_out == 1
    export = make(browser, django_capture_on_commit_callbacks)
    assert (export.state, bytes(export.content)) == (JobState.FAILED, b"")


def test_another_organisations_officer_has_none_of_it(
    browser: Client,
    agreeing: list[Case],
    page: Callable[..., Client],
    user_of: Callable[..., User],
    other_organisation: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    export = make(browser, django_capture_on_commit_callbacks)
    stranger = page(user_of(Role.PRIVACY_OFFICER, other_organisation))
    for name in "privacy:research-export", "privacy:research-download":
        assert stranger.get(reverse(name, args=[export.pk])).status_code == 404
    answer = stranger.post(reverse("privacy:research"), FORM)
    assert (answer.context["report"].n_patients, answer.context["report"].n_left_out) == (0, 0)
    assert not stranger.get(reverse("privacy:research")).context["exports"]


def test_it_reads_spanish(
    browser: Client, agreeing: list[Case], django_capture_on_commit_callbacks: Any
) -> None:
    browser.cookies["django_language"] = "es"
    text = browser.post(reverse("privacy:research"), FORM).content.decode()
    assert "Exportaciones desidentificadas para la investigación" in text
    files = download(browser, make(browser, django_capture_on_commit_callbacks))
    assert "Qué se hizo" in files["read-me-first.html"]
