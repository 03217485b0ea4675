"""Source files: a mistake stops at once with its place, and a secret in one is refused without being repeated."""

from pathlib import Path

import pytest

from tests.ml.data.servers import SHAPE, ingest

REST = """
kind: rest
location: https://records.example.org/visits
options: {records: items, paging: {kind: next-link, at: next}}
shape: shape.yaml
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("kind: rest", "kind: fax"), "source.yaml, kind: 'fax'; one of fhir, files, rest"),
        (("kind: rest", "kind: [rest"), "source.yaml, line 3 is no YAML"),
        (("kind: rest", "kind: rest\nsince: 2024-13-13"), "source.yaml is no YAML"),
        (("kind: rest", "colour: red"), "source.yaml, 'colour': one of the keys"),
        (("location: https://records.example.org/visits", ""), "source.yaml, location: a text"),
        (("https:", "http:"), "location: an address that begins with https:// was expected"),
        (("https:", "ftp:"), "location: an address that begins with https:// was expected"),
        (("https:", "https:["), "location: an address that begins with https:// was expected"),
        (("records: items", "records: 'items[['"), "options.records: 'items[['; a JMESPath"),
        (("records: items", "record: items"), "options: 'record'; one of the keys"),
        (("kind: next-link", "kind: guess"), "options.paging.kind: 'guess'; one of next-link"),
        ((", at: next", ""), "options.paging.at: missing; a text"),
        (("records: items", "retries: many"), "options.retries: 'many'; a number"),
        (("records: items", "timeout: 0"), "options.timeout: 0; a number of at least 0.1"),
        (("records: items", "parameters: 3"), "options.parameters: 3; an object"),
        (("options: {", "options: [{"), "is no YAML"),
        (("shape: shape.yaml", "shape: none.yaml"), "none.yaml cannot be read"),
        (("shape: shape.yaml", "format: hl7"), "source.yaml, format: 'hl7'; one of records, fhir"),
        (("shape: shape.yaml", "format: fhir"), "source.yaml, shape: missing"),
        (("shape:", "credentials: {token: {env: NO_SUCH_VARIABLE}}\nshape:"),
         "credentials.token: the variable NO_SUCH_VARIABLE is not set"),
        (("shape:", "credentials: {token: {file: nothing}}\nshape:"),
         "credentials.token: the file nothing is empty or"),
        (("shape:", "credentials: {token: {vault: x}}\nshape:"), "credentials.token: env or file was expected"),
        (("shape:", "credentials: {pin: {env: HOME}}\nshape:"), "credentials: pin; token, or username and password"),
    ],
)  # fmt: skip
def test_a_mistake_stops_at_once_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    outcome = ingest(tmp_path, REST.replace(*change, 1), SHAPE)
    assert (outcome.code, outcome.report) == (1, None)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize(
    "text",
    [
        "credentials: {token: c4nary}",
        "credentials: {username: ana, password: c4nary}",
        "credentials: {token: {env: [c4nary]}}",
        "credentials: c4nary",
        "token: c4nary",
        "options: {parameters: {api_key: c4nary}}",
        "options: {headers: {Authorization: Bearer c4nary}}",
        "options: {client_secret: 'c4nary'}",
        "options: {token_url: 'https://me:c4nary@records.example.org/token'}",
        "options: {token_url: 'https://records.example.org/token?access_token=c4nary'}",
        "options: [c4nary, : ]",
        "options: {token: c4nary",
    ],
)
def test_a_secret_in_plain_is_refused_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    source = f"kind: rest\nlocation: https://records.example.org/visits\n{text}\n"
    outcome = ingest(tmp_path, source, SHAPE, "--shape", str(tmp_path / "shape.yaml"))
    assert (outcome.code, outcome.report) == (1, None)
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "c4nary" not in told


@pytest.mark.parametrize(
    "location", ["https://me:c4nary@records.example.org/", "https://records.example.org/?token=c4nary"]
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], location: str
) -> None:
    outcome = ingest(tmp_path, f"kind: rest\nlocation: {location}\n", None)
    assert (outcome.code, outcome.report) == (1, None)
    told = capsys.readouterr().err
    assert "location: seems to hold a secret" in told
    assert "c4nary" not in told
