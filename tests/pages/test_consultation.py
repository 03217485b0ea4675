"""The consultation: findings saved at once, a list, what speaks for and against each disease, and the outcome."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Consent
from apps.predictions.models import Feedback, Prediction
from tests.conftest import MARFAN

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
ARACHNODACTYLY = "HP:0001166"


@pytest.fixture
def case(active_model: Any, case_of: Callable[..., Case], clinician: User) -> Case:
    return case_of(clinician)


@pytest.fixture
def browser(page: Callable[..., Client], clinician: User) -> Client:
    return page(clinician)


def consultation(case: Case) -> str:
    return reverse("predictions:consultation", args=[case.pk])


def predict(browser: Client, case: Case) -> Prediction:
    assert browser.post(reverse("predictions:predict", args=[case.pk])).status_code == 302
    return Prediction.objects.filter(case=case).latest("id")


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))


def test_shows_findings_in_words_and_asks_to_predict(browser: Client, case: Case) -> None:
    text = browser.get(consultation(case)).content.decode()
    assert case.patient.pseudonym in text
    assert "Arachnodactyly" in text
    assert "Bifid uvula" in text
    assert "female · 20 years" in re.sub(r"\s+", " ", text)
    assert "Predict" in text


def test_reading_it_leaves_exactly_one_event(browser: Client, case: Case) -> None:
    before = actions()
    browser.get(consultation(case))
    assert actions()[len(before) :] == ["case.read"]
    assert AuditEvent.objects.latest("sequence").patient_ids == [case.patient_id]


def test_a_list_names_marfan_first_with_its_number_and_its_model(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    text = browser.get(consultation(case)).content.decode()
    assert prediction.output["ranking"][0][0] == MARFAN
    assert "Marfan syndrome" in text
    assert re.search(r"class=\"percentage\">(\d+|under 1|over 99)\xa0%<", text)
    assert "The system advises; a clinician decides." in text
    assert f"Model {prediction.model.number} · knowledge 2025-01-16" in text
    assert "estimated probability" in text
    assert text.count('<details class="candidate"') == 100


def test_asking_with_htmx_gives_the_list_and_the_history_and_one_event(browser: Client, case: Case) -> None:
    before = actions()
    answer = browser.post(reverse("predictions:predict", args=[case.pk]), headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="differential"' in text
    assert 'id="past" hx-swap-oob="true"' in text
    assert actions()[len(before) :] == ["prediction.create"]


def test_a_change_of_findings_marks_the_list_as_outdated_and_back(browser: Client, case: Case) -> None:
    predict(browser, case)
    url = reverse("predictions:set-finding", args=[case.pk])
    outdated = "The case changed since this list was made."
    assert outdated not in browser.get(consultation(case)).content.decode()
    changed = browser.post(url, {"finding": ARACHNODACTYLY, "state": "absent"}, headers=HTMX).content.decode()
    assert outdated in changed
    back = browser.post(url, {"finding": ARACHNODACTYLY, "state": "present"}, headers=HTMX).content.decode()
    assert outdated not in back


def test_an_earlier_list_says_what_superseded_it(browser: Client, case: Case) -> None:
    older, newest = predict(browser, case), predict(browser, case)
    newest_url = reverse("predictions:detail", args=[newest.pk])
    old_page = browser.get(reverse("predictions:detail", args=[older.pk])).content.decode()
    assert f'<a href="{newest_url}">Open the newest list</a>' in old_page
    assert "Superseded" not in browser.get(newest_url).content.decode()
    history = browser.get(reverse("predictions:history")).content.decode()
    assert history.count(">superseded</span>") == 1


def test_a_finding_is_saved_at_once_with_one_event(browser: Client, case: Case) -> None:
    before = actions()
    url = reverse("predictions:set-finding", args=[case.pk])
    text = browser.post(url, {"finding": "HP:0000272"}, headers=HTMX).content.decode()
    assert "Malar flattening" in text
    assert "saved" in text
    assert case.findings.filter(term_id="HP:0000272", is_present=True).exists()
    assert actions()[len(before) :] == ["case.finding.set"]


def test_a_removed_finding_can_be_put_back_as_it_was(browser: Client, case: Case) -> None:
    url = reverse("predictions:remove-finding", args=[case.pk])
    text = browser.post(url, {"finding": "HP:0000193", "state": "absent"}, headers=HTMX).content.decode()
    assert "“Bifid uvula” was removed." in text
    undo = re.search(r'<form class="undo".*?</form>', text, re.S)
    assert undo
    values = dict(re.findall(r'name="(finding|state)" value="([^"]+)"', undo[0]))
    assert values == {"finding": "HP:0000193", "state": "absent"}
    browser.post(reverse("predictions:set-finding", args=[case.pk]), values, headers=HTMX)
    assert case.findings.filter(term_id="HP:0000193", is_present=False).exists()


def test_a_finding_marked_as_uncertain_is_kept_and_said_to_change_nothing(
    browser: Client, case: Case
) -> None:
    before = actions()
    url = reverse("predictions:set-finding", args=[case.pk])
    text = browser.post(url, {"finding": ARACHNODACTYLY, "state": "uncertain"}, headers=HTMX).content.decode()
    assert actions()[len(before) :] == ["case.finding.set"]
    assert case.findings.get(term_id=ARACHNODACTYLY).is_present is None
    row = re.search(
        rf'<li class="finding"\s+data-state="uncertain">(.*?{ARACHNODACTYLY}.*?)</li>', text, re.S
    )
    assert row
    assert re.search(r'value="uncertain"\s+aria-pressed="true">\? uncertain', row[1])
    assert row[1].count('aria-pressed="true"') == 1
    assert "the model in use makes nothing of them" in text
    prediction = predict(browser, case)
    assert prediction.input["uncertain"] == [ARACHNODACTYLY]
    assert ARACHNODACTYLY not in prediction.input["present"]
    past = browser.get(reverse("predictions:detail", args=[prediction.pk])).content.decode()
    assert "? uncertain" in past
    removed = browser.post(
        reverse("predictions:remove-finding", args=[case.pk]),
        {"finding": ARACHNODACTYLY, "state": "uncertain"},
        headers=HTMX,
    ).content.decode()
    assert 'name="state" value="uncertain"' in removed
    assert "makes nothing of them" not in removed


def test_without_javascript_the_forms_lead_back_to_the_page(browser: Client, case: Case) -> None:
    url = reverse("predictions:set-finding", args=[case.pk])
    assert browser.post(url, {"finding_text": "pectus carinatum", "state": "absent"}).url == consultation(
        case
    )
    assert case.findings.filter(term_id="HP:0000768", is_present=False).exists()


def test_a_typed_word_that_is_no_finding_offers_what_is_near_and_changes_nothing(
    browser: Client, case: Case
) -> None:
    url = reverse("predictions:set-finding", args=[case.pk])
    answer = browser.post(url, {"finding_text": "dolichocefaly"}, headers=HTMX)
    assert answer.status_code == 422
    assert answer.headers["HX-Retarget"] == "#finding-problem"
    assert "Dolichocephaly" in answer.content.decode()
    assert case.findings.count() == 6


def test_an_old_id_is_saved_as_what_took_its_place(browser: Client, case: Case) -> None:
    url = reverse("predictions:set-finding", args=[case.pk])
    browser.post(url, {"finding": "HP:0001505"}, headers=HTMX)  # alternative id of Arachnodactyly
    assert not case.findings.filter(term_id="HP:0001505").exists()
    assert case.findings.filter(term_id=ARACHNODACTYLY).count() == 1


def test_reasons_show_frequency_and_linked_sources(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    before = actions()
    url = reverse("predictions:reasons", args=[prediction.pk, MARFAN])
    text = browser.get(url, headers=HTMX).content.decode()
    assert "What speaks for it" in text
    assert "What speaks against it" in text
    assert "Expected but not asked" in text
    assert re.search(r'href="https://pubmed\.ncbi\.nlm\.nih\.gov/\d+/"', text)
    assert 'href="https://omim.org/entry/154700"' in text
    assert re.search(r"\d+ of \d+", text)
    assert actions()[len(before) :] == ["prediction.explain"]


def test_reasons_say_inheritance_onset_and_what_is_alike(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    url = reverse("predictions:reasons", args=[prediction.pk, MARFAN])
    text = browser.get(url, headers=HTMX).content.decode()
    about = re.search(r'<dl class="about">.*?</dl>', text, re.S)
    assert about
    assert "autosomal dominant" in about[0]
    assert 'href="https://pubmed.ncbi.nlm.nih.gov/17502658/"' in about[0]
    similar = about[0].partition("Similar diseases")[2]
    assert "gene FBN1" in similar
    assert "Loeys-Dietz syndrome" in similar
    assert "alike in its findings" in similar
    cystic_fibrosis = browser.get(
        reverse("predictions:reasons", args=[prediction.pk, "OMIM:219700"]), headers=HTMX
    ).content.decode()
    onset = cystic_fibrosis.partition("Usual onset")[2]
    assert re.search(r"first year.*?6 of 7.*?/10777364/", onset, re.S)


def test_other_members_of_its_group_stand_first_among_similar_diseases(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    group = next(group for group in prediction.output["groups"] if len(group["members"]) > 1)
    first, second = group["members"][:2]
    url = reverse("predictions:reasons", args=[prediction.pk, first])
    similar = browser.get(url, headers=HTMX).content.decode().partition("Similar diseases")[2]
    found = re.findall(r'href="[^"]*?((?:OMIM|ORPHA)[:%3A]+\d+)', similar)
    assert found[0].replace("%3A", ":") == second


def test_of_many_sources_the_first_are_shown_and_the_others_counted(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    loeys_dietz_2 = "OMIM:610168"
    text = browser.get(
        reverse("predictions:reasons", args=[prediction.pk, loeys_dietz_2]), headers=HTMX
    ).content.decode()
    sources = re.findall(r'class="evidence-source">(.*?)</span>\s*</li>', text, re.S)
    assert max(source.count("<a ") for source in sources) == 3
    assert re.search(r"and \d+ more", text)


def test_reasons_are_a_page_without_javascript(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    text = browser.get(reverse("predictions:reasons", args=[prediction.pk, MARFAN])).content.decode()
    assert "<h1>Marfan syndrome</h1>" in text
    assert "The system advises; a clinician decides." in text


def test_reasons_of_what_is_no_disease_are_not_found(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    assert browser.get(reverse("predictions:reasons", args=[prediction.pk, "OMIM:0"])).status_code == 404


def test_without_consent_to_care_there_is_no_list(
    browser: Client, case_of: Any, clinician: User, active_model: Any
) -> None:
    case = case_of(clinician, consents={})
    text = browser.get(consultation(case)).content.decode()
    assert "has not consented" in text
    answer = browser.post(reverse("predictions:predict", args=[case.pk]), headers=HTMX)
    assert answer.status_code == 403
    assert 'data-problem="403"' in answer.content.decode()
    assert "<html" not in answer.content.decode()
    browser.post(
        reverse("cases:consent", args=[case.pk]), {"purpose": "care", "given": "yes", "channel": "oral"}
    )
    assert browser.post(reverse("predictions:predict", args=[case.pk]), headers=HTMX).status_code == 200


def test_a_withdrawn_consent_stops_the_next_list(browser: Client, case: Case) -> None:
    predict(browser, case)
    browser.post(
        reverse("cases:consent", args=[case.pk]), {"purpose": "care", "given": "no", "channel": "oral"}
    )
    assert browser.post(reverse("predictions:predict", args=[case.pk])).status_code == 403
    assert Prediction.objects.filter(case=case).count() == 1
    assert Consent.objects.filter(patient=case.patient, purpose="care", is_given=False).exists()


def test_without_a_present_finding_the_problem_is_said(
    browser: Client, case_of: Any, clinician: User, active_model: Any
) -> None:
    case = case_of(clinician, present=(), absent=("HP:0000193",))
    answer = browser.post(reverse("predictions:predict", args=[case.pk]), headers=HTMX)
    assert answer.status_code == 422
    assert "Add at least one present finding" in answer.content.decode()


def test_an_outcome_from_the_list_becomes_feedback_and_closes_the_case(browser: Client, case: Case) -> None:
    prediction = predict(browser, case)
    url = reverse("predictions:outcome", args=[case.pk])
    text = browser.get(url).content.decode()
    assert text.index("Marfan syndrome") < text.index("Another disease") < text.index("None of these")
    before = actions()
    assert browser.post(url, {"outcome": MARFAN}).url == consultation(case)
    assert Feedback.objects.get(prediction=prediction).disease_id == MARFAN
    assert case.outcomes.get().disease_id == MARFAN
    assert actions()[len(before) :] == ["feedback.create"]
    assert "Confirmed:" in browser.get(consultation(case)).content.decode()


def test_none_of_these_is_an_outcome(browser: Client, case: Case) -> None:
    predict(browser, case)
    browser.post(reverse("predictions:outcome", args=[case.pk]), {"outcome": "none"})
    assert case.outcomes.get().disease_id is None


def test_another_disease_is_taken_by_id_or_by_its_whole_name(browser: Client, case: Case) -> None:
    url = reverse("predictions:outcome", args=[case.pk])
    browser.post(url, {"outcome": "other", "diagnosis": "OMIM:129600", "diagnosis_text": ""})
    assert case.outcomes.latest("id").disease_id == "OMIM:129600"
    browser.post(url, {"outcome": "other", "diagnosis": "", "diagnosis_text": "marfan syndrome"})
    assert case.outcomes.latest("id").disease_id == MARFAN


def test_an_unclear_outcome_keeps_what_was_typed_and_saves_nothing(browser: Client, case: Case) -> None:
    predict(browser, case)
    url = reverse("predictions:outcome", args=[case.pk])
    answer = browser.post(url, {"outcome": "other", "diagnosis_text": "marfann"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="marfann"' in text
    assert "Marfan syndrome" in text
    assert not case.outcomes.exists()
    assert browser.post(url, {}).status_code == 422


def test_sharing_lets_a_colleague_in(browser: Client, case: Case, user_of: Any, page: Any) -> None:
    colleague = user_of(Role.CLINICIAN)
    other = page(colleague)
    assert other.get(consultation(case)).status_code == 404
    browser.post(reverse("cases:share", args=[case.pk]), {"user": str(colleague.pk)})
    assert other.get(consultation(case)).status_code == 200
    assert colleague.username in browser.get(consultation(case)).content.decode()


@pytest.mark.parametrize("value", ["", "nobody", "00000000-0000-0000-0000-000000000000"])
def test_sharing_with_nobody_is_refused(browser: Client, case: Case, value: str) -> None:
    answer = browser.post(reverse("cases:share", args=[case.pk]), {"user": value})
    assert answer.status_code in {404, 422}


def test_age_and_sex_can_be_corrected(browser: Client, case: Case) -> None:
    url = reverse("cases:edit", args=[case.pk])
    assert 'value="20"' in browser.get(url).content.decode()
    bad = browser.post(url, {"age_number": "131", "age_unit": "Y", "sex": "male"})
    assert bad.status_code == 422
    assert 'value="131"' in bad.content.decode()
    browser.post(url, {"age_number": "18", "age_unit": "M", "sex": "male"})
    case.refresh_from_db()
    assert (case.age, case.patient.sex) == ("P18M", "male")


def test_an_age_that_the_form_cannot_show_is_kept(browser: Client, case_of: Any, clinician: User) -> None:
    case = case_of(clinician, age="P1Y2W")
    browser.post(reverse("cases:edit", args=[case.pk]), {"age_number": "", "age_unit": "Y", "sex": "male"})
    case.refresh_from_db()
    assert (case.age, case.patient.sex) == ("P1Y2W", "male")


@pytest.mark.parametrize("name", ["consultation", "outcome"])
def test_another_organisations_case_is_not_found(
    name: str, case: Case, other_organisation: Any, user_of: Any, page: Any
) -> None:
    stranger = page(user_of(Role.CLINICIAN, other_organisation))
    assert stranger.get(reverse(f"predictions:{name}", args=[case.pk])).status_code == 404
    denied = AuditEvent.objects.latest("sequence")
    assert (denied.outcome, denied.object_ids) == ("denied", [case.pk])
