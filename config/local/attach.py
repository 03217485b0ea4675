"""`manage.py` beside `make run`: it works on what runs there, without settings of its own."""

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def attach() -> None:
    """Take the settings that `make run` gave its parts, from `$VAR` or `var/`, unless there are settings already.

    Does nothing when no `make run` has been here; the settings then say what is missing.
    """
    if "DATABASE_URL" in os.environ:
        return
    running = Path(os.environ.get("VAR") or ROOT / "var") / "running.json"
    try:
        settings = json.loads(running.read_text(encoding="utf-8")).get("settings", {})
    except (OSError, ValueError):
        return
    for name, value in settings.items():
        os.environ.setdefault(name, value)
