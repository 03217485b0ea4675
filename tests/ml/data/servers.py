"""A server on this machine whose answers a test scripts, a clock that nobody waits for, and one way to ingest."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from ml.cli import main


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answered:
    """What a script answers; a body that is no bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Asked], Answered]


class Served:
    """A running server; `asked` is what came."""

    def __init__(self, script: Script) -> None:
        self.asked: list[Asked] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(
                    self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()), body
                )
                served.asked.append(asked)
                answer = script(asked)
                content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(script: Script) -> Iterator[Served]:
    """A server for the length of a block."""
    served = Served(script)
    try:
        yield served
    finally:
        served.close()


class FakeClock:
    """Sleeping takes no time, and is written down."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.time += seconds


SHAPE = """
source: clinic
id: id
diagnosis: verdict
findings: [{field: said, state: present}]
"""


def visit(number: int) -> dict[str, Any]:
    """A record for SHAPE."""
    return {"id": f"v{number}", "verdict": "OMIM:154700", "said": ["HP:0001166", f"code {number % 3}"]}


@dataclass(frozen=True)
class Outcome:
    """What `python -m ml ingest` left behind; `report` is None where there is no dataset."""

    code: int
    ids: list[str]
    report: dict[str, Any] | None
    out: Path


def ingest(folder: Path, source: dict[str, Any] | str, shape: str | None = SHAPE, *options: str) -> Outcome:
    """Write a source file and run the command."""
    if shape is not None:
        (folder / "shape.yaml").write_text(shape)
    if isinstance(source, dict):
        source = yaml.safe_dump(source | ({} if shape is None else {"shape": "shape.yaml"}))
    (folder / "source.yaml").write_text(source)
    out = folder / "out"
    code = main(
        [
            "ingest",
            str(folder / "source.yaml"),
            "--snapshot",
            str(folder / "raw"),
            "--out",
            str(out),
            *options,
        ]
    )
    if not out.exists():
        return Outcome(code, [], None, out)
    (cases,) = out.glob("*.jsonl.gz")
    lines = gzip.decompress(cases.read_bytes()).decode().splitlines()
    report = json.loads((out / "report.json").read_text())
    return Outcome(code, [json.loads(line)["id"] for line in lines], report, out)


def cases_of(outcome: Outcome) -> list[dict[str, Any]]:
    """The canonical records."""
    (cases,) = outcome.out.glob("*.jsonl.gz")
    return [json.loads(line) for line in gzip.decompress(cases.read_bytes()).decode().splitlines()]
