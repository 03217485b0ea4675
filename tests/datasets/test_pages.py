"""The pages of data: uploading, the report, deciding, looking at cases, and the mapping assistant to its end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.cases.services import record_outcome
from apps.datasets.models import DatasetVersion, DataSource, Ingestion, MappingDraft, MappingProposal
from apps.datasets.services import snapshot_confirmed_cases
from apps.datasets.sources import add_source
from apps.datasets.tasks import resume_pending
from tests.conftest import MARFAN
from tests.datasets.conftest import CASES, table, values

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("knowledge")]


@pytest.fixture
def browser(page: Callable[..., Client], scientist: User) -> Client:
    return page(scientist)


def sent(browser: Client, name: str, pk: Any, **fields: Any) -> Any:
    """The answer to a form, and whatever it asked workers for is done."""
    answer = browser.post(reverse(name, args=[pk]), fields)
    resume_pending()
    return answer


def text_of(browser: Client, name: str, *arguments: Any, **query: str) -> str:
    answer = browser.get(reverse(name, args=arguments), query)
    assert answer.status_code == 200, answer.content
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode()


@pytest.mark.parametrize("name", ["datasets:ingest", "datasets:sample"])
def test_an_upload_that_cannot_be_kept_is_said_and_nothing_is_begun(
    browser: Client, source: DataSource, settings: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / "in-the-way").write_text("")
    settings.RAW_STORE = (tmp_path / "in-the-way").as_uri()
    answer = sent(browser, name, source.pk, upload=SimpleUploadedFile("visits.csv", table()))
    assert answer.status_code == 503
    assert "Files cannot be kept at the moment" in answer.content.decode()
    assert not Ingestion.objects.exists()
    assert not MappingDraft.objects.exists()


def test_from_an_upload_to_an_accepted_version(
    browser: Client, source: DataSource, settings: Any, eager_celery: None
) -> None:
    settings.MAX_BODY_BYTES = 1000  # what other pages take
    upload = SimpleUploadedFile("visits.csv", table(broken=30))
    settings.MAX_UPLOAD_BYTES = 100_000
    answer = sent(browser, "datasets:ingest", source.pk, upload=upload)
    ingestion = Ingestion.objects.get()
    assert answer.url == reverse("datasets:ingestion", args=[ingestion.pk])
    text = text_of(browser, "datasets:ingestion", ingestion.pk)
    assert "QUARANTINED" in text
    assert "3 fields; 5 were expected" in text
    assert "Next rows" in text
    later = text_of(browser, "datasets:ingestion", ingestion.pk, after=str(ingestion.entries.all()[24].pk))
    assert later.count("3 fields") == 5
    rejected = text_of(browser, "datasets:rejected", ingestion.pk)
    assert rejected.count("visits.csv") == 30
    assert "QUARANTINED" in text_of(browser, "datasets:report-markdown", ingestion.pk)
    assert json.loads(text_of(browser, "datasets:report-json", ingestion.pk))["n_used"] == CASES

    version = DatasetVersion.objects.get()
    assert "1 version is quarantined" in text_of(browser, "datasets:sources")
    decide = reverse("datasets:decide", args=[version.pk])
    assert browser.post(decide, {"verdict": "accept", "reason": "ok"}).status_code == 422
    assert browser.post(decide, {"verdict": "accept", "reason": "the rest was checked"}).status_code == 302
    assert "the rest was checked" in text_of(browser, "datasets:version", version.pk)


def test_cases_are_filtered_and_paged(
    browser: Client, source: DataSource, ingested: Callable[..., Ingestion]
) -> None:
    version = ingested(source, table()).version
    assert version is not None
    text = text_of(browser, "datasets:version", version.pk)
    assert (text.count("Tall stature"), text.count("long fingers")) == (25, 25)
    assert "Next rows" in text
    women = text_of(browser, "datasets:version", version.pk, sex="female", finding="HP:0000098")
    assert f"{CASES // 2} cases" in women
    assert "No case fits" in text_of(browser, "datasets:version", version.pk, diagnosis="OMIM:1")
    assert AuditEvent.objects.filter(action="dataset.read", object_ids=[version.pk]).count() == 3
    assert browser.get(reverse("datasets:version", args=[version.pk]), {"after": "x"}).status_code == 422


def test_our_own_patients_are_counted_and_never_shown(
    browser: Client, clinician: User, case_of: Callable[..., Case], actor_of: Callable[[User], Actor]
) -> None:
    case = case_of(clinician, consents={"care": True, "training": True})
    record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)
    version = snapshot_confirmed_cases(actor=SYSTEM)
    assert version.cases.get().patient_id == case.patient_id
    text = text_of(browser, "datasets:version", version.pk)
    assert "Fewer than 11 cases" in text
    assert str(case.pk) not in text
    assert str(case.patient_id) not in text


SAMPLE = [
    {"number": i, "verdict": "Marfan syndrome", "years": 20 + i, "sex": "f" if i % 2 else "m",
     "said": {"Arachnodactyly": "1", "tall stature, extreme": "0", "gewisses Etwas": "2"}}
    for i in range(12)
]  # fmt: skip


def test_the_assistant_writes_what_then_reads_the_sample(
    browser: Client, actor: Actor, eager_celery: None
) -> None:
    bare = {"shape": "", "finding_mappings": "", "diagnosis_mappings": ""}
    source = add_source(actor=actor, values=values(**bare), credentials={})
    content = json.dumps(SAMPLE).encode()
    sent(browser, "datasets:sample", source.pk, upload=SimpleUploadedFile("s.json", content))
    draft = MappingDraft.objects.get()
    assert (draft.state, draft.error) == ("succeeded", "")
    roles = {name: given["role"] for name, given in draft.layout.items()}
    assert roles == {"number": "id", "verdict": "diagnosis", "years": "age", "sex": "sex", "said": "states"}
    assert draft.layout["said"]["values"] == {"1": "present", "0": "absent", "2": "uncertain"}
    assert "Arachnodactyly" in text_of(browser, "datasets:draft", draft.pk)
    assert "Arachnodactyly" in text_of(browser, "datasets:codes", draft.pk)
    assert "Arachnodactyly" not in text_of(browser, "datasets:draft-findings", draft.pk)

    browser.post(reverse("datasets:confirm-exact", args=[draft.pk]))
    confirmed = dict(MappingProposal.objects.filter(is_confirmed=True).values_list("code", "target_id"))
    assert confirmed == {"Arachnodactyly": "HP:0001166", "Marfan syndrome": MARFAN}
    like = MappingProposal.objects.get(code="tall stature, extreme")
    assert (like.target_id, like.relation, like.is_confirmed) == ("HP:0000098", "skos:broadMatch", False)
    address = reverse("datasets:code", args=[draft.pk, like.pk])
    assert browser.post(address, {"target": "HP:9999999", "relation": like.relation}).status_code == 422
    assert browser.post(address, {"target": like.target_id, "relation": like.relation}).status_code == 302
    nothing = MappingProposal.objects.get(code="gewisses Etwas")
    assert nothing.target_id == ""
    row = {"relation": nothing.relation, "none": "1"}
    browser.post(reverse("datasets:code", args=[draft.pk, nothing.pk]), row, headers={"HX-Request": "true"})

    # What is said of the columns stays when the codes are compared again, and so does what was confirmed.
    sent(browser, "datasets:draft", draft.pk, **{"value-4-2": "absent"})
    draft.refresh_from_db()
    assert draft.layout["years"] == {"role": "age", "unit": "years"}
    assert draft.layout["said"]["values"]["2"] == "absent"
    assert MappingProposal.objects.filter(is_confirmed=True).count() == 4

    assert browser.post(reverse("datasets:save-mapping", args=[draft.pk])).status_code == 302
    sent(browser, "datasets:ingest", source.pk, upload=SimpleUploadedFile("s.json", content))
    version = DatasetVersion.objects.get()
    first = version.cases.order_by("pk").first()
    assert first is not None
    assert (first.diagnoses, first.present, first.age_years, first.sex) == (
        [MARFAN],
        ["HP:0001166"],
        20.0,
        "male",
    )
    assert first.absent == ["LOCAL:visits/tall%20stature%2C%20extreme", "LOCAL:visits/gewisses%20Etwas"]
    assert version.ingestions.get().summary["n_unlisted"] == 0


def test_a_sample_that_cannot_be_read_says_so(
    browser: Client, source: DataSource, eager_celery: None
) -> None:
    address = reverse("datasets:sample", args=[source.pk])
    assert browser.post(address, {"upload": SimpleUploadedFile("s.json", b"")}).status_code == 422
    browser.post(address, {"upload": SimpleUploadedFile("s.json", b"{{{")})
    resume_pending()
    draft = MappingDraft.objects.get()
    assert "No record can be read" in text_of(browser, "datasets:draft", draft.pk)
    assert browser.post(reverse("datasets:save-mapping", args=[draft.pk])).status_code == 409
