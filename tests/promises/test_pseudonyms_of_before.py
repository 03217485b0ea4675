"""Patients who were entered before there was encryption: the migration seals them, and leaves nothing in the clear."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection

from apps.cases.models import Patient, RowVersion
from apps.core.ownership import owner_connection

BEFORE, AFTER = "0003_uncertain_finding", "0006_only_sealed"
HISTORY = "0014_row_versions"
PSEUDONYMS = ["K7-0042", "k7-0042", "K7-0042 (2)", "Zaunkönig-7731", "x" * 80, "X" * 80]


@pytest.fixture
def empty_database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """A database of its own, in which `cases` is as it was."""
    kept = connection.settings_dict["NAME"]
    with django_db_blocker.unblock(), owner_connection():  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE hoofbeat_before")
        connection.close()
        connection.settings_dict["NAME"] = "hoofbeat_before"
        try:
            call_command("migrate", "cases", BEFORE, verbosity=0)
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = kept
            with connection.cursor() as cursor:
                cursor.execute("DROP DATABASE hoofbeat_before")


def test_what_was_there_is_sealed_and_found_and_can_come_back(empty_database: None) -> None:
    ids = [UUID(int=number) for number, _ in enumerate(PSEUDONYMS, start=1)]
    organisation = UUID(int=99)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_organisation (id, created_at, name) VALUES (%s, now(), 'A')", [organisation]
        )
        for identity, pseudonym in zip(ids, PSEUDONYMS, strict=True):
            cursor.execute(
                "INSERT INTO cases_patient (id, created_at, organisation_id, pseudonym, sex)"
                " VALUES (%s, now(), %s, %s, 'female')",
                [identity, organisation, pseudonym],
            )
    call_command("migrate", "cases", AFTER, verbosity=0)
    texts = {patient.pk: patient.pseudonym for patient in Patient.objects.all()}
    expected = ["K7-0042", "k7-0042 (2)", "K7-0042 (2) (2)", "Zaunkönig-7731", "x" * 80, "X" * 76 + " (2)"]
    assert [texts[identity] for identity in ids] == expected
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(p::text, '') FROM cases_patient p")
        assert "Zaunk" not in str(cursor.fetchone())
    # The row history begins with what is there when it is installed, and can be taken out again.
    call_command("migrate", "cases", HISTORY, verbosity=0)
    found = RowVersion.objects.filter(table_name="cases_patient", act="found").order_by("id")
    assert [UUID(version.row_id) for version in found] == ids
    call_command("migrate", "cases", BEFORE, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pseudonym FROM cases_patient ORDER BY id")
        assert [row[0] for row in cursor.fetchall()] == expected
    print(f"{len(ids)} patients sealed and opened again; 3 pseudonyms that read like another got a number")
