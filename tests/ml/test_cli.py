"""`python -m ml` as a person meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ml.cli import main
from ml.serving import Predictor
from tests.ml.packets import packet
from tests.ml.release import write_release


def test_from_a_release_to_a_prediction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release, knowledge, model = (
        write_release(tmp_path / "release"),
        tmp_path / "knowledge",
        tmp_path / "model",
    )
    assert main(["knowledge", "build", "--out", str(knowledge), "--hpo", str(release)]) == 0
    assert "knowledge 2024-02-29+" in capsys.readouterr().out
    assert main(["train", "--out", str(model), "--knowledge", str(knowledge)]) == 0
    trained = capsys.readouterr()
    assert Predictor.load(model).manifest.artefact_hash in trained.out
    assert "checking parity" in trained.err
    assert main(["predict", "--model", str(model), "--present", "HP:0000901,HP:0000220", "--absent", "HP:0000100",
                 "--age", "P30Y", "--sex", "female", "--explain"]) == 0  # fmt: skip
    shown = capsys.readouterr().out
    assert "HP:0000901 was replaced by HP:0000210 (Cataract)" in shown
    assert "OMIM:100003" in shown
    assert "a clinician decides" in shown


def test_json_for_programs(small_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", "--model", str(small_model), "--present", "HP:0000220", "--present", "HP:0000119", "--json",
               "--top", "2"]  # fmt: skip
    assert main(command) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["present"] == ["HP:0000220", "HP:0000110"]
    assert answer["notices"][0]["code"] == "replaced"
    assert [row["rank"] for row in answer["ranking"]] == [1, 2]
    assert answer["model"] == Predictor.load(small_model).manifest.artefact_hash


def test_wrong_input_is_exit_code_2_a_line_each(
    small_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "predict",
        "--model",
        str(small_model),
        "--present",
        "HP:0000221",
        "x",
        "--age",
        "3",
        "--sex",
        "f",
    ]
    assert main(command) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "findings.present[0]",
        "findings.present[1]",
        "age",
        "sex",
    ]
    assert "HP:0000220 Ectopia lentis" in lines[0]


@pytest.mark.parametrize("top", ["0", "101", "x"])
def test_a_senseless_number_of_places(small_model: Path, top: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["predict", "--model", str(small_model), "--present", "HP:0000220", "--top", top])
    assert caught.value.code == 2


def test_failures_are_one_sentence_and_exit_code_1(
    small_model: Path, small_knowledge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = str(tmp_path / "nothing")
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    useless = tmp_path / "useless.jsonl"
    useless.write_text(json.dumps(packet("x", "OMIM:999999", [])))
    out, report = str(tmp_path / "out"), str(tmp_path / "report.json")
    knowledge, model = str(small_knowledge), str(small_model)
    commands = {
        "has no readable manifest": ["predict", "--model", nothing, "--present", "HP:0000220"],
        "is not a folder": ["knowledge", "build", "--out", out, "--hpo", nothing],
        "no knowledge folder": ["train", "--out", out, "--knowledge", nothing],
        "does not exist": ["train", "--out", out, "--knowledge", knowledge, "--cases", nothing],
        "nothing to train on": ["train", "--out", out, "--knowledge", knowledge, "--cases", str(useless)],
        "nothing to measure": ["benchmark", "--model", model, "--cases", str(empty), "--report", report],
        "cannot be written": [
            "benchmark",
            "--model",
            model,
            "--cases",
            str(useless),
            "--report",
            f"{nothing}/r.json",
        ],
    }
    for message, command in commands.items():
        assert main(command) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert message in error
    assert not Path(out).exists()


def test_it_runs_as_a_module(small_model: Path) -> None:
    command = [sys.executable, "-m", "ml", "predict", "--model", str(small_model), "--present", "HP:1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 2
    assert done.stderr.startswith("findings.present[0]: 'HP:1' is no HPO id")
