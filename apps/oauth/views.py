"""OAuth 2.0: what programs call, what people are asked, and where administrators register clients (ADR 34)."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from csp.constants import SELF
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauth2_provider.http import OAuth2ResponseRedirect
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.views.metadata import OAuthServerMetadataView
from oauth2_provider.views.mixins import OAuthLibMixin
from oauthlib.oauth2.rfc6749 import errors

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.accounts.sessions import is_confirmed
from apps.core.capabilities import PUBLIC, Capability
from apps.oauth.forms import ClientForm
from apps.oauth.models import Client
from apps.oauth.presented import client_named, holds_nul
from apps.oauth.selectors import (
    agreed_scopes,
    client_that_asks,
    get_client,
    get_program,
    list_clients,
    list_programs,
    service_accounts,
)
from apps.oauth.services import (
    record_consent,
    record_issue,
    record_revocation,
    refuse_token,
    register_client,
    revoke_client,
    withdraw_program,
)
from apps.oauth.throttling import ClientThrottle

_ENDPOINTS = {"authorize": "oauth:authorize", "token": "oauth:token", "revoke-token": "oauth:revoke"}


class Metadata(OAuthServerMetadataView):
    """What a client needs to know of this server (RFC 8414)."""

    capability = PUBLIC

    def _get_endpoint_url(self, request: HttpRequest, view_name: str, required: bool = False) -> str | None:
        name = _ENDPOINTS.get(view_name)
        return request.build_absolute_uri(reverse(name)) if name else None


class Authorize(CapabilityRequired, ReauthenticationRequired, OAuthLibMixin, View):
    """A client asks to act in somebody's name, and he is asked, each time, whether it may."""

    capability = Capability.ACCOUNT_SELF

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request, self._page)

    def post(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request, self._decide)

    def _answer(self, request: HttpRequest, respond: Callable[..., HttpResponse]) -> HttpResponse:
        named = request.GET.get("client_id") or request.POST.get("client_id", "")
        client = client_that_asks(actor=self.actor, named=named)
        try:
            scopes, asked = self.validate_authorization_request(request)
            shared = agreed_scopes(actor=self.actor, wanted=scopes)
            if not shared:
                nothing = errors.AccessDeniedError(state=asked["state"])
                raise OAuthToolkitError(error=nothing, redirect_uri=asked["redirect_uri"])
            return respond(request, client, shared, asked)
        except OAuthToolkitError as error:
            record_consent(actor=self.actor, client=client, scopes=(), why=error.oauthlib_error.error)
            return self._refused(request, client, error)

    def _page(
        self, request: HttpRequest, client: Client, scopes: list[Capability], asked: dict[str, Any]
    ) -> HttpResponse:
        target = urlsplit(asked["redirect_uri"])
        context = {"client": client, "scopes": scopes, "target": target.netloc}
        response = render(request, "oauth/authorize.html", context)
        # Browsers hold the way back, too, against the policy of the page with the form.
        response._csp_update = {"form-action": [SELF, f"{target.scheme}://{target.netloc}"]}  # type: ignore[attr-defined]
        return response

    def _decide(
        self, request: HttpRequest, client: Client, scopes: list[Capability], asked: dict[str, Any]
    ) -> HttpResponse:
        with transaction.atomic():
            address, _headers, _body, _status = self.create_authorization_response(
                request=request,
                scopes=" ".join(scopes),
                credentials=asked,
                allow=request.POST.get("answer") == "allow",
            )
            record_consent(actor=self.actor, client=client, scopes=scopes)
        return OAuth2ResponseRedirect(address, client.get_allowed_schemes())

    def _refused(self, request: HttpRequest, client: Client, error: OAuthToolkitError) -> HttpResponse:
        """Back to the client, unless it is not certain that the address is its own (RFC 6749, section 4.1.2.1)."""
        _redirect, answer = self.error_response(error)
        if isinstance(error, FatalClientError):
            title = _("The program asked in a way that cannot be answered")
            context = {"status": 400, "title": title, "detail": error.oauthlib_error.error}
            return render(request, "problem.html", context, status=400)
        issuer = oauth2_settings.oauth2_authorization_server_issuer(request)
        return OAuth2ResponseRedirect(
            f"{answer['url']}&{urlencode({'iss': issuer})}", client.get_allowed_schemes()
        )


@method_decorator((csrf_exempt, sensitive_post_parameters()), name="dispatch")
class _ForClients(OAuthLibMixin, View):
    """What a client calls by itself: neither session nor cookie counts, and not too often."""

    capability = PUBLIC
    http_method_names = ["post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        throttle = ClientThrottle()
        if request.method == "POST" and not throttle.allow_request(request, self):
            wait = int(throttle.wait() or 0) + 1
            return JsonResponse(
                {"error": "temporarily_unavailable"}, status=429, headers={"Retry-After": str(wait)}
            )
        if holds_nul(request):
            raise BadRequest("NUL in the input")
        return super().dispatch(request, *args, **kwargs)


class Token(_ForClients):
    """A code, a refresh token or a client's own secret for an access token (RFC 6749, section 3.2)."""

    def post(self, request: HttpRequest) -> HttpResponse:
        given = request.POST
        grant = given.get("grant_type", "")
        if grant not in oauth2_settings.OAUTH2_GRANT_TYPES_SUPPORTED:
            grant = "other"
        caller = request.actor  # type: ignore[attr-defined]
        with transaction.atomic():
            _uri, headers, body, status = self.create_token_response(request)
            if status == 200:
                record_issue(caller=caller, secret=json.loads(body)["access_token"], grant=grant)
            else:
                transaction.set_rollback(True)
        if status != 200:
            refuse_token(
                caller=caller,
                named=client_named(request),
                grant=grant,
                why=json.loads(body)["error"],
                code=given.get("code", ""),
                refresh_token=given.get("refresh_token", ""),
            )
        return HttpResponse(body, status=status, headers=headers)


class Revoke(_ForClients):
    """A client gives a token back; both of a pair end (RFC 7009)."""

    def post(self, request: HttpRequest) -> HttpResponse:
        with transaction.atomic():
            _uri, headers, body, status = self.create_revocation_response(request)
            record_revocation(
                caller=request.actor,  # type: ignore[attr-defined]
                named=client_named(request),
                why="" if status == 200 else json.loads(body)["error"],
            )
        return HttpResponse(body or "", status=status, headers=headers)


class Programs(CapabilityRequired, View):
    """The programs that act in one's name."""

    capability = Capability.ACCOUNT_SELF

    def get(self, request: HttpRequest) -> HttpResponse:
        programs = _with_labels(list_programs(actor=self.actor))
        return render(request, "oauth/programs.html", {"programs": programs})


class Withdraw(CapabilityRequired, View):
    """Asks once more, then takes back what a program may in one's name."""

    capability = Capability.ACCOUNT_SELF

    def get(self, request: HttpRequest, client_id: UUID) -> HttpResponse:
        client = get_program(actor=self.actor, client_id=client_id)
        return render(request, "oauth/withdraw.html", {"client": client})

    def post(self, request: HttpRequest, client_id: UUID) -> HttpResponse:
        withdraw_program(actor=self.actor, client_id=client_id)
        messages.success(request, _("The program may act in your name no longer."))
        return redirect("oauth:programs")


class Clients(CapabilityRequired, ReauthenticationRequired, View):
    """The organisation's clients. The secret of a new one is shown in the answer to its form, and never again."""

    capability = Capability.ADMIN_ACCESS
    confirmed_methods = ("POST",)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, self._form())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=422)
        client, secret = register_client(actor=self.actor, new=form.new_client())
        return self._page(request, self._form(), made={"client": client, "secret": secret})

    def _form(self, data: Any = None) -> ClientForm:
        return ClientForm(data, accounts=service_accounts(actor=self.actor))

    def _page(
        self, request: HttpRequest, form: ClientForm, status: int = 200, made: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "form": form,
            "clients": _with_labels(list_clients(actor=self.actor)),
            "made": made,
            "is_confirmed": is_confirmed(request.session, settings.REAUTHENTICATION_LIMIT),
            "endpoint": request.build_absolute_uri(reverse("oauth-metadata")),
        }
        return render(request, "oauth/clients.html", context, status=status)


class RevokeClient(CapabilityRequired, ReauthenticationRequired, View):
    """Asks once more, then deletes a client with everything that it holds."""

    capability = Capability.ADMIN_ACCESS

    def get(self, request: HttpRequest, client_id: UUID) -> HttpResponse:
        client = get_client(actor=self.actor, client_id=client_id)
        return render(request, "oauth/revoke_client.html", {"client": client})

    def post(self, request: HttpRequest, client_id: UUID) -> HttpResponse:
        revoke_client(actor=self.actor, client_id=client_id)
        messages.success(request, _("The client was revoked; nothing that it holds opens anything any more."))
        return redirect("oauth:clients")


def _with_labels(clients: Any) -> list[dict[str, Any]]:
    """Each client with what it may in words."""
    labels = dict(Capability.choices)
    return [{"row": client, "scopes": [labels.get(s, s) for s in client.scopes]} for client in clients]
