"""An organisation says how long it keeps what; a sweep deletes all that is due and nothing early, a second nothing."""

import io
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import Organisation, User
from apps.audit.models import AuditEvent
from apps.cases.models import Case, Hold, RetentionPolicy
from apps.cases.retention import limits_of
from apps.predictions.models import Feedback, Prediction
from apps.predictions.services import Findings, predict, predict_case, record_feedback
from apps.privacy.holds import place_hold
from apps.privacy.models import RetentionRun
from tests.conftest import MARFAN, MARFAN_FINDINGS

pytestmark = [pytest.mark.usefixtures("active_model", "committed_db")]

DAYS = 30
AGES = (0, DAYS - 1, DAYS, DAYS + 1, 400)  # days ago; from DAYS on they are due


def apply(*options: str) -> str:
    stdout = io.StringIO()
    call_command("apply_retention", *options, stdout=stdout)
    return stdout.getvalue()


def age(owner: psycopg.Cursor, table: str, column: str, row: object, days: int) -> None:
    """Let a row be from `days` ago: a thing that the application itself cannot do with predictions."""
    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owner.execute(
        f"UPDATE {table} SET {column} = now() - make_interval(days => %s) WHERE id = %s", [days, row]
    )
    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_all_that_is_due_goes_nothing_goes_early_and_a_second_sweep_is_a_no_op(
    clinician: User,
    user_of: Callable[..., User],
    actor_of: Callable[[User], Actor],
    case_of: Callable[..., Case],
    page: Callable[..., Client],
    other_organisation: Organisation,
    owner_cursor: psycopg.Cursor,
) -> None:
    actor, officer = actor_of(clinician), user_of("privacy_officer")
    stranger = actor_of(user_of("clinician", organisation=other_organisation))
    cases, loose = {}, {}
    for days in AGES:
        cases[days] = case_of(clinician)
        predict_case(actor=actor, case_id=cases[days].pk)
        loose[days] = predict(actor=actor, findings=Findings(MARFAN_FINDINGS))
        record_feedback(actor=actor, prediction_id=loose[days].pk, disease_id=MARFAN)
        age(owner_cursor, "cases_case", "updated_at", cases[days].pk, days)
        age(owner_cursor, "predictions_prediction", "created_at", loose[days].pk, days)
    theirs = predict(actor=stranger, findings=Findings(MARFAN_FINDINGS))
    age(owner_cursor, "predictions_prediction", "created_at", theirs.pk, 400)
    place_hold(
        actor=actor_of(officer),
        patient_id=cases[400].patient_id,
        kind=Hold.Kind.LEGAL,
        reason="a lawsuit is pending",
    )
    assert "0 cases and 0 predictions" in apply("--dry-run")

    browser, address = page(officer), reverse("privacy:limits")
    for wrong in ("0", "36501", "ten", ""):
        assert browser.post(address, {"case_days": wrong, "prediction_days": "30"}).status_code == 422
    wanted = {"case_days": str(DAYS), "prediction_days": str(DAYS)}
    preview = browser.post(address, wanted).content.decode()
    assert "<strong>2</strong> cases with" in preview
    assert "<strong>3</strong> predictions without" in preview
    assert not RetentionPolicy.objects.exists()
    assert browser.post(address, wanted | {"confirmed": "yes"}).status_code == 302
    assert limits_of(organisation_id=officer.organisation_id).case_days == DAYS  # type: ignore[arg-type]
    assert AuditEvent.objects.get(action="retention.limits").details["after"]["case_days"] == DAYS

    said = apply("--dry-run")
    assert "2 cases and 3 predictions without a case are due, 1 cases are held" in said
    assert (Case.objects.count(), RetentionRun.objects.count()) == (len(AGES), 0)
    first, second = apply(), apply()
    print(said.splitlines()[0][38:], "|", first.strip()[38:], "| second sweep:", second or "nothing")
    assert "2 cases and 3 predictions without a case deleted" in first
    assert second == ""
    left = [days for days in AGES if days < DAYS]
    assert set(Case.objects.values_list("pk", flat=True)) == {cases[days].pk for days in [*left, 400]}
    kept = Prediction.objects.filter(case=None).values_list("pk", flat=True)
    assert set(kept) == {loose[days].pk for days in left} | {theirs.pk}
    assert set(Feedback.objects.values_list("prediction_id", flat=True)) == {loose[days].pk for days in left}
    assert AuditEvent.objects.get(action="prediction.purge").details == {"n_predictions": 3}
    assert AuditEvent.objects.filter(action="case.purge").count() == 2


def test_a_case_that_is_changed_is_kept_for_as_long_as_its_organisation_says(
    clinician: User, case_of: Callable[..., Case], other_organisation: Organisation
) -> None:
    for organisation, days in ((clinician.organisation, 10), (other_organisation, 20)):
        RetentionPolicy.objects.create(
            organisation=organisation, case_days=days, prediction_days=days, set_by=clinician
        )
    left = case_of(clinician).retain_until - timezone.now()
    assert timedelta(days=9) < left <= timedelta(days=10)


@pytest.mark.parametrize("days", [None, 0, -1])
def test_the_database_deletes_nothing_that_is_younger_than_a_day(
    days: int | None, clinician: User, actor_of: Callable[[User], Actor]
) -> None:
    predict(actor=actor_of(clinician), findings=Findings(MARFAN_FINDINGS))
    with (
        pytest.raises(DatabaseError, match="less than a day"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT hoofbeat_purge_predictions_without_case(%s, %s)", [clinician.organisation_id, days]
        )
    assert Prediction.objects.count() == 1
