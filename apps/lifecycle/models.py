"""Training runs."""

from django.db import models

from apps.core.jobs import Job
from apps.datasets.models import DatasetVersion
from apps.registry.models import ModelVersion


class TrainingRun(Job):
    """One training of a candidate on the stored confirmed cases."""

    reason = models.CharField(max_length=300, blank=True)
    dataset = models.ForeignKey(DatasetVersion, models.PROTECT, null=True, related_name="runs")
    model = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="runs")

    class Meta(Job.Meta):
        ordering = ["-id"]
        constraints = [
            # Two trainings at once would only take each other's cores.
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["pending", "running"]),
                name="one_training_at_a_time",
            )
        ]
