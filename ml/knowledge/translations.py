"""Reads translated labels of HPO terms in the Babelon format (https://github.com/obophenotype/hpo-translations)."""

from pathlib import Path

from ml.knowledge.lines import SourceFileError, line_error, numbered_lines
from ml.knowledge.model import Translation

_NEEDED = (
    "subject_id", "predicate_id", "translation_language", "translation_value", "translation_status",
)  # fmt: skip


def read_babelon(path: Path) -> tuple[Translation, ...]:
    """The translated labels of a file; other properties (definitions) are left out. Raises SourceFileError."""
    header: list[str] | None = None
    found: set[Translation] = set()
    for number, line in numbered_lines(path):
        cells = line.split("\t")
        if header is None:
            header = cells
            if missing := [name for name in _NEEDED if name not in header]:
                raise line_error(
                    path,
                    number,
                    f"the Babelon columns {', '.join(_NEEDED)} were expected; it lacks {missing[0]}",
                )
            continue
        if not line.strip():
            continue
        if len(cells) < len(header):
            raise line_error(path, number, f"{len(header)} columns were expected, not {len(cells)}")
        row = dict(zip(header, cells, strict=False))
        if not row["subject_id"].startswith("HP:"):
            raise line_error(
                path, number, f"subject_id: an id like HP:0000118 was expected, not {row['subject_id']!r}"
            )
        if row["predicate_id"] == "rdfs:label" and (label := " ".join(row["translation_value"].split())):
            found.add(
                Translation(row["subject_id"], row["translation_language"], label, row["translation_status"])
            )
    if not found:
        raise SourceFileError(f"{path.name} holds no translated label (rdfs:label)")
    return tuple(sorted(found))
