"""Builds knowledge from the newest public releases, at the addresses of `online.toml` or of a file like it."""

import tomllib
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml.knowledge.build import OptionalSources, build_knowledge
from ml.knowledge.sources import SourceError, fetch
from ml.knowledge.store import KnowledgeError

ADDRESSES = Path(__file__).resolve().parent / "online.toml"
_NAMES = ("hpo", "orphapackets", "sssom", "translations")


@dataclass(frozen=True, slots=True)
class Addresses:
    """`hpo` is the address of a folder, the others of files."""

    hpo: str
    orphapackets: str
    sssom: tuple[str, ...]
    translations: str


def build_online(
    out: Path,
    addresses: Path = ADDRESSES,
    hpo: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    given: OptionalSources | None = None,
) -> Any:
    """Like `build_knowledge`, and fetches every source that `hpo` and `given` do not name. Raises KnowledgeError."""
    given = given or OptionalSources()
    try:
        public = read_addresses(addresses)
        with TemporaryDirectory(prefix="hoofbeat-knowledge-") as folder:
            origins: dict[Path, str] = {}

            def get(address: str) -> Path:
                say(f"fetching {address}")
                target = Path(folder) / str(len(origins)) / Path(urllib.parse.urlsplit(address).path).name
                target.parent.mkdir()
                fetch(address, target)
                origins[target] = address
                return target

            sources = OptionalSources(
                given.orphapackets or get(public.orphapackets),
                given.sssom or [get(address) for address in public.sssom],
                given.translations or get(public.translations),
                origins,
            )
            return build_knowledge(out, hpo or public.hpo, say, sources)
    except SourceError as error:
        raise KnowledgeError(str(error)) from error


def read_addresses(path: Path) -> Addresses:
    """Read a file of addresses. Raises SourceError, which names the key and what was expected."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{path} cannot be read as a file of addresses (TOML): {error}") from error
    if unknown := sorted(set(values) - set(_NAMES)):
        raise SourceError(f"{path.name}: {unknown[0]} is no source; {', '.join(_NAMES)} are")
    sssom = values.get("sssom")
    if not isinstance(sssom, list) or not sssom:
        raise SourceError(f"{path.name}, sssom: a list of http(s) addresses was expected, not {sssom!r}")
    return Addresses(
        hpo=_address(path, "hpo", values.get("hpo")),
        orphapackets=_address(path, "orphapackets", values.get("orphapackets")),
        sssom=tuple(_address(path, "sssom", value) for value in sssom),
        translations=_address(path, "translations", values.get("translations")),
    )


def _address(path: Path, name: str, value: object) -> str:
    if not isinstance(value, str) or urllib.parse.urlsplit(value).scheme not in ("http", "https"):
        raise SourceError(f"{path.name}, {name}: an http(s) address was expected, not {value!r}")
    return value
