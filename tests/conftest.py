"""What the tests of the clinical system stand on: a real database as the application's own role, real knowledge, a real
model, people of each role.

The database is made and migrated by the role that owns it; tests then act as the application's role, as in production.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import dj_database_url
import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management.base import BaseCommand
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases
from rest_framework.test import APIClient

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.roles import Role
from apps.accounts.selectors import get_actor, grantable_scopes
from apps.accounts.services import create_user, issue_token
from apps.accounts.sessions import note_second_factor
from apps.cases.models import Case
from apps.cases.services import NewCase, create_case
from apps.core import tenancy
from apps.core.row_security import MIGRATING
from apps.knowledge.models import KnowledgeRelease
from apps.knowledge.services import load_knowledge
from apps.registry.models import ModelVersion
from apps.registry.services import activate_model, register_model
from config.celery import app as celery
from tests.workers import in_parallel, locked, shared_folder

pytest_plugins = ["tests.engine_fixtures", "tests.permissions.house"]

PASSWORD = "correct-horse-battery-staple"

# Findings of the revised Ghent criteria (Loeys et al. 2010, PMID:20591885) for Marfan syndrome, OMIM:154700.
MARFAN_FINDINGS = ("HP:0001166", "HP:0001083", "HP:0002616", "HP:0001519", "HP:0000768")
MARFAN = "OMIM:154700"

# An organisation that there is not; the test database shows it everything.
EVERYWHERE = str(UUID(int=1))

_CREDENTIALS = ("USER", "PASSWORD", "HOST", "PORT")
_numbers = itertools.count(1)


def _connect_as(url: str) -> None:
    connection.close()
    parsed = dj_database_url.parse(url)
    connection.settings_dict.update({key: parsed[key] for key in _CREDENTIALS})


def _let_tests_see_all() -> None:
    """The code of tests themselves reads and writes for everybody; the application has no such policy.

    Requests, tasks and commands, which the tests call, are as anywhere else.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity")
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"CREATE POLICY of_tests ON {table} "
                f"USING (current_setting('{tenancy.SETTING}', true) = '{EVERYWHERE}')"
            )


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: Any,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """The owner makes the test database; then the application's role is at work. It goes with its server.

    In place of pytest-django's fixture, which makes no database for a run whose tests all commit (`committed_db`).
    """
    with django_db_blocker.unblock():
        if in_parallel():
            _take_copy(request)
        else:
            _make_database()
        _connect_as(settings.APPLICATION_DATABASE_URL)
        tenancy.outside = EVERYWHERE
    yield
    with django_db_blocker.unblock():
        connection.close()


def _make_database() -> None:
    _connect_as(settings.MIGRATION_DATABASE_URL)
    setup_databases(verbosity=0, interactive=False, aliases=["default"], serialized_aliases=[])
    _let_tests_see_all()


def _take_copy(request: pytest.FixtureRequest) -> None:
    """Of the processes of one run, the first migrates and loads the knowledge; the others copy what it made."""
    name = connection.settings_dict["TEST"]["NAME"] or f"test_{connection.settings_dict['NAME']}"
    template = f"{settings.DATABASES['default']['NAME']}_template"
    folder = request.getfixturevalue("knowledge_dir")
    with locked(shared_folder(request.getfixturevalue("tmp_path_factory")) / "database.lock"):
        _connect_as(settings.MIGRATION_DATABASE_URL)
        with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [template])
            is_there = cursor.fetchone() is not None
        if not is_there:
            _make_database()
            _connect_as(settings.APPLICATION_DATABASE_URL)
            load_knowledge(actor=SYSTEM, folder=folder)
            _connect_as(settings.MIGRATION_DATABASE_URL)
        source, copy = (template, name) if is_there else (name, template)
        connection.close()
        with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}"')
        connection.settings_dict["NAME"] = name


@pytest.fixture(autouse=True)
def commands_begin_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sees no rows but those for which it asks, as when it is a process of its own."""
    execute = BaseCommand.execute

    def outside(self: BaseCommand, *args: Any, **options: Any) -> Any:
        with tenancy.organisation_scope(None):
            return execute(self, *args, **options)

    monkeypatch.setattr(BaseCommand, "execute", outside)


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    """Tests make many accounts; the production hasher is slow on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def fresh_throttle(request: pytest.FixtureRequest) -> None:
    """No test may be throttled for what another one did."""
    if "db" in request.fixturenames or "committed_db" in request.fixturenames:
        cache.clear()


@pytest.fixture
def eager_celery() -> Iterator[None]:
    """Tasks run where they are queued, so that a test sees what they did."""
    celery.conf.task_always_eager = True
    yield
    celery.conf.task_always_eager = False


@pytest.fixture
def owner_cursor(django_db_setup: None) -> Iterator[psycopg.Cursor]:
    """The owner's own connection, outside of the test's transaction; each statement commits, and it sees all rows."""
    url = dj_database_url.parse(settings.MIGRATION_DATABASE_URL)
    with (
        psycopg.connect(
            host=url["HOST"],
            port=url["PORT"],
            user=url["USER"],
            password=url["PASSWORD"],
            dbname=connection.settings_dict["NAME"],
            autocommit=True,
            options=f"-c {MIGRATING}=on",
        ) as owner,
        owner.cursor() as cursor,
    ):
        yield cursor


@pytest.fixture
def committed_db(
    django_db_setup: None, django_db_blocker: Any, owner_cursor: psycopg.Cursor
) -> Iterator[None]:
    """For tests whose work other processes, threads or connections must see: it is committed, and removed afterwards.

    The application's role may not truncate, and append-only tables refuse it, so the owner cleans up.
    """
    # What fixtures of the whole session have recorded would wait to be sealed together with the test's own.
    _remove_committed(owner_cursor)
    with django_db_blocker.unblock():
        yield
        connection.close()
    _remove_committed(owner_cursor)


def _remove_committed(owner_cursor: psycopg.Cursor) -> None:
    append_only = (
        "audit_auditevent", "audit_block", "audit_leaf", "audit_anchoredblock",
        "predictions_prediction", "predictions_feedback", "predictions_shadowscore", "cases_consent",
        "cases_rowversion", "lifecycle_firedtrigger",
    )  # fmt: skip
    for table in append_only:
        owner_cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owner_cursor.execute(
        "TRUNCATE audit_auditevent, audit_block, audit_leaf, audit_anchoredblock, audit_pendingevent, "
        "audit_sealerstate, audit_verification, "
        "accounts_organisation, lifecycle_experiment, datasets_datasetversion, "
        "core_answeredrequest, django_session CASCADE"
    )
    for table in append_only:
        owner_cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture(scope="session")
def knowledge(django_db_setup: None, django_db_blocker: Any, knowledge_dir: Path) -> KnowledgeRelease:
    """The wheel's knowledge, loaded once for the whole session."""
    with django_db_blocker.unblock():
        release, _changed = load_knowledge(actor=SYSTEM, folder=knowledge_dir)
    return release


@pytest.fixture(scope="session")
def active_model(knowledge: KnowledgeRelease, django_db_blocker: Any, model_dir: Path) -> ModelVersion:
    """A model trained on that knowledge, registered and active."""
    with django_db_blocker.unblock():
        model, _is_new = register_model(actor=SYSTEM, folder=model_dir)
        activate_model(model=model)
    return model


@pytest.fixture
def organisation() -> Organisation:
    return Organisation.objects.create(name=f"Clinic {next(_numbers)}")


@pytest.fixture
def other_organisation() -> Organisation:
    return Organisation.objects.create(name=f"Elsewhere {next(_numbers)}")


@pytest.fixture
def user_of(organisation: Organisation) -> Callable[..., User]:
    """`user_of("clinician")` makes an account of that role, in `organisation` unless told otherwise."""

    def make(role: str = Role.CLINICIAN, organisation: Organisation = organisation) -> User:
        username = f"{role}-{next(_numbers)}"
        return create_user(
            actor=SYSTEM,
            username=username,
            password=PASSWORD,
            organisation=organisation,
            role=role,
            name=username,
        )

    return make


@pytest.fixture
def clinician(user_of: Callable[..., User]) -> User:
    return user_of(Role.CLINICIAN)


@pytest.fixture
def actor_of() -> Callable[[User], Actor]:
    """The actor that an account is."""
    return lambda user: get_actor(user=user)


@pytest.fixture
def token_of() -> Callable[..., tuple[ApiToken, str]]:
    """`token_of(user)` issues a token: (its row, the secret)."""

    def issue(user: User, lifetime: timedelta | None = None) -> tuple[ApiToken, str]:
        actor = get_actor(user=user)
        return issue_token(actor=actor, name="test", scopes=grantable_scopes(actor=actor), lifetime=lifetime)

    return issue


@pytest.fixture
def api(token_of: Callable[..., tuple[ApiToken, str]]) -> Callable[..., APIClient]:
    """`api(user)` is a REST client that sends a token of his; `api()` sends none. Errors of the server are answers."""

    def client(user: User | None = None) -> APIClient:
        made = APIClient(raise_request_exception=False)
        if user is not None:
            made.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)[1]}")
        return made

    return client


@pytest.fixture
def page() -> Callable[..., Client]:
    """`page(user)` is a browser that is signed in; `page()` is nobody's."""

    def client(user: User | None = None) -> Client:
        made = Client(raise_request_exception=False)
        if user is not None:
            signed_in(made, user)
        return made

    return client


def signed_in(client: Client, user: User) -> None:
    """Sign in with everything that a role may ask for, without its forms."""
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    note_second_factor(session, "totp")
    session.save()


@pytest.fixture
def case_of(knowledge: KnowledgeRelease) -> Callable[..., Case]:
    """`case_of(user)` enters a case with findings of Marfan syndrome; arguments change its parts."""

    def make(user: User, **changes: Any) -> Case:
        values = {
            "pseudonym": f"K7-{next(_numbers):04}",
            "sex": "female",
            "age": "P20Y",
            "present": MARFAN_FINDINGS,
            "absent": ("HP:0000193",),
            "consents": {"care": True},
        }
        return create_case(actor=get_actor(user=user), new=NewCase(**(values | changes)))

    return make


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ten thousand patients take minutes, and `make test` shall stay quick: such tests run only for `-m slow`."""
    if "slow" in (config.option.markexpr or ""):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
