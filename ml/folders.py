"""Folders that appear complete or not at all."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ml.errors import EngineError


class OutputError(EngineError, ValueError):
    """The result cannot be written where it was asked for; the message says why."""


def write_folder(out: Path, content: Mapping[str, bytes]) -> None:
    """Write files into a temporary sibling of `out` and rename it, so that nobody ever sees half of them.

    An existing folder is replaced. Raises OutputError.
    """
    out = out.absolute()
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; a folder to write was expected")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error
    try:
        for name, raw in content.items():
            with (staging / name).open("wb") as stream:
                stream.write(raw)
                stream.flush()
                os.fsync(stream.fileno())
        staging.chmod(0o755)
        _replace(staging, out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write one file. Raises OutputError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def _replace(staging: Path, out: Path) -> None:
    # a folder cannot be renamed over a full one, so the old one steps aside first
    if not out.exists():
        staging.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
    out.rename(aside / out.name)
    staging.rename(out)
    shutil.rmtree(aside, ignore_errors=True)
