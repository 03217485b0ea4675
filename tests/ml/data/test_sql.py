"""Databases as sources: one SELECT, on a connection that may only read."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.conf import settings

from ml.data.connectors import Source, SourceError, open_source, sql
from ml.data.connectors.sql import single_select
from tests.ml.data.servers import Outcome, cases_of, ingest

SHAPE = """
source: clinic
id: id
diagnosis: verdict
age: {field: age, unit: years}
findings: [{field: said, separator: ";", state: present}]
"""
N_ROWS = 25


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """An SQLite database with N_ROWS visits."""
    path = tmp_path / "visits 1.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE visit (id INTEGER, verdict TEXT, age REAL, said TEXT)")
        database.executemany(
            "INSERT INTO visit VALUES (?, 'OMIM:154700', ?, ?)",
            [(n, n + 0.5, f"HP:0001166;code {n}") for n in range(N_ROWS)],
        )
    database.close()
    return path


def read(folder: Path, location: str, query: str, **source: Any) -> Outcome:
    described = {"kind": "sql", "location": location, "options": {"query": query}} | source
    return ingest(folder, described, SHAPE)


def test_the_rows_of_sqlite_are_read_in_parts(
    tmp_path: Path, visits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ROWS_PER_BLOB", 10)
    query = "SELECT * FROM visit WHERE said LIKE 'HP%:%' OR said = ':x' ORDER BY id; -- all"
    outcome = read(tmp_path, f"sqlite:///{visits}", query)
    assert (outcome.code, outcome.ids) == (0, [str(n) for n in range(N_ROWS)])
    assert outcome.report is not None
    assert list(outcome.report["files"]) == [f"rows-{n:05}.jsonl" for n in (1, 2, 3)]
    assert cases_of(outcome)[3]["age"] == "P3.5Y"


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM visit",
        "SELECT 1; DROP TABLE visit",
        "WITH gone AS (DELETE FROM visit RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copy FROM visit",
        "SELECT * FROM visit FOR UPDATE",
        "CREATE TABLE copy AS SELECT * FROM visit",
        "PRAGMA user_version = 7",
        "CALL remove_all()",
        "EXPLAIN SELECT 1",
        "",
        "-- SELECT 1",
        ";",
    ],
)
def test_what_is_not_one_select_is_refused(query: str) -> None:
    with pytest.raises(SourceError, match=r"options\.query: .* one SELECT that changes and locks nothing"):
        single_select(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT replace(a, 'x', 'y'), \"delete\", update_at FROM t",
        "SELECT 'a; DROP TABLE b' -- ; DELETE",
        "WITH a AS (SELECT 1) SELECT * FROM a; -- b",
    ],
)
def test_words_in_texts_names_and_comments_are_no_statements(query: str) -> None:
    assert single_select(query) == query.removesuffix("; -- b")


def test_sqlite_is_opened_read_only_whatever_the_check_of_the_query_lets_through(
    visits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "single_select", lambda query: query)
    source = Source("sql", f"sqlite:///{visits}", {"query": "DELETE FROM visit"})
    with pytest.raises(SourceError, match="attempt to write a readonly database"):
        list(open_source(source))


@pytest.mark.parametrize(
    ("location", "query", "message"),
    [
        ("sqlite:///{folder}/none.db", "SELECT 1", "the database says OperationalError: unable to open database file"),
        ("sqlite:///{visits}", "SELECT * FROM none_such", "OperationalError: no such table: none_such"),
        ("sqlite:///{visits}", "SELECT id, id FROM visit", "column 'id' stands twice in the query"),
        ("mystery://host/x", "SELECT 1", "location: an address such as postgresql+psycopg://host/database"),
        ("no address", "SELECT 1", "location: an address such as postgresql+psycopg://host/database"),
        ("mysql+pymysql://127.0.0.1/x", "SELECT 1", "location: the driver pymysql is not installed"),
        ("postgresql+psycopg://127.0.0.1:1/x", "SELECT 1", "the database says OperationalError: connection"),
    ],
)  # fmt: skip
def test_a_database_that_cannot_be_read_says_why(
    tmp_path: Path, visits: Path, capsys: pytest.CaptureFixture[str], location: str, query: str, message: str
) -> None:
    outcome = read(tmp_path, location.format(folder=tmp_path, visits=visits), query)
    assert (outcome.code, outcome.report) == (1, None)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, Any]]]:
    """(address, credentials) of the suite's own PostgreSQL, where a table `visit` stands."""
    url = dj_database_url.parse(settings.MIGRATION_DATABASE_URL)
    monkeypatch.setenv("VISITS_PASSWORD", url["PASSWORD"])
    made = """
        DROP TABLE IF EXISTS visit; DROP SEQUENCE IF EXISTS visit_number; CREATE SEQUENCE visit_number;
        CREATE TABLE visit (id int, verdict text, age numeric, said text, seen timestamptz, extra jsonb);
        INSERT INTO visit SELECT n, 'OMIM:154700', n + 0.5, 'HP:0001166;code ' || n, now(), '{"a": [1]}'
        FROM generate_series(0, 24) n
    """
    with psycopg.connect(
        host=url["HOST"], port=url["PORT"], user=url["USER"], password=url["PASSWORD"], dbname=url["NAME"],
        autocommit=True,
    ) as owner:  # fmt: skip
        owner.execute(made)
        credentials = {"username": url["USER"], "password": {"env": "VISITS_PASSWORD"}}
        yield f"postgresql+psycopg://{url['HOST']}:{url['PORT']}/{url['NAME']}", credentials
        owner.execute("DROP TABLE visit; DROP SEQUENCE visit_number")


def test_the_rows_of_postgresql_are_streamed_from_a_transaction_that_may_only_read(
    tmp_path: Path, postgres: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ROWS_PER_BLOB", 10)
    location, credentials = postgres
    query = "SELECT *, 'x'::text AS kind FROM visit WHERE said LIKE 'HP:%' ORDER BY id; -- all"
    outcome = read(tmp_path, location, query, credentials=credentials)
    assert (outcome.code, outcome.ids) == (0, [str(n) for n in range(N_ROWS)])
    assert cases_of(outcome)[3]["age"] == "P3.5Y"
    writing = {"query": "SELECT nextval('visit_number') AS id"}
    opened = {**credentials, "password": os.environ["VISITS_PASSWORD"]}
    with pytest.raises(SourceError, match="ReadOnlySqlTransaction: cannot execute nextval"):
        list(open_source(Source("sql", location, writing, opened)))


def test_a_password_that_is_refused_is_not_repeated(
    tmp_path: Path, postgres: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("VISITS_PASSWORD", "c4nary")
    outcome = read(tmp_path, postgres[0], "SELECT 1", credentials=postgres[1])
    assert (outcome.code, outcome.report) == (1, None)
    told = capsys.readouterr().err
    assert "password authentication failed" in told
    assert "c4nary" not in told
