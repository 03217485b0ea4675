"""Addresses of the pages."""

from django.urls import path

from apps.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.Events.as_view(), name="events"),
    path("export.csv", views.EventExport.as_view(), name="export"),
]
