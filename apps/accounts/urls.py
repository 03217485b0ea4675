"""Addresses of the pages."""

from django.urls import path

from apps.accounts import factor_views, views

app_name = "accounts"
urlpatterns = [
    path("", views.AccountPage.as_view(), name="account"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("second-factor/", factor_views.SecondFactor.as_view(), name="second-factor"),
    path("confirm/", factor_views.Confirm.as_view(), name="confirm"),
    path("factors/", factor_views.Factors.as_view(), name="factors"),
    path("factors/app/", factor_views.AddApp.as_view(), name="add-app"),
    path("factors/passkey/", factor_views.AddPasskey.as_view(), name="add-passkey"),
    path("factors/recovery-codes/", factor_views.RecoveryCodes.as_view(), name="recovery-codes"),
    path("factors/<int:factor_id>/remove/", factor_views.RemoveFactor.as_view(), name="remove-factor"),
    path("awake/", views.Awake.as_view(), name="awake"),
    path("password/", views.ChangePassword.as_view(), name="password"),
    path("tokens/<uuid:token_id>/revoke/", views.RevokeToken.as_view(), name="revoke-token"),
]
