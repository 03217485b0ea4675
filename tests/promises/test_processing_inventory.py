"""Every column of the database is classified, or nothing starts; the record of GDPR art. 30 is made of that."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, models
from django.test import Client
from django.urls import reverse
from django.utils import translation

from apps.accounts.models import Organisation, User
from apps.accounts.roles import Role
from apps.cases.models import Patient
from apps.privacy.inventory import TABLES, Kind, patients
from apps.privacy.inventory.activities import CARE
from apps.privacy.inventory.gaps import all_columns, find_gaps, sealed_columns
from apps.privacy.inventory.kinds import table
from apps.privacy.inventory.record import processing_record

# knox's own migration makes it, although our tokens have a model of their own.
NEVER_USED = ("knox_authtoken",)


def complaints() -> str:
    """What `manage.py check` says, and the server before it starts."""
    with pytest.raises(SystemCheckError) as refused:
        call_command("check")
    return str(refused.value)


@pytest.fixture
def nickname() -> Iterator[None]:
    """Somebody adds a column to the patients."""
    field = models.CharField(max_length=40, default="")
    field.contribute_to_class(Patient, "nickname")
    yield
    Patient._meta.local_fields.remove(field)
    Patient._meta._expire_cache()
    delattr(Patient, "nickname")


@pytest.mark.django_db
def test_every_column_of_the_database_is_classified() -> None:
    counted = Counter(kind for declared in TABLES.values() for kind in declared.columns.values())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name <> 'django_migrations'"
        )
        there = {(table, column) for table, column in cursor.fetchall() if table not in NEVER_USED}
        for table in NEVER_USED:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)
    declared = {(model._meta.db_table, field.column) for model, field in all_columns()}
    print(
        f"{counted.total()} fields of {len(TABLES)} tables: "
        + ", ".join(f"{counted[kind]} {kind.value}" for kind in Kind)
        + f"; {len(there - declared)} columns of PostgreSQL are unknown to the inventory"
    )
    assert find_gaps() == []
    assert counted.total() == len(declared)
    assert there == declared


@pytest.mark.usefixtures("nickname")
def test_a_new_column_must_be_classified_before_anything_starts() -> None:
    assert "cases.Patient.nickname is not classified" in complaints()


def test_a_new_table_must_be_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TABLES, "mfa.Authenticator")
    text = complaints()
    for name in ("id", "user", "type", "data", "created_at", "last_used_at"):
        assert f"mfa.Authenticator.{name} is not classified" in text


def test_what_is_gone_must_be_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "cases.Pet", table("cases.Pet", CARE, personal="name"))
    assert "cases.Pet.name is classified, but not there" in complaints()


def test_nothing_is_declared_twice() -> None:
    declared = [row.model for row in patients.TABLES]
    assert len(declared) == len(set(declared))
    with pytest.raises(ValueError, match=r"cases\.Pet\.name is declared twice"):
        table("cases.Pet", CARE, personal="name", none="name")


@pytest.mark.usefixtures("nickname")
def test_a_personal_column_of_patients_is_sealed_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = TABLES["cases.Patient"]
    columns = {**before.columns, "nickname": Kind.PERSONAL}
    reasons = {"nickname": "everybody knows it", "sealed_name": "it needs none"}
    for unsealed, expected in (
        ({}, "cases.Patient.nickname is personal data of patients, but not sealed"),
        (reasons, "cases.Patient.sealed_name has a reason for being in clear, but needs none"),
    ):
        changed = {name: getattr(before, name) for name in ("model", "activity", "retention")} | {
            "columns": columns,
            "unsealed": unsealed,
        }
        monkeypatch.setitem(TABLES, "cases.Patient", type(before)(**changed))
        assert [f"{gap.place} {gap.complaint}".partition(", and")[0] for gap in find_gaps()] == [expected]


def test_what_is_sealed_is_what_the_inventory_calls_personal() -> None:
    encrypted = {
        f"{model._meta.label}.{name}" for model, _field in all_columns() for name in sealed_columns(model)
    }
    personal = {
        f"{row.model}.{name}"
        for row in TABLES.values()
        if row.activity.of_patients
        for name, kind in row.columns.items()
        if kind == Kind.PERSONAL and name not in row.unsealed
    }
    print(f"{len(personal)} personal fields of patients, {len(encrypted)} of them sealed")
    assert encrypted == personal
    assert {"cases.Patient.sealed_name", "cases.Case.sealed_note"} <= personal


@pytest.mark.django_db
def test_the_record_says_what_article_30_asks_for(
    organisation: Organisation, capsys: Any, settings: Any
) -> None:
    settings.CONTROLLER = "Dr A. Example, 1 Clinic Street"
    settings.DATA_PROTECTION_OFFICER = "dpo@example.org"
    settings.RETENTION_DAYS = 1234
    call_command("processing_record", "--json")
    record = json.loads(capsys.readouterr().out)
    assert organisation.name in record["controllers"]
    assert (record["contact"], record["officer"]) == (settings.CONTROLLER, settings.DATA_PROTECTION_OFFICER)
    assert record["measures"]
    for entry in record["entries"]:
        for part in ("name", "purpose", "basis", "subjects", "data", "recipients", "transfers", "retention"):
            assert entry[part], (entry["name"], part)
            assert "{" not in entry[part]
    (care,) = [entry for entry in record["entries"] if entry["name"] == "Differential diagnosis"]
    assert "1234 days" in care["retention"]
    (name,) = [column for column in care["columns"] if column["name"] == "cases.Patient.sealed_name"]
    assert name["kind"] == "personal"
    assert "AES-256-GCM" in name["protection"]
    call_command("processing_record", "--language", "es")
    spanish = capsys.readouterr().out
    assert "# Registro de actividades de tratamiento" in spanish
    assert "| `cases.Patient.sealed_name` |" in spanish
    print(f"{len(record['entries'])} activities, {len(spanish):,} characters of Markdown")


@pytest.mark.django_db
def test_what_the_settings_do_not_say_is_said_to_be_missing(capsys: Any) -> None:
    call_command("processing_record")
    captured = capsys.readouterr()
    assert "CONTROLLER): not stated in the settings" in captured.out
    assert "CONTROLLER is not set" in captured.err


@pytest.mark.django_db
def test_privacy_officers_read_and_download_it(
    page: Callable[..., Client], user_of: Callable[..., User], other_organisation: Organisation
) -> None:
    officer = user_of(Role.PRIVACY_OFFICER)
    browser = page(officer)
    text = browser.get(reverse("privacy:processing")).content.decode()
    assert officer.organisation is not None
    assert officer.organisation.name in text
    assert other_organisation.name not in text
    assert "cases.Patient.sealed_name" in text
    answer = browser.get(reverse("privacy:processing-export"))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    about_persons = [kind for row in TABLES.values() for kind in row.columns.values() if kind != Kind.NONE]
    assert len(rows) == 1 + len(about_persons)
    assert all(len(row) == len(rows[0]) for row in rows)


def test_every_text_is_spanish_on_spanish_pages() -> None:
    english = processing_record(controllers=[])
    with translation.override("es"):
        spanish = processing_record(controllers=[])
    for one, other in zip(english.entries, spanish.entries, strict=True):
        for part in ("name", "purpose", "basis", "subjects", "data", "recipients", "retention"):
            assert getattr(one, part) != getattr(other, part), getattr(one, part)
