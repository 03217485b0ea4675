"""With the filters of the application removed, PostgreSQL still shows no row of another organisation."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from celery import shared_task
from celery.contrib.testing.worker import start_worker
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, ProgrammingError, connection, models, transaction
from django.db.backends.postgresql import base
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.accounts.selectors import in_each_organisation
from apps.cases.models import Case, CaseUserObjectPermission, Finding, Patient, PatientKey
from apps.core.jobs import JobState
from apps.core.tenancy import current_organisation, enter_organisation, organisation_scope
from apps.predictions.models import Prediction
from apps.predictions.services import predict_case, record_feedback
from apps.privacy.models import RetentionRun
from apps.privacy.services import request_purge
from apps.privacy.tasks import resume_pending
from config.celery import app as celery
from config.local.folder import first_master_key
from tests.conftest import EVERYWHERE, MARFAN

# Tables that name an organisation, or something of one, and are open to every session of the application's role.
OPEN = {
    "accounts_user": "whoever signs in belongs to no organisation yet",
    "accounts_apitoken": "a token says which organisation its owner is of",
    "oauth_client": "a program names its client before anybody knows the organisation; it holds no patient's data",
    "audit_auditevent": "the sealer and the verifier read all of it; it holds opaque ids and codes alone",
    "audit_verification": "the trail is one for all; it says who asked, and numbers and opaque ids of what was found",
    "core_answeredrequest": "its answers are ciphertext that only key and body of the same request open",
}


@pytest.fixture
def other_clinician(user_of: Callable[..., User], other_organisation: Organisation) -> User:
    return user_of(Role.CLINICIAN, other_organisation)


@pytest.fixture
def both(
    active_model: Any,
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    clinician: User,
    other_clinician: User,
) -> dict[User, Case]:
    """A clinician of each organisation with a patient, a case, a prediction and feedback."""
    made = {}
    for user in (clinician, other_clinician):
        made[user] = case_of(user, consents={"care": True, "training": True})
        prediction = predict_case(actor=actor_of(user), case_id=made[user].pk)
        record_feedback(actor=actor_of(user), prediction_id=prediction.pk, disease_id=MARFAN)
    return made


def restricts(name: str, value: Any) -> bool:
    """Whether a condition asks for the organisation, or for what lets somebody in."""
    return name.startswith("organisation") or getattr(value, "model", None) is CaseUserObjectPermission


@pytest.fixture
def no_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """No query asks any longer for an organisation, or whether a care team lets somebody in."""
    original = models.QuerySet._filter_or_exclude

    def unfiltered(self: Any, negate: bool, args: Any, kwargs: Any) -> Any:
        kwargs = {name: value for name, value in kwargs.items() if not restricts(name, value)}
        return original(self, negate, args, kwargs)

    monkeypatch.setattr(models.QuerySet, "_filter_or_exclude", unfiltered)


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The organisation of every row of these tables that the application reads."""
    read: list[UUID] = []
    for model in (Case, Patient, Prediction, RetentionRun):
        original = model.from_db.__func__  # type: ignore[attr-defined]

        def from_db(cls: Any, *args: Any, _original: Any = original) -> Any:
            row = _original(cls, *args)
            if "organisation_id" in vars(row):
                read.append(row.organisation_id)
            return row

        monkeypatch.setattr(model, "from_db", classmethod(from_db))
    return read


def ask_for_everything(browser: Client, officer: Client, api: Client, case: Case, prediction: UUID) -> int:
    """Ask pages and API for lists, exports and `case`, by whomever; returns the number of requests."""
    pages = [
        *(
            reverse(name)
            for name in ("cases:list", "cases:export", "predictions:history", "predictions:export")
        ),
        reverse("predictions:consultation", args=[case.pk]),
        reverse("predictions:detail", args=[prediction]),
    ]
    operations = [
        "cases/", f"cases/{case.pk}/", "predictions/", f"predictions/{prediction}/", "feedback/", "priors/",
        f"predictions/?case={case.pk}",
    ]  # fmt: skip
    answers = [browser.get(address) for address in pages]
    answers += [officer.get(reverse("privacy:retention"))]
    answers += [api.get(f"/api/v1/{address}") for address in operations]
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert sum(answer.status_code == 200 for answer in answers) >= 7
    return len(answers)


@pytest.mark.django_db
@pytest.mark.parametrize("protected", [True, False])
def test_pages_and_api_without_their_filters(
    both: dict[User, Case],
    clinician: User,
    other_clinician: User,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
    page: Callable[..., Client],
    api: Callable[..., Any],
    rows_read: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    protected: bool,
) -> None:
    officer = page(user_of(Role.PRIVACY_OFFICER))
    request_purge(actor=actor_of(user_of(Role.PRIVACY_OFFICER, other_clinician.organisation)))
    theirs = both[other_clinician]
    prediction = theirs.predictions.get().pk
    browser, program = page(clinician), api(clinician)
    request.getfixturevalue("no_filters")
    if not protected:
        # So that nobody believes in filters that were not removed: the same, with a database that shows everything.
        monkeypatch.setattr(
            "apps.accounts.middleware.enter_organisation",
            lambda _organisation_id: enter_organisation(UUID(EVERYWHERE)),
        )
    rows_read.clear()
    n = ask_for_everything(browser, officer, program, theirs, prediction)
    foreign = sum(organisation == theirs.organisation_id for organisation in rows_read)
    word = "by row-level security" if protected else "with row-level security opened"
    print(
        f"{n} requests without the filters of the application, {word}: {len(rows_read)} rows read, {foreign} foreign"
    )
    assert len(rows_read) > 5
    assert foreign == 0 if protected else foreign > 5


def protected_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY relname"
        )
        return [name for (name,) in cursor.fetchall()]


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_every_table_of_an_organisation_is_protected(db: None) -> None:
    protected, bare = set(protected_tables()), []
    for model in apps.get_models(include_auto_created=True):
        table, fields = model._meta.db_table, model._meta.concrete_fields
        parents = {field.related_model._meta.db_table for field in fields if field.related_model}
        belongs = "organisation_id" in {field.attname for field in fields} or parents & protected
        if belongs and table not in protected and table not in OPEN:
            bare.append(table)
    print(f"{len(protected)} tables have forced row-level security, {len(OPEN)} are open with a reason")
    assert bare == [], "give it row-level security (apps/core/row_security.py), or say here why it has none"
    assert len(protected) >= 13


@pytest.mark.django_db
def test_plain_sql_sees_and_changes_nothing_elsewhere(
    both: dict[User, Case], clinician: User, other_clinician: User
) -> None:
    everything = {table: count(table) for table in protected_tables()}
    assert sum(bool(n) for n in everything.values()) >= 7
    seen: dict[str, int] = dict.fromkeys(everything, 0)
    for user in (clinician, other_clinician):
        with organisation_scope(user.organisation_id):
            for table in everything:
                seen[table] += count(table)
    assert seen == everything, "each row is of one organisation"
    for scope in (None, UUID(int=7)):
        with organisation_scope(scope):
            assert {table for table in everything if count(table)} == set()
    theirs = both[other_clinician]
    with organisation_scope(clinician.organisation_id):
        changed = Case.objects.filter(pk=theirs.pk).update(age="P1Y")
        changed += Patient.objects.filter(organisation_id=theirs.organisation_id).update(sex="male")
        assert changed == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Finding.objects.create(case=theirs, term_id="HP:0000193", recorded_by=clinician)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Case.objects.filter(pk=both[clinician].pk).update(organisation=theirs.organisation_id)
    print(f"{sum(everything.values())} rows in {len(everything)} tables: 0 seen and 0 changed from elsewhere")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attempt",
    [
        "SET row_security = off",
        "SET hoofbeat.migrating = 'on'",
        "SET ROLE hoofbeat_owner",
        "SET SESSION AUTHORIZATION hoofbeat_owner",
        "ALTER TABLE cases_case DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE cases_case NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY of_organisation ON cases_case",
        "CREATE POLICY mine ON cases_case USING (true)",
        "ALTER ROLE hoofbeat_app BYPASSRLS",
        "SELECT hoofbeat_purge_predictions(id) FROM cases_case",
    ],
)
def test_the_application_cannot_open_it(both: dict[User, Case], attempt: str) -> None:
    with organisation_scope(None):
        seen = 0
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(attempt)
                cursor.execute("SELECT count(*) FROM cases_case")
                (seen,) = cursor.fetchone()
        except DatabaseError as error:
            print(f"{attempt}: {str(error).splitlines()[0]}")
        assert seen == 0


@pytest.mark.usefixtures("committed_db")
def test_the_owner_sees_nothing_either_unless_it_migrates(
    both: dict[User, Case], owner_cursor: psycopg.Cursor
) -> None:
    owner_cursor.execute("SET hoofbeat.migrating = 'off'")
    assert owner_cursor.execute("SELECT count(*) FROM cases_case").fetchone() == (0,)
    owner_cursor.execute("SET hoofbeat.migrating = 'on'")
    assert owner_cursor.execute("SELECT count(*) FROM cases_case").fetchone() == (2,)


def own() -> set[UUID]:
    return set(Case.objects.values_list("organisation_id", flat=True))


def fail_in_a_transaction(organisation_id: UUID | None, sql: str) -> None:
    with transaction.atomic(), organisation_scope(organisation_id), connection.cursor() as cursor:
        assert own() == {organisation_id}
        cursor.execute(sql)
        raise ZeroDivisionError


@pytest.fixture
def one_server_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """Makes connections as Django does, which all get the same session, as from a pool of one."""
    connection.ensure_connection()
    raw = connection.connection
    monkeypatch.setattr(base.DatabaseWrapper, "get_new_connection", lambda *_: raw)
    yield connection.copy
    monkeypatch.undo()


@pytest.mark.usefixtures("committed_db")
def test_a_connection_that_is_used_again(
    both: dict[User, Case],
    clinician: User,
    other_clinician: User,
    page: Callable[..., Client],
    one_server_session: Callable[[], Any],
) -> None:
    mine, theirs = clinician.organisation_id, other_clinician.organisation_id
    browsers = {user: page(user) for user in both}
    names = {user: case.patient.pseudonym for user, case in both.items()}
    foreign = 0
    for turn in range(50):
        here, there = (clinician, other_clinician) if turn % 2 else (other_clinician, clinician)
        text = browsers[here].get(reverse("cases:list")).content.decode()
        assert names[here] in text
        foreign += names[there] in text
        with organisation_scope(None):
            foreign += len(own())
        # What a failed transaction brings back is the organisation from before it.
        with organisation_scope(mine):
            assert own() == {mine}
            for sql in ("SELECT 1/0", "SELECT 1"):
                with pytest.raises((DatabaseError, ZeroDivisionError)):
                    fail_in_a_transaction(theirs, sql)
                assert own() == {mine}
        with organisation_scope(theirs):
            assert own() == {theirs}
        # Another connection of Django's gets the session of this one.
        other = one_server_session()
        with organisation_scope(mine), other.cursor() as cursor:
            cursor.execute("SELECT DISTINCT organisation_id FROM cases_case")
            assert cursor.fetchall() == [(mine,)]
        connection.connection = None
        connection.connect()
    print(
        f"one session of the server, 50 turns of two organisations and failures between: {foreign} foreign rows"
    )
    assert foreign == 0


@pytest.mark.usefixtures("committed_db")
def test_a_swallowed_failure_does_not_bring_another_organisation_back(
    both: dict[User, Case], clinician: User, other_clinician: User
) -> None:
    with organisation_scope(other_clinician.organisation_id):
        own()
    with organisation_scope(clinician.organisation_id):
        with transaction.atomic(), connection.cursor() as cursor:
            assert own() == {clinician.organisation_id}
            with suppress(DatabaseError):
                cursor.execute("SELECT 1/0")
        assert own() == {clinician.organisation_id}


_done: list[tuple[str, set[UUID]]] = []
_all_done = threading.Event()


@shared_task(name="tests.what_is_seen")
def what_is_seen(name: str, last: bool) -> None:
    _done.append((name, own()))
    if last:
        _all_done.set()


@pytest.mark.usefixtures("committed_db")
def test_a_worker_of_celery(
    both: dict[User, Case],
    clinician: User,
    other_clinician: User,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
) -> None:
    _done.clear()
    _all_done.clear()
    officers = [user_of(Role.PRIVACY_OFFICER, user.organisation) for user in both]
    runs = [request_purge(actor=actor_of(officer)) for officer in officers]
    turns: list[UUID | None] = [clinician.organisation_id, None, other_clinician.organisation_id] * 10
    with start_worker(celery, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        resume_pending.delay()  # finds the work of each organisation
        for number, organisation_id in enumerate(turns):
            with organisation_scope(organisation_id):
                what_is_seen.delay(str(organisation_id), number == len(turns) - 1)
        assert _all_done.wait(60)
        # Behind what the sweep has queued.
        _all_done.clear()
        with organisation_scope(None):
            what_is_seen.delay("None", True)
        assert _all_done.wait(60)
    foreign = sum(len(seen - {UUID(name)} if name != "None" else seen) for name, seen in _done)
    own_rows = sum(len(seen) for _name, seen in _done) - foreign
    print(f"{len(_done)} tasks in one worker: {own_rows} saw their organisation's rows, {foreign} foreign")
    assert (own_rows, foreign) == (20, 0)
    states = RetentionRun.objects.filter(pk__in=[run.pk for run in runs]).values_list("state", flat=True)
    assert list(states) == [JobState.SUCCEEDED] * 2


@pytest.mark.django_db
def test_a_command_takes_one_organisation_after_the_other(
    settings: Any, tmp_path: Path, request: pytest.FixtureRequest, capsys: Any
) -> None:
    settings.MASTER_KEYS_FILE = str(tmp_path / "master-keys")
    (tmp_path / "master-keys").write_text(first_master_key())
    both = request.getfixturevalue("both")
    call_command("rotate_keys", "--new-master-key", "k2")
    assert f"{len(both)} keys done" in capsys.readouterr().out
    assert set(PatientKey.objects.values_list("master_key", flat=True)) == {"k2"}


@pytest.mark.django_db
def test_work_for_each_organisation_leaves_no_scope_behind(
    organisation: Organisation, other_organisation: Organisation
) -> None:
    def fail_in_the_first(organisation_id: UUID) -> None:
        seen.append((str(organisation_id), current_organisation()))
        if len(seen) == 1:
            raise LookupError

    seen: list[tuple[str, str]] = []
    with organisation_scope(other_organisation.pk):
        with pytest.raises(LookupError):
            in_each_organisation(fail_in_the_first)
        gc.collect()
        assert current_organisation() == str(other_organisation.pk)
        in_each_organisation(fail_in_the_first)
        assert current_organisation() == str(other_organisation.pk)
    assert all(named == scope for named, scope in seen)
    assert {named for named, _scope in seen} == {str(organisation.pk), str(other_organisation.pk)}
