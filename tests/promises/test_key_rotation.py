"""Master keys and patients' keys change while requests go on; a run that is stopped goes on where it was."""

import io
import threading
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cases import rotation
from apps.cases.models import Case, Patient, PatientKey
from apps.cases.selectors import get_case, person_of
from apps.cases.services import NewCase, change_person, create_case
from config.local.folder import first_master_key

PATIENTS = 60
PERSON = {"name": "Ada", "identifier": "MRN-1", "contact": "5 Main St", "note": "calls on Mondays"}


@pytest.fixture
def keyring(settings: Any, tmp_path: Path) -> Path:
    """A keyring in a file, with one key."""
    path = tmp_path / "master-keys"
    path.write_text(first_master_key())
    settings.MASTER_KEYS_FILE = str(path)
    return path


@pytest.fixture
def cases(
    keyring: Path, case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]
) -> list[Case]:
    """Patients of whom everything is known; small batches follow from the test's patience."""
    made = [case_of(clinician, pseudonym=f"R-{number}", present=(), absent=()) for number in range(PATIENTS)]
    for case in made:
        change_person(actor=actor_of(clinician), case_id=case.pk, values=PERSON)
    return made


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH", 7)


def rotate(*arguments: str) -> str:
    stdout = io.StringIO()
    call_command("rotate_keys", *arguments, stdout=stdout)
    return stdout.getvalue()


def forget_old_keys(keyring: Path) -> None:
    keyring.write_text(keyring.read_text().split()[0])


def assert_readable(cases: list[Case], actor: Actor) -> None:
    for number, case in enumerate(cases):
        read = get_case(actor=actor, case_id=case.pk)
        assert (read.patient.pseudonym, person_of(read)) == (f"R-{number}", PERSON)


@pytest.mark.django_db
@pytest.mark.parametrize("renew", [False, True])
def test_a_crash_in_the_middle_loses_nothing_and_the_next_run_goes_on(
    cases: list[Case], keyring: Path, small_batches: None, clinician: User, actor_of: Any,
    monkeypatch: pytest.MonkeyPatch, renew: bool,
) -> None:  # fmt: skip
    options = ["--renew"] if renew else []
    data_keys = {key.pk: key.unwrap() for key in PatientKey.objects.all()}
    record, calls = rotation.record_event, iter(range(1000))

    def fail_in_the_fourth_batch(**event: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return record(**event)

    monkeypatch.setattr(rotation, "record_event", fail_in_the_fourth_batch)
    with pytest.raises(KeyboardInterrupt):
        rotate("--new-master-key", "k2", *options)
    assert PatientKey.objects.filter(master_key="k2").count() == 21
    assert_readable(cases, actor_of(clinician))
    monkeypatch.setattr(rotation, "record_event", record)
    said = rotate(*options)
    assert f"{PATIENTS - 21} keys of patients are due" in said
    forget_old_keys(keyring)
    assert_readable(cases, actor_of(clinician))
    changed = sum(key.unwrap() != data_keys[key.pk] for key in PatientKey.objects.all())
    print(f"stopped after 21 of {PATIENTS} keys, {changed} patients have another key, all readable")
    assert changed == (PATIENTS if renew else 0)
    assert "0 keys of patients are due" in rotate(*options)
    events = AuditEvent.objects.filter(action="key.rotate").order_by("sequence")
    assert sum(event.details["n_patients"] for event in events) == PATIENTS
    assert sorted(chain.from_iterable(event.patient_ids for event in events)) == sorted(data_keys)
    assert {*events[0].details} == {"n_patients", "n_left", "renewed"}
    last = events.last()
    assert last is not None
    assert last.details["n_left"] == 0


class Traffic:
    """Reads, changes and enters cases in threads of its own until it is told to stop."""

    def __init__(self, actor: Actor, cases: list[Case]) -> None:
        self.actor, self.cases = actor, cases
        self.done = {"read": 0, "changed": 0, "entered": 0}
        self.errors: list[BaseException] = []
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self.loop, args=(work,)) for work in (self.read, self.change, self.enter)
        ]

    def loop(self, work: Callable[[int], None]) -> None:
        number = 0
        try:
            while not self.stop.is_set():
                work(number)
                number += 1
        except BaseException as error:
            self.errors.append(error)
        finally:
            connection.close()

    def read(self, number: int) -> None:
        index = number % (PATIENTS // 2)
        read = get_case(actor=self.actor, case_id=self.cases[index].pk)
        assert (read.patient.pseudonym, person_of(read)) == (f"R-{index}", PERSON)
        # A patient whose row came without its case, as deletion and training meet him.
        assert Patient.objects.get(pk=read.patient_id).name == PERSON["name"]
        self.done["read"] += 1

    def change(self, number: int) -> None:
        case = self.cases[PATIENTS // 2 + number % (PATIENTS // 2)]
        change_person(actor=self.actor, case_id=case.pk, values={"name": f"Ada {number}"})
        self.done["changed"] += 1

    def enter(self, number: int) -> None:
        create_case(actor=self.actor, new=NewCase(pseudonym=f"new {number}"))
        self.done["entered"] += 1

    def __enter__(self) -> "Traffic":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def committed_cases(committed_db: None, cases: list[Case]) -> list[Case]:
    return cases


@pytest.mark.timed
def test_a_rotation_during_traffic_loses_nothing(
    committed_cases: list[Case], keyring: Path, small_batches: None, clinician: User, actor_of: Any
) -> None:
    with Traffic(actor_of(clinician), committed_cases) as traffic:
        started = time.perf_counter()
        for number in range(2, 6):
            rotate("--new-master-key", f"k{number}", "--renew")
        seconds = time.perf_counter() - started
    assert traffic.errors == []
    forget_old_keys(keyring)
    keys = list(PatientKey.objects.all())
    assert {key.master_key for key in keys} == {"k5"}
    assert len(keys) == PATIENTS + traffic.done["entered"]
    names = [patient.name for patient in Patient.objects.all()]
    pseudonyms = {patient.pseudonym for patient in Patient.objects.all()}
    assert len(pseudonyms) == len(keys)
    print(
        f"4 rotations of {len(names)} patients in {seconds:.1f} s beside {traffic.done}: 0 errors, all readable"
    )
    assert all(count > 0 for count in traffic.done.values())


@pytest.mark.django_db
def test_a_lost_master_key_stops_the_rotation_and_changes_nothing(cases: list[Case], keyring: Path) -> None:
    before = keyring.read_text()
    keyring.write_text(first_master_key().replace("k1:", "k9:"))
    with pytest.raises(CommandError, match="master key k1 is not in the keyring"):
        rotate()
    keyring.write_text(before)
    assert PatientKey.objects.filter(master_key="k1").count() == PATIENTS


@pytest.mark.django_db
def test_a_new_key_needs_a_file_and_an_id_of_its_own(keyring: Path, settings: Any) -> None:
    before = keyring.read_text()
    with pytest.raises(CommandError, match="the id k1 is there twice"):
        rotate("--new-master-key", "k1")
    assert keyring.read_text() == before
    settings.MASTER_KEYS_FILE = ""
    with pytest.raises(CommandError, match="no MASTER_KEYS_FILE"):
        rotate("--new-master-key", "k2")
