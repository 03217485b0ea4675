"""Addresses of the pages."""

from django.urls import path

from apps.predictions import views

app_name = "predictions"
urlpatterns = [
    path("cases/<uuid:case_id>/", views.Consultation.as_view(), name="consultation"),
    path("cases/<uuid:case_id>/findings/", views.SetFinding.as_view(), name="set-finding"),
    path("cases/<uuid:case_id>/findings/remove/", views.RemoveFinding.as_view(), name="remove-finding"),
    path("cases/<uuid:case_id>/predict/", views.Predict.as_view(), name="predict"),
    path("cases/<uuid:case_id>/outcome/", views.RecordOutcome.as_view(), name="outcome"),
    path("predictions/<uuid:prediction_id>/", views.PastPrediction.as_view(), name="detail"),
    path(
        "predictions/<uuid:prediction_id>/diseases/<str:disease_id>/",
        views.DiseaseReasons.as_view(),
        name="reasons",
    ),
    path("history/", views.History.as_view(), name="history"),
    path("history/export.csv", views.HistoryExport.as_view(), name="export"),
]
