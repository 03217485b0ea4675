"""Addresses of the pages."""

from django.urls import path

from apps.privacy import erasure_views, processing_views, views

app_name = "privacy"
urlpatterns = [
    path("processing/", processing_views.ProcessingPage.as_view(), name="processing"),
    path("processing/export/", processing_views.ProcessingExport.as_view(), name="processing-export"),
    path("", views.Retention.as_view(), name="retention"),
    path("runs/", views.RetentionRuns.as_view(), name="runs"),
    path("delete/", views.DeleteDue.as_view(), name="delete"),
    path("erasures/", erasure_views.Erasures.as_view(), name="erasures"),
    path("erasures/patients/<uuid:patient_id>/", erasure_views.Erase.as_view(), name="erase"),
    path("erasures/<uuid:erasure_id>/", erasure_views.Receipt.as_view(), name="receipt"),
]
