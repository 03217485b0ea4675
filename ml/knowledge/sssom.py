"""Reads mappings between vocabularies in SSSOM/TSV (https://mapping-commons.github.io/sssom/)."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ml.knowledge.lines import SourceFileError, line_error, numbered_lines
from ml.knowledge.model import Mapping

PREDICATES = {
    "skos:exactMatch": "exact",
    "owl:equivalentClass": "exact",
    "skos:closeMatch": "close",
    "skos:broadMatch": "broad",
    "skos:narrowMatch": "narrow",
    "skos:relatedMatch": "related",
}
_NEEDED = ("subject_id", "predicate_id", "object_id")
_CURIE = re.compile(r"[A-Za-z][\w.-]*:\S+$")
# the same vocabulary under the name that HPO's annotations use
_PREFIXES = {"Orphanet": "ORPHA"}


@dataclass(frozen=True, slots=True)
class MappingFile:
    """Mappings, with the release and the licence that the file's header states ("" where it states none).

    `labels` are those that the file gives to the ids.
    """

    release: str
    licence: str
    mappings: tuple[Mapping, ...]
    labels: dict[str, str] = field(default_factory=dict)


def read_sssom(path: Path) -> MappingFile:
    """Read one mapping set. Raises SourceFileError, which names file, line and column."""
    header: list[str] | None = None
    stated: dict[str, str] = {}
    mappings: set[Mapping] = set()
    labels: dict[str, str] = {}
    for number, line in numbered_lines(path):
        if line.startswith("#"):
            name, _, value = line.lstrip("# ").partition(":")
            stated[name.strip()] = value.strip().strip("\"'")
        elif header is None:
            header = line.split("\t")
            if missing := [name for name in _NEEDED if name not in header]:
                raise line_error(
                    path,
                    number,
                    f"the SSSOM columns {', '.join(_NEEDED)} were expected; it lacks {missing[0]}",
                )
        elif line.strip():
            cells = line.split("\t")
            if len(cells) < len(header):
                raise line_error(path, number, f"{len(header)} columns were expected, not {len(cells)}")
            row = dict(zip(header, cells, strict=False))
            for column in ("subject_id", "object_id"):
                if not _CURIE.match(row[column]):
                    raise line_error(
                        path, number, f"{column}: an id like MONDO:0000001 was expected, not {row[column]!r}"
                    )
            relation = PREDICATES.get(row["predicate_id"])
            if relation is None:
                raise line_error(
                    path,
                    number,
                    f"predicate_id: one of {', '.join(PREDICATES)} was expected, not {row['predicate_id']!r}",
                )
            # "Not" says that the mapping does not hold
            if row.get("predicate_modifier", "") != "Not":
                mappings.add(Mapping(_curie(row["subject_id"]), relation, _curie(row["object_id"])))
                for end in ("subject", "object"):
                    if label := row.get(f"{end}_label"):
                        labels[_curie(row[f"{end}_id"])] = label
    if header is None:
        raise SourceFileError(
            f"{path.name} has no header line: SSSOM columns {', '.join(_NEEDED)} were expected"
        )
    release = re.search(r"\d{4}-\d{2}-\d{2}", stated.get("mapping_set_version", ""))
    version = release.group() if release else stated.get("mapping_set_version", "")
    return MappingFile(version, stated.get("license", ""), tuple(sorted(mappings)), labels)


def _curie(text: str) -> str:
    prefix, _, local = text.partition(":")
    return f"{_PREFIXES.get(prefix, prefix)}:{local}"
