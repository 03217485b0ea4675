"""Phenopackets and canonical records need no shape: from files, folders, zips, and servers that answer them."""

import json
import zipfile
from pathlib import Path

import pytest

from ml.cli import main
from tests.ml.data.servers import Answered, cases_of, ingest, serving
from tests.ml.packets import packet

PACKETS = [packet(f"p{n}", "OMIM:100001", ["HP:0000111"], ["HP:0000300"], sex="FEMALE") for n in range(3)]
IDS = ["p0", "p1", "p2"]


def write(folder: Path, form: str) -> str:
    """The packets in one of the forms in which they come; where they are."""
    lines = "".join(json.dumps(one) + "\n" for one in PACKETS)
    if form == "lines":
        (folder / "packets.jsonl").write_text(lines)
        return "packets.jsonl"
    if form == "list":
        (folder / "packets.json").write_text(json.dumps(PACKETS))
        return "packets.json"
    if form == "cohort":
        (folder / "cohort.json").write_text(json.dumps({"id": "c", "members": PACKETS}))
        return "cohort.json"
    if form == "zip":
        with zipfile.ZipFile(folder / "packets.zip", "w") as archive:
            for one in PACKETS:
                archive.writestr(f"phenopackets/{one['id']}.json", json.dumps(one))
        return "packets.zip"
    (folder / "packets").mkdir()
    for one in PACKETS:
        (folder / f"packets/{one['id']}.json").write_text(json.dumps(one))
    return "packets"


@pytest.mark.parametrize("form", ["lines", "list", "cohort", "zip", "folder"])
def test_phenopackets_are_read_from_whatever_holds_them(tmp_path: Path, form: str) -> None:
    outcome = ingest(tmp_path, {"kind": "files", "location": write(tmp_path, form)}, None)
    assert (outcome.code, outcome.ids) == (0, IDS)
    assert cases_of(outcome)[0] == {
        "schema": "hoofbeat-case/1", "id": "p0", "age": None, "sex": "female",
        "findings": [{"id": "HP:0000111", "state": "present", "label": "x"},
                     {"id": "HP:0000300", "state": "absent", "label": "x"}],
        "diagnoses": [{"id": "OMIM:100001", "label": "d"}], "publications": ["PMID:999"],
    }  # fmt: skip


def test_no_source_file_is_needed_and_canonical_records_may_be_read_again(tmp_path: Path) -> None:
    location = str(tmp_path / write(tmp_path, "folder"))
    once, twice = tmp_path / "once", tmp_path / "twice"
    assert main(["ingest", location, "--snapshot", str(tmp_path / "raw"), "--out", str(once)]) == 0
    cases = str(once / "cases.jsonl.gz")
    assert main(["ingest", cases, "--snapshot", str(tmp_path / "raw"), "--out", str(twice)]) == 0
    assert (twice / "cases.jsonl.gz").read_bytes() == (once / "cases.jsonl.gz").read_bytes()


def test_a_server_may_answer_phenopackets(tmp_path: Path) -> None:
    with serving(lambda _: Answered({"results": PACKETS})) as server:
        source = {"kind": "rest", "location": server.url, "options": {"records": "results"}}
        assert ingest(tmp_path, source, None).ids == IDS


def test_a_packet_that_cannot_be_used_is_reported_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    bad = [packet("p3", "OMIM:100001", ["cough"]), packet("p4", None, ["HP:0000111"]), "text"]
    (tmp_path / "in/packets.json").write_text(json.dumps([*PACKETS, *bad]))
    outcome = ingest(tmp_path, {"kind": "files", "location": "in"}, None, "--error-budget", "0.5")
    assert (outcome.code, outcome.ids) == (0, IDS)
    assert outcome.report is not None
    assert [(e["row"], e["why"].partition(";")[0]) for e in outcome.report["rejected"]] == [
        (4, "phenotypicFeatures[0].type.id: 'cough'"),
        (5, "no diagnosis"),
        (6, "the packet: 'text'"),
    ]
