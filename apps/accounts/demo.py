"""The demo organisation that `make run` makes: one account a role, with generated passwords."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.accounts.actors import SYSTEM
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.accounts.selectors import get_actor, grantable_scopes
from apps.accounts.services import create_user, issue_token

ORGANISATION = "Demo Hospital"
NAMES = {
    Role.CLINICIAN: "Dr A. Example",
    Role.DATA_SCIENTIST: "B. Example",
    Role.PRIVACY_OFFICER: "C. Example",
    Role.AUDITOR: "D. Example",
    Role.ADMINISTRATOR: "E. Example",
    Role.INTEGRATOR: "F. Example",
}


def create_demo(*, credentials: Path, url: str) -> bool:
    """Make the demo accounts and write their credentials (mode 0600): whether anything was made.

    When accounts and file are there already, only the address in the file is brought up to date. When one of the two
    was lost, passwords and token are made anew, so that the file always tells the truth.
    """
    content = _read(credentials)
    if content is not None and User.objects.filter(username__in=NAMES).count() == len(NAMES):
        if content["url"] != url:
            _write(credentials, content | {"url": url})
        return False
    with transaction.atomic():
        organisation, _ = Organisation.objects.get_or_create(name=ORGANISATION)
        accounts = [_account(organisation, role) for role in Role]
        integrator = get_actor(user=User.objects.get(username=Role.INTEGRATOR))
        _token, secret = issue_token(actor=integrator, name="demo", scopes=grantable_scopes(actor=integrator))
        # Before the commit: accounts without their passwords would be of no use to anybody.
        _write(credentials, {"url": url, "accounts": accounts, "api_token": secret})
    return True


def demo_clinician() -> User | None:
    """The first active clinician of the demo organisation, by user name."""
    clinicians = User.objects.filter(
        organisation__name=ORGANISATION, groups__name=Role.CLINICIAN, is_active=True
    )
    return clinicians.order_by("username").first()


def _account(organisation: Organisation, role: Role) -> dict[str, str]:
    password = secrets.token_urlsafe(15)
    user = User.objects.filter(username=role).first()
    if user is None:
        create_user(
            actor=SYSTEM,
            username=role,
            password=password,
            organisation=organisation,
            role=role,
            name=NAMES[role],
        )
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
    return {"role": role.value, "username": role.value, "password": password}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if {"url", "accounts", "api_token"} <= content.keys() else None


def _write(path: Path, content: dict[str, Any]) -> None:
    half = path.with_name(path.name + ".half")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
    half.replace(path)
