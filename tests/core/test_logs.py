"""The logs say which route was asked for, not what somebody typed."""

import io
import logging

import pytest
from django.test import Client

TYPED = "Ottilie-Canary"


@pytest.mark.django_db
def test_an_address_that_nobody_has_is_not_logged_as_typed() -> None:
    # The handler that the settings made; those of pytest see what its filter has done, or not yet.
    (console,) = [
        handler for handler in logging.getLogger().handlers if handler.formatter and handler.filters
    ]
    assert isinstance(console, logging.StreamHandler)
    written = io.StringIO()
    before = console.setStream(written)
    try:
        for address in (f"/{TYPED}/", f"/cases/{TYPED}/", f"/api/v1/{TYPED}/"):
            Client().get(address, headers={"X-Request-ID": "asked-for-typed"})
        Client(enforce_csrf_checks=True).post("/account/sign-in/", {"username": TYPED})
    finally:
        console.setStream(before)
    lines = written.getvalue()
    assert "Not Found: (an address that nobody has) [asked-for-typed]" in lines
    assert "/account/sign-in/" in lines
    assert TYPED not in lines
