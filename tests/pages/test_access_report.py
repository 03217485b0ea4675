"""Who looked at a patient's data: the report that he is given is whole, in his words, and names nobody else."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.emergency import open_emergency
from apps.cases.models import Case
from apps.privacy.act_words import ACTS, act_words
from apps.privacy.erasure import erase_patient, run_erasure
from apps.privacy.models import Erasure
from apps.privacy.services import purge_case

pytestmark = pytest.mark.django_db
SEARCH = "/retention/access-reports/"


@pytest.fixture
def officer(page: Callable[..., Client], user_of: Callable[..., User]) -> Client:
    return page(user_of(Role.PRIVACY_OFFICER))


@pytest.fixture
def used(page: Any, clinician: User, case_of: Any, user_of: Any, actor_of: Any) -> Case:
    """A case that its clinician opened, a stranger was refused, and another opened in an emergency."""
    case = case_of(clinician)
    case_of(clinician)
    page(clinician).get(reverse("predictions:consultation", args=[case.pk]))
    page(clinician).get("/cases/")
    assert page(user_of()).get(reverse("predictions:consultation", args=[case.pk])).status_code == 404
    helper = user_of()
    open_emergency(actor=actor_of(helper), patient=case.patient.pseudonym, reason="unconscious")
    page(helper).get(reverse("predictions:consultation", args=[case.pk]))
    return case


def report_of(case: Case, ending: str = "") -> str:
    return f"{SEARCH}{case.patient_id}/{ending}"


def test_the_report_tells_each_use_in_plain_words(
    officer: Client, used: Case, clinician: User, organisation: Any
) -> None:
    answer = officer.post(SEARCH, {"text": used.patient.pseudonym})
    assert answer.url == report_of(used)
    page = officer.get(answer.url)
    told = [(access.what, access.purpose, access.outcome) for access in page.context["accesses"]]
    care, emergency = "your care", "an emergency, outside of those who care for you"
    assert told[0] == ("This report was made", told[0][1], "ok")
    assert ("Your record was opened", emergency, "ok") in told
    assert ("Your record was opened", care, "denied") in told
    assert ("Your record was opened", care, "ok") in told
    assert ("Your record was on a list that was shown", care, "ok") in told
    assert ("Your record was made", care, "ok") in told
    text = page.content.decode()
    assert clinician.username not in text
    assert "clinician" in text
    assert organisation.name in text
    assert clinician.username in officer.get(f"{report_of(used)}?names=1").content.decode()
    # One event for each of the two reports, which names this patient alone.
    made = AuditEvent.objects.filter(action="access_report.read")
    assert [event.patient_ids for event in made] == [[used.patient_id]] * 2
    assert {event.details["names"] for event in made} == {True, False}


def test_the_report_as_files_and_in_spanish(officer: Client, used: Case) -> None:
    officer.cookies["django_language"] = "es"
    text = officer.get(report_of(used)).content.decode()
    assert "Se abrió su ficha" in text
    assert "una urgencia" in text
    written = json.loads(b"".join(officer.get(report_of(used, "export.json")).streaming_content))  # type: ignore[arg-type]
    assert written["is_complete"] is True
    assert {"Se abrió su ficha", "Se creó su ficha"} <= {access["what"] for access in written["accesses"]}
    assert {access["person"] for access in written["accesses"]} == {""}
    answer = officer.get(report_of(used, "export.csv"))
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))  # type: ignore[arg-type]
    assert len(rows) == len(written["accesses"]) + 2  # its header, and the event of the file before
    others = AuditEvent.objects.filter(patient_ids__contains=[used.patient_id]).exclude(
        patient_ids=[used.patient_id]
    )
    strangers = {str(patient) for event in others for patient in event.patient_ids} - {str(used.patient_id)}
    assert strangers
    assert not any(stranger in str(rows) + str(written) + text for stranger in strangers)


def test_what_the_system_did_is_told_also_after_erasure(
    officer: Client, clinician: User, case_of: Any, user_of: Any, actor_of: Any, used: Case
) -> None:
    deleted = case_of(clinician)
    Case.objects.filter(pk=deleted.pk).update(retain_until="2020-01-01T00:00Z")
    assert purge_case(case_id=deleted.pk)
    told = [access.what for access in officer.get(report_of(deleted)).context["accesses"]]
    assert "Your record was deleted, because its time was over" in told
    actor = actor_of(user_of(Role.PRIVACY_OFFICER))
    erasure = erase_patient(actor=actor, patient_id=used.patient_id, reason=Erasure.Reason.values[0])
    run_erasure(erasure_id=erasure.pk)
    assert officer.post(SEARCH, {"text": str(used.patient_id)}).url == report_of(used)
    told = [access.what for access in officer.get(report_of(used)).context["accesses"]]
    assert "Your data were erased" in told


def test_another_organisations_patient_has_no_report(
    page: Any, user_of: Any, other_organisation: Any, used: Case
) -> None:
    stranger = page(user_of(Role.PRIVACY_OFFICER, other_organisation))
    for text in (used.patient.pseudonym, str(used.patient_id)):
        assert stranger.post(SEARCH, {"text": text}).status_code == 422
    for ending in ("", "export.csv", "export.json"):
        assert stranger.get(report_of(used, ending)).status_code == 404
    assert AuditEvent.objects.filter(outcome="denied", action__startswith="access_report").count() == 3


def test_there_are_words_for_whatever_names_a_patient(used: Case, officer: Client) -> None:
    officer.get(report_of(used))
    named = AuditEvent.objects.exclude(patient_ids=[]).values_list("action", flat=True).distinct()
    assert {action for action in named if act_words(action) == action} == set()
    assert all(str(words) for words in ACTS.values())
