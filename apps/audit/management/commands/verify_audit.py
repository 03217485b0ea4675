"""`manage.py verify_audit [--json] [--anchor FILE]`."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.anchor import AnchorFailed, FileAnchor, the_anchor
from apps.audit.verification import verify_trail


class Command(BaseCommand):
    help = (
        "Verify the audit trail against its anchor. "
        "Exit code 0: whole; 1: not, each event is named; 2: no anchor; 3: nothing but losses that were accepted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the report as JSON")
        parser.add_argument("--anchor", type=Path, help="a file of anchored blocks, in place of AUDIT_ANCHOR")

    def handle(self, *args: Any, **options: Any) -> None:
        anchor = the_anchor()
        if options["anchor"]:
            anchor = FileAnchor(options["anchor"].parent, options["anchor"].name)
        try:
            last = anchor.last()
            report = verify_trail(anchored=anchor.blocks(), last=last)
        except AnchorFailed as error:
            raise CommandError(f"The anchor cannot be read: {error}", returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            for finding in report.findings:
                self.stdout.write(
                    f"{finding.kind}: event {finding.sequence} {finding.event_id} in block {finding.block}"
                    if finding.sequence is not None
                    else f"{finding.kind}: block {finding.block}"
                )
            for loss in report.losses:
                self.stdout.write(
                    f"accepted loss: {loss.n_events} events of the blocks {loss.first} to {loss.last}, "
                    f"accepted {loss.accepted_at} by {loss.operator}: {loss.reason}"
                )
            self.stdout.write(
                f"{report.n_events} events in {report.n_blocks} blocks, {report.n_waiting} events wait, "
                f"{report.n_unanchored} blocks are not anchored yet, {report.n_findings} findings"
            )
        if not report.is_whole:
            sys.exit(1 if report.n_findings else 3)
