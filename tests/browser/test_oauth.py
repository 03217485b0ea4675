"""A program asks to act for somebody, and he answers with the keyboard, in a real browser with its policies."""

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from apps.accounts.roles import Role
from tests.browser.conftest import Visitor
from tests.conftest import PASSWORD
from tests.permissions.house import asked_for, program_of


class _Program(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html lang=en><title>Done</title><p>Done</p></html>")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: it is the browser that is looked at."""


@pytest.fixture
def listening() -> Iterator[str]:
    """The address of a program on the user's own machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Program)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (390, "es")])
def test_consent(
    visit: Callable[..., Visitor], user_of: Callable[..., Any], listening: str, width: int, language: str
) -> None:
    clinician = user_of()
    program = program_of(clinician.organisation, None)
    program.redirect_uris = f"{listening}/callback"
    program.client_type = program.CLIENT_PUBLIC  # others need https
    program.save()
    visitor = visit(width, language)
    page = visitor.page
    # Who is not signed in is led there and back; the policy of the pages must let him go on to the program.
    visitor.goto("/oauth/authorize/?" + urlencode(asked_for(program)))
    page.locator("#id_username").fill(clinician.username)
    page.locator("#id_password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Patient record")).to_be_visible()
    visitor.look("consent")
    page.locator("main button").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(re.escape(listening) + r"/callback\?code="))
    expect(page.get_by_text("Done")).to_be_visible()


def test_an_administrator_registers_and_revokes_a_client(
    visit: Callable[..., Visitor], user_of: Callable[..., Any]
) -> None:
    visitor = visit()
    page = visitor.page
    visitor.expected.append("422")
    visitor.enter(user_of(Role.ADMINISTRATOR))
    visitor.goto("/account/")
    page.get_by_role("link", name="OAuth clients").click()
    page.get_by_label("Name").fill("Laboratory")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("Choose the account as which the service acts.")).to_be_visible()
    visitor.look("client-refused")
    page.get_by_label("Kind").select_option("web")
    page.get_by_label("Addresses to return to").fill("http://lab.example/back")
    page.get_by_label("Read the cases of one's care team").check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("http://lab.example/back is no https:// address")).to_be_visible()
    page.get_by_label("Addresses to return to").fill("https://lab.example/back")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_label("Secret")).to_have_value(re.compile(r"\w{128}"))
    visitor.look("client-made")
    page.get_by_role("link", name="Revoke Laboratory").click()
    visitor.look("client-revoke")
    page.get_by_role("button", name="Revoke the client").click()
    expect(page.get_by_text("There is no client yet.")).to_be_visible()
