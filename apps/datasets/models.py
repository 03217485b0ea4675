"""Dataset versions."""

from django.db import models

from apps.core.models import Record


class DatasetVersion(Record):
    """An immutable file of cases (GA4GH Phenopackets as JSON lines), named by the hash of its content."""

    content_hash = models.CharField(max_length=64, unique=True)
    path = models.CharField(max_length=1000)
    n_cases = models.PositiveIntegerField()
    # Since then its file is gone, because somebody in it was erased; models made from it are due for retraining.
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
