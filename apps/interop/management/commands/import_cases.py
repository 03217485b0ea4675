"""`manage.py import_cases FILE [--limit N] [--predict] [--outcomes] [--as USERNAME]`"""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError
from tqdm import tqdm

from apps.accounts.actors import Actor
from apps.accounts.demo import ORGANISATION, demo_clinician
from apps.accounts.models import User
from apps.accounts.selectors import get_actor
from apps.cases.models import pseudonym_index
from apps.cases.selectors import taken_pseudonyms
from apps.core.capabilities import Capability
from apps.core.problems import InvalidInput, Unavailable
from apps.core.tenancy import organisation_scope
from apps.interop.services import import_packet
from apps.registry.running import running_model
from ml.serving.phenopacket import CaseFileError, LineError, PacketCase, read_cases

_EVERY = 100


class Command(BaseCommand):
    help = (
        "Enter published cases from GA4GH phenopackets (.json, .jsonl, either with .gz, a folder or a zip), each under "
        "the packet's id, with consent to care and training. What is there already is skipped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--limit", type=_count, metavar="N", help="stop after N usable cases")
        parser.add_argument("--predict", action="store_true", help="make a prediction for each case")
        parser.add_argument(
            "--outcomes",
            action="store_true",
            help="record the packets' diagnoses as confirmed; the next retraining then learns from them",
        )
        parser.add_argument(
            "--as",
            dest="username",
            metavar="USERNAME",
            help=f"whose cases they become; the first active clinician of {ORGANISATION} by default",
        )

    def handle(
        self,
        *args: Any,
        file: Path,
        limit: int | None,
        predict: bool,
        outcomes: bool,
        username: str | None,
        **options: Any,
    ) -> None:
        actor = _actor(username, predict, outcomes)
        if predict:
            _require_model()
        self.stdout.write(f"The cases become those of {username or actor.user}.")
        tally, started = _Tally(), time.monotonic()
        try:
            with organisation_scope(actor.scope):
                self._import_all(file, limit, actor, tally, predict, outcomes)
        except CaseFileError as error:
            raise CommandError(str(error)) from error
        except (Unavailable, DatabaseError, InterfaceError, KeyboardInterrupt) as error:
            self.stdout.write(_summary(tally, time.monotonic() - started))
            raise CommandError(f"Stopped; what was imported stays. {error}".strip()) from error
        self.stdout.write(_summary(tally, time.monotonic() - started))
        if not tally.usable:
            raise CommandError(f"{file} holds no case that could be imported.")

    def _import_all(
        self, file: Path, limit: int | None, actor: Actor, tally: "_Tally", predict: bool, outcomes: bool
    ) -> None:
        taken = taken_pseudonyms(actor=actor)
        with _Progress(self.stdout, limit) as progress:
            for packet in read_cases(file):
                if isinstance(packet, LineError):
                    tally.unusable += 1
                    self._report(packet, packet.detail)
                elif (index := pseudonym_index(actor.scope, packet.id)) in taken:
                    tally.there_already += 1
                elif self._import(packet, actor, tally, predict, outcomes):
                    taken.add(index)
                progress.show(tally)
                if limit is not None and tally.usable >= limit:
                    return

    def _import(
        self, packet: PacketCase, actor: Actor, tally: "_Tally", predict: bool, outcomes: bool
    ) -> bool:
        try:
            imported = import_packet(actor=actor, packet=packet, predict=predict, with_outcome=outcomes)
        except InvalidInput as error:
            tally.unusable += 1
            self._report(packet, str(error))
            return False
        tally.imported += 1
        tally.predicted += imported.prediction_id is not None
        tally.replaced += imported.n_replaced
        tally.dropped += imported.n_dropped
        if imported.remarks:
            self._report(packet, "; ".join(imported.remarks))
        return True

    def _report(self, where: PacketCase | LineError, detail: str) -> None:
        tqdm.write(f"{where.source} line {where.line}: {detail}", file=sys.stderr)


@dataclass(slots=True)
class _Tally:
    imported: int = 0
    predicted: int = 0
    there_already: int = 0
    unusable: int = 0
    replaced: int = 0
    dropped: int = 0

    @property
    def usable(self) -> int:
        return self.imported + self.there_already


class _Progress:
    """A bar for somebody who watches; a line every hundred cases for a log."""

    def __init__(self, stdout: Any, limit: int | None) -> None:
        self._stdout = stdout
        self._bar = tqdm(total=limit, unit=" cases", disable=not sys.stderr.isatty())
        self._said = 0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, tally: _Tally) -> None:
        done = tally.usable
        if self._bar.disable:
            if tally.imported >= self._said + _EVERY:
                self._said = tally.imported
                self._stdout.write(f"{tally.imported} cases imported")
        elif done > self._bar.n:
            self._bar.update(done - self._bar.n)


def _summary(tally: _Tally, seconds: float) -> str:
    return (
        f"{tally.imported} cases and {tally.predicted} predictions in {seconds:.1f} s; "
        f"{tally.there_already} were there already, {tally.unusable} could not be used; "
        f"{tally.replaced} findings replaced, {tally.dropped} left out."
    )


def _actor(username: str | None, predict: bool, outcomes: bool) -> Actor:
    user = demo_clinician() if username is None else User.objects.filter(username=username).first()
    if user is None:
        missing = (
            f"{ORGANISATION} has no active clinician"
            if username is None
            else f"There is no account {username!r}"
        )
        raise CommandError(f"{missing}; name an account with --as USERNAME.")
    actor = get_actor(user=user)
    needed = {Capability.CASE_WRITE}
    needed |= {Capability.PREDICTION_CREATE} if predict else set()
    needed |= {Capability.FEEDBACK_WRITE, Capability.CASE_READ} if outcomes else set()
    lacking = sorted(str(capability.label) for capability in needed if not actor.can(capability))
    if not user.is_active or user.organisation_id is None or lacking:
        why = f"may not: {', '.join(lacking)}" if lacking else "is inactive or belongs to no organisation"
        raise CommandError(f"The account {user.get_username()!r} {why}.")
    return actor


def _require_model() -> None:
    try:
        running_model()
    except Unavailable as error:
        raise CommandError(f"{error} Register one with `manage.py register_model DIR --activate`.") from error


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
