"""Addresses of the pages."""

from django.urls import path

from apps.audit import integrity_views, views

app_name = "audit"
urlpatterns = [
    path("", views.Events.as_view(), name="events"),
    path("export.csv", views.EventCsv.as_view(), name="export"),
    path("export.json", views.EventJson.as_view(), name="export-json"),
    path("integrity/", integrity_views.Integrity.as_view(), name="integrity"),
    path("integrity/verify/", integrity_views.Verify.as_view(), name="verify"),
    path("integrity/runs/", integrity_views.Verifications.as_view(), name="verifications"),
    path("integrity/verifier.py", integrity_views.Verifier.as_view(), name="verifier"),
    path("events/<uuid:event_id>/proof.json", integrity_views.EventProof.as_view(), name="proof"),
]
