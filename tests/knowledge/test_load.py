"""Loading a knowledge folder."""

import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import AuditEvent
from apps.knowledge.models import Annotation, Disease, KnowledgeRelease, Term, TermName
from ml.knowledge import read_knowledge

pytestmark = pytest.mark.django_db


def counts() -> list[int]:
    return [
        model.objects.count() for model in (Term, TermName, Disease, Annotation, KnowledgeRelease, AuditEvent)
    ]


def test_everything_arrives(knowledge: KnowledgeRelease, knowledge_dir: Path) -> None:
    source = read_knowledge(knowledge_dir)
    assert Term.objects.count() == len(source.terms)
    assert Disease.objects.count() == len(source.diseases)
    assert Annotation.objects.count() == len(source.annotations)
    assert not Annotation.objects.filter(references=[]).exists()
    assert knowledge.hpo_release == source.manifest["hpo_release"]


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
