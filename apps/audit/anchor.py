"""Where the heads of blocks are kept outside of PostgreSQL: a file, an object store, or a webhook."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import fsspec
from django.conf import settings

from apps.audit.verifier import canonical
from apps.core.webhooks import post_json

Block = dict[str, Any]


class AnchorFailed(Exception):
    """The anchor did not take or give a block."""


class Anchor(Protocol):
    """Keeps blocks by number. `keep` of what is kept already changes nothing."""

    def last(self) -> Block | None: ...
    def keep(self, block: Block) -> None: ...
    def blocks(self) -> Iterator[Block]: ...


def the_anchor() -> Anchor:
    """What the setting AUDIT_ANCHOR names."""
    parts = urlsplit(settings.AUDIT_ANCHOR)
    if parts.scheme in {"", "file"}:
        return FileAnchor(Path(unquote(parts.path)))
    if parts.scheme in {"http", "https"}:
        return WebhookAnchor(settings.AUDIT_ANCHOR)
    return ObjectAnchor(settings.AUDIT_ANCHOR)


def anchor_place() -> tuple[str, str]:
    """What kind of anchor the setting names (file, object, webhook), and where; without passwords and keys."""
    parts = urlsplit(settings.AUDIT_ANCHOR)
    if parts.scheme in {"", "file"}:
        return "file", unquote(parts.path)
    place = f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    return ("webhook" if parts.scheme in {"http", "https"} else "object"), place


class FileAnchor:
    """A folder with a file of lines that is only ever appended to and flushed to the disk."""

    def __init__(self, folder: Path, name: str = "blocks.jsonl") -> None:
        self.path = folder / name

    def last(self) -> Block | None:
        """The last whole block, read from the end of the file."""
        try:
            with self.path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                span = 1 << 16
                while True:
                    file.seek(max(0, end - span))
                    lines = file.read().split(b"\n")
                    # The first may be cut; what cannot be read is the line that a crash cut off.
                    for line in reversed(lines if span >= end else lines[1:]):
                        if block := _parsed(line):
                            return block
                    if span >= end:
                        return None
                    span *= 4
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AnchorFailed(str(error)) from error

    def keep(self, block: Block) -> None:
        last = self.last()
        if last is not None and last["hash"] == block["hash"]:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                if file.tell() and not self._ends_whole():
                    file.write(b"\n")
                file.write(canonical(block) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise AnchorFailed(str(error)) from error

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def blocks(self) -> Iterator[Block]:
        try:
            with self.path.open("rb") as file:
                for line in file:
                    if block := _parsed(line):
                        yield block
        except FileNotFoundError:
            return
        except OSError as error:
            raise AnchorFailed(str(error)) from error


class ObjectAnchor:
    """One object a block in a store that fsspec knows; its bucket should refuse to overwrite and to delete."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def _names(self) -> list[str]:
        self.files, root = fsspec.core.url_to_fs(self.url)
        # Listings are kept for a process's life, and another process writes the blocks.
        self.files.invalidate_cache()
        try:
            return sorted(name for name in self.files.ls(root, detail=False) if name.endswith(".json"))
        except FileNotFoundError:
            return []

    def last(self) -> Block | None:
        try:
            names = self._names()
            return json.loads(self.files.cat_file(names[-1])) if names else None
        except Exception as error:  # each store has errors of its own
            raise AnchorFailed(f"{type(error).__name__}: {error}") from error

    def keep(self, block: Block) -> None:
        try:
            with fsspec.open(f"{self.url}/{block['number']:012}.json", "wb") as file:
                file.write(canonical(block))
        except Exception as error:
            raise AnchorFailed(f"{type(error).__name__}: {error}") from error

    def blocks(self) -> Iterator[Block]:
        try:
            for name in self._names():
                yield json.loads(self.files.cat_file(name))
        except Exception as error:
            raise AnchorFailed(f"{type(error).__name__}: {error}") from error


class WebhookAnchor:
    """Posts each block; the receiver keeps it, by number and hash, for it may come twice. It cannot be read from here:
    `verify_audit --anchor FILE` takes what the receiver has kept."""

    def __init__(self, url: str) -> None:
        self.url = url

    def last(self) -> None:
        return None

    def keep(self, block: Block) -> None:
        try:
            post_json(self.url, canonical(block))
        except OSError as error:
            raise AnchorFailed(f"{type(error).__name__}: {error}") from error

    def blocks(self) -> Iterator[Block]:
        raise AnchorFailed("a webhook cannot be read; give --anchor FILE with what its receiver has kept")


def _parsed(line: bytes) -> Block | None:
    try:
        block = json.loads(line)
    except ValueError:
        return None
    return block if isinstance(block, dict) and {"number", "hash", "leaves"} <= block.keys() else None
