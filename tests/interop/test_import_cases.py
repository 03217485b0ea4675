"""Published cases come in from phenopackets: one act and one event each, and a bad one stops nobody."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.demo import ORGANISATION
from apps.accounts.models import Organisation, User
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Consent, Outcome
from apps.predictions.models import Prediction
from tests.conftest import MARFAN, MARFAN_FINDINGS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]


def packet(identity: str, present: Any = MARFAN_FINDINGS, absent: Any = (), **more: Any) -> dict[str, Any]:
    features = [{"type": {"id": term, "label": ""}} for term in present]
    features += [{"type": {"id": term, "label": ""}, "excluded": True} for term in absent]
    return {
        "id": identity,
        "subject": {"id": "1", "sex": "FEMALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P20Y"}}},
        "phenotypicFeatures": features,
        "interpretations": [
            {"id": "1", "diagnosis": {"disease": {"id": MARFAN, "label": "Marfan syndrome"}}}
        ],
        **more,
    }


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: Any) -> Path:
        path = tmp_path / "cases.jsonl.gz"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_bytes(gzip.compress("\n".join(texts).encode()))
        return path

    return write


def run(*arguments: Any, **options: Any) -> str:
    stdout = io.StringIO()
    call_command("import_cases", *map(str, arguments), stdout=stdout, **options)
    return stdout.getvalue()


def test_each_case_is_entered_predicted_and_recorded_once(clinician: User, file: Callable[..., Path]) -> None:
    before = AuditEvent.objects.count()
    path = file(*(packet(f"PMID_1_{number}") for number in range(3)))
    said = run(path, "--predict", "--as", clinician.username)
    assert "3 cases and 3 predictions" in said
    assert Case.objects.count() == Prediction.objects.count() == AuditEvent.objects.count() - before == 3
    prediction = Prediction.objects.order_by("id").first()
    assert prediction is not None
    assert prediction.case is not None
    assert prediction.case.patient.pseudonym == "PMID_1_0"
    assert (prediction.case.age, prediction.case.patient.sex) == ("P20Y", "female")
    assert prediction.requested_by_id == prediction.case.created_by_id == clinician.pk
    assert prediction.input["present"] == list(MARFAN_FINDINGS)
    event = AuditEvent.objects.get(object_ids__contains=[prediction.pk])
    assert event.object_ids == [prediction.pk, prediction.case.pk]
    assert event.patient_ids == [prediction.case.patient_id]
    assert Consent.objects.filter(is_given=True).count() == 6
    assert not Outcome.objects.exists()


def test_running_it_again_skips_what_is_there(clinician: User, file: Callable[..., Path]) -> None:
    path = file(packet("a"), packet("b"), packet("a"))
    assert "2 cases and 0 predictions" in run(path, "--as", clinician.username)
    before = AuditEvent.objects.count()
    said = run(path, "--as", clinician.username)
    assert "0 cases" in said
    assert "3 were there already" in said
    assert AuditEvent.objects.count() == before


def test_a_bad_line_is_named_and_the_others_go_on(
    clinician: User, file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(
        packet("good"),
        "{not json",
        {"id": "no findings"},
        packet("second try", ["HP:9999999"]),
        packet("x" * 81),
        packet("nul\0"),
        [],
        packet("second try"),
    )
    said = run(path, "--predict", "--as", clinician.username)
    assert "2 cases and 2 predictions" in said
    assert "6 could not be used" in said
    told = capsys.readouterr().err
    for line in range(2, 8):
        assert f"cases.jsonl.gz line {line}: " in told
    assert "HP:9999999" in told


def test_what_can_be_used_of_a_case_is_used(
    clinician: User, file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    subject = {"id": "1", "timeAtLastEncounter": {"age": {"iso8601duration": "P900Y"}}}
    path = file(packet("mixed", ["HP:0001505", "HP:9999999"], ["HP:0001166", "HP:0000193"], subject=subject))
    assert "1 findings replaced, 2 left out" in run(path, "--predict", "--as", clinician.username)
    case = Case.objects.get()
    assert list(case.findings.order_by("id").values_list("term_id", "is_present")) == [
        ("HP:0001166", True),
        ("HP:0000193", False),
    ]
    assert (case.age, case.patient.sex) == ("", "unknown")
    told = capsys.readouterr().err
    assert "HP:0001505 was replaced by HP:0001166 (Arachnodactyly)" in told
    assert "HP:9999999" in told
    assert "900" in told


def test_diagnoses_are_recorded_only_when_asked_for(clinician: User, file: Callable[..., Path]) -> None:
    before = AuditEvent.objects.count()
    run(
        file(packet("a"), packet("b", interpretations=[])),
        "--outcomes",
        "--predict",
        "--as",
        clinician.username,
    )
    assert [outcome.disease_id for outcome in Outcome.objects.all()] == [MARFAN]
    assert AuditEvent.objects.count() - before == 2


def test_the_limit_counts_what_can_be_used(clinician: User, file: Callable[..., Path]) -> None:
    path = file("{", packet("a"), packet("b"), packet("c"))
    run(path, "--limit", "1", "--as", clinician.username)
    assert Case.objects.count() == 1
    run(path, "--limit", "2", "--as", clinician.username)
    assert Case.objects.count() == 2


def test_the_demo_clinician_is_taken_by_default(
    user_of: Callable[..., User], file: Callable[..., Path]
) -> None:
    with pytest.raises(CommandError, match="no active clinician"):
        run(file(packet("a")))
    doctor = user_of("clinician", Organisation.objects.create(name=ORGANISATION))
    assert doctor.username in run(file(packet("a")))
    assert Case.objects.get().created_by_id == doctor.pk


def test_whoever_may_not_is_told_so(
    user_of: Callable[..., User], file: Callable[..., Path], tmp_path: Path
) -> None:
    path = file(packet("a"))
    with pytest.raises(CommandError, match="no account 'nobody'"):
        run(path, "--as", "nobody")
    with pytest.raises(CommandError, match="may not: Enter and change cases"):
        run(path, "--as", user_of("auditor").username)
    inactive = user_of("clinician")
    inactive.is_active = False
    inactive.save()
    with pytest.raises(CommandError, match="inactive"):
        run(path, "--as", inactive.username)
    with pytest.raises(CommandError, match="does not exist"):
        run(tmp_path / "nothing.jsonl", "--as", user_of("clinician").username)
    assert not Case.objects.exists()


def test_a_file_without_a_usable_case_is_an_error(clinician: User, file: Callable[..., Path]) -> None:
    with pytest.raises(CommandError, match="no case that could be imported"):
        run(file("{", "[]"), "--as", clinician.username)


def test_a_case_costs_few_queries(clinician: User, file: Callable[..., Path]) -> None:
    path = file(*(packet(str(number)) for number in range(10)))
    with CaptureQueriesContext(connection) as captured:
        run(path, "--predict", "--as", clinician.username)
    assert len(captured) <= 10 * 20 + 10
