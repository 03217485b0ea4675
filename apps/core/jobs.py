"""Long work that people watch: a row that says how far it is, and a lock so that only one process does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.models import Record


class JobState(models.TextChoices):
    PENDING = "pending", _("waiting")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("done")
    FAILED = "failed", _("failed")


UNFINISHED = (JobState.PENDING, JobState.RUNNING)


class Job(Record):
    """Base of such rows. The row is written first; the broker only hastens it, a sweep finds what got lost."""

    state = models.CharField(max_length=10, choices=JobState, default=JobState.PENDING)
    requested_by_id = models.UUIDField(null=True)
    progress = models.PositiveSmallIntegerField(default=0, help_text="percent")
    step = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(Record.Meta):
        abstract = True

    def begin(self) -> None:
        self.state, self.started_at, self.error = JobState.RUNNING, timezone.now(), ""
        self.save(update_fields=["state", "started_at", "error"])

    def report(self, progress: int, step: str) -> None:
        self.progress, self.step = progress, step
        self.save(update_fields=["progress", "step"])

    def finish(self, error: str = "") -> None:
        self.state = JobState.FAILED if error else JobState.SUCCEEDED
        self.error, self.finished_at = error[:500], timezone.now()
        if not error:
            self.progress = 100
        self.save()


@contextmanager
def only_worker(job_id: UUID) -> Iterator[bool]:
    """True for the one process that may do the job now.

    The lock belongs to the database session, so a killed worker loses it and the next delivery takes over.
    """
    key = job_id.int & ((1 << 63) - 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        (taken,) = cursor.fetchone() or (False,)
    try:
        yield taken
    finally:
        if taken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
