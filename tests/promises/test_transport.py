"""TLS to PostgreSQL, broker and cache: the right authority and name, or no connection; never plain text."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from config.local.ports import free_port
from config.servers import broker_options, database_options

# The embedded builds know no TLS (docs/adr/0001): the servers are the machine's own, which CI installs.
POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)), None)
REDIS = shutil.which("valkey-server") or shutil.which("redis-server")
pytestmark = pytest.mark.skipif(
    not (POSTGRES and REDIS), reason="needs a PostgreSQL and a Valkey or Redis that were built with TLS"
)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    subject: str, key: Any, issuer: str, issuer_key: Any, extension: x509.ExtensionType
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    return made.add_extension(extension, critical=True).sign(issuer_key, hashes.SHA256())


def pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Certificates for the name localhost, of an authority; another authority; all readable by the servers' account."""
    made = Path(tempfile.mkdtemp(prefix="hoofbeat-tls-"))
    key, authority, other = (ec.generate_private_key(ec.SECP256R1()) for _n in range(3))
    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    (made / "ca.crt").write_bytes(pem(certificate("ca", authority, "ca", authority, is_authority)))
    (made / "other.crt").write_bytes(pem(certificate("other", other, "other", other, is_authority)))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    (made / "server.crt").write_bytes(pem(certificate("localhost", key, "ca", authority, names)))
    plain = (
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    (made / "server.key").write_bytes(key.private_bytes(*plain))
    (made / "server.key").chmod(0o600)
    if account():
        for path in (made, *made.iterdir()):
            shutil.chown(path, account())
    yield made
    shutil.rmtree(made)


def account() -> str | None:
    """PostgreSQL refuses to be root."""
    return "nobody" if os.geteuid() == 0 else None


def as_account() -> dict[str, Any]:
    user = account()
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[tuple[int, int]]:
    """Ports of a PostgreSQL and a Valkey (or Redis) that refuse whoever speaks plainly."""
    assert POSTGRES is not None
    assert REDIS is not None
    data = folder / "data"
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, **as_account()}
    initdb = [POSTGRES.with_name("initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
    subprocess.run(initdb, check=True, **quiet)
    (data / "pg_hba.conf").write_text("hostssl all all all trust\n")
    ports = free_port(), free_port()
    tls = {"ssl": "on", "ssl_cert_file": "../server.crt", "ssl_key_file": "../server.key", "fsync": "off"}
    options = tls | {"port": ports[0], "listen_addresses": "localhost", "unix_socket_directories": ""}
    words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    database = subprocess.Popen([POSTGRES, "-D", data, *words], stderr=subprocess.DEVNULL, **quiet)
    broker = subprocess.Popen(
        [
            REDIS, "--port", "0", "--tls-port", str(ports[1]), "--tls-cert-file", "server.crt",
            "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt", "--tls-auth-clients", "no", "--save", "",
        ],
        **quiet,
    )  # fmt: skip
    try:
        wait_for(ports, folder)
        yield ports
    finally:
        for process in (database, broker):
            process.send_signal(signal.SIGINT)
            process.wait(10)


def wait_for(ports: tuple[int, int], folder: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            ask_database("localhost", ports[0], str(folder / "ca.crt"))
            ask_broker("localhost", ports[1], str(folder / "ca.crt"))
            return
        except (psycopg.OperationalError, redis.ConnectionError):
            if time.monotonic() > until:
                raise


def ask_database(host: str, port: int, root: str, **options: str) -> str:
    url = f"postgresql://postgres@{host}:{port}/postgres"
    with psycopg.connect(url, **(options or database_options(root))) as connection:  # type: ignore[arg-type]
        row = connection.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row is not None
    return str(row[0])


def ask_broker(host: str, port: int, root: str) -> None:
    url = f"rediss://{host}:{port}/0"
    with redis.Redis.from_url(url, **broker_options(url, root)) as client:
        assert client.ping()


def test_the_wrong_authority_the_wrong_name_and_plain_text_are_refused(
    folder: Path, servers: tuple[int, int]
) -> None:
    right, wrong = str(folder / "ca.crt"), str(folder / "other.crt")
    seen = ask_database("localhost", servers[0], right)
    ask_broker("localhost", servers[1], right)
    assert seen in {"TLSv1.2", "TLSv1.3"}
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        ask_database("localhost", servers[0], wrong)
    with pytest.raises(psycopg.OperationalError, match="does not match"):
        ask_database("127.0.0.1", servers[0], right)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        ask_database("localhost", servers[0], "", sslmode="disable")
    for host, root in (("localhost", wrong), ("127.0.0.1", right)):
        with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            ask_broker(host, servers[1], root)
    with pytest.raises(redis.ConnectionError), redis.Redis(host="localhost", port=servers[1]) as plain:
        plain.ping()
    print(f"PostgreSQL spoken to by {seen}; 6 of 6 wrong ways refused")


def test_a_server_that_speaks_plainly_only_is_not_spoken_to(folder: Path) -> None:
    """The client does not fall back: the embedded PostgreSQL, which knows no TLS, is refused."""
    url = settings.APPLICATION_DATABASE_URL
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        psycopg.connect(url, **database_options(str(folder / "ca.crt")))  # type: ignore[arg-type]


def test_the_settings_speak_tls_to_all_three(folder: Path, servers: tuple[int, int]) -> None:
    script = (
        "import django; django.setup()\n"
        "from django.core.cache import cache\nfrom django.db import connection\nfrom config.celery import app\n"
        "cache.set('a', 'b'); assert cache.get('a') == 'b'\n"
        "app.connection_for_write().ensure_connection(max_retries=0, timeout=5)\n"
        "cursor = connection.cursor()\n"
        "cursor.execute('SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')\nprint(cursor.fetchone()[0])"
    )
    variables = {
        "DATABASE_URL": f"postgresql://postgres@localhost:{servers[0]}/postgres",
        "BROKER_URL": f"rediss://localhost:{servers[1]}/0",
        "CACHE_URL": f"rediss://localhost:{servers[1]}/1",
    }

    def run(authority: str) -> subprocess.CompletedProcess[str]:
        roots = dict.fromkeys(
            ("DATABASE_ROOT_CERTIFICATE", "BROKER_ROOT_CERTIFICATE"), str(folder / authority)
        )
        environment = {**os.environ, **variables, **roots}
        return subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
        )

    done = run("ca.crt")
    assert done.returncode == 0, done.stderr
    print(f"database, broker and cache by the settings: {done.stdout.strip()}")
    assert "CERTIFICATE_VERIFY_FAILED" in run("other.crt").stderr
