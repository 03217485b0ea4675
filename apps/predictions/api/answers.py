"""What predictions look like to programs."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.knowledge.api import DiseaseReference, SourceReference, TermReference, sources
from apps.knowledge.models import Disease
from apps.knowledge.selectors import names_of
from apps.predictions.models import Feedback, Prediction
from apps.predictions.output import named_in, prior_of
from apps.predictions.services import Explained
from apps.registry.api import ModelReference
from ml.serving import Statement

ADVICE = "The system advises; a clinician decides."
# A list shows the head of each ranking; the whole is in the detail.
LISTED_RANKS = 3


class RankedAnswer(serializers.Serializer):
    """One place of the ranking."""

    rank = serializers.IntegerField(help_text=_("counted from 1"))
    disease = DiseaseReference()
    ids = serializers.ListField(
        child=serializers.CharField(), help_text=_("all ids that mean the disease; its own first")
    )
    in_set = serializers.BooleanField(help_text=_("whether it is in the set that `set` speaks of"))
    group = serializers.IntegerField(allow_null=True, help_text=_("its place in `groups`, from 0, or null"))
    probability = serializers.FloatField(help_text=_("over all candidates, 0 to 1"))
    rarity = serializers.ChoiceField(["rare", "common"], allow_null=True, help_text=_("null where not known"))


class GroupAnswer(serializers.Serializer):
    """Diseases that the findings hardly tell apart and that share a gene, or are types of one disease."""

    label = serializers.CharField(  # type: ignore[assignment]
        help_text=_("such as `gene FBN1` or `Loeys-Dietz syndrome`")
    )
    members = DiseaseReference(many=True, help_text=_("best first; also those that are not listed"))
    probability = serializers.FloatField(help_text=_("of all members together"))


class SufficiencyAnswer(serializers.Serializer):
    """Whether the findings are enough to rank by."""

    level = serializers.ChoiceField(
        ["sufficient", "few", "general", "outside", "none"],
        help_text=_("outside: no disease of the model explains the findings well"),
    )
    detail = serializers.CharField(help_text=_("the same in a sentence"))
    wanted = TermReference(many=True, help_text=_("kinds of findings that would help, most telling first"))


class SetAnswer(serializers.Serializer):
    """The smallest set of diseases that holds the right one as often as it says."""

    coverage = serializers.FloatField(help_text=_("share of patients whose disease it holds"))
    size = serializers.IntegerField(help_text=_("number of diseases; may be more than are listed"))


class PairAnswer(serializers.Serializer):
    """Two diseases that together explain the findings better than any single one."""

    diseases = DiseaseReference(many=True, help_text=_("two, the more probable first"))
    gain = serializers.FloatField(help_text=_("over the best single disease, natural logarithm units"))
    explained = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text=_("by place of the disease, the findings that it explains better than the other"),
    )


class NoticeAnswer(serializers.Serializer):
    """Something in the input that was put right."""

    code = serializers.CharField(help_text=_("replaced, duplicate or inconsistent"))
    finding = serializers.CharField()
    detail = serializers.CharField()


class InputAnswer(serializers.Serializer):
    """The input as the model took it: current ids, each once."""

    present = serializers.ListField(child=serializers.CharField())
    absent = serializers.ListField(child=serializers.CharField())
    uncertain = serializers.ListField(child=serializers.CharField(), default=list)
    age = serializers.CharField(allow_null=True)
    sex = serializers.CharField(allow_null=True)


class PredictionSummary(serializers.ModelSerializer):
    """One row of the history, with the head of its ranking."""

    case = serializers.UUIDField(
        source="case_id", allow_null=True, help_text=_("null when asked without a case")
    )
    model = ModelReference()
    requested_by = serializers.UUIDField(source="requested_by_id", help_text=_("account that asked"))
    input = InputAnswer()
    notices = NoticeAnswer(many=True)
    prior = serializers.SerializerMethodField(help_text=_("with which it was made"))
    ranking = serializers.SerializerMethodField(help_text=_("best first"))
    latency_ms = serializers.FloatField(help_text=_("time of the engine, in milliseconds"))
    superseded_by = serializers.SerializerMethodField(
        help_text=_("the newest prediction of the same case, which holds instead; null: this one holds")
    )

    class Meta:
        model = Prediction
        fields: tuple[str, ...] = (
            "id",
            "created_at",
            "case",
            "requested_by",
            "model",
            "input",
            "notices",
            "prior",
            "ranking",
            "latency_ms",
            "superseded_by",
        )

    # A prediction that was just made is the newest, and was not read with its successor.
    def get_superseded_by(self, prediction: Prediction) -> UUID | None:
        return getattr(prediction, "superseded_by_id", None)

    def get_prior(self, prediction: Prediction) -> str:
        return prior_of(prediction)

    # By hand rather than through RankedAnswer, which takes longer for 100 rows than the model does for the patient.
    @extend_schema_field(RankedAnswer(many=True))
    def get_ranking(self, prediction: Prediction) -> list[dict[str, Any]]:
        known: Mapping[str, Disease] = self.context["diseases"]
        rows = prediction.output["ranking"][: self.context["ranks"]]
        within = (prediction.output.get("set") or {"listed": 0})["listed"]
        groups = {
            disease_id: number
            for number, group in enumerate(prediction.output.get("groups", ()))
            for disease_id in group["members"]
        }
        return [
            {
                "rank": rank,
                "disease": {"id": disease_id, "name": _name(known, disease_id)},
                "ids": (known[disease_id].ids if disease_id in known else None) or [disease_id],
                "in_set": rank <= within,
                "group": groups.get(disease_id),
                "probability": probability,
                "rarity": (known[disease_id].rarity if disease_id in known else "") or None,
            }
            for rank, (disease_id, probability) in enumerate(rows, start=1)
        ]


class PredictionAnswer(PredictionSummary):
    """A prediction with its whole ranking."""

    is_outdated = serializers.SerializerMethodField(
        help_text=_("whether findings, age or sex of the case have changed since: ask again")
    )
    groups = serializers.SerializerMethodField(help_text=_("in order of their best member"))
    none_of_these = serializers.SerializerMethodField(
        help_text=_("probability that it is no disease of the model; null where it was not worked out")
    )
    set = serializers.SerializerMethodField(
        help_text=_("null where none was calibrated for this model and prior")
    )
    calibrated = serializers.SerializerMethodField(
        help_text=_("whether probabilities were calibrated for this model and prior; else they are estimates")
    )
    sufficiency = serializers.SerializerMethodField(
        help_text=_("null for predictions made before it was worked out")
    )
    pairs = serializers.SerializerMethodField(
        help_text=_("best first; empty where one disease explains enough")
    )
    advice = serializers.SerializerMethodField(help_text=_("to be shown beside the result"))

    class Meta(PredictionSummary.Meta):
        fields = (
            *PredictionSummary.Meta.fields,
            "is_outdated",
            "groups",
            "none_of_these",
            "set",
            "calibrated",
            "sufficiency",
            "pairs",
            "advice",
        )

    def get_is_outdated(self, prediction: Prediction) -> bool:
        return bool(self.context["is_outdated"])

    def get_none_of_these(self, prediction: Prediction) -> float | None:
        return prediction.output.get("none_of_these")

    @extend_schema_field(SetAnswer(allow_null=True))
    def get_set(self, prediction: Prediction) -> dict[str, Any] | None:
        found = prediction.output.get("set")
        return {"coverage": found["coverage"], "size": found["size"]} if found else None

    def get_calibrated(self, prediction: Prediction) -> bool:
        return bool(prediction.output.get("calibrated"))

    @extend_schema_field(SufficiencyAnswer(allow_null=True))
    def get_sufficiency(self, prediction: Prediction) -> dict[str, Any] | None:
        found = prediction.output.get("sufficiency")
        if found is None:
            return None
        return found | {"wanted": [{"id": term_id, "label": label} for term_id, label in found["wanted"]]}

    @extend_schema_field(PairAnswer(many=True))
    def get_pairs(self, prediction: Prediction) -> list[dict[str, Any]]:
        known: Mapping[str, Disease] = self.context["diseases"]
        return [
            pair | {"diseases": [{"id": member, "name": _name(known, member)} for member in pair["diseases"]]}
            for pair in prediction.output.get("pairs", ())
        ]

    @extend_schema_field(GroupAnswer(many=True))
    def get_groups(self, prediction: Prediction) -> list[dict[str, Any]]:
        known: Mapping[str, Disease] = self.context["diseases"]
        return [
            group | {"members": [{"id": member, "name": _name(known, member)} for member in group["members"]]}
            for group in prediction.output.get("groups", ())
        ]

    def get_advice(self, prediction: Prediction) -> str:
        return ADVICE


class ContributionAnswer(serializers.Serializer):
    """What one finding adds to the score."""

    finding = TermReference()
    state = serializers.ChoiceField(["present", "absent", "uncertain"])
    weight = serializers.FloatField(
        help_text=_("natural logarithm units; above 0 speaks for, below 0 against")
    )
    matched = TermReference(
        allow_null=True, help_text=_("term through which the disease is known to have it")
    )
    frequency = serializers.CharField(allow_null=True, help_text=_("as published"))
    references = SourceReference(many=True)
    verified = serializers.BooleanField(help_text=_("whether somebody has seen it in its source"))


class ExpectedAnswer(serializers.Serializer):
    """A finding that patients with the disease often have, and that nobody mentioned."""

    finding = TermReference()
    probability = serializers.FloatField()
    frequency = serializers.CharField(allow_null=True)
    references = SourceReference(many=True)
    verified = serializers.BooleanField(help_text=_("whether somebody has seen it in its source"))


class BasisAnswer(serializers.Serializer):
    """What the disease's weight before any finding rests on."""

    prior = serializers.CharField()
    value = serializers.CharField(help_text=_("as published or counted; empty where nothing was found"))
    kind = serializers.CharField(help_text=_("point prevalence, annual incidence, publications ..."))
    source = serializers.CharField()  # type: ignore[assignment]
    per_100000 = serializers.FloatField(
        allow_null=True, help_text=_("new patients in 100,000 people a year, as the prior takes it")
    )
    assumed = serializers.BooleanField(help_text=_("no figure was found and a default stands in"))
    own_patients = serializers.IntegerField(
        allow_null=True, help_text=_("in the case mix of your organisation, for the prior `clinic`")
    )


class SimilarCaseAnswer(serializers.Serializer):
    """A published patient with this disease."""

    publications = SourceReference(many=True)
    similarity = serializers.FloatField(help_text=_("0 to 1: information of the findings that both have"))
    shared = TermReference(many=True, help_text=_("the most specific findings that both have"))


class StatementAnswer(serializers.Serializer):
    """Something published about a disease."""

    text = serializers.CharField(
        help_text=_("label of an HPO term, Orphanet's word, or a span of ages: P6M/P5Y")
    )
    term = serializers.CharField(allow_null=True, help_text=_("HPO id, or null"))
    frequency = serializers.CharField(allow_null=True, help_text=_("as published"))
    references = SourceReference(many=True)


class SimilarDiseaseAnswer(serializers.Serializer):
    """Another disease like it."""

    disease = DiseaseReference()
    bond = serializers.CharField(
        allow_null=True,
        help_text=_("what both share: `gene FBN1`, or the series; null where only their findings are alike"),
    )
    rank = serializers.IntegerField(allow_null=True, help_text=_("null when it is not among those listed"))


class ExplanationAnswer(serializers.Serializer):
    """Why a disease has its place: `base` and the weights of all contributions add up to `score`."""

    prediction = serializers.UUIDField()
    disease = DiseaseReference()
    rank = serializers.IntegerField(allow_null=True, help_text=_("null when it is not among those listed"))
    probability = serializers.FloatField(allow_null=True)
    score = serializers.FloatField()
    base = serializers.FloatField(help_text=_("what does not depend on the findings"))
    basis = BasisAnswer(help_text=_("what the prior takes for this disease"))
    contributions = ContributionAnswer(many=True, help_text=_("what speaks most for it first"))
    expected_not_asked = ExpectedAnswer(many=True)
    nearest_cases = SimilarCaseAnswer(
        many=True, help_text=_("most similar first; empty for models that learned from no cases")
    )
    inheritance = StatementAnswer(many=True, help_text=_("empty where nothing is published"))
    onset = StatementAnswer(
        many=True, help_text=_("when it usually begins; empty where nothing is published")
    )
    similar = SimilarDiseaseAnswer(many=True, help_text=_("those of its group in the list first"))
    advice = serializers.CharField()


class FeedbackAnswer(serializers.ModelSerializer):
    """What turned out."""

    prediction = serializers.UUIDField(source="prediction_id")
    case = serializers.UUIDField(source="prediction.case_id", allow_null=True)
    diagnosis = DiseaseReference(source="disease", allow_null=True)
    none_of_these = serializers.SerializerMethodField(help_text=_("it was none of those listed"))
    recorded_by = serializers.UUIDField(source="recorded_by_id")

    class Meta:
        model = Feedback
        fields: tuple[str, ...] = (
            "id",
            "created_at",
            "prediction",
            "case",
            "diagnosis",
            "none_of_these",
            "recorded_by",
        )

    def get_none_of_these(self, feedback: Feedback) -> bool:
        return feedback.disease_id is None


def prediction_answer(prediction: Prediction, *, is_outdated: bool) -> dict[str, Any]:
    """One prediction, whole."""
    context = _context([prediction], len(prediction.output["ranking"])) | {"is_outdated": is_outdated}
    return PredictionAnswer(prediction, context=context).data


def prediction_summaries(predictions: list[Prediction]) -> Any:
    """Rows of a list."""
    return PredictionSummary(predictions, many=True, context=_context(predictions, LISTED_RANKS)).data


def explanation_answer(explained: Explained) -> dict[str, Any]:
    """Why a disease has its place in a prediction."""
    prediction, explanation, basis = explained.prediction, explained.explanation, explained.basis
    places = {row[0]: (rank, row[1]) for rank, row in enumerate(prediction.output["ranking"], start=1)}
    rank, probability = places.get(explanation.disease_id, (None, None))
    return {
        "prediction": prediction.pk,
        "disease": {"id": explanation.disease_id, "name": explanation.name},
        "rank": rank,
        "probability": probability,
        "score": explanation.score,
        "base": explanation.base,
        "basis": {
            "prior": explained.prior,
            "value": basis.value,
            "kind": basis.kind,
            "source": basis.source,
            "per_100000": basis.per_100000,
            "assumed": basis.assumed,
            "own_patients": explained.n_own,
        },
        "contributions": [
            {
                "finding": {"id": found.finding, "label": found.label},
                "state": found.state,
                "weight": found.weight,
                "matched": found.matched and {"id": found.matched, "label": found.matched_label},
                "frequency": found.frequency,
                "references": sources(found.references),
                "verified": found.verified,
            }
            for found in sorted(explanation.contributions, key=lambda found: -found.weight)
        ],
        "expected_not_asked": [
            {
                "finding": {"id": expected.finding, "label": expected.label},
                "probability": expected.probability,
                "frequency": expected.frequency,
                "references": sources(expected.references),
                "verified": expected.verified,
            }
            for expected in explanation.expected_not_asked
        ],
        "nearest_cases": [
            {
                "publications": sources(case.publications),
                "similarity": case.similarity,
                "shared": [{"id": term_id, "label": explained.shared[term_id]} for term_id in case.shared],
            }
            for case in explanation.nearest_cases
        ],
        "inheritance": [_statement(stated) for stated in explanation.about.inheritance],
        "onset": [_statement(stated) for stated in explanation.about.onset],
        "similar": [
            {
                "disease": {"id": other.id, "name": other.name},
                "bond": other.bond or None,
                "rank": other.rank,
            }
            for other in explained.similar
        ],
        "advice": ADVICE,
    }


def _statement(stated: Statement) -> dict[str, Any]:
    return {
        "text": stated.text,
        "term": stated.term or None,
        "frequency": stated.frequency or None,
        "references": sources(stated.references),
    }


def _context(predictions: Iterable[Prediction], ranks: int) -> dict[str, Any]:
    ids = {row[0] for prediction in predictions for row in prediction.output["ranking"][:ranks]}
    if ranks > LISTED_RANKS:
        for prediction in predictions:
            ids |= named_in(prediction)
    return {"diseases": names_of(disease_ids=list(ids)), "ranks": ranks}


def _name(known: Mapping[str, Disease], disease_id: str) -> str:
    return known[disease_id].name if disease_id in known else disease_id
