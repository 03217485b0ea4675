"""Addresses of the pages."""

from django.urls import path

from apps.privacy import views

app_name = "privacy"
urlpatterns = [
    path("", views.Retention.as_view(), name="retention"),
    path("runs/", views.RetentionRuns.as_view(), name="runs"),
    path("delete/", views.DeleteDue.as_view(), name="delete"),
]
