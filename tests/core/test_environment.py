"""Settings come typed from the environment and fail loudly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

ROOT = Path(__file__).parents[2]


def settings_with(**changes: str | None) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of its own, as a server would."""
    variables = {**os.environ, **{name: value for name, value in changes.items() if value is not None}}
    for name in [name for name, value in changes.items() if value is None]:
        variables.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        env=variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "CACHE_URL", "BROKER_URL"])
def test_what_has_no_default_must_be_set(name: str) -> None:
    result = settings_with(**{name: None})
    assert result.returncode != 0
    assert f"{name} is not set" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEBUG", "perhaps", "say true or false"),
        ("RETENTION_DAYS", "ten", "say a whole number from 1 to 36500"),
        ("RETENTION_DAYS", "0", "say a whole number from 1 to 36500"),
        ("DATABASE_URL", "mysql://user:secret-word@host/db", "must begin with one of postgres://"),
        ("SECRET_KEY", "short", "at least 50 random characters"),
        ("LOG_LEVEL", "loud", "say one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(name: str, value: str, said: str) -> None:
    result = settings_with(**{name: value})
    assert result.returncode != 0
    assert said in result.stderr
    assert "secret-word" not in result.stderr.splitlines()[-1]


def test_debug_is_off_and_cookies_are_secure_unless_told_otherwise() -> None:
    script = (
        "from config import settings as s; "
        "assert not s.DEBUG and s.SESSION_COOKIE_SECURE and s.SECURE_SSL_REDIRECT and s.SECURE_HSTS_SECONDS"
    )
    variables = {name: value for name, value in os.environ.items() if name not in {"DEBUG", "TLS"}}
    subprocess.run([sys.executable, "-c", script], env=variables, cwd=ROOT, check=True)


def test_a_secret_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_register", {})
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    monkeypatch.setenv("SOME_SECRET_FILE", str(secret))
    assert environment.text("SOME_SECRET", "a test") == "from a file"
    monkeypatch.setenv("SOME_SECRET_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(ImproperlyConfigured, match="SOME_SECRET_FILE: cannot read"):
        environment.text("SOME_SECRET", "a test")
