"""An endpoint that declares no capability keeps the server from starting."""

from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from config.checks import endpoints, endpoints_declare_capabilities


def undeclared(request: HttpRequest) -> HttpResponse:
    return HttpResponse("open to all")


urlpatterns = [path("undeclared/", undeclared, name="undeclared")]


def test_every_endpoint_declares_one() -> None:
    assert endpoints_declare_capabilities(None) == []
    assert len(list(endpoints())) > 30


@override_settings(ROOT_URLCONF="tests.core.test_checks")
def test_one_that_does_not_is_found() -> None:
    (error,) = endpoints_declare_capabilities(None)
    assert "/undeclared/" in error.msg
