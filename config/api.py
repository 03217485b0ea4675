"""Every address of the REST API, and the page that describes it."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.urls import path, register_converter
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.cases.api import Emergencies, EmergencyReview
from apps.cases.consent_api import CaseConsents, ConsentTexts
from apps.cases.person_api import CasePerson
from apps.core.capabilities import PUBLIC
from apps.knowledge.api import DiseaseRead, Diseases, NoteFindings, TermDetail, Terms
from apps.predictions.api.cases import CaseRead, Cases
from apps.predictions.api.feedback import FeedbackList
from apps.predictions.api.predictions import PredictionExplanation, PredictionRead, Predictions
from apps.predictions.api.priors import CaseMixRead, Priors
from apps.predictions.api.questions import AskNext
from apps.registry.api import ModelRead, Models, Releases

app_name = "api"


class Curie:
    """An id such as HP:0001166 or OMIM:154700 in an address; whatever looks otherwise cannot exist."""

    regex = r"[A-Za-z0-9]{1,12}:[A-Za-z0-9_.-]{1,16}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class TermId(Curie):
    """An id of a finding: of the HPO, or LOCAL:source/code."""

    regex = r"(?:LOCAL:[\w.+/%-]{1,200}|[A-Za-z0-9]{1,12}:[A-Za-z0-9_.-]{1,16})"


class ModelNumber:
    """A number that the database can hold."""

    regex = r"[0-9]{1,9}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(Curie, "curie")
register_converter(TermId, "term_id")
register_converter(ModelNumber, "model_number")


class Schema(SpectacularAPIView):
    """The OpenAPI document; it describes the API and holds no data, so it is for everybody."""

    capability = PUBLIC
    authentication_classes = []


# Swagger UI sets the style attributes of its own elements.
@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE]}), name="dispatch")
class Documentation(SpectacularSwaggerSplitView):
    """Swagger UI, from our own server."""

    capability = PUBLIC
    authentication_classes = []
    url_name = "api:schema"


urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", Documentation.as_view(), name="docs"),
    path("predictions/", Predictions.as_view(), name="predictions"),
    path("predictions/ask-next/", AskNext.as_view(), name="ask-next"),
    path("predictions/<uuid:prediction_id>/", PredictionRead.as_view(), name="prediction"),
    path(
        "predictions/<uuid:prediction_id>/explanation/<curie:disease_id>/",
        PredictionExplanation.as_view(),
        name="explanation",
    ),
    path("priors/", Priors.as_view(), name="priors"),
    path("priors/case-mix/", CaseMixRead.as_view(), name="case-mix"),
    path("cases/", Cases.as_view(), name="cases"),
    path("cases/<uuid:case_id>/", CaseRead.as_view(), name="case"),
    path("cases/<uuid:case_id>/person/", CasePerson.as_view(), name="case-person"),
    path("cases/<uuid:case_id>/consents/", CaseConsents.as_view(), name="case-consents"),
    path("consent-texts/", ConsentTexts.as_view(), name="consent-texts"),
    path("emergencies/", Emergencies.as_view(), name="emergencies"),
    path("emergencies/<uuid:access_id>/review/", EmergencyReview.as_view(), name="review-emergency"),
    path("feedback/", FeedbackList.as_view(), name="feedback"),
    path("notes/findings/", NoteFindings.as_view(), name="note-findings"),
    path("terms/", Terms.as_view(), name="terms"),
    path("terms/<term_id:term_id>/", TermDetail.as_view(), name="term"),
    path("diseases/", Diseases.as_view(), name="diseases"),
    path("diseases/<curie:disease_id>/", DiseaseRead.as_view(), name="disease"),
    path("models/", Models.as_view(), name="models"),
    path("models/releases/", Releases.as_view(), name="releases"),
    path("models/<model_number:number>/", ModelRead.as_view(), name="model"),
]
