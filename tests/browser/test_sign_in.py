"""Second factors in a browser: an authenticator app at the first sign-in, and a passkey of a virtual authenticator."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from tests.browser.conftest import Visitor
from tests.conftest import PASSWORD


@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (390, "es")])
def test_pages_of_second_factors(
    visit: Callable[..., Visitor], user_of: Callable[..., User], width: int, language: str
) -> None:
    user = user_of(Role.PRIVACY_OFFICER)
    visitor = visit(width, language)
    visitor.goto("/account/sign-in/")
    visitor.page.locator("#id_username").fill(user.username)
    visitor.page.locator("#id_password").fill(PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/account/factors/**")
    visitor.look("factors-none")
    visitor.add_app()
    visitor.goto("/account/factors/")
    visitor.look("factors")
    visitor.goto("/account/confirm/")
    visitor.look("confirm")


def test_a_passkey_signs_in(visit: Callable[..., Visitor], user_of: Callable[..., User], site: str) -> None:
    user = user_of(Role.CLINICIAN)
    visitor = visit()
    visitor.site = site.replace("127.0.0.1", "localhost")
    page = visitor.page
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    visitor.sign_in(user.username, PASSWORD)
    visitor.goto("/account/factors/passkey/")
    visitor.look("add-passkey")
    page.locator("#id_name").fill("office laptop")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    page.get_by_role("button", name="Sign out").click()
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/second-factor/**")
    visitor.look("second-factor")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("link", name="New case").first).to_be_visible()
    visitor.look("signed-in")
    event = AuditEvent.objects.filter(action="account.sign_in").latest("sequence")
    assert (event.actor_id, event.details) == (user.pk, {"factor": "webauthn"})
