"""Trail, lock-out and throttle know a caller behind proxies by the same address, and nobody can forge it."""

from ipaddress import ip_network
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client, RequestFactory
from rest_framework.throttling import SimpleRateThrottle

from apps.audit.models import AuditEvent
from apps.core.proxies import ProxyMiddleware

SIGN_IN = "/account/sign-in/"
PROXY, CALLER, FORGED = "172.31.250.2", "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def proxies(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("172.31.250.0/24"), ip_network("2001:db8::/64")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "known_as"),
    [
        (PROXY, CALLER, CALLER),
        (PROXY, f"{FORGED}, {CALLER}", CALLER),  # the caller wrote the first himself
        (PROXY, f"{FORGED}, {CALLER}, 172.31.250.3", CALLER),  # two proxies of ours
        (PROXY, f"{CALLER}, nonsense", PROXY),
        (PROXY, "", PROXY),
        ("2001:db8::2", "2001:db8:1::7", "2001:db8:1::7"),
        (CALLER, FORGED, CALLER),
        (CALLER, f"{FORGED}, {PROXY}", CALLER),
        ("", FORGED, ""),
    ],
)
def test_a_caller_is_who_the_proxies_say(peer: str, forwarded: str, known_as: str) -> None:
    seen = []

    def view(request: Any) -> Any:
        seen.append((request.META["REMOTE_ADDR"], SimpleRateThrottle.get_ident(_Throttle, request)))

    ProxyMiddleware(view)(RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded))
    assert seen == [(known_as, known_as)]


class _Throttle:
    """`get_ident` asks nothing of the throttle itself."""


@pytest.mark.django_db
def test_trail_and_lock_out_have_the_callers_address() -> None:
    for peer, forwarded in ((PROXY, f"{FORGED}, {CALLER}"), (CALLER, FORGED)):
        form = {"username": "nobody", "password": "x"}
        Client().post(SIGN_IN, form, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    trail = set(AuditEvent.objects.values_list("address", flat=True))
    counted = set(AccessAttempt.objects.values_list("ip_address", flat=True))
    assert trail == counted == {CALLER}
    print("11 ways to forge or forward: trail, lock-out and throttle agree; 0 forged addresses believed")
