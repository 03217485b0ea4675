"""What the inventory does not say of the database as it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models

from apps.core.encryption import sealed
from apps.privacy.inventory import TABLES, Kind, Table


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that somebody has to decide: a column ("app.Model.field") or table, and what is wrong with it."""

    place: str
    complaint: str


def all_columns() -> Iterator[tuple[type[models.Model], models.Field]]:
    """Every column of every table that this installation has, libraries' included."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy:
            for field in model._meta.local_fields:
                yield model, field


def find_gaps() -> list[Gap]:
    """Columns that nobody classified, declarations of what there is not, and personal columns in clear."""
    columns: dict[str, set[str]] = {}
    models_by_label: dict[str, type[models.Model]] = {}
    for model, field in all_columns():
        columns.setdefault(model._meta.label, set()).add(field.name)
        models_by_label[model._meta.label] = model
    gaps: list[Gap] = []
    for label in sorted(columns.keys() | TABLES.keys()):
        declared = set(TABLES[label].columns) if label in TABLES else set()
        actual = columns.get(label, set())
        gaps += [Gap(f"{label}.{name}", "is not classified") for name in sorted(actual - declared)]
        gaps += [Gap(f"{label}.{name}", "is classified, but not there") for name in sorted(declared - actual)]
        if label in TABLES and label in models_by_label:
            gaps += _in_clear(label, TABLES[label], sealed_columns(models_by_label[label]))
    return gaps


def sealed_columns(model: type[models.Model]) -> set[str]:
    """The columns of `model` that are written and read as ciphertext (`apps.core.encryption.sealed`)."""
    return {value.column for value in vars(model).values() if isinstance(value, sealed)}


def _in_clear(label: str, table: Table, encrypted: set[str]) -> Iterator[Gap]:
    personal = {name for name, kind in table.columns.items() if kind == Kind.PERSONAL}
    reasons = set(table.unsealed)
    if table.activity.of_patients:
        for name in sorted(personal - encrypted - reasons):
            yield Gap(
                f"{label}.{name}", "is personal data of patients, but not sealed, and nobody said why not"
            )
    for name in sorted(encrypted - personal):
        yield Gap(f"{label}.{name}", "is sealed, but not classified as personal")
    for name in sorted(reasons - (personal - encrypted)):
        yield Gap(f"{label}.{name}", "has a reason for being in clear, but needs none")
