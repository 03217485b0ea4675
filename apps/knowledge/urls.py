"""Addresses of the pages."""

from django.urls import path

from apps.knowledge import views

app_name = "knowledge"
urlpatterns = [
    path("terms/", views.TermSuggestions.as_view(), name="terms"),
    path("diseases/", views.DiseaseSuggestions.as_view(), name="diseases"),
    path("diseases/<str:disease_id>/", views.DiseasePage.as_view(), name="disease"),
]
