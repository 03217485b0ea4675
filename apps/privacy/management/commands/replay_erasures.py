"""`manage.py replay_erasures`, after a backup was restored and before anybody is let in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.privacy.erasure import NotErased, replay_erasures
from apps.privacy.ledger import LedgerFailed


class Command(BaseCommand):
    help = (
        "Erase again whom a restored backup brought back, by the ledger ERASURE_LEDGER. Exit code 1: not all."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            n_entries, n_erased = replay_erasures()
        except (LedgerFailed, NotErased) as error:
            raise CommandError(
                f"{type(error).__name__}: {error}. Run it again once that is mended."
            ) from error
        self.stdout.write(
            f"{n_entries} erasures in the ledger, {n_erased} patients were there again and were erased"
        )
