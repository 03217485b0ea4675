"""Spanish is whole: every string of code and templates is translated, and the compiled file is that of the text."""

import re

import pytest
from babel.messages.catalog import Catalog, Message

from config import messages

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{n\}|<[^>]+>")


@pytest.fixture(scope="module")
def spanish() -> Catalog:
    return messages.read("es")


@pytest.fixture(scope="module")
def used() -> list[Message]:
    return [message for message in messages.template() if message.id]


def _forms(text: str | list[str] | tuple[str, ...]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def test_strings_are_found_in_code_and_in_templates(used: list[Message]) -> None:
    ids = {form for message in used for form in _forms(message.id)}
    assert {"What speaks for it", "%(n)s cases", "newborn", "clinician", "Skip to the content"} <= ids
    assert len(ids) > 400


def test_every_string_is_translated(spanish: Catalog, used: list[Message]) -> None:
    missing = []
    for message in used:
        found = spanish.get(message.id, message.context)
        if found is None or found.fuzzy or not all(_forms(found.string)):
            missing.append(message.id)
    assert not missing, "run `python -m config.messages update` and translate"


def test_placeholders_and_markup_survive(spanish: Catalog) -> None:
    for message in spanish:
        if message.id:
            wanted = sorted(_PLACEHOLDER.findall(_forms(message.id)[-1]))
            for form in _forms(message.string):
                assert sorted(_PLACEHOLDER.findall(form)) == wanted, message.id


def test_the_compiled_file_is_in_step(spanish: Catalog) -> None:
    assert messages.path_of("es").with_suffix(".mo").read_bytes() == messages.compiled(spanish), (
        "run `python -m config.messages compile`"
    )


def test_nothing_is_left_over(spanish: Catalog, used: list[Message]) -> None:
    known = {(message.context, str(message.id)) for message in used}
    assert not [m.id for m in spanish if m.id and (m.context, str(m.id)) not in known]
