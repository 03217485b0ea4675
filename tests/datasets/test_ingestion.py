"""From a source to a dataset version: validated, recorded, the same for the same content, quarantined when bad."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.core.jobs import JobState
from apps.core.problems import Conflict, Denied, InvalidInput
from apps.datasets.files import parquet_of
from apps.datasets.ingestion import cancel_ingestion, request_ingestion, run_ingestion
from apps.datasets.models import DatasetCase, DatasetVersion, DataSource, Ingestion
from apps.datasets.reports import report_of
from apps.datasets.selectors import newest_for_training, trainable_datasets
from apps.datasets.sources import add_source, change_source
from apps.datasets.tasks import resume_pending, schedule_ingestions
from apps.datasets.versions import decide_version
from tests.conftest import MARFAN
from tests.datasets.conftest import CASES, table, values

pytestmark = pytest.mark.django_db


def test_an_upload_becomes_a_version_as_lines_parquet_and_rows(
    source: DataSource, ingested: Callable[..., Ingestion], scientist: User
) -> None:
    ingestion = ingested(source, table())
    version = ingestion.version
    assert (ingestion.state, ingestion.error, ingestion.progress) == (JobState.SUCCEEDED, "", 100)
    assert version is not None
    assert (version.state, version.n_cases, version.source, version.parent) == (
        "accepted",
        CASES,
        source,
        None,
    )
    assert version.made_by_id == scientist.pk
    assert list(trainable_datasets()) == [version]
    records = [json.loads(line) for line in gzip.decompress(Path(version.path).read_bytes()).splitlines()]
    rows = pyarrow.parquet.read_table(parquet_of(Path(version.path))).to_pylist()
    stored = list(DatasetCase.objects.order_by("pk"))
    assert (
        [record["id"] for record in records] == [row["id"] for row in rows] == [row.case_id for row in stored]
    )
    assert [json.loads(row["record"]) for row in rows] == records
    first = stored[0]
    assert (first.sex, first.age_years, first.diagnoses) == ("female", 11.0, [MARFAN])
    assert first.present == ["HP:0000098", "LOCAL:clinic/long%20fingers"]
    assert AuditEvent.objects.get(action="dataset.ingest").details["n_cases"] == CASES


def test_the_command_reads_a_source_and_says_what_came_of_it(
    source: DataSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "visits.csv"
    file.write_bytes(table())
    call_command("ingest", source.name, str(file))
    assert f"accepted: {CASES} cases of {CASES} records" in capsys.readouterr().out
    file.write_bytes(table(CASES + 1, broken=10))
    with pytest.raises(CommandError, match="not accepted"):
        call_command("ingest", source.name, str(file))
    with pytest.raises(CommandError, match=f"no such source; one of these was expected: {source.name}"):
        call_command("ingest", "nothing")


def test_the_same_content_gives_the_same_version_and_says_so(
    source: DataSource, ingested: Callable[..., Ingestion]
) -> None:
    first, second = ingested(source, table()), ingested(source, table())
    assert (first.version, first.is_repeated) == (second.version, False)
    assert second.is_repeated
    assert DatasetCase.objects.count() == CASES
    run_ingestion(ingestion_id=second.pk)  # delivered twice
    assert DatasetVersion.objects.count() == 1
    third = ingested(source, table(CASES + 1)).version
    assert third is not None
    assert third.parent == first.version


def test_over_the_error_budget_nobody_trains_until_somebody_accepts_with_a_reason(
    source: DataSource, actor: Actor, ingested: Callable[..., Ingestion]
) -> None:
    change_source(actor=actor, source_id=source.pk, values={"retrains": True})
    ingestion = ingested(source, table(CASES, broken=10))
    version = ingestion.version
    assert version is not None
    assert (version.state, version.n_rows, version.n_rejected) == ("quarantined", CASES + 10, 10)
    assert "the budget is 5.0%" in ingestion.summary["quarantine"][0]
    assert not trainable_datasets().exists()
    report = report_of(ingestion)
    assert (report.rejected[0].file, report.rejected[0].row) == ("visits.csv", CASES + 2)
    assert "QUARANTINED" in report.as_markdown()
    with pytest.raises(InvalidInput, match="Say in a sentence why"):
        decide_version(actor=actor, version_id=version.pk, accept=True, reason="ok")
    decide_version(
        actor=actor, version_id=version.pk, accept=True, reason="the broken rows are test patients"
    )
    assert list(trainable_datasets()) == list(newest_for_training()) == [version]
    assert AuditEvent.objects.get(action="dataset.accept").details == {
        "reason": "the broken rows are test patients"
    }
    with pytest.raises(Conflict):
        decide_version(actor=actor, version_id=version.pk, accept=False, reason="or rather not after all")


def test_a_failing_source_says_why_and_makes_no_version(
    actor: Actor, ingested: Callable[..., Ingestion], knowledge: Any, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_ROOTS = [str(tmp_path)]
    source = add_source(actor=actor, values=values(location=str(tmp_path / "nothing.csv")), credentials={})
    ingestion = ingested(source)
    assert (ingestion.state, ingestion.version) == (JobState.FAILED, None)
    assert "there is no such file" in ingestion.error
    (tmp_path / "nothing.csv").write_bytes(table())
    assert ingested(source).state == JobState.SUCCEEDED


def test_a_location_outside_of_the_roots_is_read_by_nobody(
    source: DataSource, actor: Actor, ingested: Callable[..., Ingestion], settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "outside.csv").write_bytes(table())
    (tmp_path / "inside").mkdir()
    settings.DATA_ROOTS = [str(tmp_path / "inside")]
    for location in (
        str(tmp_path / "outside.csv"),
        str(tmp_path / "inside" / ".." / "outside.csv"),
        str(tmp_path / "inside" / "*" / ".." / ".." / "*.csv"),
        "file:///etc/passwd",
        "s3://the-role-of-the-server/may-read-it",
    ):
        with pytest.raises(InvalidInput) as refused:
            add_source(actor=actor, values=values(name="other", location=location), credentials={})
        assert refused.value.errors[0].field in ("location", "credentials")
    (tmp_path / "inside" / "link.csv").symlink_to(tmp_path / "outside.csv")
    linked = add_source(
        actor=actor, values=values(name="linked", location=str(tmp_path / "inside")), credentials={}
    )
    assert "DATA_ROOTS" in ingested(linked).error


def test_what_waits_is_taken_up_and_what_is_due_is_read(
    source: DataSource, actor: Actor, settings: Any, tmp_path: Path, eager_celery: None
) -> None:
    waiting = request_ingestion(actor=actor, source_id=source.pk, upload=("a.csv", table()))
    with pytest.raises(Conflict, match="being read already"):
        request_ingestion(actor=actor, source_id=source.pk, upload=("a.csv", table()))
    resume_pending()
    waiting.refresh_from_db()
    assert waiting.state == JobState.SUCCEEDED

    (tmp_path / "nightly.csv").write_bytes(table(CASES + 2))
    settings.DATA_ROOTS = [str(tmp_path)]
    location = {"location": str(tmp_path / "nightly.csv"), "every_hours": 24}
    change_source(actor=actor, source_id=source.pk, values=location)
    schedule_ingestions()  # it was read just now
    assert Ingestion.objects.count() == 1
    Ingestion.objects.update(created_at="2026-01-01T00:00:00Z")
    schedule_ingestions()
    assert Ingestion.objects.count() == 2
    assert Ingestion.objects.first().version.n_cases == CASES + 2  # type: ignore[union-attr]


def test_cancelled_it_makes_no_version(source: DataSource, actor: Actor) -> None:
    ingestion = request_ingestion(actor=actor, source_id=source.pk, upload=("a.csv", table()))
    ingestion.begin()  # a worker has begun
    cancel_ingestion(actor=actor, ingestion_id=ingestion.pk)
    run_ingestion(ingestion_id=ingestion.pk)
    ingestion.refresh_from_db()
    assert (ingestion.state, ingestion.error) == (JobState.FAILED, "cancelled")
    assert not DatasetVersion.objects.exists()
    with pytest.raises(Conflict):
        cancel_ingestion(actor=actor, ingestion_id=ingestion.pk)


def test_who_may_only_read_changes_nothing(
    source: DataSource, user_of: Callable[..., User], actor_of: Callable[[User], Actor]
) -> None:
    for role in ("auditor", "administrator", "clinician"):
        with pytest.raises(Denied):
            request_ingestion(actor=actor_of(user_of(role)), source_id=source.pk, upload=("a.csv", table()))
