"""The way in: each role's home, the choice of language, and health for whatever watches the processes."""

import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import OperationalError

from apps.accounts.permissions import CapabilityRequired
from apps.audit.selectors import sealing_problem
from apps.core.capabilities import PUBLIC, Capability
from apps.core.problems import Problem
from apps.registry.running import running_model
from config.celery import app as celery

logger = logging.getLogger(__name__)

# The first capability that somebody has decides what waits for him.
HOMES = (
    (Capability.CASE_READ, "cases:list"),
    (Capability.MODEL_TRAIN, "lifecycle:models"),
    (Capability.PRIVACY_READ, "privacy:retention"),
    (Capability.AUDIT_READ, "audit:events"),
    (Capability.ADMIN_ACCESS, "admin:index"),
)


class Home(CapabilityRequired, View):
    """Leads each role to its own page."""

    capability = Capability.ACCOUNT_SELF

    def get(self, request: HttpRequest) -> HttpResponse:
        for capability, name in HOMES:
            if request.actor.can(capability):  # type: ignore[attr-defined]
                return redirect(name)
        return redirect("accounts:account")


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Remember the language of the pages in a cookie."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = HttpResponseRedirect(target)
    language = request.POST.get("language", "")
    if check_for_language(language):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response


@never_cache
@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_GET
def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database, the broker and an active model are at hand; else 503 naming what is missing.

    Whether the audit trail is being sealed is said beside them: while it is not, clinical work goes on (ADR 23).
    """
    checks = {"database": _database(), "broker": _broker(), "model": _model()}
    healthy = all(checks.values())
    body = {"status": "ok" if healthy else "unavailable", "checks": checks, "sealing": _sealing()}
    return JsonResponse(body, status=200 if healthy else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    return True


def _sealing() -> bool:
    try:
        return not sealing_problem(now=timezone.now())
    except (DatabaseError, InterfaceError):
        return False


def _broker() -> bool:
    try:
        with celery.connection_for_write() as broker:
            broker.ensure_connection(max_retries=0, timeout=2)
    except (OperationalError, OSError):
        return False
    return True


def _model() -> bool:
    try:
        running_model()
    except (Problem, DatabaseError, InterfaceError):
        return False
    return True


_views: tuple[Any, ...] = (live, ready, set_language)
for view in _views:
    view.capability = PUBLIC
