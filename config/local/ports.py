"""Free TCP ports on the loopback interface."""

import errno
import random
import socket
import time

from config.local.errors import LocalError

HOST = "127.0.0.1"
# Seconds for which a port may still belong to an earlier run that is just dying.
_PATIENCE = 1.0


def free_port() -> int:
    """A free port below the range from which the kernel draws outgoing connections, so that it stays free."""
    for _ in range(200):
        port = random.randint(15_000, 30_000)  # noqa: S311 -- no secret
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise LocalError(f"No free TCP port was found on {HOST}.")


def listen(port: int) -> socket.socket:
    """A socket that listens on `port` (0: any free one), for the web server to inherit.

    Held from the first second to the last: the port cannot be lost during a long first run, a browser that
    comes early waits for its answer, and no connection is refused while the web server is restarted.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(512)
            return listener
        except OSError as error:
            listener.close()
            if error.errno == errno.EACCES:
                raise LocalError(
                    f"Port {port} is reserved for root; choose one above 1023: `make run PORT=8000`."
                ) from error
            if time.monotonic() > deadline:
                raise LocalError(
                    f"Port {port} is in use by another program: stop that, or choose another port, "
                    f"such as `make run PORT={port + 1 if port < 65_535 else 8000}`."
                ) from error
        time.sleep(0.05)
