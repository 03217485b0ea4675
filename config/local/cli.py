"""`python -m config.local run [--port N] [--var DIR]` and `python -m config.local test -- WORD ...`."""

import argparse
import os
import sys
from pathlib import Path

from config.local.errors import LocalError
from config.local.run import Options, run
from config.local.temporary import run_python


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise LocalError(f"PORT is {text!r}; say a whole number from 1 to 65535, or 0 for any free port.")
    return int(text)


def _made_folder(name: str) -> Path | None:
    """The folder that variable `name` names, made by `python -m ml` elsewhere; None when it is not set."""
    text = os.environ.get(name)
    if not text:
        return None
    folder = Path(text).resolve()
    if not (folder / "manifest.json").is_file():
        raise LocalError(
            f"{name} is {text!r}, which holds no manifest.json; give a folder that `python -m ml` made."
        )
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m config.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser(
        "run",
        help="bring the whole system up and keep it up until Ctrl-C",
        epilog="HOOFBEAT_KNOWLEDGE and HOOFBEAT_MODEL name folders that `python -m ml knowledge build` and "
        "`python -m ml train` made elsewhere; they are used instead of building and training here.",
    )
    running.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: $PORT or 8000")
    running.add_argument(
        "--var", default=os.environ.get("VAR") or "var", help="state; default: $VAR or ./var"
    )
    for name, what in (("test", "pytest"), ("python", "Python")):
        testing = commands.add_parser(name, help=f"run {what} beside a temporary PostgreSQL and Valkey")
        testing.add_argument("words", nargs="*", metavar="WORD", help=f"for {what}, after --")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 1 after one clear sentence; `test` and `python` return their command's."""
    try:
        if not sys.platform.startswith("linux"):
            raise LocalError("The embedded servers need Linux; elsewhere use docker-compose.yml.")
        chosen = _parser().parse_args(arguments)
        if chosen.command != "run":
            return run_python([*(("-m", "pytest") if chosen.command == "test" else ()), *chosen.words])
        run(
            Options(
                port=_port(chosen.port),
                var=Path(chosen.var).absolute(),
                knowledge=_made_folder("HOOFBEAT_KNOWLEDGE"),
                model=_made_folder("HOOFBEAT_MODEL"),
            )
        )
    except LocalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'The operating system'}: {error.strerror or error}.\n")
        return 1
    return 0
