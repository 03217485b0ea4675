"""Consent by purpose: an act names the text that was shown and is never changed; what is withdrawn stops at once."""

import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.consents import publish_text, record_consent, texts_in_force
from apps.cases.models import Case, Consent, ConsentText, PatientKey
from apps.cases.selectors import consenting, has_consent
from apps.cases.services import record_outcome
from apps.datasets.models import DatasetVersion
from apps.datasets.services import snapshot_confirmed_cases
from apps.predictions.models import Prediction
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = pytest.mark.django_db

ALL = dict.fromkeys(Consent.Purpose.values, True)


@pytest.fixture
def client(token_of: Callable[..., Any], clinician: User) -> ContractClient:
    made = ContractClient(raise_request_exception=False)
    made.credentials(HTTP_AUTHORIZATION=f"Token {token_of(clinician)[1]}")
    return made


def say(client: Any, case: Case, purpose: str, given: bool, **more: Any) -> Any:
    """A program records what the patient said."""
    body = {"purpose": purpose, "given": given, "channel": "oral", **more}
    return client.post(f"/api/v1/cases/{case.pk}/consents/", body)


def ids_in(dataset: DatasetVersion) -> set[str]:
    lines = gzip.decompress(Path(dataset.path).read_bytes()).splitlines()
    return {json.loads(line)["id"] for line in lines}


@pytest.mark.usefixtures("active_model")
def test_without_consent_to_care_the_next_prediction_is_refused_within_a_second(
    client: ContractClient, page: Callable[..., Client], clinician: User, case_of: Callable[..., Case]
) -> None:
    case, browser = case_of(clinician), page(clinician)
    asked: list[tuple[str, Callable[[], Any]]] = [
        ("API", lambda: client.post("/api/v1/predictions/", {"case": str(case.pk)})),
        ("API, what to ask", lambda: client.post("/api/v1/predictions/ask-next/", {"case": str(case.pk)})),
        ("page", lambda: browser.post(reverse("predictions:predict", args=[case.pk]))),
        (
            "answer on the page",
            lambda: browser.post(
                reverse("predictions:answer", args=[case.pk]), {"finding": "HP:0000098", "answer": "present"}
            ),
        ),
    ]
    assert [work().status_code for _name, work in asked] == [201, 200, 302, 302]
    n_findings, n_predictions = case.findings.count(), Prediction.objects.count()
    assert "Ask next" in browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    for name, work in asked:
        say(client, case, "care", True)
        started = time.perf_counter()
        assert say(client, case, "care", False).status_code == 201
        answer = work()
        seconds = time.perf_counter() - started
        print(f"{name}: {answer.status_code}, {seconds * 1000:.0f} ms after the withdrawal began")
        assert answer.status_code == 403
        assert "has not consented" in answer.content.decode()
        assert seconds < 1
    assert (case.findings.count(), Prediction.objects.count()) == (n_findings, n_predictions)
    text = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert "has not consented" in text
    assert "Ask next" not in text
    assert say(client, case, "care", True).status_code == 201
    assert client.post("/api/v1/predictions/", {"case": str(case.pk)}).status_code == 201


def test_a_case_whose_patient_withdrew_is_in_no_later_dataset(
    client: ContractClient,
    clinician: User,
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.DATA_STORE = tmp_path
    stays, leaves, silent = (case_of(clinician, consents=agreed) for agreed in (ALL, ALL, {"care": True}))
    for case in (stays, leaves, silent):
        record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)
    before = snapshot_confirmed_cases(actor=SYSTEM)
    say(client, leaves, "training", False)
    after = snapshot_confirmed_cases(actor=SYSTEM)
    print(f"cases learnt from: {before.n_cases} before the withdrawal, {after.n_cases} after it")
    assert ids_in(before) == {str(stays.pk), str(leaves.pk)}
    assert ids_in(after) == {str(stays.pk)}
    say(client, leaves, "training", True)
    assert snapshot_confirmed_cases(actor=SYSTEM) == before


def test_each_purpose_is_by_itself_and_silence_is_no_consent(
    client: ContractClient, clinician: User, case_of: Callable[..., Case]
) -> None:
    agreed, silent = case_of(clinician, consents=ALL), case_of(clinician, consents={})
    say(client, agreed, "training", False)
    for purpose, expected in (("care", {agreed.pk}), ("training", set()), ("research", {agreed.pk})):
        found = consenting(Case.objects.all(), purpose=Consent.Purpose(purpose))
        assert set(found.values_list("pk", flat=True)) == expected
        assert has_consent(patient_id=silent.patient_id, purpose=Consent.Purpose(purpose)) is False
    assert client.get(f"/api/v1/cases/{silent.pk}/consents/").json()["results"] == []


def test_an_act_says_who_when_how_and_to_which_text(
    client: ContractClient, page: Callable[..., Client], clinician: User, case_of: Callable[..., Case]
) -> None:
    case = case_of(clinician, consents={})
    started = timezone.now()
    given = say(client, case, "research", True, channel="written").json()
    withdrawn = say(client, case, "research", False).json()
    text = ConsentText.objects.get(purpose="research", version=1, language="en")
    assert given["text"]["id"] == withdrawn["text"]["id"] == str(text.pk)
    assert given["recorded_by"] == str(clinician.pk)
    assert started <= datetime.fromisoformat(given["created_at"]) <= timezone.now()
    history = client.get(f"/api/v1/cases/{case.pk}/consents/").json()["results"]
    assert [(act["given"], act["channel"]) for act in history] == [(False, "oral"), (True, "written")]
    events = AuditEvent.objects.filter(action__startswith="consent.").order_by("sequence")
    assert [event.action for event in events] == ["consent.give", "consent.withdraw", "consent.read"]
    for event, act in zip(events, (given, withdrawn), strict=False):
        assert (event.purpose, event.actor_id, event.patient_ids) == (
            "research",
            clinician.pk,
            [case.patient_id],
        )
        assert event.details == {"act": act["id"], "text": str(text.pk), "channel": act["channel"]}
    shown = page(clinician).get(reverse("cases:consent", args=[case.pk])).content.decode()
    assert text.text in shown
    assert "by word of mouth" in shown
    assert "in writing" in shown


def test_a_clinician_records_and_withdraws_on_the_page(
    page: Callable[..., Client], clinician: User, case_of: Callable[..., Case]
) -> None:
    case, browser = case_of(clinician, consents={}), page(clinician)
    address = reverse("cases:consent", args=[case.pk])
    text = ConsentText.objects.get(purpose="training", version=1, language="es")
    said = {"purpose": "training", "text": str(text.pk), "given": "yes", "channel": "written"}
    for wrong in (
        {"channel": ""},
        {"channel": "telepathy"},
        {"given": "perhaps"},
        {"purpose": "sale"},
        {"text": "1"},
    ):
        assert browser.post(address, said | wrong).status_code == 422
    other = ConsentText.objects.get(purpose="care", version=1, language="es")
    assert browser.post(address, said | {"text": str(other.pk)}).status_code == 422
    assert not Consent.objects.exists()
    for given in ("yes", "no", "yes"):
        answer = browser.post(address, said | {"given": given}, follow=True)
        assert answer.redirect_chain == [(address, 302)]
        assert has_consent(patient_id=case.patient_id, purpose=Consent.Purpose.TRAINING) is (given == "yes")
    assert set(Consent.objects.values_list("text_id", "channel")) == {(text.pk, "written")}
    assert Consent.objects.count() == 3


def test_acts_and_texts_never_change_and_go_with_the_key_alone(
    clinician: User, case_of: Callable[..., Case]
) -> None:
    case = case_of(clinician)
    refused = 0
    for table in ("cases_consent", "cases_consenttext"):
        for change in ("UPDATE {} SET purpose = 'care'", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
            with (
                pytest.raises(DatabaseError, match=r"permission denied|append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(change.format(table))
            refused += 1
    print(f"{refused} of 6 changes of acts and texts refused")
    PatientKey.objects.filter(patient=case.patient).delete()
    assert Consent.objects.filter(patient=case.patient).delete()[0] == 1


def test_a_new_version_is_asked_for_and_the_old_consent_holds(
    client: ContractClient,
    page: Callable[..., Client],
    clinician: User,
    case_of: Callable[..., Case],
    tmp_path: Path,
    capsys: Any,
) -> None:
    case = case_of(clinician)
    first = texts_in_force()["care"]
    options = []
    for language, text in (("en", "May we?\n"), ("es", "¿Podemos?\n")):
        (tmp_path / language).write_text(text, encoding="utf-8")
        options += ["--text", language, str(tmp_path / language)]
    with pytest.raises(CommandError, match="en, es"):
        call_command("publish_consent_text", "care", *options[:3])
    call_command("publish_consent_text", "care", *options)
    assert "version 2 for care" in capsys.readouterr().out
    assert AuditEvent.objects.filter(action="consent_text.publish", purpose="care").count() == 1
    browser = page(clinician)
    shown = browser.get(reverse("cases:consent", args=[case.pk])).content.decode()
    assert "May we?" in shown
    assert "agreed to version 1, which still holds" in shown
    assert (
        "¿Podemos?"
        in browser.get(
            reverse("cases:consent", args=[case.pk]), headers={"Accept-Language": "es"}
        ).content.decode()
    )
    assert has_consent(patient_id=case.patient_id, purpose=Consent.Purpose.CARE)
    assert say(client, case, "care", True).json()["text"]["version"] == 2
    assert say(client, case, "care", True, text=str(first.pk)).json()["text"]["version"] == 1
    publish_text(
        actor=SYSTEM,
        purpose="care",
        texts=dict.fromkeys(("en", "es"), "Later"),
        valid_from=timezone.now() + timedelta(days=1),
    )
    assert texts_in_force()["care"].version == 2
    later = ConsentText.objects.get(version=3, language="en")
    answer = say(client, case, "care", True, text=str(later.pk))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown_text")


def test_each_purpose_has_a_text_in_each_language(client: ContractClient) -> None:
    listed = client.get("/api/v1/consent-texts/").json()["results"]
    assert {(text["purpose"], text["language"], text["version"]) for text in listed} == {
        (purpose, language, 1)
        for purpose in Consent.Purpose.values
        for language, _name in django_settings.LANGUAGES
    }
    assert all(datetime.fromisoformat(text["valid_from"]) <= datetime.now(UTC) for text in listed)


def test_what_was_recorded_before_there_were_texts_still_holds(
    client: ContractClient, page: Callable[..., Client], clinician: User, case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
) -> None:  # fmt: skip
    case = case_of(clinician, consents={})
    Consent.objects.create(patient=case.patient, purpose="care", is_given=True, recorded_by=clinician)
    assert has_consent(patient_id=case.patient_id, purpose=Consent.Purpose.CARE)
    assert page(clinician).get(reverse("cases:consent", args=[case.pk])).status_code == 200
    (act,) = client.get(f"/api/v1/cases/{case.pk}/consents/").json()["results"]
    assert (act["channel"], act["text"]) == ("", None)
    record_consent(actor=actor_of(clinician), case_id=case.pk, purpose="care", is_given=False, channel="oral")
    assert not has_consent(patient_id=case.patient_id, purpose=Consent.Purpose.CARE)
