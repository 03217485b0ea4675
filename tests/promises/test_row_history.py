"""Each version of a clinical row is written down by the database, whoever changed it and by whatever statement."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.accounts.actors import SYSTEM
from apps.accounts.models import Organisation, User
from apps.accounts.selectors import get_actor
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Finding, Patient, PatientKey, RowVersion
from apps.cases.services import change_case, change_person, delete_case, set_finding
from apps.core import tenancy
from tests.conftest import MARFAN_FINDINGS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

NAME = "Quetzalcoatl Obermoser"
LENS, ARACHNODACTYLY = "HP:0001083", "HP:0001166"


def versions(**filters: Any) -> list[tuple[str, str, Any]]:
    return list(RowVersion.objects.filter(**filters).values_list("table_name", "act", "content"))


def test_an_act_of_the_application_is_told_with_its_event(
    clinician: User, case_of: Callable[..., Case]
) -> None:
    case = case_of(clinician)
    actor = get_actor(user=clinician)
    set_finding(actor=actor, case_id=case.pk, term_id=LENS, is_present=False)
    told = RowVersion.objects.filter(case_id=case.pk, table_name="cases_finding").last()
    assert told is not None
    assert told.content is not None
    assert (told.content["term_id"], told.content["is_present"]) == (LENS, False)
    # The test is one transaction, in which the first event after a row names it.
    assert AuditEvent.objects.get(id=told.event_id).object_ids == [case.pk]
    # Whom a case belongs to, who may see it, what was found: all are clinical.
    assert {"cases_case", "cases_finding", "cases_caseuserobjectpermission"} == {
        table for table, _act, _content in versions(case_id=case.pk)
    }


def test_bulk_writes_and_plain_sql_are_told_as_well(clinician: User, case_of: Callable[..., Case]) -> None:
    case = case_of(clinician)
    n_before = RowVersion.objects.count()
    Finding.objects.filter(case=case).update(is_present=None)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cases_case SET age = 'P99Y' WHERE id = %s", [case.pk])
        cursor.execute("DELETE FROM cases_finding WHERE case_id = %s", [case.pk])
    Finding.objects.bulk_create(
        Finding(case=case, term_id=term, is_present=True, recorded_by=clinician) for term in MARFAN_FINDINGS
    )
    n_findings = len([row for row in versions(case_id=case.pk) if row[:2] == ("cases_finding", "delete")])
    told = list(RowVersion.objects.order_by("id"))[n_before:]
    assert [row.act for row in told] == (
        ["update"] * n_findings + ["update"] + ["delete"] * n_findings + ["insert"] * len(MARFAN_FINDINGS)
    )
    assert n_findings > 0
    # Nobody named an event: it was not the application's services that wrote.
    assert {row.event_id for row in told} == {None}
    print(f"{len(told)} rows changed by 4 bulk statements, {len(told)} versions")


def test_what_is_written_again_unchanged_is_no_version(clinician: User, case_of: Callable[..., Case]) -> None:
    case = case_of(clinician)
    n_before = RowVersion.objects.count()
    change_case(actor=get_actor(user=clinician), case_id=case.pk, age=case.age)
    assert RowVersion.objects.count() == n_before


def test_personal_fields_are_ciphertext(clinician: User, case_of: Callable[..., Case]) -> None:
    case = case_of(clinician)
    actor = get_actor(user=clinician)
    for name in (NAME, "Another One"):
        change_person(actor=actor, case_id=case.pk, values={"name": name, "note": NAME})
    patient = [content for table, _act, content in versions(patient=case.patient) if table == "cases_patient"]
    assert len(patient) == 3  # entered, and twice changed
    case.refresh_from_db()
    # Version byte 1, then nonce and ciphertext.
    assert all(str(content["sealed_pseudonym"]).startswith("\\x01") for content in patient)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(v::text, ' ') FROM cases_rowversion v")
        (everything,) = cursor.fetchone()
    for clear in (NAME, NAME.encode().hex(), case.patient.pseudonym, case.patient.pseudonym.encode().hex()):
        assert clear not in everything


FORGE = (
    "INSERT INTO cases_rowversion (organisation_id, patient_id, table_name, row_id, act, changed_at, transaction) "
    "SELECT organisation_id, id, 'cases_patient', id, 'update', now(), 1 FROM cases_patient"
)


@pytest.mark.parametrize(
    "statement",
    [
        FORGE,
        "ALTER TABLE cases_finding DISABLE TRIGGER USER",
        "SELECT hoofbeat_keep_versions('cases_case', 'update', 'patient_id', 'id', '{}', '{}')",
        "DROP TRIGGER version_update ON cases_case",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_can_neither_forge_it_nor_switch_it_off(
    clinician: User, case_of: Callable[..., Case], statement: str
) -> None:
    case_of(clinician)
    with (
        pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_another_organisations_history_is_not_there(
    clinician: User, case_of: Callable[..., Case], other_organisation: Organisation
) -> None:
    case = case_of(clinician)
    with tenancy.organisation_scope(other_organisation.pk):
        assert not versions()
    with tenancy.organisation_scope(case.organisation_id):
        assert versions(case_id=case.pk)


def test_versions_go_with_their_case_and_patient(clinician: User, case_of: Callable[..., Case]) -> None:
    case = case_of(clinician)
    patient_id = case.patient_id
    second = Case(
        patient=case.patient,
        organisation=case.organisation,
        created_by=clinician,
        retain_until=timezone.now() + timedelta(days=1),
    )
    second.save(force_insert=True)
    first_id = case.pk
    delete_case(actor=SYSTEM, case=case)
    # That it was deleted is all that is left of the first.
    assert versions(case_id=first_id) == [("cases_case", "delete", None)]
    assert versions(patient=patient_id, case_id=second.pk) != []
    delete_case(actor=SYSTEM, case=second)
    assert not versions(patient=patient_id)
    assert not Patient.objects.filter(pk=patient_id).exists()
    assert not PatientKey.objects.filter(patient_id=patient_id).exists()
