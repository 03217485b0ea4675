"""Addresses of the pages."""

from django.urls import path

from apps.lifecycle import views

app_name = "lifecycle"
urlpatterns = [
    path("", views.Models.as_view(), name="models"),
    path("<int:number>/", views.Card.as_view(), name="card"),
    path("<int:number>/card.md", views.CardDownload.as_view(), {"form": "md"}, name="card-markdown"),
    path("<int:number>/card.json", views.CardDownload.as_view(), {"form": "json"}, name="card-json"),
    path("runs/", views.Runs.as_view(), name="runs"),
    path("train/", views.Train.as_view(), name="train"),
]
