"""`manage.py seal_audit [--once | --check]`: the process that seals the audit trail."""

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from apps.audit.anchor import the_anchor
from apps.audit.sealing import SealingFailed, keep_sealing, seal_all
from apps.audit.selectors import get_sealing

logger = logging.getLogger(__name__)


_PROBLEMS = {
    "failing": "failing",
    "silent": "silent: its process has not looked for a while",
    "never": "silent: no process ever looked",
}


class Command(BaseCommand):
    help = (
        "Seal new audit events into anchored blocks, every second until SIGTERM; --once: now, and end; --check: say "
        "whether the process that does it works, and end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="seal what waits, and end; exit code 1: it failed"
        )

        parser.add_argument(
            "--check",
            action="store_true",
            help="exit code 1: sealing fails, or nobody has sealed for a while",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            sealing = get_sealing(now=timezone.now())
            if sealing.problem:
                raise CommandError(f"sealing is {_PROBLEMS[sealing.problem]}. {sealing.error}".strip())
            self.stdout.write(f"sealing works; {sealing.n_waiting} events wait")
            return
        if options["once"]:
            try:
                self.stdout.write(f"{seal_all(anchor=the_anchor())} events sealed")
            except SealingFailed as error:
                raise CommandError(str(error)) from error
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        logger.info("sealing the audit trail")
        while not stopping.is_set():
            try:
                keep_sealing(anchor=the_anchor(), pause=stopping.wait)
            except (DatabaseError, InterfaceError):
                logger.exception("the database does not answer; sealing goes on when it does")
                connection.close()
                stopping.wait(2.0)
