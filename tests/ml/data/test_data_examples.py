"""The examples of docs/data.md work as they stand there, but for the addresses."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.data.connectors import Blob, Source, SourceError
from ml.serving.phenopacket import LineError
from tests.ml.data.servers import Answered, Asked, Outcome, Served, ingest, serving
from tests.ml.data.test_fhir_source import HEADER, HPO, MARFAN, concept, condition, observation, patient
from tests.ml.data.test_soap import service

TEXT = (Path(__file__).parents[3] / "docs/data.md").read_text()
BLOCKS = [body for language, body in re.findall(r"```(yaml)\n(.*?)```", TEXT, re.DOTALL)]


def block(words: str) -> str:
    """The one block with these words."""
    (found,) = (body for body in BLOCKS if words in body)
    return found


def script(asked: Asked) -> Answered:
    if asked.path == "/token":
        return Answered({"access_token": "t", "token_type": "Bearer", "expires_in": 60})
    if asked.path == "/api/visits":
        start = int(asked.parameters.get("from", 1))
        visits = [
            {"number": n, "verdict": {"code": "OMIM:154700"}, "symptoms": [{"code": "HP:0001166"}]}
            for n in (start, start + 1)
        ]
        return Answered({"items": visits, "next": "/api/visits?from=3" if start == 1 else None})
    if asked.path.startswith("/visits"):
        return service()(asked)
    resources = {
        "Patient": patient("p"),
        "Condition": condition("p", MARFAN),
        "Observation": observation("p", concept((HPO, "HP:0001166")), valueBoolean=True),
    }
    return Answered(
        {"resourceType": "Bundle", "entry": [{"resource": resources[asked.path.rpartition("/")[2]]}]}
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for name in ("RECORDS_TOKEN", "RECORDS_PASSWORD", "FHIR_SECRET"):
        monkeypatch.setenv(name, "s3cret")
    with serving(script) as served:
        yield served


def run(folder: Path, words: str, server: Served, *, location: str | None = None) -> Outcome:
    """Ingest by a block, all others that name themselves as files beside it."""
    for body in BLOCKS:
        if named := re.match(r"# ([\w-]+\.yaml)", body):
            (folder / named[1]).write_text(body)
    for kind in ("findings", "diagnoses"):
        (folder / f"hospital-{kind}.sssom.tsv").write_text(HEADER)
    source = re.sub(r"https://(records|fhir)\.example\.org", server.url, block(words))
    if location is not None:
        # SQLite knows no accounts
        source = re.sub(r"location: .*\ncredentials: .*", f"location: {location}", source)
    return ingest(folder, source, None)


@pytest.mark.parametrize(
    ("words", "ids"),
    [("kind: rest", ["1", "2", "3", "4"]), ("kind: fhir", ["p"]), ("kind: soap", ["1", "2", "3", "4"])],
)
def test_servers(tmp_path: Path, server: Served, words: str, ids: list[str]) -> None:
    outcome = run(tmp_path, words, server)
    assert (outcome.code, outcome.ids) == (0, ids)


def test_databases(tmp_path: Path, server: Served) -> None:
    with sqlite3.connect(tmp_path / "visits.db") as database:
        database.execute("CREATE TABLE visit (number, verdict, said, seen)")
        database.execute("INSERT INTO visit VALUES (1, 'OMIM:154700', 'HP:0001166;cough', '2024-02-01')")
    database.close()
    found = run(tmp_path, "kind: sql", server, location=f"sqlite:///{tmp_path / 'visits.db'}")
    assert (found.code, found.ids) == (0, ["1"])


def test_the_connector_of_ones_own() -> None:
    (code,) = re.findall(r"```python\n(# clinic_fax\.py.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    read = names["read"]
    blob, error = read(Source("fax", "ward", credentials={"pin": "1"}))  # type: ignore[operator]
    assert isinstance(blob, Blob)
    assert json.loads(blob.content)[0]["id"] == 1
    assert isinstance(error, LineError)
    with pytest.raises(SourceError):
        list(read(Source("fax", "ward")))  # type: ignore[operator]


def test_a_folder_of_notes(tmp_path: Path, small_knowledge: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/p1.txt").write_text("Short stature, no cataract.")
    shape = block("# notes.yaml")
    outcome = ingest(
        tmp_path, {"kind": "files", "location": "notes"}, shape, "--knowledge", str(small_knowledge)
    )
    assert (outcome.code, outcome.ids) == (0, ["p1"])
