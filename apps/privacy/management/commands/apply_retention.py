"""`manage.py apply_retention`: the sweep of the night, now; or what it would delete."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.actors import SYSTEM
from apps.accounts.selectors import in_each_organisation
from apps.core.jobs import JobState
from apps.privacy.selectors import count_due
from apps.privacy.services import run_purge, schedule_purge


class Command(BaseCommand):
    help = "Delete what each organisation has kept for long enough. Exit code 1: a sweep failed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what is due; delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        sweep = self._say_due if options["dry_run"] else self._sweep
        if not all(in_each_organisation(sweep)):
            raise CommandError("A sweep failed; the page of retention and the log say why.")

    def _say_due(self, organisation_id: UUID) -> bool:
        due = count_due(organisation_id=organisation_id)
        self.stdout.write(
            f"{organisation_id}: {due.n_cases} cases and {due.n_predictions} predictions without a case are due, "
            f"{due.n_held} cases are held"
        )
        return True

    def _sweep(self, organisation_id: UUID) -> bool:
        if not count_due(organisation_id=organisation_id):
            return True
        run = schedule_purge(actor=SYSTEM, organisation_id=organisation_id)
        run_purge(run_id=run.pk)
        run.refresh_from_db()
        self.stdout.write(
            f"{organisation_id}: {run.n_deleted} cases and {run.n_predictions} predictions without a case deleted"
        )
        return run.state == JobState.SUCCEEDED
