"""Addresses of the pages."""

from django.urls import URLPattern

app_name = "predictions"
urlpatterns: list[URLPattern] = []
