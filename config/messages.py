"""Translations of the interface, without the gettext programs.

`python -m config.messages update` takes new strings of code and templates into `locale/es/LC_MESSAGES/django.po`;
`python -m config.messages compile` writes the `.mo` beside it that Django reads. Both need the development tools.
"""

import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("es",)
_METHODS = [
    ("apps/**.py", "python"),
    ("config/**.py", "python"),
    ("templates/**.html", "config.messages:extract_template"),
]
_KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "pgettext_lazy": ((1, "c"), 2),
    "ngettext_lazy": (1, 2),
}
_CALL = re.compile(r"\b(?:gettext|ngettext|pgettext|npgettext)\(")


def extract_template(
    file: BinaryIO, keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[Any, ...]]:
    """Babel's extraction method for Django templates: Django itself turns them into calls of gettext."""
    text = templatize(file.read().decode())
    for number, line in enumerate(text.splitlines(), start=1):
        if _CALL.search(line):
            # Around the calls the line holds what is left of the markup.
            for call in _calls(line):
                source = io.BytesIO(call.encode())
                for _line, function, messages, comments in extract_python(
                    source, keywords, comment_tags, options
                ):
                    yield number, function, messages, comments


def _calls(line: str) -> Iterator[str]:
    """Each call of gettext in a line, up to its closing bracket."""
    for match in _CALL.finditer(line):
        depth, quote, end = 0, "", match.end() - 1
        for end in range(match.end() - 1, len(line)):
            character = line[end]
            if quote:
                if character == quote and line[end - 1] != "\\":
                    quote = ""
            elif character in "'\"":
                quote = character
            else:
                depth += {"(": 1, ")": -1}.get(character, 0)
                if depth == 0:
                    break
        yield line[match.start() : end + 1]


def template() -> Catalog:
    """Every string of the interface, without translations."""
    catalog = Catalog(project="Hoofbeat", charset="utf-8")
    found = extract_from_dir(
        str(ROOT),
        method_map=_METHODS,
        keywords=_KEYWORDS,
        directory_filter=lambda path: "migrations" not in path,
    )
    for name, line, message, comments, context in found:
        catalog.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return catalog


def path_of(language: str) -> Path:
    """The translations of one language, as text."""
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """The translations of one language; empty when there is no file yet."""
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """The `.mo` file of a catalogue."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def update() -> None:
    """Take new strings in, and leave out what is no longer used."""
    for language in LANGUAGES:
        catalog = read(language)
        dates = catalog.creation_date, catalog.revision_date
        catalog.update(template(), no_fuzzy_matching=True)
        # The same strings give the same file.
        catalog.creation_date, catalog.revision_date = dates
        catalog.obsolete.clear()
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        with path_of(language).open("wb") as file:
            write_po(file, catalog, width=110, sort_by_file=True, omit_header=False, include_lineno=False)


def compile_all() -> None:
    """Write the `.mo` files."""
    for language in LANGUAGES:
        path_of(language).with_suffix(".mo").write_bytes(compiled(read(language)))


COMMANDS: dict[str, Callable[[], None]] = {"update": update, "compile": compile_all}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]]()
