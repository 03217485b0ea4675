"""`make test`, `make lint`: a command beside a PostgreSQL and a Valkey that live no longer than it does."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from config.local.errors import StopRequested
from config.local.folder import SECRETS, first_master_key
from config.local.postgres import THROWAWAY, Postgres
from config.local.processes import die_with_parent
from config.local.services import ENGINE, connections
from config.local.steps import ROOT
from config.local.supervisor import Supervisor
from config.local.terminal import Wishes
from config.local.valkey import Valkey


def run_python(arguments: list[str]) -> int:
    """Run Python with `arguments` in the checkout's root; returns its exit code."""
    wishes = Wishes()
    wishes.listen()
    supervisor = Supervisor(wishes)
    with tempfile.TemporaryDirectory(prefix="hoofbeat-test-") as name:
        folder = Path(name)
        generated = {secret: secrets.token_urlsafe(48) for secret in SECRETS}
        try:
            postgres = Postgres(folder / "postgres", folder / "postgres.log", generated, "", THROWAWAY)
            valkey = Valkey(folder, folder / "valkey.log", generated["broker_password"], "")
            postgres.create()
            supervisor.start(postgres.part(), valkey.part(), patience=60)
            postgres.ensure_database(may_create_databases=True)
            environment = {
                **os.environ,
                **ENGINE,
                **connections(postgres, valkey, generated),
                "MASTER_KEYS": first_master_key(),
                "MASTER_KEYS_FILE": "",
                "MIGRATION_DATABASE_URL": postgres.url("owner"),
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "MODEL_STORE": str(folder / "models"),
                "DATA_STORE": str(folder / "datasets"),
                "MLFLOW_TRACKING_URI": "none",
                "AUDIT_ANCHOR": (folder / "anchor").as_uri(),
                "ERASURE_LEDGER": (folder / "erasures").as_uri(),
                "TLS": "false",
            }
            return _run(arguments, environment, wishes)
        finally:
            supervisor.stop(["valkey"], ["postgres"])


def _run(arguments: list[str], environment: Mapping[str, str], wishes: Wishes) -> int:
    parent = os.getpid()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(environment),
        # Ctrl-C comes to us alone, and to pytest once, through us: twice would cut its teardown short.
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(signal.SIGINT, parent),
    )
    try:
        while process.poll() is None:
            wishes.pause(5.0)
    except StopRequested:
        process.send_signal(signal.SIGINT)
    return process.wait()
