"""What says who a patient is stands in the database as ciphertext alone, bound to its place and to his own key."""

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.cases.models import Case, PatientKey, pseudonym_index
from apps.cases.selectors import get_case, person_of, search_cases
from apps.cases.services import change_person
from config.local.account import installation
from config.local.folder import first_master_key

CANARY = "Zaunkönig-7731"
PERSON = {name: f"{CANARY} {name}" for name in ("name", "identifier", "contact", "note")}


@pytest.fixture
def known(
    case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]
) -> Callable[[], Case]:
    """Enters a case of somebody of whom everything is known."""
    numbers = iter(range(1000))

    def make() -> Case:
        case = case_of(clinician, pseudonym=f"{CANARY} {next(numbers)}")
        return change_person(actor=actor_of(clinician), case_id=case.pk, values=PERSON)

    return make


@pytest.mark.usefixtures("committed_db")
def test_a_dump_of_the_database_shows_ciphertext_only(
    known: Callable[[], Case],
    clinician: User,
    actor_of: Callable[[User], Actor],
    owner_cursor: psycopg.Cursor,
) -> None:
    case = known()
    read = get_case(actor=actor_of(clinician), case_id=case.pk)
    assert (read.patient.pseudonym, person_of(read)) == (f"{CANARY} 0", PERSON)
    url = dj_database_url.parse(django_settings.MIGRATION_DATABASE_URL)
    dump = subprocess.run(
        [
            installation(None) / "bin" / "pg_dump", "--host", str(url["HOST"]), "--port", str(url["PORT"]),
            "--username", str(url["USER"]), "--dbname", connection.settings_dict["NAME"], "--inserts",
            "--enable-row-security",
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "PGPASSWORD": str(url["PASSWORD"]), "PGOPTIONS": "-c hoofbeat.migrating=on"},
    ).stdout  # fmt: skip
    forms = (
        CANARY.encode(),
        CANARY.encode().hex().encode(),
        CANARY.lower().encode(),
        b"Zaunk",
        b"ZAUNK",
        b"zaunk",
    )
    found = sum(dump.count(form) for form in forms)
    columns = owner_cursor.execute(
        "SELECT p.sealed_pseudonym, p.sealed_name, p.sealed_identifier, p.sealed_contact, c.sealed_note"
        " FROM cases_patient p JOIN cases_case c ON c.patient_id = p.id"
    ).fetchone()
    assert columns is not None
    kept = dump.count(str(case.pk).encode())
    print(f"the canary {found} times in a dump of {len(dump):,} bytes, the case's id {kept} times")
    assert kept > 0
    assert found == 0
    assert [column[:1] for column in columns] == [b"\x01"] * 5
    assert len({bytes(column[1:13]) for column in columns}) == 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cases_patient p SET {column} = q.{column} FROM cases_patient q WHERE p.id=%(own)s AND q.id=%(other)s",
        "UPDATE cases_patient SET {column} = sealed_contact WHERE id = %(own)s",
        "UPDATE cases_patient SET {column} = set_byte({column}, 20, get_byte({column}, 20) # 1) WHERE id = %(own)s",
        (
            "UPDATE cases_patientkey p SET wrapped = q.wrapped FROM cases_patientkey q"
            " WHERE p.patient_id = %(own)s AND q.patient_id = %(other)s"
        ),
        "DELETE FROM cases_patientkey WHERE patient_id = %(own)s",
    ],
    ids=["another row", "another column", "a changed byte", "another's key", "no key"],
)
def test_what_does_not_belong_there_is_refused(
    known: Callable[[], Case],
    api: Callable[..., Any],
    page: Callable[..., Client],
    clinician: User,
    statement: str,
) -> None:
    case, other = known(), known()
    address = reverse("api:case", args=[case.pk])
    assert api(clinician).get(address).status_code == 200
    with connection.cursor() as cursor:
        ids = {"own": case.patient_id, "other": other.patient_id}
        cursor.execute(statement.format(column="sealed_pseudonym"), ids)
        assert cursor.rowcount == 1
    for answer in (
        api(clinician).get(address),
        page(clinician).get(reverse("predictions:consultation", args=[case.pk])),
        page(clinician).get("/cases/"),
    ):
        assert answer.status_code == 503
        text = answer.content.decode()
        assert str(case.patient_id) in text
        assert CANARY not in text
    assert api(clinician).get(reverse("api:case", args=[other.pk])).status_code == 200


@pytest.mark.django_db
def test_without_the_master_key_nothing_is_shown_and_nothing_breaks(
    known: Callable[[], Case], api: Callable[..., Any], page: Callable[..., Client], clinician: User,
    settings: Any, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    case = known()
    before = settings.MASTER_KEYS
    settings.MASTER_KEYS = first_master_key().replace("k1:", "k2:")
    answers = [api(clinician).get(reverse("api:case", args=[case.pk])), page(clinician).get("/cases/")]
    assert [answer.status_code for answer in answers] == [503, 503]
    for answer in answers:
        assert "master key k1 is not in the keyring" in answer.content.decode()
        assert CANARY not in answer.content.decode()
    secret = before.partition(":")[2]
    assert secret not in caplog.text + "".join(answer.content.decode() for answer in answers)
    settings.MASTER_KEYS = before
    assert page(clinician).get("/cases/").status_code == 200


@pytest.mark.django_db
def test_a_patient_is_found_by_what_reads_alike_in_one_organisation_alone(
    known: Callable[[], Case], clinician: User, user_of: Any, other_organisation: Any, actor_of: Any
) -> None:
    case = known()
    for text in (f"  {CANARY.upper()}   0 ", "zaunko\u0308nig-7731 0", f"{CANARY} IDENTIFIER"):
        assert [found.pk for found in search_cases(actor=actor_of(clinician), text=text)] == [case.pk], text
    for text in (CANARY, "Zaun", f"{CANARY} name", "%"):
        assert not search_cases(actor=actor_of(clinician), text=text).exists(), text
    index = pseudonym_index(clinician.organisation_id, "K7-1")  # type: ignore[arg-type]
    assert index != pseudonym_index(other_organisation.pk, "K7-1")
    assert len(index) == 32


@pytest.mark.timed
@pytest.mark.django_db
def test_the_cost_is_microseconds_a_field(
    known: Callable[[], Case], case_of: Callable[..., Case], clinician: User, actor_of: Any
) -> None:
    for number in range(50):
        case_of(clinician, pseudonym=f"P-{number}", present=(), absent=())
    cases = list(search_cases(actor=actor_of(clinician)))
    assert len(cases) == 50
    started = time.perf_counter()
    texts = [case.patient.pseudonym for _ in range(20) for case in cases]
    seconds = (time.perf_counter() - started) / len(texts)
    assert set(texts) == {f"P-{number}" for number in range(50)}
    print(f"{seconds * 1e6:.1f} microseconds a field, {seconds * 50e3:.2f} ms for a list of 50 cases")
    assert seconds < 0.001


@pytest.mark.django_db
def test_a_destroyed_key_is_not_used_again(known: Callable[[], Case], clinician: User, actor_of: Any) -> None:
    case = known()
    PatientKey.objects.filter(patient=case.patient_id).delete()
    read = get_case(actor=actor_of(clinician), case_id=case.pk)
    with pytest.raises(Exception, match=f"key of patient {case.patient_id} was destroyed"):
        str(read.patient.pseudonym)
