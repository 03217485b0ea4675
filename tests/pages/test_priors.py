"""The prior: chosen for the organisation or for one list, made of its own counts, and shown with each list."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.cases.services import record_outcome
from apps.predictions.models import CaseMix, DefaultPrior, Prediction
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

PRIORS = "/priors/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def chooser(page: Callable[..., Client], user_of: Callable[..., User]) -> Client:
    return page(user_of(Role.ADMINISTRATOR))


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def predict(browser: Client, case: Case, **given: str) -> Prediction:
    assert browser.post(reverse("predictions:predict", args=[case.pk]), given).status_code == 302
    return Prediction.objects.filter(case=case).latest("id")


def test_prevalence_is_usual_until_somebody_chooses(
    chooser: Client, browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician)
    assert predict(browser, case).output["prior"] == {"name": "prevalence", "case_mix": None}
    before = AuditEvent.objects.count()
    assert chooser.post(PRIORS, {"act": "default", "prior": "uniform"}).url == PRIORS
    assert AuditEvent.objects.count() == before + 1
    assert AuditEvent.objects.latest("sequence").action == "prior.default"
    assert predict(browser, case).output["prior"]["name"] == "uniform"
    text = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert "prior: all alike" in text
    assert "prior: prevalence" in text
    assert "all alike" in browser.get(reverse("predictions:history")).content.decode()


def test_a_list_may_use_another_prior_and_the_next_one_keeps_it(
    browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician)
    assert predict(browser, case, prior="literature").output["prior"]["name"] == "literature"
    url = reverse("predictions:set-finding", args=[case.pk])
    changed = browser.post(url, {"finding": "HP:0000272"}, headers=HTMX).content.decode()
    assert '<input type="hidden" name="prior" value="literature">' in changed


def test_the_prior_changes_the_order_and_the_reasons_say_why(
    browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    influenza = ("HP:0001945", "HP:0012735", "HP:0003326")
    case = case_of(clinician, present=influenza, absent=(), age="P30Y")
    common = predict(browser, case, prior="prevalence")
    rare = predict(browser, case, prior="literature")
    first = common.output["ranking"][0][0]
    assert first != rare.output["ranking"][0][0]
    url = reverse("predictions:reasons", args=[common.pk, first])
    text = browser.get(url, headers=HTMX).content.decode()
    assert "Before any finding" in text
    assert "in 100,000 people" in text
    url = reverse("predictions:reasons", args=[rare.pk, MARFAN])
    assert "publications describe its findings" in browser.get(url, headers=HTMX).content.decode()


def test_counts_make_a_prior_of_the_clinic(
    chooser: Client, browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician)
    homocystinuria = "OMIM:236200"
    text = f"# our clinic\nid\tcount\n{homocystinuria}\t5000\n\n{MARFAN}, 2\n"
    assert chooser.post(PRIORS, {"act": "counts", "counts": text}).url == PRIORS
    mix = CaseMix.objects.latest("id")
    assert mix.counts == {homocystinuria: 5000, MARFAN: 2}
    shown = chooser.get(PRIORS).content.decode()
    assert "5002" in shown
    assert "our own cases" in shown

    def probability(prediction: Prediction) -> float:
        return dict(map(tuple, prediction.output["ranking"]))[homocystinuria]

    usual = predict(browser, case)
    own = predict(browser, case, prior="clinic")
    assert own.output["prior"] == {"name": "clinic", "case_mix": str(mix.pk)}
    assert probability(own) > probability(usual)
    # A later mix does not change what is said of an earlier list.
    chooser.post(PRIORS, {"act": "counts", "counts": f"{MARFAN}\t1"})
    url = reverse("predictions:reasons", args=[own.pk, homocystinuria])
    assert "5000 patients of our own had it." in browser.get(url, headers=HTMX).content.decode()


def test_a_file_can_be_uploaded(chooser: Client) -> None:
    upload = SimpleUploadedFile("counts.tsv", f"\ufeff{MARFAN}\t7\r\n".encode())
    assert chooser.post(PRIORS, {"act": "counts", "file": upload}).url == PRIORS
    assert CaseMix.objects.latest("id").counts == {MARFAN: 7}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{MARFAN}\t1\nOMIM:1\t2", ["Line 2:", "The model ranks no disease of this id.", "OMIM:1"]),
        (f"{MARFAN}\tmany\n{MARFAN}", ["Line 1:", "Line 2:", "a whole number were expected"]),
        (f"{MARFAN}\t1\n{MARFAN}\t2", ["Line 2:", "It stands on line 1 already"]),
        (f"{MARFAN}\t99999999999", ["Line 1:", "from 0 to 10,000,000"]),
        ("", ["Give at least one disease"]),
        ("<script>\t1", ["Line 1:", "&lt;script&gt;"]),
    ],
)
def test_each_line_with_a_problem_is_named_and_nothing_is_saved(
    chooser: Client, text: str, words: list[str]
) -> None:
    answer = chooser.post(PRIORS, {"act": "counts", "counts": text})
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert [word for word in words if word not in shown] == []
    assert not CaseMix.objects.exists()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"OMIM:1\x00\t1"])
def test_a_file_that_is_no_text_is_refused(chooser: Client, content: bytes) -> None:
    upload = SimpleUploadedFile("counts.xlsx", content)
    answer = chooser.post(PRIORS, {"act": "counts", "file": upload})
    assert answer.status_code == 422
    assert "File:" in answer.content.decode()


def test_confirmed_outcomes_of_the_own_organisation_can_be_counted(
    chooser: Client,
    case_of: Callable[..., Case],
    clinician: User,
    actor_of: Any,
    user_of: Any,
    other_organisation: Organisation,
) -> None:
    assert chooser.post(PRIORS, {"act": "outcomes"}).status_code == 422
    for disease in (MARFAN, MARFAN, None):
        case = case_of(clinician)
        record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id="OMIM:219700")
        record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=disease)
    stranger = user_of(Role.CLINICIAN, other_organisation)
    record_outcome(actor=actor_of(stranger), case_id=case_of(stranger).pk, disease_id=MARFAN)
    assert chooser.post(PRIORS, {"act": "outcomes"}).url == PRIORS
    mix = CaseMix.objects.latest("id")
    assert (mix.counts, mix.source) == ({MARFAN: 2}, "outcomes")
    assert AuditEvent.objects.latest("sequence").details == {
        "source": "outcomes", "diseases": 1, "patients": 2,
    }  # fmt: skip


def test_the_choice_of_one_organisation_is_not_that_of_another(
    chooser: Client, page: Any, user_of: Any, other_organisation: Organisation
) -> None:
    chooser.post(PRIORS, {"act": "counts", "counts": f"{MARFAN}\t1"})
    chooser.post(PRIORS, {"act": "default", "prior": "clinic"})
    elsewhere = page(user_of(Role.DATA_SCIENTIST, other_organisation))
    text = elsewhere.get(PRIORS).content.decode()
    assert "No counts yet" in text
    assert 'value="clinic"' not in text
    assert elsewhere.post(PRIORS, {"act": "default", "prior": "clinic"}).status_code == 422
    assert DefaultPrior.objects.count() == 1
