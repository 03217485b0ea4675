"""Held-out cases: the same in every experiment, with all of a patient or publication on one side."""

import gzip
import json
from pathlib import Path

from ml.training.holdout import HELD, REPORT, TRAIN, split_cases


def record(identity: str, **more: object) -> dict:
    return {
        "schema": "hoofbeat-case/1", "id": identity, "findings": [{"id": "HP:0000111", "state": "present"}],
        "diagnoses": [{"id": "OMIM:100001"}], **more,
    }  # fmt: skip


def write(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def parts(files: dict[str, bytes]) -> tuple[list[dict], list[dict], dict]:
    train, held = (
        [json.loads(line) for line in gzip.decompress(files[n]).splitlines()] for n in (TRAIN, HELD)
    )
    return train, held, json.loads(files[REPORT])


def ids(records: list[dict]) -> set[str]:
    return {r["id"] for r in records}


def test_whatever_else_is_there_the_same_cases_are_held_out(tmp_path: Path) -> None:
    first = [record(f"a{i}", patient=f"q{i // 2}") for i in range(2000)]
    more = [record(f"b{i}", publications=[f"PMID:{i // 3}"]) for i in range(300)]
    train, held, report = parts(split_cases([write(tmp_path / "a", first)]))
    assert 0.17 < len(held) / 2000 < 0.23
    assert (report["train"], report["held_out"], report["left_out"]) == (len(train), len(held), 0)
    again, held_again, _ = parts(split_cases([write(tmp_path / "b", more), tmp_path / "a"]))
    assert ids(held) == {i for i in ids(held_again) if i.startswith("a")}
    assert not {r["patient"] for r in train} & {r["patient"] for r in held}
    for name in ("publications", "patient"):
        sides = [{str(r.get(name)) for r in side} - {"[]", "None"} for side in (again, held_again)]
        assert sides[0]
        assert not sides[0] & sides[1]
    # two cases of one patient stay together in folds, too, and no model keeps his id
    groups = {r["group"] for r in train}
    assert len(groups) == len(train) // 2
    assert all(group.startswith("patient-") for group in groups)


def test_what_belongs_to_a_named_judge_is_not_learned_from(tmp_path: Path) -> None:
    cousin = record("cousin", publications=["PMID:1", "PMID:2"])
    cases = [record("same"), record("sibling", publications=["PMID:1"]), cousin, record("free"),
             record("none") | {"diagnoses": []}, {"schema": "other"}]  # fmt: skip
    judges = [record("same"), record("judge", publications=["PMID:2"])]
    train, held, report = parts(split_cases([write(tmp_path / "a", cases)], [write(tmp_path / "b", judges)]))
    assert ids(train) == {"free"}
    assert ids(held) == {"same", "judge"}
    assert report == {
        "unreadable": 1, "undiagnosed": 1, "replaced": 1, "train": 1, "held_out": 2, "left_out": 2,
        "held_out_groups": 2, "named": True,
    }  # fmt: skip
