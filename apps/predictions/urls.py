"""Addresses of the pages."""

from django.urls import path

from apps.predictions.views import consultation, history, notes, outcome, packets, priors

app_name = "predictions"
urlpatterns = [
    path("cases/<uuid:case_id>/", consultation.Consultation.as_view(), name="consultation"),
    path("cases/<uuid:case_id>/findings/", consultation.SetFinding.as_view(), name="set-finding"),
    path(
        "cases/<uuid:case_id>/findings/remove/", consultation.RemoveFinding.as_view(), name="remove-finding"
    ),
    path("cases/<uuid:case_id>/note/", notes.ReadNotePage.as_view(), name="read-note"),
    path("cases/<uuid:case_id>/note/take/", notes.TakeFindings.as_view(), name="take-findings"),
    path("cases/<uuid:case_id>/packet/", packets.ReadPacketPage.as_view(), name="read-packet"),
    path("cases/<uuid:case_id>/packet/take/", packets.TakePacket.as_view(), name="take-packet"),
    path("cases/<uuid:case_id>/predict/", consultation.Predict.as_view(), name="predict"),
    path("cases/<uuid:case_id>/answer/", consultation.AnswerQuestion.as_view(), name="answer"),
    path("cases/<uuid:case_id>/ask-again/", consultation.AskAgain.as_view(), name="ask-again"),
    path("cases/<uuid:case_id>/outcome/", outcome.RecordOutcome.as_view(), name="outcome"),
    path("predictions/<uuid:prediction_id>/", history.PastPrediction.as_view(), name="detail"),
    path("predictions/<uuid:prediction_id>/proof.json", history.PredictionProof.as_view(), name="proof"),
    path(
        "predictions/<uuid:prediction_id>/diseases/<str:disease_id>/",
        consultation.DiseaseReasons.as_view(),
        name="reasons",
    ),
    path("priors/", priors.Priors.as_view(), name="priors"),
    path("history/", history.History.as_view(), name="history"),
    path("history/export.csv", history.HistoryExport.as_view(), name="export"),
]
