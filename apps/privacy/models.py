"""Retention runs."""

from django.db import models

from apps.accounts.models import Organisation
from apps.core.jobs import Job


class RetentionRun(Job):
    """One sweep over an organisation's cases that are past their retention."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    n_due = models.PositiveIntegerField(default=0)
    n_deleted = models.PositiveIntegerField(default=0)

    class Meta(Job.Meta):
        ordering = ["-id"]
