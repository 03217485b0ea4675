"""`python -m ml text` and `text-benchmark` as a person meets them."""

import io
import json
from pathlib import Path

import pytest

from ml.cli import main


def run(knowledge: Path, *arguments: str) -> int:
    return main(["text", "--knowledge", str(knowledge), *arguments])


def test_a_note_on_the_command_line(
    knowledge_dir: Path, translations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("El niño presenta fiebre y no tiene tos.", encoding="latin-1")
    command = ("--translations", str(translations), "--encoding", "latin-1", "--language", "es", str(note))
    assert run(knowledge_dir, *command) == 0
    shown = capsys.readouterr().out
    assert "present      HP:0001945  Fever" in shown
    assert "1 present, 1 absent, 0 of the family, 0 uncertain; language es" in shown
    assert run(knowledge_dir, "--json", *command) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["present"], answer["absent"]) == (["HP:0001945"], ["HP:0012735"])
    assert answer["mentions"][0]["text"] == "fiebre"


def test_standard_input(
    knowledge_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"She has fever.")))
    assert run(knowledge_dir, "-") == 0
    assert "1 present" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the note is empty"),
        (b"ni\xf1o con fiebre", "is no utf-8 text (byte 2); name the encoding"),
        (b"%PDF\0\0", "NUL bytes"),
        (b"!!! ...", "no words"),
        (b"fever " * 200_000, "at most 1,000,000"),
        (b"fever " * 700_000, "larger than 4,000,000 bytes"),
    ],
)
def test_bad_notes_get_a_sentence(
    knowledge_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    note = tmp_path / "note.txt"
    note.write_bytes(content)
    assert run(knowledge_dir, str(note)) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert said in shown


def test_a_missing_file_and_an_unknown_encoding(
    knowledge_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(knowledge_dir, str(tmp_path / "none.txt")) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
    (tmp_path / "note.txt").write_text("fever")
    assert run(knowledge_dir, "--encoding", "klingon", str(tmp_path / "note.txt")) == 2
    assert "no known encoding" in capsys.readouterr().err


def test_a_missing_knowledge_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("fever")
    assert run(tmp_path, str(tmp_path / "note.txt")) == 1
    assert "is no knowledge folder" in capsys.readouterr().err


def test_agreement_with_a_corpus(
    knowledge_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, report = tmp_path / "corpus.json", tmp_path / "report.json"
    documents = [
        # HP:0001363 and an alternative id of seizures; the cataract is missed by whoever annotated
        {"id": "1", "text": "Craniosynostosis, seizures and cataract.",
         "annotations": "[0::16]\tHP_0001363 | Craniosynostosis\n[18::26]\tHP_0002279 | seizures\n"},
        {"id": "2", "text": "Autosomal dominant inheritance.", "annotations": "[0::30]\tHP_0000006 | Autosomal\n"},
        {"id": "3", "text": "Something unheard of.", "annotations": "[0::9]\tHP_0004322 | Something\n"},
    ]  # fmt: skip
    corpus.write_text(json.dumps(documents))
    command = [
        "text-benchmark",
        "--knowledge",
        str(knowledge_dir),
        "--corpus",
        str(corpus),
        "--report",
        str(report),
    ]
    assert main(command) == 0
    assert "n 3 documents, 4 annotations" in capsys.readouterr().out
    ours = json.loads(report.read_text())["systems"]["hoofbeat"]
    assert (ours["phenotypes"]["precision"], ours["phenotypes"]["recall"]) == (0.6667, 0.6667)
    assert (ours["all"]["precision"], ours["all"]["recall"]) == (0.75, 0.75)
    assert main([*command[:-1], str(tmp_path)]) == 1
    assert f"{tmp_path} cannot be written: Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", ["[]", "{", '[{"id": 1, "text": "x", "annotations": "nonsense"}]', '[{"id": 1}]']
)
def test_a_damaged_corpus(
    knowledge_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / "corpus.json").write_text(content)
    command = ["text-benchmark", "--knowledge", str(knowledge_dir), "--corpus", str(tmp_path / "corpus.json")]
    assert main(command) == 1
    assert "corpus.json" in capsys.readouterr().err
