"""The Celery application: `celery -A config worker`, `celery -A config beat`."""

import os
from typing import Any
from uuid import UUID

from celery import Celery, Task

from apps.core.tenancy import current_organisation, organisation_scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_HEADER = "hoofbeat_organisation"


class ScopedTask(Task):
    """A task sees the rows of the organisation in whose scope it was queued; one that the schedule queues sees none."""

    def apply_async(self, *args: Any, headers: dict[str, str] | None = None, **options: Any) -> Any:
        organisation = {_HEADER: current_organisation()}
        return super().apply_async(*args, headers=organisation | (headers or {}), **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A worker spreads headers over the request; a task that runs where it is queued finds them in one.
        named = self.request.get(_HEADER) or (self.request.headers or {}).get(_HEADER)
        with organisation_scope(UUID(named) if named else None):
            return super().__call__(*args, **kwargs)


app = Celery("hoofbeat", task_cls=ScopedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
