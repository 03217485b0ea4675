"""Loading a knowledge folder."""

import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import AuditEvent
from apps.knowledge.models import Annotation, Disease, KnowledgeRelease, Term, TermName
from apps.knowledge.selectors import get_disease, list_annotations, names_of, search_diseases
from ml.knowledge import read_knowledge

pytestmark = pytest.mark.django_db


def counts() -> list[int]:
    return [
        model.objects.count() for model in (Term, TermName, Disease, Annotation, KnowledgeRelease, AuditEvent)
    ]


def test_everything_arrives(knowledge: KnowledgeRelease, knowledge_dir: Path) -> None:
    source = read_knowledge(knowledge_dir)
    assert Term.objects.count() == len(source.terms)
    # A registered model may have added diseases that only its cases name.
    ids = [disease.id for disease in source.diseases]
    assert Disease.objects.filter(pk__in=ids).count() == len(ids)
    of_common = [finding for disease in source.common for finding in disease.findings]
    assert Annotation.objects.count() == len(source.annotations) + len(of_common)
    assert Annotation.objects.filter(is_verified=False).count() == sum(not f.verified for f in of_common)
    assert not Annotation.objects.filter(references=[], is_verified=True).exists()
    assert knowledge.hpo_release == source.manifest["hpo_release"]


def test_a_merged_id_leads_to_the_disease(knowledge: KnowledgeRelease) -> None:
    lupus = get_disease(disease_id="ORPHA:536")
    assert (lupus.pk, lupus.rarity) == ("OMIM:152700", "common")
    assert get_disease(disease_id="ICD10CM:M32") == get_disease(disease_id="MONDO:0007915") == lupus
    assert search_diseases(query="orpha:536")[0] == lupus
    assert names_of(disease_ids=["ORPHA:536", "MONDO:0005812", "OMIM:0"]).keys() == {
        "ORPHA:536",
        "MONDO:0005812",
    }
    sources = {reference for row in list_annotations(disease=lupus) for reference in row.references}
    assert "OMIM:152700" in sources
    assert any(source.startswith("http") for source in sources)  # of the set of common diseases


def test_a_disease_that_was_merged_into_another_is_not_offered_twice(knowledge: KnowledgeRelease) -> None:
    Disease.objects.create(id="ORPHA:536", name="Systemic lupus erythematosus", database="ORPHA", ids=[])
    assert get_disease(disease_id="ORPHA:536").pk == "OMIM:152700"
    assert "ORPHA:536" not in [
        disease.pk for disease in search_diseases(query="lupus erythematosus systemic")
    ]


def test_loading_twice_changes_nothing(
    knowledge: KnowledgeRelease, knowledge_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = counts()
    call_command("load_knowledge", knowledge_dir)
    assert counts() == before
    assert "Already loaded" in capsys.readouterr().out


def test_a_damaged_folder_is_refused_and_nothing_is_lost(
    knowledge: KnowledgeRelease, knowledge_dir: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(knowledge_dir, damaged)
    with (damaged / "terms.jsonl.gz").open("ab") as stream:
        stream.write(b"x")
    before = counts()
    with pytest.raises(CommandError, match=r"terms\.jsonl\.gz is damaged"):
        call_command("load_knowledge", damaged)
    assert counts() == before


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no knowledge folder"):
        call_command("load_knowledge", tmp_path)
