"""A real Chromium against a real server on committed rows.

`HOOFBEAT_SCREENSHOTS` names a folder that keeps a picture of each page that was looked at.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from apps.accounts.models import User
from tests.conftest import signed_in
from tests.served import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The first prediction loads the model, and the machine may have other work.
expect.set_options(timeout=20_000)
GRAVE = {"serious", "critical"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(
                    pytest.mark.skip(reason="no chromium on this machine; `apt-get install chromium`")
                )


@pytest.fixture
def site(committed_db: None, active_model: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with threads, as in production; its rows are committed and removed afterwards."""
    # Playwright's event loop lives in this thread, which makes Django refuse the ORM of the fixtures.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with served() as address:
        yield address


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def totp_code(secret: str) -> str:
    """What an authenticator app shows now."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


@dataclass
class Visitor:
    """Somebody in front of a page; keeps what the console and the network complained of."""

    page: Page
    site: str
    name: str
    looks_for_barriers: bool = True
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", lambda answer: self._answered(answer.status, answer.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(part in text for part in self.expected):
            self.complaints.append(f"{kind}: {text}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 500 or (status == 404 and "/static/" in url):
            self.complaints.append(f"{status} {url}")

    def goto(self, path: str) -> None:
        self.page.goto(f"{self.site}{path}")

    def sign_in(self, username: str, password: str) -> None:
        self.goto("/account/sign-in/")
        self.page.locator("#id_username").fill(username)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: "sign-in" not in url)
        if "/account/factors/" in self.page.url:
            self.add_app()

    def enter(self, user: User) -> None:
        """Be signed in, with everything the role asks for, where the way in is not what is looked at."""
        client = Client()
        signed_in(client, user)
        self.page.context.add_cookies(
            [{"name": name, "value": value.value, "url": self.site} for name, value in client.cookies.items()]
        )
        self.goto("/")

    def add_app(self) -> str:
        """Add an authenticator app, as a role may ask for at the first sign-in; returns its secret."""
        self.page.locator('a[href="/account/factors/app/"]').click()
        secret = self.page.locator("#secret").inner_text().replace(" ", "")
        self.look("add-app")
        self.page.locator("#id_code").fill(totp_code(secret))
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".recovery-codes code")).to_have_count(10)
        self.look("recovery-codes")
        self.page.locator('main a[href="/"]').click()
        self.page.wait_for_url(lambda url: "/account/" not in url)
        return secret

    def look(self, name: str, *, ours: bool = True) -> None:
        """The page as it stands has no grave barrier, nothing to scroll sideways, and nothing on the console.

        Barriers in the markup of Django admin are Django's, so they count only on pages of `ours`.
        """
        looks = ours and self.looks_for_barriers
        found = Axe().run(self.page).response["violations"] if looks else []
        grave = [
            f"{violation['id']} ({violation['impact']}): {node['html'][:200]} {node.get('failureSummary', '')}"
            for violation in found
            if violation["impact"] in GRAVE
            for node in violation["nodes"]
        ]
        if folder := os.environ.get("HOOFBEAT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{self.name}-{name}.png", full_page=True)
        assert not grave, "\n".join(grave)
        wider = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wider <= 0, f"{name}: {wider} px wider than the screen"
        assert not self.complaints, "\n".join(self.complaints)


@pytest.fixture
def visit(site: str, chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """`visit(width=390, language="es")` opens a browser window."""
    windows = []

    def open_window(
        width: int = 1280, language: str = "en", *, dark: bool = False, javascript: bool = True
    ) -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 844 if width < 700 else 800},
            locale=language,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=javascript,
        )
        context.set_default_timeout(20_000)
        windows.append(context)
        name = f"{width}-{language}{'-dark' if dark else ''}{'' if javascript else '-plain'}"
        return Visitor(context.new_page(), site, name)

    yield open_window
    for context in windows:
        context.close()
