"""`manage.py rotate_keys [--new-master-key ID] [--renew]`"""

import base64
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.accounts.actors import SYSTEM
from apps.cases.rotation import count_due, rotate_keys
from apps.core.encryption import key_provider, new_key
from apps.core.encryption.keyring import Keyring, parse_keys
from apps.core.problems import Unavailable
from apps.datasets.sources import rotate_source_keys


class Command(BaseCommand):
    help = (
        "Wrap the key of every patient, and of every source's credentials, by the current master key: the first "
        "of the keyring, or KMS_KEY. Requests go on "
        "meanwhile; a run that was stopped goes on where it was when it is started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--new-master-key",
            metavar="ID",
            help="first put a new master key at the head of MASTER_KEYS_FILE; the old ones stay in it",
        )
        parser.add_argument(
            "--renew",
            action="store_true",
            help="also give each patient a new key who has one from before the current master key",
        )

    def handle(self, *args: Any, new_master_key: str | None, renew: bool, **options: Any) -> None:
        if new_master_key:
            _add_master_key(new_master_key)
        try:
            current = key_provider().current()
            due = count_due(renew=renew)
            self.stdout.write(f"The master key {current} wraps from now on; {due} keys of patients are due.")
            with tqdm(total=due, unit=" keys", disable=not sys.stderr.isatty()) as bar:
                done = rotate_keys(actor=SYSTEM, renew=renew, report=bar.update)
            n_sources = rotate_source_keys()
        except Unavailable as error:
            raise CommandError(f"Stopped; what was done stays done. {error}") from error
        if n_sources:
            self.stdout.write(f"{n_sources} keys of sources of data done.")
        self.stdout.write(f"{done} keys done. No patient's key needs a master key other than {current} now.")


def _add_master_key(key_id: str) -> None:
    """Write the keyring anew in one step, so that a crash leaves the old or the new one whole."""
    if not isinstance(key_provider(), Keyring):
        raise CommandError(
            f"--new-master-key is for the keyring, and keys are wrapped by {settings.KEY_PROVIDER}. Make the new key "
            "there, let the settings name it, and start this command without the option."
        )
    if not settings.MASTER_KEYS_FILE:
        raise CommandError(
            "There is no MASTER_KEYS_FILE to write to; put the new key into MASTER_KEYS yourself."
        )
    path = Path(settings.MASTER_KEYS_FILE)
    fresh = path.with_name(f"{path.name}.new")
    text = f"{key_id}:{base64.b64encode(new_key()).decode()}\n{path.read_text(encoding='utf-8')}"
    try:
        parse_keys(text)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except (OSError, ValueError) as error:
        raise CommandError(f"The keyring was not changed: {error}") from error
