"""`manage.py accept_restored_audit --reason TEXT [--operator NAME] [--anchor FILE] [--dry-run]`."""

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.acceptance import Lost, NothingToAccept, accept_restored, find_lost
from apps.audit.anchor import AnchorFailed, FileAnchor, the_anchor


class Command(BaseCommand):
    help = (
        "After a backup was restored: write into the anchor that what was sealed since is lost, so that sealing goes "
        "on. The loss stays visible for ever, with reason and operator; name no patient in them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="why a backup was restored")
        parser.add_argument(
            "--operator", help="who accepts it; the account of the operating system by default"
        )
        parser.add_argument(
            "--anchor", type=Path, help="the anchor's blocks as a file, where a webhook has taken them"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be accepted as lost")

    def handle(self, *args: Any, **options: Any) -> None:
        anchor = the_anchor()
        source = FileAnchor(options["anchor"].parent, options["anchor"].name) if options["anchor"] else anchor
        reason = options["reason"].strip()
        if not reason:
            raise CommandError("Say why the backup was restored.")
        try:
            if options["dry_run"]:
                self._say("would be accepted as lost", find_lost(anchored=source.blocks()))
                return
            lost = accept_restored(
                anchor=anchor,
                anchored=source.blocks(),
                reason=reason[:500],
                operator=(options["operator"] or getpass.getuser())[:100],
            )
        except NothingToAccept as error:
            raise CommandError(str(error)) from error
        except AnchorFailed as error:
            raise CommandError(f"The anchor cannot be read or written: {error}", returncode=2) from error
        self._say("are accepted as lost", lost)

    def _say(self, what: str, lost: Lost) -> None:
        self.stdout.write(f"Blocks {lost.first} to {lost.last}, which name {lost.n_events} events, {what}.")
