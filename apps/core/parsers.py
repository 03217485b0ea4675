"""Reading JSON that may be hostile."""

import json
from collections import Counter
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 has it, in UTF-8.

    What other readers let pass is malformed here: a name that stands twice in one object (they would silently keep
    one), NaN and Infinity, and nesting that is too deep for the interpreter.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        coding = (
            parser_context["request"].headers.get("Content-Encoding", "identity") if parser_context else ""
        )
        if coding.strip().lower() not in {"", "identity"}:
            # Nothing is unpacked here, so no bomb can go off (RFC 9110, section 15.5.16).
            raise UnsupportedMediaType("", _("A body in a content coding is not read; send it as it is."))
        try:
            return json.loads(stream.read().decode(), object_pairs_hook=_unique, parse_constant=_refuse)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        except UnicodeDecodeError as error:
            raise ParseError(_("The body is not UTF-8.")) from error
        except ValueError as error:
            raise ParseError(_("Malformed JSON: %(error)s") % {"error": error}) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _value in pairs).items() if count > 1)
        raise ParseError(
            _("Malformed JSON: %(name)s stands twice in one object.") % {"name": json.dumps(twice[:80])}
        )
    return members


def _refuse(constant: str) -> NoReturn:
    raise ParseError(_("Malformed JSON: %(name)s is no JSON value.") % {"name": constant})
