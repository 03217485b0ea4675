"""Scoring what was asked with a candidate, unseen, after the answer has gone out (ADR 51).

The prediction is the row that waits: whatever the broker loses, the sweep finds it by its lack of a score. Nothing here
may fail a prediction.
"""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from celery import signature
from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.accounts.selectors import in_each_organisation
from apps.core.identifiers import first_uuid7
from apps.predictions.models import Prediction, ShadowScore
from apps.predictions.priors import stored_prior
from apps.registry.models import ModelVersion
from apps.registry.running import predictor_of, shadow_model
from apps.registry.selectors import current_shadow

logger = logging.getLogger(__name__)

TASK = "predictions.score_in_shadow"
HEAD = 10
# The sweep leaves alone what the queue may still bring, and what is so old that it would only delay what is new.
_YOUNGEST, _OLDEST = timedelta(minutes=1), timedelta(days=1)
_MOST_AT_ONCE = 200


def queue_shadow_score(prediction: Prediction) -> None:
    """Let the shadow, if there is one, score a prediction once it is committed.

    By the name of the task, which belongs to a floor above. A broker that does not answer is logged, no more.
    """
    shadow = shadow_model()
    if shadow is None or shadow.pk == prediction.model_id:
        return
    task = signature(TASK, args=(str(prediction.pk), str(prediction.organisation_id)))

    def send() -> None:
        task.apply_async(retry=False)

    transaction.on_commit(send, robust=True)


@transaction.atomic
def score_in_shadow(*, prediction_id: UUID) -> None:
    """Score one prediction of the organisation in whose scope this is called. Idempotent."""
    shadow = current_shadow()
    prediction = Prediction.objects.filter(pk=prediction_id).first()
    if shadow is None or prediction is None or prediction.model_id == shadow.model_id:
        return
    if ShadowScore.objects.filter(prediction=prediction, model=shadow.model).exists():
        return
    # Two deliveries at once: the second one is of no use.
    ShadowScore.objects.bulk_create([_scored(prediction, shadow.model)], ignore_conflicts=True)


def _scored(prediction: Prediction, model: ModelVersion) -> ShadowScore:
    score = ShadowScore(prediction=prediction, model=model)
    try:
        predictor = predictor_of(model)
        query = predictor.resolve(**prediction.input)
        prior = stored_prior(prediction.output.get("prior")).for_engine(predictor)
        answer = predictor.predict(query, top=HEAD, prior=prior)
    except Exception as error:
        # A candidate may fail in any way; its text may repeat a finding, so the kind alone is kept.
        score.error = type(error).__name__
        logger.warning("model %s in the shadow could not score: %s", model.number, score.error)
        return score
    shown = [disease for disease, _probability in prediction.output["ranking"][:HEAD]]
    score.head = [[ranked.id, ranked.probability] for ranked in answer.ranking]
    listed = [disease for disease, _probability in score.head]
    score.same_first = listed[:1] == shown[:1]
    score.shared_of_ten = len(set(listed) & set(shown))
    score.latency_ms = answer.seconds * 1000
    return score


def score_what_was_lost(*, now: datetime) -> int:
    """Score the newest predictions that have no score yet, a bounded number of each organisation: how many."""
    shadow = current_shadow()
    if shadow is None:
        return 0
    since = first_uuid7(max(shadow.created_at, now - _OLDEST))
    until = first_uuid7(now - _YOUNGEST)
    scored = ShadowScore.objects.filter(prediction_id=OuterRef("pk"), model=shadow.model)

    def here(_organisation_id: UUID) -> int:
        waiting = Prediction.objects.filter(~Exists(scored), pk__gte=since, pk__lt=until)
        ids = waiting.exclude(model=shadow.model).order_by("-pk").values_list("pk", flat=True)
        lost = list(ids[:_MOST_AT_ONCE])
        for prediction_id in lost:
            score_in_shadow(prediction_id=prediction_id)
        return len(lost)

    return sum(in_each_organisation(here))
