"""Addresses of the pages."""

from django.urls import path

from apps.lifecycle import views

app_name = "lifecycle"
urlpatterns = [
    path("", views.Models.as_view(), name="models"),
    path("runs/", views.Runs.as_view(), name="runs"),
    path("train/", views.Train.as_view(), name="train"),
]
