"""What is wrong with a source, field by field, as `ml.data` judges it: nothing is asked of anybody for that."""

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.problems import FieldError, InvalidInput
from apps.datasets.models import DataSource
from ml.data.codes import MappingError
from ml.data.connectors import Source, SourceError, check_source, kinds
from ml.data.fhir import FIELDS
from ml.data.shape import Shape, parse_shape
from ml.data.source_file import place_of_secret

MOST_TEXT = 2_000_000
# The file that a message names -> the field that holds it.
_FIELDS = {
    "shape.yaml": "shape",
    "findings.sssom.tsv": "finding_mappings",
    "diagnoses.sssom.tsv": "diagnosis_mappings",
}
_SOURCE_FIELDS = ("kind", "location", "options", "credentials")


def check(source: DataSource) -> None:
    """Raise InvalidInput with each mistake under the field that holds it."""
    errors = [*_of_connection(source), *_of_shape(source), *_of_limits(source)]
    if errors:
        raise InvalidInput(errors)


def connection_of(source: DataSource) -> Source:
    """As a connector takes it, with the secrets."""
    return Source(
        source.kind,
        source.location,
        dict(source.options),
        source.credentials,
        roots=tuple(settings.DATA_ROOTS),
    )


def shape_of(source: DataSource) -> Shape | None:
    """How its records are read; None: as phenopackets or canonical records. Raises MappingError."""
    if not source.shape.strip():
        return None
    tables = {"findings": source.finding_mappings, "diagnoses": source.diagnosis_mappings}
    return parse_shape(source.shape, tables, FIELDS if source.format == DataSource.Format.FHIR else None)


def takes_uploads_only(source: DataSource) -> bool:
    """Whether there is nothing to read but what people upload."""
    return source.kind == "files" and not source.location


def _of_connection(source: DataSource) -> Iterator[FieldError]:
    if not isinstance(source.options, dict):
        yield FieldError("options", "invalid", _("An object was expected, such as {}."))
        return
    said: dict[str, Any] = {"location": source.location, "options": source.options}
    if where := place_of_secret(said):
        detail = _("%(where)s seems to hold a secret, and is shown on pages; it belongs under credentials.")
        yield FieldError(where.split(".")[0].split("[")[0], "secret", detail % {"where": where})
        return
    if not all(isinstance(text, str) for pair in source.credentials.items() for text in pair):
        detail = _('An object of names and texts was expected, such as {"token": "..."}.')
        yield FieldError("credentials", "invalid", detail)
        return
    if source.kind not in kinds():
        yield FieldError(
            "kind", "unknown", _("One of %(kinds)s was expected.") % {"kinds": ", ".join(kinds())}
        )
        return
    if takes_uploads_only(source):
        return
    if not source.location.strip():
        yield FieldError("location", "required", _("An address, a file or a folder was expected."))
        return
    try:
        check_source(connection_of(source))
    except SourceError as error:
        yield _located(str(error))
    except Exception as error:  # what libraries say of it may repeat a secret
        detail = _("It cannot be used: %(kind)s.") % {"kind": type(error).__name__}
        yield FieldError("location", "invalid", detail)


def _of_shape(source: DataSource) -> Iterator[FieldError]:
    for field in ("shape", "finding_mappings", "diagnosis_mappings"):
        if len(getattr(source, field)) > MOST_TEXT:
            detail = _("At most %(n)s characters were expected.") % {"n": f"{MOST_TEXT:,}"}
            yield FieldError(field, "too_long", detail)
            return
    if not source.shape.strip():
        if source.format == DataSource.Format.FHIR:
            yield FieldError(
                "shape", "required", _("FHIR resources need a shape, which says what codes mean.")
            )
        elif source.finding_mappings.strip() or source.diagnosis_mappings.strip():
            yield FieldError("shape", "required", _("A mapping set is of use with a shape alone."))
        return
    try:
        shape_of(source)
    except MappingError as error:
        text = str(error)
        file = next((name for name in _FIELDS if text.startswith(name)), "shape.yaml")
        yield FieldError(_FIELDS[file], "invalid", text.removeprefix(file).lstrip(",: "))


def _of_limits(source: DataSource) -> Iterator[FieldError]:
    budget = source.error_budget
    if not 0 <= budget <= 1:
        yield FieldError("error_budget", "invalid", _("A share from 0 to 1 was expected, such as 0.05."))
    if source.every_hours is not None:
        if not 1 <= source.every_hours <= 24 * 365:
            yield FieldError("every_hours", "invalid", _("A number of hours from 1 to 8760 was expected."))
        elif takes_uploads_only(source):
            detail = _("A source without a location holds nothing that could be read by itself.")
            yield FieldError("every_hours", "invalid", detail)


def _located(text: str) -> FieldError:
    """The field that a message begins with; it stays in the text only where more than the field is said."""
    found = re.match(r"(\w+)((?:[.\[][^:,]*)?)[:,]\s*", text)
    if found is None or found.group(1) not in _SOURCE_FIELDS:
        return FieldError("location", "invalid", text)
    detail = text if found.group(2) else text[found.end() :]
    return FieldError(found.group(1), "invalid", detail)
