"""`manage.py seal_audit [--once]`: the process that seals the audit trail."""

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection

from apps.audit.anchor import the_anchor
from apps.audit.sealing import SealingFailed, keep_sealing, seal_all

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Seal new audit events into anchored blocks, every second until SIGTERM; --once: now, and end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="seal what waits, and end; exit code 1: it failed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
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
