"""Addresses for people who let programs act for them, for administrators, and for the programs."""

from django.urls import path

from apps.oauth import views

app_name = "oauth"
urlpatterns = [
    path("authorize/", views.Authorize.as_view(), name="authorize"),
    path("token/", views.Token.as_view(), name="token"),
    path("revoke/", views.Revoke.as_view(), name="revoke"),
    path("programs/", views.Programs.as_view(), name="programs"),
    path("programs/<uuid:client_id>/withdraw/", views.Withdraw.as_view(), name="withdraw"),
    path("clients/", views.Clients.as_view(), name="clients"),
    path("clients/<uuid:client_id>/revoke/", views.RevokeClient.as_view(), name="revoke-client"),
]
