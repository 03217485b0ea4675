"""A real web server beside a test."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager


@contextmanager
def web_server(environment: Mapping[str, str], *, workers: int) -> Iterator[int]:
    """gunicorn with so many processes; gives its port once it answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    words = ["-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi:application"]
    words += ["--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    server = subprocess.Popen([sys.executable, *words], env=dict(environment), stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as asked:
                asked.request("GET", "/health/live")
                if asked.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
