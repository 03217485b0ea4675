"""SQL databases: the rows of one query, on a connection that may only read."""

import json
from collections.abc import Iterator
from itertools import takewhile
from urllib.parse import quote

import sqlalchemy
import sqlparse
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlparse import tokens

from ml.data.connectors import Blob, Source, SourceError
from ml.data.connectors.options import Options
from ml.data.connectors.roots import check_path
from ml.data.formats import plain

ROWS_PER_BLOB = 10_000
# REPLACE is a function in queries, though sqlparse counts it as a statement
_READING = {"SELECT", "REPLACE"}


def read_sql(source: Source) -> Iterator[Blob]:
    """The rows as JSON lines, in parts, while the database still sends. Raises SourceError.

    `location` is an address as SQLAlchemy writes it; `credentials` are username and password, each where needed;
    `options` is `query`, one SELECT. PostgreSQL is asked for a read-only transaction and SQLite's file is opened
    read-only; other databases have the check of the query and the rights of the account alone.
    """
    query, engine = _prepared(source)
    try:
        with engine.connect() as connection:
            streaming = {"stream_results": True, "no_parameters": True}
            if engine.dialect.name == "postgresql":
                streaming["postgresql_readonly"] = True
            rows = connection.execution_options(**streaming).exec_driver_sql(query)
            columns = list(rows.keys())
            if twice := sorted({column for column in columns if columns.count(column) > 1}):
                raise SourceError(
                    f"column {twice[0]!r} stands twice in the query; names that differ were expected"
                )
            for number, part in enumerate(rows.partitions(ROWS_PER_BLOB), start=1):
                lines = (
                    json.dumps(
                        dict(zip(columns, map(plain, row), strict=True)), ensure_ascii=False, default=str
                    )
                    for row in part
                )
                yield Blob(f"rows-{number:05}.jsonl", "".join(f"{line}\n" for line in lines).encode())
    except DBAPIError as error:
        # not the error itself, which repeats the statement and its parameters
        reason = str(error.orig).strip().partition("\n")[0]
        raise SourceError(f"the database says {type(error.orig).__name__}: {reason}") from None
    except SQLAlchemyError as error:
        raise SourceError(f"the query cannot be run: {type(error).__name__}") from None
    finally:
        engine.dispose()


def check_sql(source: Source) -> None:
    """Whether all is said that is needed. Raises SourceError."""
    _query, engine = _prepared(source)
    engine.dispose()


def _prepared(source: Source) -> tuple[str, sqlalchemy.Engine]:
    options = Options(source.options)
    query = single_select(options.text("query"))
    options.end()
    return query, _engine(source)


def single_select(query: str) -> str:
    """The query up to its semicolon. Raises SourceError when it is anything but one SELECT.

    So a mistake is caught before a connection is made; what keeps the data safe is a connection that may only read.
    """
    expected = "one SELECT that changes and locks nothing was expected"
    statements = [
        statement
        for statement in sqlparse.parse(query)
        if (first := statement.token_first(skip_cm=True)) is not None
        and first.ttype is not tokens.Punctuation
    ]
    if len(statements) != 1:
        raise SourceError(f"options.query: {len(statements)} statements; {expected}")
    if statements[0].get_type() != "SELECT":
        raise SourceError(f"options.query: no SELECT; {expected}")
    words = list(statements[0].flatten())
    for token in words:
        is_statement = token.ttype in (tokens.DML, tokens.DDL) and token.normalized not in _READING
        if is_statement or (token.ttype is tokens.Keyword and token.normalized == "INTO"):
            raise SourceError(f"options.query: {token.normalized}; {expected}")
    return "".join(
        str(token) for token in takewhile(lambda token: not token.match(tokens.Punctuation, ";"), words)
    )


def _engine(source: Source) -> sqlalchemy.Engine:
    unknown = set(source.credentials) - {"username", "password"}
    if unknown:
        raise SourceError(f"credentials: {min(unknown)}; username and password were expected")
    try:
        url = sqlalchemy.make_url(source.location).set(
            username=source.credentials.get("username"), password=source.credentials.get("password")
        )
        if url.get_backend_name() == "sqlite":
            check_path(url.database or "", source.roots)
            # SQLite makes a file that is not there, and knows no read-only transaction
            path = f"file:{quote(url.database or '')}"
            url = url.set(database=path, query={"mode": "ro", "uri": "true"})
        return sqlalchemy.create_engine(url)
    except ImportError as error:
        raise SourceError(f"location: the driver {error.name} is not installed") from None
    except (ArgumentError, SQLAlchemyError):
        raise SourceError(
            "location: an address such as postgresql+psycopg://host/database or sqlite:////folder/file was expected"
        ) from None
