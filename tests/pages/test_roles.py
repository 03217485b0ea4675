"""What each role sees: its own pages in the navigation, and nothing of the others'."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.audit.views import PAGE_SIZE
from apps.cases.models import Case
from apps.cases.services import record_outcome
from apps.lifecycle.models import Experiment
from apps.lifecycle.tasks import carry_out
from apps.privacy.models import RetentionRun
from apps.privacy.services import run_purge
from apps.privacy.tasks import purge_expired
from tests.conftest import MARFAN

pytestmark = pytest.mark.django_db

PAGES = {
    "/cases/": {Role.CLINICIAN, Role.INTEGRATOR},
    "/history/": {Role.CLINICIAN, Role.INTEGRATOR},
    "/models/": {Role.CLINICIAN, Role.DATA_SCIENTIST, Role.AUDITOR, Role.ADMINISTRATOR, Role.INTEGRATOR},
    "/retention/": {Role.PRIVACY_OFFICER},
    "/audit/": {Role.AUDITOR},
    "/admin/": {Role.ADMINISTRATOR},
}


class Queue:
    """Stands in for the broker: keeps what was queued."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def delay(self, *arguments: str) -> None:
        self.sent += arguments


@pytest.mark.parametrize("role", Role.values)
def test_the_navigation_offers_what_the_role_may_open(
    role: str, page: Callable[..., Client], user_of: Any
) -> None:
    browser = page(user_of(role))
    text = browser.get("/account/").content.decode()
    navigation = text[text.index('class="site-nav"') : text.index("</nav>")]
    for address, roles in PAGES.items():
        assert (f'href="{address}"' in navigation) == (role in roles), address
        assert browser.get(address).status_code == (200 if role in roles else 404)


@pytest.mark.parametrize("role", Role.values)
def test_home_leads_each_role_to_a_page_of_its_own(
    role: str, page: Callable[..., Client], user_of: Any
) -> None:
    answer = page(user_of(role)).get("/", follow=True)
    assert answer.status_code == 200


# --- data scientist -------------------------------------------------------------------------------------------


def test_models_show_which_answers_and_its_figures(page: Any, user_of: Any, active_model: Any) -> None:
    text = page(user_of(Role.DATA_SCIENTIST)).get("/models/").content.decode()
    assert "answers now" in text
    assert str(active_model.manifest["model"]["n_diseases"]) in text
    assert active_model.artefact_hash[:12] in text
    is_calibrated = active_model.manifest["model"]["calibration"]["calibrated"]
    assert ("not calibrated" in text) is not is_calibrated


@pytest.fixture
def confirmed(case_of: Callable[..., Case], clinician: User, actor_of: Any) -> Case:
    case = case_of(clinician, consents={"care": True, "training": True})
    record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)
    return case


def test_an_experiment_is_queued_and_watched_until_its_end(
    page: Any, user_of: Any, confirmed: Case, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    queue = Queue()
    monkeypatch.setattr(carry_out, "delay", queue.delay)
    browser = page(user_of(Role.DATA_SCIENTIST))
    assert "1 diagnosis was confirmed" in browser.get("/models/experiments/new/").content.decode()
    form = {"reason": "new cases", "trials": 10, "folds": 5, "seed": 0}
    with django_capture_on_commit_callbacks(execute=True):
        address = browser.post("/models/experiments/new/", form).url
    experiment = Experiment.objects.get()
    assert address == f"/models/experiments/{experiment.pk}/"
    assert queue.sent == [str(experiment.pk)]
    experiment.begin()
    experiment.report(40, "exporting to ONNX")
    text = " ".join(browser.get(address).content.decode().split())
    assert 'hx-trigger="every 2s"' in text
    assert '<progress max="100" value="40"' in text
    assert "writing the model" in text
    assert "Begin an experiment …" not in browser.get("/models/experiments/").content.decode()
    experiment.finish(error="RuntimeError: disk full")
    part = browser.get(f"{address}progress/", headers={"HX-Request": "true"})
    assert part.headers["HX-Refresh"] == "true"
    assert "disk full" in part.content.decode()
    assert "every 2s" not in part.content.decode()


def test_a_second_experiment_is_refused_clearly(page: Any, user_of: Any, confirmed: Case) -> None:
    browser = page(user_of(Role.DATA_SCIENTIST))
    Experiment.objects.create()
    answer = browser.post("/models/experiments/new/", {"trials": 10, "folds": 5, "seed": 0})
    assert answer.status_code == 409
    assert "An experiment is under way already" in answer.content.decode()


# --- privacy officer ------------------------------------------------------------------------------------------


def test_deleting_what_is_due_asks_once_more(
    page: Any,
    user_of: Any,
    case_of: Any,
    clinician: User,
    monkeypatch: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    queue = Queue()
    monkeypatch.setattr(purge_expired, "delay", queue.delay)
    due, kept = case_of(clinician), case_of(clinician)
    Case.objects.filter(pk=due.pk).update(retain_until=timezone.now() - timedelta(days=1))
    browser = page(user_of(Role.PRIVACY_OFFICER))
    assert "<strong>1</strong> case is past its retention" in browser.get("/retention/").content.decode()
    assert "<strong>1</strong> case with its findings" in browser.get("/retention/delete/").content.decode()
    assert Case.objects.filter(pk=due.pk).exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post("/retention/delete/").url == "/retention/"
    run = RetentionRun.objects.get()
    assert queue.sent == [str(run.pk)]
    run_purge(run_id=run.pk)
    assert list(Case.objects.values_list("pk", flat=True)) == [kept.pk]
    text = browser.get("/retention/").content.decode()
    assert "Nothing to do." in text
    assert text.count(' class="number">1</td>') == 2


# --- auditor --------------------------------------------------------------------------------------------------


@pytest.fixture
def trail(page: Any, clinician: User, case_of: Any) -> Case:
    case = case_of(clinician)
    browser = page(clinician)
    browser.get(reverse("predictions:consultation", args=[case.pk]))
    browser.get("/audit/")
    return case


def sent(answer: Any) -> bytes:
    """A whole streamed file."""
    return b"".join(answer.streaming_content)


def events(browser: Client, query: str = "") -> list[str]:
    return [row["event"].action for row in browser.get(f"/audit/{query}").context["rows"]]


def test_the_trail_is_filtered(page: Any, user_of: Any, clinician: User, trail: Case) -> None:
    browser = page(user_of(Role.AUDITOR))
    assert {"case.create", "case.read", "audit.read"} <= set(events(browser))
    assert events(browser, "?action=case.r") == ["case.read"]
    assert set(events(browser, f"?actor={clinician.username}")) == {"case.create", "case.read", "audit.read"}
    assert set(events(browser, f"?actor={clinician.pk}")) == {"case.create", "case.read", "audit.read"}
    assert events(browser, "?actor=nobody") == []
    assert set(events(browser, f"?object={trail.pk}")) == {"case.create", "case.read"}
    assert events(browser, "?outcome=denied") == ["audit.read"]
    assert set(events(browser, f"?patient={trail.patient_id}&action=case")) == {"case.create", "case.read"}
    today = timezone.localdate()
    assert events(browser, f"?action=case&since={today}&until={today}") == ["case.read", "case.create"]
    assert events(browser, f"?since={today + timedelta(days=1)}") == []


@pytest.mark.parametrize(
    "query", ["?patient=nonsense", "?since=yesterday", "?outcome=perhaps", "?actor=1-2-3-4-5", "?object=7"]
)
def test_a_filter_that_cannot_be_understood_is_said(page: Any, user_of: Any, trail: Case, query: str) -> None:
    answer = page(user_of(Role.AUDITOR)).get(f"/audit/{query}")
    assert answer.status_code == 422
    assert answer.context["rows"] == []
    assert 'aria-invalid="true"' in answer.content.decode()


def test_reading_and_exporting_the_trail_leave_one_event_each(page: Any, user_of: Any, trail: Case) -> None:
    browser = page(user_of(Role.AUDITOR))
    before = AuditEvent.objects.count()
    browser.get(f"/audit/?patient={trail.patient_id}")
    read = AuditEvent.objects.latest("sequence")
    assert (read.action, read.patient_ids, AuditEvent.objects.count()) == (
        "audit.read",
        [trail.patient_id],
        before + 1,
    )
    answer = browser.get("/audit/export.csv?action=case")
    rows = list(csv.reader(io.StringIO(sent(answer).decode("utf-8-sig"))))
    assert [row[2] for row in rows[1:]] == ["case.read", "case.create"]
    assert AuditEvent.objects.latest("sequence").action == "audit.export"
    answer = json.loads(sent(browser.get("/audit/export.json?action=case")))
    assert answer["is_complete"] is True
    assert [event["action"] for event in answer["events"]] == ["case.read", "case.create"]
    assert answer["events"][0]["patient_ids"] == [str(trail.patient_id)]
    assert json.loads(sent(browser.get("/audit/export.json?action=nothing")))["events"] == []


def test_an_export_says_that_it_is_not_complete(
    page: Any, user_of: Any, clinician: User, case_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.audit.views.PAGE_SIZE", 2)
    monkeypatch.setattr("apps.audit.views.MOST_EXPORTED", 3)
    monkeypatch.setattr("apps.audit.selectors._BATCH", 2)
    for _ in range(4):
        case_of(clinician, present=(), absent=())
    browser = page(user_of(Role.AUDITOR))
    said = "More than 3 events match"
    assert said in browser.get("/audit/?action=case.create").content.decode()
    answer = browser.get("/audit/export.json?action=case.create")
    assert "newest-3" in answer.headers["Content-Disposition"]
    whole = json.loads(sent(answer))
    assert (whole["is_complete"], len(whole["events"])) == (False, 3)
    monkeypatch.setattr("apps.audit.views.MOST_EXPORTED", 4)
    assert said not in browser.get("/audit/?action=case.create").content.decode()
    assert json.loads(sent(browser.get("/audit/export.json?action=case.create")))["is_complete"] is True


def test_pages_of_the_trail_follow_each_other(page: Any, user_of: Any, clinician: User, case_of: Any) -> None:
    for _ in range(PAGE_SIZE + 5):
        case_of(clinician, present=(), absent=())
    browser = page(user_of(Role.AUDITOR))
    first = browser.get("/audit/?action=case.create")
    assert len(first.context["rows"]) == PAGE_SIZE
    older = first.context["page"].older
    assert f"?action=case.create&amp;before={older}" in first.content.decode()
    second = browser.get(f"/audit/?action=case.create&before={older}")
    assert len(second.context["rows"]) == 5
    newer = second.context["page"].newer
    back = browser.get(f"/audit/?action=case.create&after={newer}")
    assert [row["event"].pk for row in back.context["rows"]] == [
        row["event"].pk for row in first.context["rows"]
    ]


def test_another_organisations_events_are_not_seen(
    page: Any, user_of: Any, other_organisation: Any, trail: Case
) -> None:
    assert events(page(user_of(Role.AUDITOR, other_organisation)), "?action=case") == []


# --- history and knowledge ------------------------------------------------------------------------------------


@pytest.fixture
def predicted(page: Any, clinician: User, case_of: Any, active_model: Any) -> Case:
    case = case_of(clinician, pseudonym="H-1")
    page(clinician).post(reverse("predictions:predict", args=[case.pk]))
    return case


def test_the_history_is_filtered_and_exported(
    page: Any, user_of: Any, clinician: User, predicted: Case
) -> None:
    browser = page(clinician)
    today = timezone.localdate()
    tomorrow = today + timedelta(days=1)
    expected = {"": 1, "?q=h-1": 1, "?q=zzz": 0, "?mine=on": 1, "?since=nonsense": 1}
    expected |= {f"?since={tomorrow}": 0, f"?until={today}": 1}
    for query, found in expected.items():
        assert len(browser.get(f"/history/{query}").context["rows"]) == found, query
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.patient_ids) == ("prediction.list", [predicted.patient_id])
    rows = list(csv.reader(io.StringIO(browser.get("/history/export.csv").content.decode("utf-8-sig"))))
    assert rows[1][2] == "H-1"
    assert rows[1][5] == "prevalence"
    assert rows[1][7] == "OMIM:154700 Marfan syndrome"
    assert AuditEvent.objects.latest("sequence").action == "prediction.export"
    assert "No prediction yet" in page(user_of()).get("/history/").content.decode()


def test_an_earlier_list_is_shown_as_it_was(page: Any, clinician: User, predicted: Case) -> None:
    prediction = predicted.predictions.get()
    browser = page(clinician)
    browser.post(reverse("predictions:remove-finding", args=[predicted.pk]), {"finding": "HP:0001166"})
    text = browser.get(reverse("predictions:detail", args=[prediction.pk])).content.decode()
    assert "it cannot be changed" in text
    assert "Arachnodactyly" in text
    assert "Marfan syndrome" in text
    assert prediction.model_hash in text
    assert AuditEvent.objects.latest("sequence").action == "prediction.read"


def test_a_disease_shows_findings_frequencies_and_sources(page: Any, clinician: User, knowledge: Any) -> None:
    text = page(clinician).get("/knowledge/diseases/OMIM:154700/").content.decode()
    assert "Ectopia lentis" in text
    assert 'href="https://pubmed.ncbi.nlm.nih.gov/' in text
    assert "release 2025-01-16" in text
    assert page(clinician).get("/knowledge/diseases/OMIM:1/").status_code == 404


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("/knowledge/terms/?q=aracnodactyly", 'data-id="HP:0001166"'),
        ("/knowledge/terms/?q=spider+fingers", "“Spider fingers”"),
        ("/knowledge/terms/?q=hp:0001166", 'data-label="Arachnodactyly"'),
        ("/knowledge/diseases/?q=marfn+syndrome", 'data-id="OMIM:154700"'),
    ],
)
def test_suggestions_forgive_typing_errors(
    page: Any, clinician: User, knowledge: Any, address: str, found: str
) -> None:
    assert found in page(clinician).get(address).content.decode()


def test_administration_is_rendered_under_the_policy_and_leads_back(page: Any, user_of: Any) -> None:
    browser = page(user_of(Role.ADMINISTRATOR))
    for address in ("/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/auth/group/"):
        answer = browser.get(address)
        text = answer.content.decode()
        assert answer.status_code == 200, address
        assert " style=" not in text
        assert 'href="/account/"' in text
        assert 'action="/account/sign-out/"' in text
