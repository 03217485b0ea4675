"""Addresses of the pages."""

from django.urls import path

from apps.alerts import views

app_name = "alerts"
urlpatterns = [path("", views.Alerts.as_view(), name="list")]
