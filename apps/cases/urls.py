"""Addresses of the pages. A case's consultation stands in `apps.predictions`, which may know of both."""

from django.urls import path

from apps.cases import consent_views, emergency_views, person_views, views

app_name = "cases"
urlpatterns = [
    path("", views.CaseList.as_view(), name="list"),
    path("new/", views.NewCasePage.as_view(), name="new"),
    path("export.csv", views.CaseExport.as_view(), name="export"),
    path("emergency/", emergency_views.OpenEmergency.as_view(), name="emergency"),
    path("emergency/review/", emergency_views.Emergencies.as_view(), name="emergencies"),
    path("emergency/<uuid:access_id>/review/", emergency_views.Review.as_view(), name="review-emergency"),
    path("<uuid:case_id>/edit/", views.EditCase.as_view(), name="edit"),
    path("<uuid:case_id>/person/", person_views.PersonPage.as_view(), name="person"),
    path("<uuid:case_id>/consent/", consent_views.ConsentPage.as_view(), name="consent"),
    path("<uuid:case_id>/share/", views.ShareCase.as_view(), name="share"),
]
