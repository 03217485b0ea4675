"""Signing in and out, one's password and API tokens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.debug import sensitive_post_parameters

from apps.accounts.factors import has_second_factor
from apps.accounts.forms import NewPasswordForm, SignInForm, TokenForm
from apps.accounts.lockout import account_named
from apps.accounts.middleware import actor_of, attempt_of
from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.accounts.roles import Role
from apps.accounts.selectors import get_token, grantable_scopes, list_tokens
from apps.accounts.services import change_password, issue_token, record_session, revoke_token
from apps.accounts.sessions import begin_half, is_confirmed
from apps.audit.models import Outcome
from apps.core.capabilities import PUBLIC, Capability


class SignIn(LoginView):
    """Name and password; every attempt leaves an event."""

    capability = PUBLIC
    http_method_names = ["get", "head", "post"]
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if has_second_factor(user=user):
            record_session(actor=attempt_of(self.request, user), action="account.first_factor", account=user)
            begin_half(self.request.session, user.pk)
            return redirect(reverse("accounts:second-factor", query={"next": self.get_success_url()}))
        # First the event, then the session: a sign-in that cannot be recorded does not happen.
        with transaction.atomic():
            record_session(actor=actor_of(self.request, user), action="account.sign_in")
            login(self.request, user)
        return redirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        account = account_named(self.request, form.cleaned_data.get("username", ""))
        locked = getattr(self.request, "axes_locked_out", False)
        record_session(
            actor=attempt_of(self.request, account),
            action="account.sign_in",
            outcome=Outcome.DENIED if locked else Outcome.FAILED,
            account=account,
            details={"why": "locked"} if locked else None,
        )
        minutes = int(settings.AXES_COOLOFF_TIME.total_seconds()) // 60 if locked else None
        context = self.get_context_data(form=form, locked_minutes=minutes)
        return self.render_to_response(context, status=429 if locked else 422)


class SignOut(CapabilityRequired, View):
    """Ends the session."""

    capability = Capability.ACCOUNT_SELF
    before_second_factor = "always"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        with transaction.atomic():
            record_session(actor=self.actor, action="account.sign_out")
            logout(request)
        return redirect(settings.LOGOUT_REDIRECT_URL)


class Awake(CapabilityRequired, View):
    """Somebody is typing: that is activity, too, although nothing is sent."""

    capability = Capability.ACCOUNT_SELF

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=204)


class AccountPage(CapabilityRequired, ReauthenticationRequired, View):
    """Who I am, and my API tokens. A new token is shown in the answer to its own form, and never again."""

    capability = Capability.ACCOUNT_SELF
    confirmed_methods = ("POST",)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, self._form())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=422)
        _token, secret = issue_token(
            actor=self.actor,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            lifetime=timedelta(days=form.cleaned_data["days"]),
        )
        return self._page(request, self._form(), secret=secret)

    def _form(self, data: Any = None) -> TokenForm:
        return TokenForm(data, scopes=grantable_scopes(actor=self.actor))

    def _page(
        self, request: HttpRequest, form: TokenForm, status: int = 200, secret: str = ""
    ) -> HttpResponse:
        labels = dict(Capability.choices)
        tokens = [
            {
                "row": token,
                "scopes": None if token.scopes is None else [labels.get(s, s) for s in token.scopes],
            }
            for token in list_tokens(actor=self.actor)
        ]
        names = dict(Role.choices)
        context = {
            "form": form,
            "tokens": tokens,
            "secret": secret,
            "now": timezone.now(),
            "is_confirmed": is_confirmed(request.session, settings.REAUTHENTICATION_LIMIT),
            "roles": [names.get(role, role) for role in self.actor.roles],
        }
        return render(request, "accounts/account.html", context, status=status)


class RevokeToken(CapabilityRequired, View):
    """Asks once more, then takes a token back."""

    capability = Capability.ACCOUNT_SELF

    def get(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        token = get_token(actor=self.actor, token_id=token_id)
        return render(request, "accounts/revoke_token.html", {"token": token})

    def post(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        revoke_token(actor=self.actor, token_id=token_id)
        messages.success(request, _("The token was revoked; it opens nothing any more."))
        return redirect("accounts:account")


@method_decorator(sensitive_post_parameters(), name="dispatch")
class ChangePassword(CapabilityRequired, ReauthenticationRequired, View):
    """The old password, then the new one; asks for the second factor first where that was proven long ago."""

    capability = Capability.ACCOUNT_SELF

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "accounts/password.html", {"form": NewPasswordForm(request.user)})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewPasswordForm(request.user, request.POST)
        if not form.is_valid():
            return render(request, "accounts/password.html", {"form": form}, status=422)
        user = change_password(actor=self.actor, password=form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password was changed. Other devices were signed out."))
        return redirect("accounts:account")
