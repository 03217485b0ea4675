"""A legal hold keeps data from being deleted; a restriction (GDPR art. 18) also from being used, but for looking."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Consent, Hold, Patient
from apps.cases.selectors import consenting
from apps.cases.services import record_outcome
from apps.core.jobs import JobState
from apps.core.problems import Conflict, Denied
from apps.datasets.services import snapshot_confirmed_cases
from apps.predictions.models import Prediction
from apps.privacy import erasure as steps
from apps.privacy.erasure import erase_patient, replay_erasures, run_erasure
from apps.privacy.holds import lift_hold, place_hold
from apps.privacy.models import Erasure
from apps.privacy.services import purge_case, request_purge, run_purge
from config.local.folder import first_master_key
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = pytest.mark.django_db

LEGAL, RESTRICTION = Hold.Kind.LEGAL, Hold.Kind.RESTRICTION
CANARY = "Xenia Quisquilia sues the ward"
ALL = dict.fromkeys(Consent.Purpose.values, True)


@pytest.fixture
def officer(user_of: Callable[..., User], actor_of: Callable[[User], Actor]) -> Actor:
    return actor_of(user_of("privacy_officer"))


@pytest.fixture
def ledger(settings: Any, tmp_path: Path) -> Path:
    settings.ERASURE_LEDGER = (tmp_path / "ledger").as_uri()
    settings.DATA_STORE = tmp_path / "data"
    return tmp_path / "ledger"


def hold(officer: Actor, case: Case, kind: Hold.Kind) -> Hold:
    return place_hold(actor=officer, patient_id=case.patient_id, kind=kind, reason=CANARY)


def let_expire(*cases: Case) -> None:
    past = timezone.now() - timedelta(hours=1)
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(retain_until=past)


@pytest.mark.parametrize("kind", [LEGAL, RESTRICTION])
def test_the_sweep_passes_over_who_is_held_until_it_is_lifted(
    kind: Hold.Kind,
    officer: Actor,
    clinician: User,
    case_of: Callable[..., Case],
    page: Callable[..., Client],
) -> None:
    held, free = case_of(clinician), case_of(clinician)
    let_expire(held, free)
    placed = hold(officer, held, kind)
    assert purge_case(case_id=held.pk) is False
    shown = page(officer.account()).get(reverse("privacy:retention")).content.decode()
    assert "1 more is kept by a legal hold or a restriction" in shown
    swept = []
    for _number in range(2):
        run = request_purge(actor=officer)
        run_purge(run_id=run.pk)
        run.refresh_from_db()
        swept.append((run.n_due, run.n_deleted))
        if len(swept) == 1:
            assert list(Case.objects.all()) == [held]
            lift_hold(actor=officer, hold_id=placed.pk, reason="the lawsuit has ended")
    print(f"{kind}: deleted while it stood and after it was lifted {swept}")
    assert swept == [(1, 1), (1, 1)]
    assert not Patient.objects.exists()


@pytest.mark.parametrize("kind", [LEGAL, RESTRICTION])
def test_nobody_is_erased_who_is_held(
    kind: Hold.Kind,
    officer: Actor,
    clinician: User,
    case_of: Callable[..., Case],
    page: Callable[..., Client],
    ledger: Path,
) -> None:
    case = case_of(clinician)
    reason = Erasure.Reason.OBJECTION
    asked = erase_patient(actor=officer, patient_id=case.patient_id, reason=reason)
    placed = hold(officer, case, kind)  # between the request and the worker
    run_erasure(erasure_id=asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.rows, asked.ledgered_at) == (JobState.FAILED, {}, None)
    assert not ledger.exists()
    assert AuditEvent.objects.filter(action="erasure.refuse", patient_ids=[case.patient_id]).count() == 1
    browser = page(officer.account())
    assert "Nothing was deleted" in browser.get(reverse("privacy:receipt", args=[asked.pk])).content.decode()
    offered = browser.get(reverse("privacy:erase", args=[case.patient_id])).content.decode()
    assert "lift the legal hold" in offered
    assert 'name="confirmed"' not in offered
    with pytest.raises(Conflict, match="lift the legal hold"):
        erase_patient(actor=officer, patient_id=case.patient_id, reason=reason)
    assert Case.objects.filter(pk=case.pk).exists()
    assert replay_erasures() == (0, 0)
    lift_hold(actor=officer, hold_id=placed.pk, reason="the lawsuit has ended")
    again = erase_patient(actor=officer, patient_id=case.patient_id, reason=reason)
    run_erasure(erasure_id=again.pk)
    again.refresh_from_db()
    assert (again.state, again.rows["cases_hold"]) == (JobState.SUCCEEDED, 1)
    assert not Hold.objects.exists()
    print(
        f"{kind}: refused at the request and at the worker, 0 entries in the ledger; erased after it was lifted"
    )


def test_a_hold_comes_too_late_once_the_ledger_is_due_its_entry(
    officer: Actor,
    clinician: User,
    case_of: Callable[..., Case],
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = case_of(clinician)
    asked = erase_patient(actor=officer, patient_id=case.patient_id, reason=Erasure.Reason.UNLAWFUL)

    def crash(_entry: object) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(steps, "keep_entry", crash)
        run_erasure(erasure_id=asked.pk)
    with pytest.raises(Conflict, match="being erased"):
        hold(officer, case, LEGAL)
    run_erasure(erasure_id=asked.pk)
    assert not Patient.objects.exists()


@pytest.mark.usefixtures("active_model")
def test_a_restriction_freezes_every_use_but_looking(
    officer: Actor,
    clinician: User,
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    token_of: Callable[..., Any],
    page: Callable[..., Client],
    ledger: Path,
) -> None:
    case, browser = case_of(clinician, consents=ALL), page(clinician)
    record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)
    client = ContractClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(clinician)[1]}")
    one = {"case": str(case.pk)}
    made = client.post("/api/v1/predictions/", one).json()["id"]
    acts: dict[str, Callable[[], Any]] = {
        "prediction": lambda: client.post("/api/v1/predictions/", one),
        "questions": lambda: client.post("/api/v1/predictions/ask-next/", one),
        "change": lambda: client.patch(f"/api/v1/cases/{case.pk}/", {"age": "P21Y"}),
        "person": lambda: client.patch(f"/api/v1/cases/{case.pk}/person/", {"name": "Ada"}),
        "feedback": lambda: client.post("/api/v1/feedback/", {"prediction": made, "diagnosis": MARFAN}),
        "page: prediction": lambda: browser.post(reverse("predictions:predict", args=[case.pk])),
        "page: finding": lambda: browser.post(
            reverse("predictions:set-finding", args=[case.pk]), {"finding": "HP:0000098", "state": "present"}
        ),
        "page: edit": lambda: browser.post(
            reverse("cases:edit", args=[case.pk]), {"age_number": 21, "age_unit": "Y", "sex": "female"}
        ),
        "page: person": lambda: browser.post(reverse("cases:person", args=[case.pk]), {"name": "Ada"}),
        "page: outcome": lambda: browser.post(
            reverse("predictions:outcome", args=[case.pk]), {"outcome": "none"}
        ),
    }
    # As it stands now, so that a look at what changed is a look at everything.
    placed = hold(officer, case, RESTRICTION)
    before = (Prediction.objects.count(), Case.objects.values().get(), case.findings.count())
    refused = {name: act().status_code for name, act in acts.items()}
    print(f"restricted: {sum(code == 403 for code in refused.values())} of {len(refused)} uses answered 403")
    assert set(refused.values()) == {403}, refused
    assert (Prediction.objects.count(), Case.objects.values().get(), case.findings.count()) == before
    assert snapshot_confirmed_cases(actor=SYSTEM).n_cases == 0
    for purpose in Consent.Purpose:
        assert not consenting(Case.objects.all(), purpose=purpose).exists()
    pseudonym = case.patient.pseudonym
    for export in ("cases:export", "predictions:export"):
        assert pseudonym not in browser.get(reverse(export)).content.decode()
    shown = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert "Processing of this patient’s data is restricted" in shown
    for offered in (
        *("predictions:predict", "predictions:set-finding", "predictions:outcome"),
        *("cases:edit", "cases:person"),
    ):
        assert reverse(offered, args=[case.pk]) not in shown
    # What the patient himself says is recorded at any time.
    said = {"purpose": "training", "given": False, "channel": "oral"}
    assert client.post(f"/api/v1/cases/{case.pk}/consents/", said).status_code == 201
    lift_hold(actor=officer, hold_id=placed.pk, reason="what was contested is put right")
    assert client.post("/api/v1/predictions/", one).status_code == 201
    assert pseudonym in browser.get(reverse("cases:export")).content.decode()


def test_an_officer_places_and_lifts_on_the_page_and_the_reason_stays_sealed(
    user_of: Callable[..., User],
    clinician: User,
    case_of: Callable[..., Case],
    page: Callable[..., Client],
    owner_cursor: psycopg.Cursor,
) -> None:
    case, browser = case_of(clinician), page(user_of("privacy_officer"))
    found = browser.post(reverse("privacy:holds"), {"text": case.patient.pseudonym})
    address = reverse("privacy:patient-holds", args=[case.patient_id])
    assert found["Location"] == address
    for wrong in ({"reason": "short"}, {"kind": "forever"}, {"reason": ""}):
        assert browser.post(address, {"kind": "legal", "reason": CANARY} | wrong).status_code == 422
    assert browser.post(address, {"kind": "legal", "reason": CANARY}).status_code == 302
    assert browser.post(address, {"kind": "legal", "reason": CANARY}).status_code == 409
    assert CANARY in browser.get(address).content.decode()
    lift = reverse("privacy:lift-hold", args=[Hold.objects.get().pk])
    assert browser.post(lift, {"lift_reason": ""}).status_code == 422
    assert browser.post(lift, {"lift_reason": CANARY}).status_code == 302
    assert browser.post(lift, {"lift_reason": CANARY}).status_code == 409
    assert browser.post(address, {"kind": "legal", "reason": CANARY}).status_code == 302
    events = AuditEvent.objects.filter(action__in=["hold.place", "hold.lift"]).order_by("sequence")
    assert [(event.action, event.patient_ids) for event in events] == [
        (action, [case.patient_id]) for action in ("hold.place", "hold.lift", "hold.place")
    ]
    row = str(Hold.objects.order_by("id").values_list().first()) + str(list(events.values()))
    assert CANARY.split()[0] not in row


def test_other_roles_and_organisations_hold_nobody(
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
    clinician: User,
    case_of: Callable[..., Case],
    other_organisation: Any,
) -> None:
    case = case_of(clinician)
    for user in (clinician, user_of("privacy_officer", organisation=other_organisation)):
        with pytest.raises(Denied):
            hold(actor_of(user), case, LEGAL)
    assert not Hold.objects.exists()


def test_renewed_keys_still_open_the_reasons(
    officer: Actor, clinician: User, case_of: Callable[..., Case], settings: Any, tmp_path: Path
) -> None:
    keyring = tmp_path / "master-keys"
    keyring.write_text(first_master_key())
    settings.MASTER_KEYS_FILE = str(keyring)
    placed = hold(officer, case_of(clinician), LEGAL)
    lift_hold(actor=officer, hold_id=placed.pk, reason="the lawsuit has ended")
    before = bytes(placed.sealed_reason)
    call_command("rotate_keys", "--new-master-key", "k2", "--renew", stdout=io.StringIO())
    again = Hold.objects.select_related("patient__key").get()
    assert bytes(again.sealed_reason) != before
    assert (again.reason, again.lift_reason) == (CANARY, "the lawsuit has ended")
