"""REST APIs as sources: pages, credentials, patience, and what a server may do without harm."""

import base64
import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.data.connectors import Source, SourceError, open_source, web
from tests.ml.data.servers import Answered, Asked, FakeClock, Script, ingest, serving, visit

PAGES = [[visit(1), visit(2)], [visit(3), visit(4)], [visit(5)]]
ALL = [one for page in PAGES for one in page]
IDS = [f"v{n}" for n in range(1, 6)]


def numbered(asked: Asked, first: int = 1) -> Answered:
    """By the parameter `page`; behind the last page there is an empty one."""
    number = int(asked.parameters["page"]) - first
    return Answered({"data": {"items": PAGES[number] if number < len(PAGES) else []}})


def at(number: int) -> dict[str, Any]:
    return {"items": PAGES[number], "next": f"/visits?at={number + 1}" if number + 1 < len(PAGES) else None}


def by_header(asked: Asked) -> Answered:
    page = at(int(asked.parameters.get("at", 0)))
    link = {"Link": f'<{page["next"]}>; rel="next"'} if page["next"] else {}
    return Answered(page["items"], headers=link)


def by_cursor(asked: Asked) -> Answered:
    number = ["", "b", "c"].index(asked.parameters.get("cursor", ""))
    return Answered({"items": PAGES[number], "meta": {"cursor": ["b", "c", ""][number]}})


def by_offset(asked: Asked) -> Answered:
    offset = int(asked.parameters["offset"])
    return Answered({"items": ALL[offset : offset + 2]})


@pytest.mark.parametrize(
    ("script", "options", "n_requests"),
    [
        (lambda _: Answered(ALL), {}, 1),
        (lambda asked: Answered(at(int(asked.parameters.get("at", 0)))),
         {"records": "items", "paging": {"kind": "next-link", "at": "next"}}, 3),
        (by_header, {"paging": {"kind": "link-header"}}, 3),
        (by_cursor, {"records": "items", "paging": {"kind": "cursor", "at": "meta.cursor", "parameter": "cursor"}}, 3),
        (numbered, {"records": "data.items", "paging": {"kind": "page", "parameter": "page"}}, 4),
        (lambda asked: numbered(asked, 0),
         {"records": "data.items", "paging": {"kind": "page", "parameter": "page", "first": 0}}, 4),
        (by_offset, {"records": "items", "paging": {"kind": "offset", "parameter": "offset"}}, 4),
        (lambda _: Answered({"rows": [{"visit": one, "n": 1} for one in ALL]}),
         {"records": "rows[].visit"}, 1),
    ],
    ids=["one page", "next link", "link header", "cursor", "page", "page from 0", "offset", "reshaped"],
)  # fmt: skip
def test_all_pages_are_read_in_order(
    tmp_path: Path, script: Script, options: dict[str, Any], n_requests: int
) -> None:
    with serving(script) as server:
        outcome = ingest(tmp_path, {"kind": "rest", "location": f"{server.url}/visits", "options": options})
    assert (outcome.code, outcome.ids, len(server.asked)) == (0, IDS, n_requests)
    assert outcome.report is not None
    assert len(outcome.report["files"]) == n_requests


def test_parameters_are_sent_and_raw_pages_are_kept_as_they_came(tmp_path: Path) -> None:
    body = b'[ {"id": 7, "verdict": "OMIM:154700", "said": ["HP:0001166"]} ]'
    with serving(lambda _: Answered(body)) as server:
        source = {"kind": "rest", "location": server.url, "options": {"parameters": {"since": "2024-01-01"}}}
        outcome = ingest(tmp_path, source)
    assert server.asked[0].parameters == {"since": "2024-01-01"}
    assert outcome.report is not None
    (digest,) = outcome.report["files"].values()
    assert (tmp_path / "raw" / digest[:2] / digest).read_bytes() == body


def basic(asked: Asked) -> str:
    return base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()


def test_tokens_stand_in_the_header_that_the_source_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINIC_TOKEN", "s3cret")
    (tmp_path / "password").write_text("pass:wörd\n")
    with serving(lambda _: Answered([visit(1)])) as server:
        source = {"kind": "rest", "location": server.url, "credentials": {"token": {"env": "CLINIC_TOKEN"}}}
        ingest(tmp_path, source)
        ingest(tmp_path, source | {"options": {"header": "X-Api-Key"}})
        ingest(tmp_path, source | {"options": {"prefix": "Token"}})
        ingest(tmp_path, source | {"credentials": {"username": "ana", "password": {"file": "password"}}})
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password else\n")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        ingest(tmp_path, {"kind": "rest", "location": server.url})
    bearer, key, prefixed, password, nobody = server.asked
    assert bearer.headers["Authorization"] == "Bearer s3cret"
    assert (key.headers["X-Api-Key"], "Authorization" in key.headers) == ("s3cret", False)
    assert prefixed.headers["Authorization"] == "Token s3cret"
    assert basic(password) == "ana:pass:wörd"
    assert "Authorization" not in nobody.headers


def oauth(url: str = "") -> dict[str, Any]:
    return {
        "kind": "rest", "location": f"{url}/visits",
        "credentials": {"client_id": "hoofbeat", "client_secret": {"env": "CLIENT_SECRET"}},
        "options": {"token_url": f"{url}/token", "scope": "visits.read", "records": "data.items",
                    "paging": {"kind": "page", "parameter": "page"}},
    }  # fmt: skip


def test_client_credentials_give_a_token_that_is_renewed_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s3cret")
    tokens: list[str] = []

    def script(asked: Asked) -> Answered:
        if asked.path == "/token":
            assert basic(asked) == "hoofbeat:s3cret"
            assert b"grant_type=client_credentials" in asked.body
            assert b"scope=visits.read" in asked.body
            tokens.append(f"t{len(tokens)}")
            # the first ends at once
            return Answered(
                {
                    "access_token": tokens[-1],
                    "token_type": "Bearer",
                    "expires_in": 1 if tokens == ["t0"] else 3600,
                }
            )
        assert asked.headers["Authorization"] == f"Bearer {tokens[-1]}"
        return numbered(asked)

    with serving(script) as server:
        outcome = ingest(tmp_path, oauth(server.url))
    assert (outcome.code, outcome.ids, tokens) == (0, IDS, ["t0", "t1"])


def test_a_client_that_is_refused_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s3cret")
    refused = {"error": "invalid_client", "error_description": "s3cret is wrong"}
    with serving(lambda _: Answered(refused, status=401)) as server:
        outcome = ingest(tmp_path, oauth(server.url))
    assert (outcome.code, outcome.report) == (1, None)
    told = capsys.readouterr().err
    assert "POST token_url: no token was given (invalid_client)" in told
    assert "s3cret" not in told


def test_a_busy_server_is_asked_again_when_it_says_so_else_ever_later(
    tmp_path: Path, clock: FakeClock
) -> None:
    busy = [
        Answered(status=429, headers={"Retry-After": "7"}),
        Answered(status=503),
        Answered(status=500, headers={"Retry-After": "soon"}),
    ]
    with serving(lambda _: busy.pop(0) if busy else Answered(ALL)) as server:
        outcome = ingest(tmp_path, {"kind": "rest", "location": server.url})
    assert (outcome.code, outcome.ids) == (0, IDS)
    assert clock.slept == [7, 2, 4]


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (401, {}, "GET page 2: answered 401 Unauthorized; credentials that the server accepts were expected"),
        (404, {}, "GET page 2: answered 404 Not Found; the address of a resource that exists was expected"),
        (500, {}, "GET page 2: answered 500 Internal Server Error; 200 OK was expected"),
        (429, {"Retry-After": "86400"}, "`time_limit` do not suffice, as the next request must wait 86400 s"),
        (302, {"Location": "https://elsewhere.example/"}, "GET page 2: it leads to https://elsewhere.example:443;"),
    ],
)  # fmt: skip
def test_a_source_that_fails_midway_makes_no_dataset(
    tmp_path: Path, clock: FakeClock, capsys: pytest.CaptureFixture[str], status: int,
    headers: dict[str, str], message: str,
) -> None:  # fmt: skip
    def script(asked: Asked) -> Answered:
        return (
            numbered(asked) if asked.parameters["page"] == "1" else Answered(status=status, headers=headers)
        )

    with serving(script) as server:
        options = {"records": "data.items", "paging": {"kind": "page", "parameter": "page"}}
        outcome = ingest(tmp_path, {"kind": "rest", "location": server.url, "options": options})
    assert (outcome.code, outcome.report) == (1, None)
    assert message in capsys.readouterr().err


def test_no_more_requests_a_second_than_allowed_and_none_after_the_time_limit(
    tmp_path: Path, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"records": "data.items", "paging": {"kind": "page", "parameter": "page"}, "rate": 0.5}
    with serving(numbered) as server:
        source = {"kind": "rest", "location": server.url, "options": options}
        assert ingest(tmp_path, source).ids == IDS
        assert clock.slept == [2, 2, 2]
        (tmp_path / "out").rename(tmp_path / "before")
        outcome = ingest(tmp_path, source | {"options": options | {"time_limit": 3}})
    assert (outcome.code, outcome.report) == (1, None)
    assert "the 3 s of `time_limit` do not suffice" in capsys.readouterr().err


def test_an_answer_that_takes_too_long_or_never_ends_is_left(
    tmp_path: Path, clock: FakeClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(_: Asked) -> Answered:
        clock.time += 100
        return Answered(ALL)

    with serving(script) as server:
        source = {"kind": "rest", "location": server.url, "options": {"time_limit": 50}}
        outcome = ingest(tmp_path, source)
        assert (outcome.code, outcome.report) == (1, None)
        assert "GET page 1: the 50 s of `time_limit` do not suffice" in capsys.readouterr().err
        monkeypatch.setattr(web, "MOST_BYTES", 100)
        outcome = ingest(tmp_path, source | {"options": {}})
    assert (outcome.code, outcome.report) == (1, None)
    assert "in one answer; smaller pages were expected" in capsys.readouterr().err


def test_a_page_that_cannot_be_read_is_reported_and_the_next_ones_are_read(tmp_path: Path) -> None:
    def script(asked: Asked) -> Answered:
        return Answered(b"<html>busy</html>") if asked.parameters["page"] == "2" else numbered(asked)

    with serving(script) as server:
        options = {"records": "data.items", "paging": {"kind": "page", "parameter": "page"}}
        source = {"kind": "rest", "location": server.url, "options": options}
        outcome = ingest(tmp_path, source, "source: clinic\n" + _SHAPE, "--error-budget", "0.5")
    assert (outcome.code, outcome.ids) == (0, ["v1", "v2", "v5"])
    assert outcome.report is not None
    assert [(e["file"], e["why"]) for e in outcome.report["rejected"]] == [
        ("page-00002.json", "not JSON that can be read")
    ]


_SHAPE = "id: id\ndiagnosis: verdict\nfindings: [{field: said, state: present}]\n"


@pytest.mark.parametrize(
    ("script", "paging", "message"),
    [
        (lambda _: Answered({"items": [visit(1)], "next": "/"}), {"kind": "next-link", "at": "next"},
         "is followed by one that came before"),
        (lambda _: Answered({"items": [visit(1)]}), {"kind": "page", "parameter": "page"},
         "page 2 is the same as the one before"),
        (lambda _: Answered(b"rubbish"), {"kind": "page", "parameter": "page"}, "page 2 holds no list at 'items'"),
        (lambda _: Answered({"item": []}), {"kind": "next-link", "at": "next"}, "page 1 holds no list at 'items'"),
        (lambda _: Answered({"items": [], "next": 7}), {"kind": "next-link", "at": "next"}, "is no text"),
        (lambda _: Answered({"items": [], "c": {}}), {"kind": "cursor", "at": "c", "parameter": "c"}, "the cursor is"),
        (lambda _: Answered({"items": [], "next": "https://elsewhere.example/2"}), {"kind": "next-link", "at": "next"},
         "page 2: it leads to https://elsewhere.example:443; credentials and requests go to http://127.0.0.1"),
        (lambda _: Answered({"items": []}, headers={"Content-Length": "999"}), {"kind": "next-link", "at": "next"},
         "GET page 1: "),
    ],
)  # fmt: skip
def test_a_server_that_leads_astray_is_left_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: Script, paging: dict[str, Any], message: str
) -> None:
    with serving(script) as server:
        options = {"records": "items", "paging": paging, "retries": 0, "timeout": 0.5}
        outcome = ingest(tmp_path, {"kind": "rest", "location": f"{server.url}/", "options": options})
    assert (outcome.code, outcome.report) == (1, None)
    assert message in capsys.readouterr().err


CANARY = "canary/7f3a+9="


@pytest.mark.parametrize("kind", ["token", "basic", "oauth"])
@pytest.mark.parametrize("status", [200, 403])
def test_credentials_are_in_no_file_message_log_or_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture, kind: str, status: int,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CANARY", CANARY)

    def script(asked: Asked) -> Answered:
        if asked.path == "/token":
            return Answered({"access_token": CANARY, "token_type": "Bearer"})
        echo = {"X-Echo": asked.headers["Authorization"], "Location": f"/?{CANARY}"}
        body: Any = [visit(1)] if status == 200 else asked.headers["Authorization"].encode()
        return Answered(body, status=status, headers=echo)

    with serving(script) as server:
        credentials, options = {
            "token": ({"token": {"env": "CANARY"}}, {}),
            "basic": ({"username": "ana", "password": {"env": "CANARY"}}, {}),
            "oauth": ({"client_id": "hoofbeat", "client_secret": {"env": "CANARY"}},
                      {"token_url": f"{server.url}/token"}),
        }[kind]  # fmt: skip
        source = {"kind": "rest", "location": server.url, "credentials": credentials, "options": options}
        assert ingest(tmp_path, source).code == (0 if status == 200 else 1)
        opened = Source("rest", server.url, options, {
            name: value if isinstance(value, str) else CANARY for name, value in credentials.items()
        })  # fmt: skip
        told = repr(opened)
        if status == 403:
            with pytest.raises(SourceError) as caught:
                list(open_source(opened))
            assert caught.value.__context__ is None
            told += "".join(traceback.format_exception(caught.value))
    forms = (CANARY, "canary%2F7f3a", base64.b64encode(f"ana:{CANARY}".encode()).decode())
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    shown = capsys.readouterr()
    for form in forms:
        assert form not in told + shown.out + shown.err + caplog.text
        assert not any(form.encode() in content for content in written)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(visit(1)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["items", "next", "id", "said"]), inner)
    ),
    max_leaves=8,
)


@given(
    bodies=st.lists(
        VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20) | st.just(b"[" * 100_000),
        min_size=1, max_size=4,
    ),
    status=st.sampled_from([200, 200, 200, 204, 400, 418]),
    paging=st.sampled_from([
        {"kind": "next-link", "at": "next"}, {"kind": "link-header"}, {"kind": "page", "parameter": "p"},
        {"kind": "offset", "parameter": "o"}, {"kind": "cursor", "at": "next", "parameter": "c"},
    ]),
)  # fmt: skip
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_is_never_a_traceback_nor_half_a_dataset(
    tmp_path_factory: pytest.TempPathFactory,
    rubbish: Any,
    bodies: list[bytes],
    status: int,
    paging: dict[str, Any],
) -> None:
    folder = tmp_path_factory.mktemp("rubbish")
    rubbish.bodies, rubbish.status = list(bodies), status
    options = {"records": "items", "paging": paging, "retries": 0, "rate": 0, "timeout": 5}
    outcome = ingest(folder, {"kind": "rest", "location": rubbish.url, "options": options})
    assert outcome.code in (0, 1)
    if outcome.report is not None:
        assert outcome.report["state"] == ("accepted" if outcome.code == 0 else "quarantined")


@pytest.fixture(scope="module")
def rubbish() -> Any:
    """A server that says what a test puts into `bodies`, and empty lists thereafter."""

    def script(_: Asked) -> Answered:
        return Answered(served.bodies.pop(0), served.status) if served.bodies else Answered({"items": []})

    with serving(script) as served:
        yield served
