"""Who calls when proxies stand in between."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class ProxyMiddleware:
    """Makes `REMOTE_ADDR` the caller's own address, for the audit trail, the lock-out and the throttle alike.

    `X-Forwarded-For` is believed as far as proxies of `TRUSTED_PROXIES` wrote it, from its end: whatever stands before
    the first address that is none of theirs may be forged, and from any other peer the whole header is dropped.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        caller = request.META.get("REMOTE_ADDR", "")
        hops = [hop.strip() for hop in forwarded.split(",")]
        while hops and _is_trusted(caller):
            hop = hops.pop()
            if not _is_address(hop):
                break
            caller = hop
        request.META["REMOTE_ADDR"] = caller
        return self.get_response(request)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str) -> bool:
    return _is_address(address) and any(
        ip_address(address) in network for network in settings.TRUSTED_PROXIES
    )
