"""Handing work to Celery without depending on the broker."""

import logging
from typing import Any

from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def queue_after_commit(task: Any, *arguments: str) -> None:
    """Queue `task` once the row it speaks of is committed.

    When the broker is down the work is not lost: its row waits, and the sweep queues it later.
    """

    def send() -> None:
        try:
            task.delay(*arguments)
        except OperationalError:
            logger.warning("the broker does not answer; %s waits for the sweep", task.name)

    transaction.on_commit(send)
