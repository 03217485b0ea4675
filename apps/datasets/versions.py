"""Looking into dataset versions, and deciding on those that are quarantined."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.problems import Conflict, Denied, FieldError, InvalidInput
from apps.datasets.models import DatasetCase, DatasetVersion
from apps.datasets.selectors import cases_of

SHORTEST_REASON = 10


@transaction.atomic
def read_cases(*, actor: Actor, version: DatasetVersion, **wanted: str) -> QuerySet[DatasetCase]:
    """The cases of a version of another source that fit; the look leaves a trace. Raises Denied.

    They stand under the source's own ids: no patient of this installation is among them. Of our own patients nobody
    here sees cases (their rows are counted, `cases_of`).
    """
    actor.require(Capability.DATASET_READ)
    if version.source_id is None:
        raise Denied("dataset.read", "dataset", (version.pk,))
    record_event(actor=actor, action="dataset.read", object_type="dataset", object_ids=[version.pk])
    return cases_of(version=version, **wanted)


@transaction.atomic
def decide_version(*, actor: Actor, version_id: UUID, accept: bool, reason: str) -> DatasetVersion:
    """Accept or reject a quarantined version, for a written reason. Raises Denied, InvalidInput, Conflict."""
    actor.require(Capability.DATASET_WRITE)
    version = (
        DatasetVersion.objects.select_for_update(of=("self",))
        .select_related("source")
        .filter(pk=version_id)
        .first()
    )
    if version is None:
        raise Denied("dataset.decide", "dataset", (version_id,))
    if version.state != DatasetVersion.State.QUARANTINED:
        raise Conflict(_("It is not quarantined, or somebody has decided already."))
    if len(reason.strip()) < SHORTEST_REASON:
        detail = _("Say in a sentence why; it is kept for whoever asks later.")
        raise InvalidInput([FieldError("reason", "too_short", detail)])
    version.state = DatasetVersion.State.ACCEPTED if accept else DatasetVersion.State.REJECTED
    version.decided_by_id, version.decided_at = actor.user_id, timezone.now()
    version.decision_reason = reason.strip()[:500]
    version.asks_for_training = bool(accept and version.source and version.source.retrains)
    version.save(
        update_fields=["state", "decided_by_id", "decided_at", "decision_reason", "asks_for_training"]
    )
    record_event(
        actor=actor,
        action="dataset.accept" if accept else "dataset.reject",
        object_type="dataset",
        object_ids=[version.pk],
        details={"reason": version.decision_reason},
    )
    return version
