"""Which rows a patient is in: all that hang on him by foreign keys, at any depth, in whatever app.

The tables are found and not listed, so that one which is added later is erased as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models
from psycopg import sql

from apps.audit.models import AuditEvent
from apps.cases.models import Patient
from apps.core.models import AnsweredRequest

# Deleting from these needs the owner's door, for they are append-only.
PROTECTED = (
    "predictions_prediction",
    "predictions_feedback",
    "predictions_shadowscore",
    "cases_rowversion",
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Primary keys of one table's rows."""

    model: type[models.Model]
    keys: frozenset[Any]

    @property
    def table(self) -> str:
        return self.model._meta.db_table


def find_rows(*, organisation_id: UUID, patient_id: UUID) -> list[Rows]:
    """The patient's rows by table, each before what it hangs on; answers kept for repetition are among them."""
    found: dict[type[models.Model], set[Any]] = {}
    start = Patient._base_manager.filter(pk=patient_id, organisation_id=organisation_id)
    _follow(Patient, set(start.values_list("pk", flat=True)), found)
    if answers := _answers_about(organisation_id, patient_id):
        found[AnsweredRequest] = answers
    return [Rows(model, frozenset(found[model])) for model in _children_first(found)]


def count_rows(rows: list[Rows]) -> dict[str, int]:
    """Number of rows by table."""
    return {row.table: len(row.keys) for row in rows}


def delete_rows(rows: Rows) -> int:
    """Delete them, each table by itself, and say how many there were; foreign keys are checked at the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(
                sql.Identifier(rows.table), sql.Identifier(str(rows.model._meta.pk.column))
            ),
            [list(rows.keys)],
        )
        return int(cursor.rowcount)


def _follow(model: type[models.Model], keys: set[Any], found: dict[type[models.Model], set[Any]]) -> None:
    new = keys - found.get(model, set())
    if not new:
        return
    found.setdefault(model, set()).update(new)
    for field in _pointing_at(model):
        pointing = field.model._base_manager.filter(**{f"{field.name}__in": new})
        _follow(field.model, set(pointing.values_list("pk", flat=True)), found)


def _children_first(found: Iterable[type[models.Model]]) -> list[type[models.Model]]:
    """Rows are there for row-level security as long as the row is that they hang on; so that one goes last."""
    tables = sorted(found, key=lambda model: model._meta.db_table)
    children = {model: {field.model for field in _pointing_at(model)} - {model} for model in tables}
    return [model for model in TopologicalSorter(children).static_order() if model in children]


def _pointing_at(model: type[models.Model]) -> list[models.ForeignKey]:
    """The foreign keys that lead to `model`; those of tables without a relation back are found, too."""
    return [
        field
        for other in apps.get_models(include_auto_created=True)
        for field in other._meta.local_fields
        if isinstance(field, models.ForeignKey) and field.related_model is model and other._meta.managed
    ]


def _answers_about(organisation_id: UUID, patient_id: UUID) -> set[Any]:
    """Answers of requests that showed or changed the patient: their audit events name him and the request.

    An answer says itself nothing of whom it is about, for only its caller can open it.
    """
    answers = AnsweredRequest.objects.filter(organisation_id=organisation_id)
    requests = AuditEvent.objects.filter(
        patient_ids__contains=[patient_id], request_id__in=answers.values("request_id")
    )
    # Those without a request's id are from before such were kept, and may be about anybody.
    about = models.Q(request_id="") | models.Q(request_id__in=requests.values("request_id"))
    return set(answers.filter(about).values_list("pk", flat=True))
