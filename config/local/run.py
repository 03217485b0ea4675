"""`make run`: everything on this machine, until Ctrl-C."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from config.local import services
from config.local.errors import FULL_DISK, LocalError, StopRequested
from config.local.folder import Folder, read_json
from config.local.ports import HOST, listen
from config.local.postgres import Postgres
from config.local.processes import MARK, die_with_parent, end_leftovers
from config.local.steps import Bootstrap
from config.local.supervisor import Supervisor
from config.local.terminal import Wishes, say
from config.local.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Options:
    """What the person at the terminal may choose. `port` 0 is any free one."""

    port: int
    var: Path
    knowledge: Path | None
    model: Path | None


def run(options: Options) -> None:
    """Bring the whole system up, say so, and keep it up until asked to stop; then leave no process."""
    wishes = Wishes()
    wishes.listen()
    # Celery prefers its own variables to what it is given; those of another project would lead our parts to its broker.
    for name in [name for name in os.environ if name.startswith("CELERY_")]:
        del os.environ[name]
    if "MAKELEVEL" in os.environ:
        # make forwards SIGTERM and waits for us; this is for when make itself is killed.
        die_with_parent(signal.SIGTERM, os.getppid())
    folder = Folder.open(options.var)
    supervisor = Supervisor(wishes)
    try:
        if count := end_leftovers(folder.mark(), folder.postgres):
            say(f"Ended {count} processes that an earlier run had left.")
        with listen(options.port) as listener:
            port = listener.getsockname()[1]
            url = f"http://{HOST}:{port}"
            folder.announce(url)
            _bring_up(options, folder, supervisor, listener.fileno(), port)
            _announce_ready(folder, url)
            supervisor.watch()
    except StopRequested:
        say("Stopping ...")
    except (LocalError, OSError) as error:
        if folder.is_full() or FULL_DISK.intersection({getattr(error, "errno", None)}):
            raise LocalError(
                f"The disk that holds {folder.path} is full. Free some space and start again; nothing that "
                f"was stored is lost. ({str(error).splitlines()[0]})"
            ) from error
        raise
    finally:
        supervisor.stop(["web"], ["worker", "beat"], ["sealer"], ["valkey"], ["postgres"])
        folder.close()
    say("Hoofbeat has stopped.")


def _bring_up(options: Options, folder: Folder, supervisor: Supervisor, listener: int, port: int) -> None:
    secrets = folder.secrets()
    postgres = Postgres(folder.postgres, folder.logs / "postgres.log", secrets, folder.mark())
    valkey = Valkey(folder.valkey, folder.logs / "valkey.log", secrets["broker_password"], folder.mark())
    say("Starting PostgreSQL and Valkey ...")
    postgres.create()
    supervisor.start(postgres.part(), valkey.part(), patience=60)
    variables = services.environment(folder, postgres, valkey, port)
    url = f"http://{HOST}:{port}"
    # All that differs from the terminal's, but for the mark by which a later run would end whoever bears it.
    ours = {
        name: value for name, value in variables.items() if os.environ.get(name) != value and name != MARK
    }
    folder.announce(url, ours | {"MIGRATION_DATABASE_URL": postgres.url("owner")})
    Bootstrap(
        folder=folder,
        supervisor=supervisor,
        environment=variables,
        owner_url=postgres.url("owner"),
        url=url,
        database=postgres.ensure_database(),
        knowledge=options.knowledge,
        model=options.model,
    ).run()
    say("Starting the web server, the worker and beat ...")
    supervisor.start(
        services.web(folder.logs / "web.log", variables, listener, port),
        services.worker(folder.logs / "worker.log", variables),
        services.beat(folder.logs / "beat.log", variables),
        patience=180,  # a slow or busy machine; Ctrl-C works all the while
    )
    # Events can wait in the database, people should not wait for pages: so it does not compete with them for the cores.
    supervisor.start(services.sealer(folder.logs / "sealer.log", variables), patience=10)


def _announce_ready(folder: Folder, url: str) -> None:
    say(f"Hoofbeat is ready at {url}")
    state = folder.state()
    if state.get("shown"):
        say(f"The demo accounts are in {folder.credentials}. Ctrl-C stops Hoofbeat.")
        return
    demo = read_json(folder.credentials)
    say()
    for account in demo.get("accounts", []):
        say(f"  {account['role']:<18} {account['username']:<18} {account['password']}")
    say(f"  API token of the integrator: {demo.get('api_token')}")
    say()
    say(f"This is shown once; it is kept in {folder.credentials}. Ctrl-C stops Hoofbeat.")
    folder.save_state(state | {"shown": True})
