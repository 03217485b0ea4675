"""What the engine says beside the list: whether findings are enough, what to ask next, and two diseases at once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.predictions.models import Prediction

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

HTMX = {"HX-Request": "true"}
# Of Marfan syndrome (OMIM:154700) and of cystic fibrosis (OMIM:219700), by their annotations in HPO.
TWO_DISEASES = (
    "HP:0001166", "HP:0001083", "HP:0001519", "HP:0002616", "HP:0002110", "HP:0001738", "HP:0012236", "HP:0002783",
)  # fmt: skip


@pytest.fixture
def case(case_of: Callable[..., Case], clinician: User) -> Case:
    return case_of(clinician, present=("HP:0001166", "HP:0001083"), absent=())


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def predict(browser: Client, case: Case) -> str:
    """The page after a list was made."""
    browser.post(reverse("predictions:predict", args=[case.pk]))
    return browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()


def asked(text: str) -> list[str]:
    return re.findall(r'class="question">.*?<span class="code">(HP:\d{7})</span>', text, re.S)


def answer(browser: Client, case: Case, finding: str, word: str, **headers: str) -> Any:
    url = reverse("predictions:answer", args=[case.pk])
    given = {"finding": finding, "answer": word, "prior": "prevalence"}
    return browser.post(url, given, headers=headers)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))


def test_a_list_comes_with_questions(browser: Client, case: Case) -> None:
    text = predict(browser, case)
    assert "Ask next" in text
    assert len(asked(text)) == 5
    assert not {"HP:0001166", "HP:0001083"} & set(asked(text))


@pytest.mark.parametrize(("word", "is_present"), [("present", True), ("absent", False)])
def test_an_answer_is_recorded_and_the_list_made_anew(
    browser: Client, case: Case, word: str, is_present: bool
) -> None:
    question = asked(predict(browser, case))[0]
    before = actions()
    shown = answer(browser, case, question, word, **HTMX).content.decode()
    assert case.findings.get(term_id=question).is_present is is_present
    assert question not in asked(shown)
    assert 'id="findings" hx-swap-oob="innerHTML"' in shown
    assert actions()[len(before) :] == ["prediction.create"]
    assert Prediction.objects.filter(case=case).count() == 2


def test_not_known_is_remembered_and_not_asked_again(browser: Client, case: Case) -> None:
    question = asked(predict(browser, case))[0]
    before = actions()
    response = answer(browser, case, question, "unknown", **HTMX)
    assert response.headers["HX-Reswap"] == "none"
    shown = response.content.decode()
    assert question not in asked(shown)
    assert "Asked, not known:" in shown
    assert actions()[len(before) :] == ["case.finding.unknown"]
    assert Prediction.objects.filter(case=case).count() == 1
    page = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert question not in asked(page)
    again = browser.post(reverse("predictions:ask-again", args=[case.pk]), {"finding": question})
    assert again.url == reverse("predictions:consultation", args=[case.pk])
    assert question in asked(browser.get(again.url).content.decode())


def test_what_is_recorded_later_is_no_longer_unknown(browser: Client, case: Case) -> None:
    question = asked(predict(browser, case))[0]
    answer(browser, case, question, "unknown")
    browser.post(
        reverse("predictions:set-finding", args=[case.pk]), {"finding": question, "state": "present"}
    )
    assert not case.unknown_findings.exists()


@pytest.mark.parametrize(("finding", "word"), [("HP:9999999", "present"), ("HP:0000272", "maybe"), ("", "")])
def test_what_is_no_answer_changes_nothing(browser: Client, case: Case, finding: str, word: str) -> None:
    predict(browser, case)
    assert answer(browser, case, finding, word, **HTMX).status_code == 422
    assert case.findings.count() == 2


def test_without_javascript_an_answer_leads_back(browser: Client, case: Case) -> None:
    question = asked(predict(browser, case))[0]
    assert answer(browser, case, question, "present").url == reverse(
        "predictions:consultation", args=[case.pk]
    )


def test_too_few_or_too_general_findings_are_said_to_be_in_both_languages(
    browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician, present=("HP:0000707",), absent=())  # abnormality of the nervous system
    text = predict(browser, case)
    assert "The findings fit very many diseases" in text
    assert "What would help most:" in text
    browser.cookies["django_language"] = "es"
    page = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert "Los hallazgos encajan con muchísimas enfermedades" in page
    assert "Abnormality of" not in re.search(r'class="alert alert-info sufficiency".*?</div>', page, re.S)[0]  # type: ignore[index]


def test_two_diseases_are_flagged_with_what_each_explains(
    browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician, present=TWO_DISEASES, absent=())
    text = predict(browser, case)
    assert "Two diseases at once?" in text
    assert re.search(r"gain \d+\.\d", text)
    # The earlier list shows the same, and no questions, for nothing can be answered there.
    url = reverse("predictions:detail", args=[Prediction.objects.get(case=case).pk])
    earlier = browser.get(url).content.decode()
    assert "Two diseases at once?" in earlier
    assert "Ask next" not in earlier


def test_a_prediction_of_before_is_still_shown(browser: Client, case: Case) -> None:
    """The first lists had no more than a ranking."""
    predict(browser, case)
    made = Prediction.objects.get(case=case)
    old = Prediction(
        organisation_id=made.organisation_id,
        case=case,
        requested_by_id=made.requested_by_id,
        model=made.model,
        model_hash=made.model_hash,
        input=made.input,
        output={"ranking": made.output["ranking"]},
        latency_ms=1.0,
    )
    old.save(force_insert=True)
    text = browser.get(reverse("predictions:detail", args=[old.pk])).content.decode()
    assert "prior: literature" in text
    first = old.output["ranking"][0][0]
    assert browser.get(reverse("predictions:reasons", args=[old.pk, first])).status_code == 200


def test_a_case_of_others_is_not_asked_about(page: Any, user_of: Any, case: Case) -> None:
    stranger = page(user_of())
    assert answer(stranger, case, "HP:0000272", "present").status_code == 404
    url = reverse("predictions:ask-again", args=[case.pk])
    assert stranger.post(url, {"finding": "HP:0000272"}).status_code == 404


def test_the_set_and_what_none_of_these_weighs_stand_with_the_list(
    browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician)
    url = reverse("predictions:predict", args=[case.pk])
    browser.post(url, {"prior": "literature"})
    output = Prediction.objects.get(case=case).output
    text = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert "None of the diseases known here" in text
    assert 0 <= output["none_of_these"] <= 1
    assert output["set"]["size"] >= output["set"]["listed"] >= 1
    assert re.search(r"within \d+\xa0%|a set needs \d+ diseases", text)
    # Sets and calibration were measured with this prior only.
    browser.post(url, {"prior": "uniform"})
    assert Prediction.objects.filter(case=case).latest("id").output["set"] is None
    text = browser.get(reverse("predictions:consultation", args=[case.pk])).content.decode()
    assert "estimated probability" in text
    assert "set-box" not in text


def test_a_small_set_is_boxed_with_its_diseases_first(
    browser: Client, case_of: Callable[..., Case], clinician: User
) -> None:
    case = case_of(clinician)
    browser.post(reverse("predictions:predict", args=[case.pk]), {"prior": "literature"})
    made = Prediction.objects.get(case=case)
    ranking = made.output["ranking"]
    later = Prediction(
        organisation_id=made.organisation_id,
        case=case,
        requested_by_id=made.requested_by_id,
        model=made.model,
        model_hash=made.model_hash,
        input=made.input,
        # A group outside of the set outweighs what is in it, and stands after it none the less.
        output=made.output
        | {
            "set": {"coverage": 0.9, "size": 2, "listed": 2},
            "groups": [{"label": "gene X", "members": [ranking[3][0], ranking[4][0]], "probability": 0.9}],
        },
        latency_ms=1.0,
    )
    later.save(force_insert=True)
    text = browser.get(reverse("predictions:detail", args=[later.pk])).content.decode()
    box = re.search(r'class="set-box".*?</section>', text, re.S)
    assert box
    assert "within 90" in box[0]
    assert "it is in this box" in box[0]
    assert box[0].count('<details class="candidate"') == 2
    assert "One of 2 diseases of gene X" in text
    assert "gene X" not in box[0]
    assert '<ol class="ranking" start="3">' in text
