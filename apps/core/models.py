"""The base of every record."""

from django.db import models

from apps.core.identifiers import uuid7


class Record(models.Model):
    """A row with an opaque, time-ordered id and the moment it was made."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
