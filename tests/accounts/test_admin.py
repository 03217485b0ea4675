"""Administrators manage accounts and roles of their own organisation in Django admin, and nothing else."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.audit.models import AuditEvent
from apps.core.capabilities import Capability

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(user_of: Callable[..., User]) -> User:
    return user_of("administrator")


def change_form(user: User, **changes: object) -> dict[str, object]:
    """What the form of an account posts."""
    values: dict[str, object] = {
        "username": user.username,
        "first_name": "",
        "last_name": user.last_name,
        "email": "",
        "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
    }
    return values | changes


def test_a_role_given_in_admin_holds_from_the_next_request_on(
    administrator: User, clinician: User, page: Callable[..., Client], actor_of: Callable[[User], Actor]
) -> None:
    browser = page(clinician)
    assert browser.get(reverse("lifecycle:models")).status_code == 200  # clinicians may see models
    assert browser.get(reverse("audit:events")).status_code == 404

    auditor = Group.objects.get(name="auditor")
    answer = page(administrator).post(
        reverse("admin:accounts_user_change", args=[clinician.pk]),
        change_form(clinician, groups=[auditor.pk]),
    )

    assert answer.status_code == 302
    assert browser.get(reverse("audit:events")).status_code == 200
    assert browser.get(reverse("cases:list")).status_code == 404
    assert not actor_of(clinician).can(Capability.CASE_READ)
    event = AuditEvent.objects.get(action="admin.user.change")
    assert (event.actor_id, event.object_ids) == (administrator.pk, [clinician.pk])
    assert clinician.username not in str(event.details)


def test_an_administrator_makes_an_account_in_his_own_organisation(
    administrator: User, page: Callable[..., Client]
) -> None:
    password = "a-long-enough-passphrase"
    answer = page(administrator).post(
        reverse("admin:accounts_user_add"),
        {"username": "new.one", "usable_password": "true", "password1": password, "password2": password},
    )
    assert answer.status_code == 302
    made = User.objects.get(username="new.one")
    assert made.organisation_id == administrator.organisation_id
    assert not made.is_superuser
    assert AuditEvent.objects.filter(action="admin.user.add", object_ids=[made.pk]).exists()


def test_accounts_of_another_organisation_are_out_of_reach(
    administrator: User,
    other_organisation: Organisation,
    user_of: Callable[..., User],
    page: Callable[..., Client],
) -> None:
    stranger = user_of("clinician", organisation=other_organisation)
    browser = page(administrator)
    assert stranger.username not in browser.get(reverse("admin:accounts_user_changelist")).content.decode()
    address = reverse("admin:accounts_user_change", args=[stranger.pk])
    browser.post(address, change_form(stranger, is_active=""))
    stranger.refresh_from_db()
    assert stranger.is_active


def test_an_administrator_cannot_make_himself_a_superuser(
    administrator: User, page: Callable[..., Client]
) -> None:
    page(administrator).post(
        reverse("admin:accounts_user_change", args=[administrator.pk]),
        change_form(administrator, is_superuser="on", is_staff="on"),
    )
    administrator.refresh_from_db()
    assert not administrator.is_superuser


def test_a_superuser_without_a_role_sees_no_case(
    administrator: User, page: Callable[..., Client], actor_of: Callable[[User], Actor]
) -> None:
    root = User.objects.create_superuser("root", password="a-long-enough-passphrase")
    assert actor_of(root).capabilities == {Capability.ADMIN_ACCESS, Capability.ACCOUNT_SELF}
    assert page(root).get(reverse("cases:list")).status_code == 404
    assert page(root).get(reverse("admin:index")).status_code == 200
