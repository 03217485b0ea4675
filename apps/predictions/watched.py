"""Stored predictions as monitoring reads them (`ml.monitoring.records`): nothing in them says who a patient is.

One of each case, the last. Those whose data are restricted (GDPR art. 18) are left out. There is no scope in which the
rows of all organisations are there, so each question is asked in one after the other: one query each.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, Func, JSONField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from apps.accounts.selectors import in_each_organisation
from apps.cases.models import Outcome
from apps.core.identifiers import first_uuid7
from apps.predictions.models import Feedback, Prediction
from apps.predictions.reproduction import INPUT, make_again
from apps.predictions.selectors import unrestricted
from apps.registry.models import ModelVersion
from ml.monitoring.records import PredictionRecord
from ml.serving.age import years_of

# However long a window was chosen to be: some 20 MB.
MOST_WATCHED = 5_000
# A confirmed diagnosis that is none of the list: no id, so no place in it.
NONE_OF_THESE = "none of these"
_HEAD = 20


def newest(*, model: ModelVersion, n: int, days: int | None, confirmed: bool) -> list[UUID]:
    """The last `n` predictions of `model`, or those of the last `days` (at most MOST_WATCHED), newest first.

    `confirmed`: only those of which it is known what it was.
    """
    most = MOST_WATCHED if days else n
    since = first_uuid7(timezone.now() - timedelta(days=days)) if days else None

    def here(_organisation_id: UUID) -> list[UUID]:
        rows = _last_ones(confirmed).filter(model=model)
        rows = rows.filter(pk__gte=since) if since else rows
        return list(rows.order_by("-pk").values_list("pk", flat=True)[:most])

    return sorted((pk for found in in_each_organisation(here) for pk in found), reverse=True)[:most]


def oldest(
    *, model: ModelVersion | None, since: datetime, before: UUID | None, n: int, confirmed: bool
) -> list[UUID]:
    """The first `n` predictions from `since` to `before` (None: to now), oldest first; model None: of any model."""

    def here(_organisation_id: UUID) -> list[UUID]:
        rows = _last_ones(confirmed).filter(pk__gte=first_uuid7(since))
        rows = rows.filter(pk__lt=before) if before else rows
        rows = rows.filter(model=model) if model else rows
        return list(rows.order_by("pk").values_list("pk", flat=True)[:n])

    return sorted(pk for found in in_each_organisation(here) for pk in found)[:n]


def _last_ones(confirmed: bool) -> QuerySet[Prediction]:
    newer = Prediction.objects.filter(case_id=OuterRef("case_id"), pk__gt=OuterRef("pk"))
    rows = unrestricted(Prediction.objects.filter(~Exists(newer)))
    if confirmed:
        told = Outcome.objects.filter(case_id=OuterRef("case_id"))
        said = Feedback.objects.filter(prediction_id=OuterRef("pk"))
        rows = rows.filter(Exists(told) | Q(case__isnull=True) & Exists(said))
    return rows.order_by()


def records_of(prediction_ids: Sequence[UUID]) -> list[PredictionRecord]:
    """Their records, oldest first, with their outcome where one is known.

    A prediction that belongs to no case and repeats another of the same organisation counts once: it tells nothing new.
    """
    wanted = list(prediction_ids)
    found = in_each_organisation(lambda _organisation_id: list(_rows(wanted))) if wanted else []
    records: list[PredictionRecord] = []
    seen: set[tuple[str, str]] = set()
    for row in sorted((row for rows in found for row in rows), key=lambda row: row["pk"]):
        if row["case_id"] is None:
            repeated = (str(row["organisation_id"]), repr(row["input"]))
            if repeated in seen:
                continue
            seen.add(repeated)
        records.append(_record(row))
    return records


def _rows(wanted: list[UUID]) -> Any:
    told = Outcome.objects.filter(case_id=OuterRef("case_id")).order_by("-id")
    said = Feedback.objects.filter(prediction_id=OuterRef("pk")).order_by("-id")
    head = Func("output", function="jsonb_path_query_array", output_field=JSONField())
    head.template = f"%(function)s(%(expressions)s, '$.ranking[0 to {_HEAD - 1}]')"
    return Prediction.objects.filter(pk__in=wanted).values(
        "pk", "created_at", "case_id", "organisation_id", "input", "notices", "latency_ms",
        "output__none_of_these",
        head=head,
        told=Subquery(told.values("pk")[:1]),
        told_disease=Subquery(told.values("disease_id")[:1]),
        told_ids=Subquery(told.values("disease__ids")[:1]),
        said=Subquery(said.values("pk")[:1]),
        said_disease=Subquery(said.values("disease_id")[:1]),
        said_ids=Subquery(said.values("disease__ids")[:1]),
    )  # fmt: skip


def _record(row: dict[str, Any]) -> PredictionRecord:
    given, head = row["input"], tuple((str(disease), float(p)) for disease, p in row["head"])
    none = row["output__none_of_these"]
    return PredictionRecord(
        id=str(row["pk"]),
        at=row["created_at"],
        present=tuple(given["present"]),
        absent=tuple(given["absent"]),
        uncertain=tuple(given.get("uncertain", ())),
        replaced=sum(notice["code"] == "replaced" for notice in row["notices"]),
        age_years=years_of(given["age"]) if given["age"] else None,
        sex=given["sex"],
        organisation=str(row["organisation_id"]),
        head=head,
        none_of_these=None if none is None else float(none),
        outcome=_outcome(row, "told" if row["case_id"] else "said", head),
        latency_ms=row["latency_ms"],
    )


def _outcome(row: dict[str, Any], source: str, head: tuple[tuple[str, float], ...]) -> str | None:
    """The id in the head that the confirmed disease means, or its own where it is not there; None: not known yet."""
    if row[source] is None:
        return None
    disease = row[f"{source}_disease"]
    if disease is None:
        return NONE_OF_THESE
    ids = {disease, *(row[f"{source}_ids"] or ())}
    return next((listed for listed, _probability in head if listed in ids), disease)


def replayed(prediction_ids: Sequence[UUID]) -> tuple[list[PredictionRecord], list[PredictionRecord]]:
    """(as stored, as the stored model answers now), with whole lists, for `ml.monitoring.operation.skew_checks`."""
    wanted = list(prediction_ids)
    pairs = [pair for pairs in in_each_organisation(lambda _id: _replayed(wanted)) for pair in pairs]
    return [stored for stored, _again in pairs], [again for _stored, again in pairs]


def _replayed(wanted: list[UUID]) -> list[tuple[PredictionRecord, PredictionRecord]]:
    rows = {row["pk"]: row for row in _rows(wanted)}
    pairs = []
    for prediction in Prediction.objects.filter(pk__in=wanted).select_related("model"):
        stored = replace(_record(rows[prediction.pk]), head=_whole(prediction.output))
        output, differences = make_again(prediction)
        again = replace(stored, head=() if output is None else _whole(output))
        if any(part == INPUT for part, _detail in differences):
            # What the model makes of it now is not told, only that it is something else.
            again = replace(again, present=(), absent=(), uncertain=(), age_years=None, sex=None)
        pairs.append((stored, again))
    return pairs


def _whole(output: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    return tuple((str(disease), float(probability)) for disease, probability in output["ranking"])
