"""The second step of signing in, confirming that it is still oneself, and one's second factors."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from apps.accounts import factors, passkeys
from apps.accounts.forms import AppCodeForm, CodeForm, ConfirmPasswordForm, PasskeyForm
from apps.accounts.lockout import count_failure, is_locked
from apps.accounts.middleware import actor_of, attempt_of
from apps.accounts.models import User
from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.accounts.services import record_session
from apps.accounts.sessions import (
    end_half,
    half_signed_in,
    note_confirmation,
    note_second_factor,
)
from apps.audit.models import Outcome
from apps.core.capabilities import PUBLIC, Capability
from apps.core.problems import InvalidInput

# The secret that a new authenticator app is shown stays in the session until the app has proven it.
_SECRET = "new_app_secret"  # noqa: S105 - names a key
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_FEW_CODES = 3


class Proof(View):
    """A form that asks for a second factor, or for the password where there is none; failures count as sign-ins."""

    template_name = ""
    action = ""

    def ask(
        self, request: HttpRequest, user: User, form: Any = None, status: int = 200, **more: Any
    ) -> HttpResponse:
        kinds = set(factors.list_factors(user=user).values_list("type", flat=True))
        with_passkey = factors.Type.WEBAUTHN in kinds and passkeys.are_possible(request)
        context = {
            "form": form or (CodeForm() if kinds else ConfirmPasswordForm()),
            "has_factor": bool(kinds),
            "passkey": passkeys.begin_authentication(user) if with_passkey else "",
            "next": _target(request),
        }
        return render(request, self.template_name, context | more, status=status)

    def prove(self, request: HttpRequest, user: User) -> str:
        """What was proven: a type of factor, or `password`. Raises InvalidInput; nothing is recorded here."""
        if not factors.has_second_factor(user=user):
            password = ConfirmPasswordForm(request.POST)
            if password.is_valid() and user.check_password(password.cleaned_data["password"]):
                return "password"
            raise factors.wrong_code()
        if given := request.POST.get("credential"):
            return str(passkeys.complete_authentication(user, given).type)
        code = CodeForm(request.POST)
        if code.is_valid() and (kind := factors.use_code(user=user, code=code.cleaned_data["code"])):
            return kind
        raise factors.wrong_code()

    def refuse(self, request: HttpRequest, user: User, *, locked: bool) -> HttpResponse:
        """Record a failure, and ask again."""
        if not locked:
            count_failure(request, user)
            locked = is_locked(request, user)
        record_session(
            actor=attempt_of(request, user),
            action=self.action,
            outcome=Outcome.DENIED if locked else Outcome.FAILED,
            account=user,
            details={"why": "locked" if locked else "second_factor"},
        )
        minutes = int(settings.AXES_COOLOFF_TIME.total_seconds()) // 60 if locked else None
        return self.ask(request, user, status=429 if locked else 422, wrong=True, locked_minutes=minutes)


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class SecondFactor(Proof):
    """After the password: whoever has a second factor proves it here, and is signed in."""

    capability = PUBLIC
    http_method_names = ["get", "head", "post"]
    template_name = "accounts/second_factor.html"
    action = "account.sign_in"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user_id = half_signed_in(request.session)
        user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
        if user is None:
            return redirect(settings.LOGIN_URL)
        return super().dispatch(request, user)

    def get(self, request: HttpRequest, user: User) -> HttpResponse:
        return self.ask(request, user)

    def post(self, request: HttpRequest, user: User) -> HttpResponse:
        if is_locked(request, user):
            return self.refuse(request, user, locked=True)
        try:
            with transaction.atomic():
                kind = self.prove(request, user)
                record_session(actor=actor_of(request, user), action=self.action, details={"factor": kind})
                end_half(request.session)
                login(request, user, backend=_BACKEND)
                note_second_factor(request.session, kind)
        except InvalidInput:
            return self.refuse(request, user, locked=False)
        left = factors.count_recovery_codes(user=user) if kind == factors.Type.RECOVERY_CODES else _FEW_CODES
        if left < _FEW_CODES:
            messages.warning(request, _("Few recovery codes are left; make new ones on your account's page."))
        return redirect(_target(request))


@method_decorator(sensitive_post_parameters(), name="dispatch")
class Confirm(CapabilityRequired, Proof):
    """Asks somebody who is signed in to prove once more who he is, and leads back."""

    capability = Capability.ACCOUNT_SELF
    before_second_factor = "always"
    template_name = "accounts/confirm.html"
    action = "account.confirm"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.ask(request, self.actor.account())

    def post(self, request: HttpRequest) -> HttpResponse:
        user = self.actor.account()
        if is_locked(request, user):
            return self.refuse(request, user, locked=True)
        try:
            with transaction.atomic():
                kind = self.prove(request, user)
                record_session(actor=self.actor, action=self.action, details={"factor": kind})
        except InvalidInput:
            return self.refuse(request, user, locked=False)
        if kind == "password":
            note_confirmation(request.session)
        else:
            note_second_factor(request.session, kind)
        return redirect(_target(request))


class Own(CapabilityRequired, ReauthenticationRequired, View):
    """A page that changes one's second factors."""

    capability = Capability.ACCOUNT_SELF
    before_second_factor = "to enrol"

    def codes_page(self, request: HttpRequest, codes: list[str]) -> HttpResponse:
        """The answer that shows recovery codes, this once."""
        return render(request, "accounts/recovery_codes.html", {"codes": codes})

    def added(self, request: HttpRequest, kind: str, codes: list[str]) -> HttpResponse:
        note_second_factor(request.session, kind)
        messages.success(request, _("The second factor was added."))
        return self.codes_page(request, codes) if codes else redirect("accounts:factors")


class Factors(CapabilityRequired, View):
    """What second factors I have."""

    capability = Capability.ACCOUNT_SELF
    before_second_factor = "to enrol"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = list(factors.list_factors(user=self.actor.account()))
        context = {
            "factors": rows,
            "has_app": any(row.type == factors.Type.TOTP for row in rows),
            "n_codes": factors.count_recovery_codes(user=self.actor.account()),
            "is_needed": factors.needs_second_factor(self.actor),
            "can_have_passkeys": passkeys.are_possible(request),
        }
        return render(request, "accounts/factors.html", context)


class AddApp(Own):
    """Shows a secret as a QR code, and takes it when the app's first code is right."""

    def get(self, request: HttpRequest) -> HttpResponse:
        request.session[_SECRET] = factors.new_secret()
        return self._page(request, AppCodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AppCodeForm(request.POST)
        secret = request.session.get(_SECRET)
        if not secret:
            return redirect("accounts:add-app")
        if not form.is_valid():
            return self._page(request, form, status=422)
        try:
            codes = factors.add_app(actor=self.actor, secret=secret, code=form.cleaned_data["code"])
        except InvalidInput as problem:
            form.add_error("code", problem.errors[0].detail)
            return self._page(request, form, status=422)
        del request.session[_SECRET]
        return self.added(request, factors.Type.TOTP, codes)

    def _page(self, request: HttpRequest, form: AppCodeForm, status: int = 200) -> HttpResponse:
        secret = request.session[_SECRET]
        address = factors.secret_address(user=self.actor.account(), secret=secret)
        parts = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
        context = {"form": form, "secret": parts, "image": factors.qr_image(address)}
        return render(request, "accounts/add_app.html", context, status=status)


class AddPasskey(Own):
    """Lets the browser make a passkey."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, PasskeyForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PasskeyForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=422)
        try:
            credential = passkeys.complete_registration(form.cleaned_data["credential"])
        except InvalidInput as problem:
            form.add_error("name", problem.errors[0].detail)
            return self._page(request, form, status=422)
        codes = factors.add_passkey(actor=self.actor, name=form.cleaned_data["name"], credential=credential)
        return self.added(request, factors.Type.WEBAUTHN, codes)

    def _page(self, request: HttpRequest, form: PasskeyForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "passkey": passkeys.begin_registration(self.actor.account())}
        return render(request, "accounts/add_passkey.html", context, status=status)


class RecoveryCodes(Own):
    """Makes new recovery codes, after asking."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "accounts/renew_codes.html")

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.codes_page(request, factors.renew_recovery_codes(actor=self.actor))


class RemoveFactor(Own):
    """Asks once more, then removes a factor."""

    def get(self, request: HttpRequest, factor_id: int) -> HttpResponse:
        factor = factors.get_factor(actor=self.actor, factor_id=factor_id)
        return render(request, "accounts/remove_factor.html", {"factor": factor})

    def post(self, request: HttpRequest, factor_id: int) -> HttpResponse:
        factors.remove_factor(actor=self.actor, factor_id=factor_id)
        messages.success(request, _("The second factor was removed."))
        return redirect("accounts:factors")


def _target(request: HttpRequest) -> str:
    """The page to go to afterwards: one of this site."""
    given = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if allowed else resolve_url(settings.LOGIN_REDIRECT_URL)
