"""Addresses of the pages."""

from django.urls import path

from apps.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.AccountPage.as_view(), name="account"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("awake/", views.Awake.as_view(), name="awake"),
    path("password/", views.ChangePassword.as_view(), name="password"),
    path("tokens/<uuid:token_id>/revoke/", views.RevokeToken.as_view(), name="revoke-token"),
]
