"""The parts that are ours: web server, worker and beat, and the environment that all of them get."""

import http.client
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from config.local.folder import Folder
from config.local.ports import HOST
from config.local.postgres import Postgres
from config.local.processes import MARK, Command, Part
from config.local.steps import ROOT
from config.local.valkey import Valkey

# For every process that may load the engine. ONNX Runtime reports to its maker unless told not to, and its reporting
# threads do not survive the web server's fork.
ENGINE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ORT_DISABLE_TELEMETRY"), "1"
)


def connections(postgres: Postgres, valkey: Valkey, secrets: Mapping[str, str]) -> dict[str, str]:
    """The settings' variables that say where database, broker and cache are, and the keys but for the master keys."""
    return {
        "DATABASE_URL": postgres.url("app"),
        "BROKER_URL": valkey.url(0),
        "CACHE_URL": valkey.url(1),
        "SECRET_KEY": secrets["secret_key"],
        "INDEX_KEY": secrets["index_key"],
        "MODEL_KEY": secrets["model_key"],
    }


def environment(folder: Folder, postgres: Postgres, valkey: Valkey, port: int) -> dict[str, str]:
    """What web server, worker, beat and the bootstrap's commands are started with.

    Over that of the terminal: somebody's DATABASE_URL for another project must not be migrated by us.
    """
    return {
        **os.environ,
        **ENGINE,
        **connections(postgres, valkey, folder.secrets()),
        "MASTER_KEYS": "",
        "MASTER_KEYS_FILE": str(folder.master_keys),
        "MIGRATION_DATABASE_URL": "",
        "SHIPPED_MODELS_ANSWER": "true",  # an update brings a model, and nobody else is here to release it
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "MODEL_STORE": str(folder.model_store),
        "DATA_STORE": str(folder.data_store),
        "MLFLOW_TRACKING_URI": os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.mlflow}",
        "AUDIT_ANCHOR": folder.anchor.as_uri(),
        "ERASURE_LEDGER": folder.erasures.as_uri(),
        "TLS": "false",  # plain HTTP, on the loopback interface only
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "CSRF_TRUSTED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
        "PYTHONUNBUFFERED": "1",
        MARK: folder.mark(),
    }


def web(log: Path, variables: Mapping[str, str], listener: int, port: int) -> Part:
    """gunicorn on the socket `listener`; ready when /health/ready says so."""
    arguments = [
        sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi:application",
        "--bind", f"fd://{listener}",
    ]  # fmt: skip
    return Part(
        name="web",
        log=log,
        prepare=lambda: Command(arguments, variables, ROOT, files=(listener,)),
        is_ready=lambda: _answers_ready(port),
        stop=((signal.SIGTERM, 10.0), (signal.SIGQUIT, 2.0)),
    )


def _answers_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def worker(log: Path, variables: Mapping[str, str]) -> Part:
    """A Celery worker; ready when it answers a ping. SIGQUIT leaves unfinished tasks to the next worker."""
    arguments = [
        sys.executable, "-m", "celery", "--app", "config.celery:app", "worker", "--concurrency", "1",
        "--loglevel", "INFO", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    return Part(
        name="worker",
        log=log,
        # The system checks were the web server's (config/gunicorn.py); they import every view, which costs a second.
        prepare=lambda: Command(arguments, {**variables, "CELERY_SKIP_CHECKS": "1"}, ROOT),
        is_ready=_ping(variables["BROKER_URL"]),
        stop=((signal.SIGTERM, 8.0), (signal.SIGQUIT, 4.0)),
    )


def _ping(broker: str) -> Callable[[], bool]:
    def answers() -> bool:
        from celery import (
            Celery,
        )  # slow to import; by now the others are starting, and we have to wait anyway

        with Celery(broker=broker, set_as_current=False) as app:
            try:
                return bool(app.control.inspect(timeout=1.0, limit=1).ping())
            except (OSError, app.connection_for_read().connection_errors):
                return False

    return answers


def beat(log: Path, variables: Mapping[str, str]) -> Part:
    """Celery's scheduler, its schedule in the database; it has nothing to ask, so to live is to be ready."""
    arguments = [
        sys.executable, "-m", "celery", "--app", "config.celery:app", "beat",
        "--loglevel", "INFO", "--pidfile=",
    ]  # fmt: skip
    return Part(
        name="beat",
        log=log,
        prepare=lambda: Command(arguments, variables, ROOT),
        is_ready=lambda: True,
        stop=((signal.SIGTERM, 5.0),),
    )


def sealer(log: Path, variables: Mapping[str, str]) -> Part:
    """What seals the audit trail; the database tells how it is (`audit_sealerstate`), so to live is to be ready."""
    arguments = [sys.executable, "manage.py", "seal_audit", "--skip-checks"]
    return Part(
        name="sealer",
        log=log,
        prepare=lambda: Command(arguments, variables, ROOT),
        is_ready=lambda: True,
        stop=((signal.SIGTERM, 5.0),),
    )
