"""What the gates say of a model before it may be released, as `python -m ml gates` writes it."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.core.problems import FieldError, InvalidInput
from apps.registry.models import GateReport, ModelVersion

PASSED, FAILED, INSUFFICIENT = "passed", "failed", "insufficient_evidence"
VERDICTS = (PASSED, FAILED, INSUFFICIENT)
_TEXTS = ("name", "verdict", "reason")


@transaction.atomic
def record_gates(*, actor: Actor, model: ModelVersion, results: Any) -> GateReport:
    """Keep what the gates said: a list of {name, figure, threshold, verdict, reason}. Raises InvalidInput."""
    if errors := list(_faults(results)):
        raise InvalidInput(errors)
    report = GateReport.objects.create(model=model, results=results, recorded_by_id=actor.user_id)
    record_event(
        actor=actor,
        action="model.gates",
        object_type="model",
        object_ids=[model.pk],
        details={"number": model.number, "verdicts": _counts(results)},
    )
    return report


def named(results: Sequence[dict[str, Any]], verdict: str) -> list[dict[str, Any]]:
    """The results with that verdict."""
    return [result for result in results if result["verdict"] == verdict]


def _counts(results: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {verdict: len(named(results, verdict)) for verdict in VERDICTS}


def _faults(results: Any) -> list[FieldError]:
    if not isinstance(results, list) or not results:
        return [FieldError("results", "no_gates", _("A list with the result of each gate was expected."))]
    faults = []
    for number, result in enumerate(results):
        field = f"results[{number}]"
        if not isinstance(result, dict) or not all(isinstance(result.get(key), str) for key in _TEXTS):
            detail = _("Each result needs a name, a verdict and a reason as texts.")
            faults.append(FieldError(field, "no_result", detail))
        elif result["verdict"] not in VERDICTS:
            detail = _("The verdict of a gate is one of: %(known)s.") % {"known": ", ".join(VERDICTS)}
            faults.append(FieldError(field, "unknown_verdict", detail, result["verdict"][:40]))
    return faults
