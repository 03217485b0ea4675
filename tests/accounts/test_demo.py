"""The demo accounts."""

import json
import stat
from pathlib import Path

import pytest

from apps.accounts.demo import create_demo
from apps.accounts.models import User
from apps.accounts.roles import CAPABILITIES, Role
from apps.accounts.selectors import get_actor

pytestmark = pytest.mark.django_db


def test_one_account_a_role_whose_password_works(tmp_path: Path) -> None:
    credentials = tmp_path / "demo-credentials.json"
    assert create_demo(credentials=credentials, url="http://127.0.0.1:8000")

    content = json.loads(credentials.read_text())
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert content["url"] == "http://127.0.0.1:8000"
    assert {account["role"] for account in content["accounts"]} == set(Role.values)
    for account in content["accounts"]:
        user = User.objects.get(username=account["username"])
        assert user.check_password(account["password"])
        actor = get_actor(user=user)
        assert actor.roles == (account["role"],)
        assert actor.capabilities == {str(c.value) for c in CAPABILITIES[account["role"]]}


def test_a_second_time_changes_the_address_alone(tmp_path: Path) -> None:
    credentials = tmp_path / "demo-credentials.json"
    create_demo(credentials=credentials, url="http://127.0.0.1:8000")
    before = json.loads(credentials.read_text())
    assert not create_demo(credentials=credentials, url="http://127.0.0.1:9000")
    assert json.loads(credentials.read_text()) == before | {"url": "http://127.0.0.1:9000"}


def test_a_lost_file_is_made_anew_with_passwords_that_work(tmp_path: Path) -> None:
    credentials = tmp_path / "demo-credentials.json"
    create_demo(credentials=credentials, url="http://127.0.0.1:8000")
    credentials.unlink()
    assert create_demo(credentials=credentials, url="http://127.0.0.1:8000")
    for account in json.loads(credentials.read_text())["accounts"]:
        assert User.objects.get(username=account["username"]).check_password(account["password"])
    assert User.objects.count() == len(Role)
