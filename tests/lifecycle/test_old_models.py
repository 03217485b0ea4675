"""A model that an earlier version made: refused with a sentence, and never the cause of a server error."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts.models import User
from apps.registry import running
from apps.registry.models import ModelVersion
from apps.registry.selectors import Release

pytestmark = pytest.mark.django_db


@pytest.fixture
def old_model(active_model: ModelVersion, tmp_path: Path) -> Path:
    """The active model as if it were of the first format."""
    folder = tmp_path / "old"
    shutil.copytree(active_model.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))
    return folder


def test_it_is_not_registered(old_model: Path) -> None:
    with pytest.raises(CommandError, match=r"of format 1; this version serves format \d+: train it again"):
        call_command("register_model", old_model, "--activate")


def test_one_that_is_active_gives_503_and_the_pages_go_on(
    old_model: Path, active_model: ModelVersion, page: Callable[..., Client], clinician: User, case_of: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    case, browser = case_of(clinician), page(clinician)
    active_model.folder = str(old_model)
    monkeypatch.setattr(running, "_slot", running._Slot())
    monkeypatch.setattr(running, "current_release", lambda: Release(active_model, None, 0, None))
    answer = browser.post(f"/cases/{case.pk}/predict/")
    assert answer.status_code == 503
    assert f"Model {active_model.number} cannot be loaded." in answer.content.decode()
    assert browser.get(f"/cases/{case.pk}/").status_code == 200
