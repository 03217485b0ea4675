"""Reading the history: predictions of cases in the actor's care, and those he asked for without a case."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.accounts.actors import Actor
from apps.cases.selectors import list_cases, restrictions
from apps.core.capabilities import Capability
from apps.core.problems import Denied
from apps.predictions.models import Feedback, Prediction


def list_predictions(*, actor: Actor) -> QuerySet[Prediction]:
    """What the actor may see of the history, newest first."""
    if not actor.can(Capability.PREDICTION_READ):
        return Prediction.objects.none()
    own = Q(case__isnull=True, requested_by_id=actor.person)
    cared_for = Q(case__in=list_cases(actor=actor).order_by().values("pk"))
    return (
        with_successor(Prediction.objects.filter(own | cared_for, organisation_id=actor.scope))
        .select_related("model", "case__patient__key")
        .order_by("-id")
    )


def with_successor(predictions: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """The same, each with `superseded_by_id`: the newest prediction of its case, or None when it is that one itself."""
    newer = Prediction.objects.filter(case_id=OuterRef("case_id"), pk__gt=OuterRef("pk")).order_by("-id")
    return predictions.annotate(superseded_by_id=Subquery(newer.values("pk")[:1]))


def unrestricted(predictions: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """Those whose patients' data may leave the system (GDPR art. 18)."""
    return predictions.exclude(Exists(restrictions().filter(patient_id=OuterRef("case__patient_id"))))


def get_prediction(*, actor: Actor, prediction_id: UUID) -> Prediction:
    """One prediction; raises Denied when there is none that the actor may see."""
    prediction = list_predictions(actor=actor).filter(pk=prediction_id).first()
    if prediction is None:
        raise Denied("prediction.read", "prediction", (prediction_id,))
    return prediction


def list_feedback(*, actor: Actor) -> QuerySet[Feedback]:
    """Feedback on the predictions that the actor may see, newest first."""
    visible = list_predictions(actor=actor).order_by().values("pk")
    return Feedback.objects.filter(prediction__in=visible).select_related("disease", "prediction__case")
