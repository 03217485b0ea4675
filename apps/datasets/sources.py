"""Sources of data: adding, changing, disabling them, and renewing the keys of their credentials."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import SYSTEM, Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.encryption import key_provider
from apps.core.problems import Denied, FieldError, InvalidInput
from apps.datasets.checking import check
from apps.datasets.models import DataSource

FIELDS = (
    "name", "kind", "location", "options", "format", "shape", "finding_mappings", "diagnosis_mappings",
    "error_budget", "retrains", "every_hours", "is_enabled",
)  # fmt: skip


@transaction.atomic
def add_source(*, actor: Actor, values: Mapping[str, Any], credentials: Mapping[str, str]) -> DataSource:
    """A new source with the `values` of FIELDS. Raises InvalidInput, which names each field that is wrong."""
    _require(actor)
    source = DataSource(created_by_id=actor.user_id)
    _fill(source, values, credentials)
    _save(source, is_new=True)
    record_event(
        actor=actor,
        action="source.add",
        object_type="source",
        object_ids=[source.pk],
        details={"kind": source.kind, "with_credentials": source.has_credentials},
    )
    return source


@transaction.atomic
def change_source(
    *, actor: Actor, source_id: UUID, values: Mapping[str, Any], credentials: Mapping[str, str] | None = None
) -> DataSource:
    """Change what `values` names; credentials stay as they are without new ones ({}: they are removed).

    Raises InvalidInput and Denied.
    """
    _require(actor)
    source = DataSource.objects.select_for_update().filter(pk=source_id).first()
    if source is None:
        raise Denied("source.change", "source", (source_id,))
    before = {field: getattr(source, field) for field in FIELDS}
    _fill(source, values, credentials)
    _save(source, is_new=False)
    changed = [field for field in FIELDS if getattr(source, field) != before[field]]
    record_event(
        actor=actor,
        action="source.change",
        object_type="source",
        object_ids=[source.pk],
        # The names of the fields alone: an address may say more than the trail should keep.
        details={"fields": changed + (["credentials"] if credentials is not None else [])},
    )
    return source


def rotate_source_keys() -> int:
    """Wrap the keys of all credentials by the current master key; the number of those that were not yet."""
    current = key_provider().current()
    done = 0
    for source_id in (
        DataSource.objects.exclude(wrapped_key=b"").exclude(master_key=current).values_list("pk", flat=True)
    ):
        with transaction.atomic():
            source = DataSource.objects.select_for_update().get(pk=source_id)
            source.wrap(source.data_key())
            source.save(update_fields=["master_key", "wrapped_key"])
            record_event(
                actor=SYSTEM, action="source.rotate_key", object_type="source", object_ids=[source_id]
            )
        done += 1
    return done


def _require(actor: Actor) -> None:
    if actor is not SYSTEM:
        actor.require(Capability.DATASET_WRITE)


def _fill(source: DataSource, values: Mapping[str, Any], credentials: Mapping[str, str] | None) -> None:
    for field in FIELDS:
        if field in values:
            setattr(source, field, values[field])
    if credentials is not None:
        source.credentials = dict(credentials)
    check(source)


def _save(source: DataSource, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            source.save(force_insert=is_new)
    except IntegrityError as error:
        detail = _("There is a source of this name already.")
        raise InvalidInput([FieldError("name", "taken", detail)]) from error
