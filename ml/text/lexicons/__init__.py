"""Words and patterns of both languages, as text files that a clinician can review; `#` begins a comment line."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def lines(name: str) -> list[str]:
    """The lines of a lexicon, without comments and empty lines."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
