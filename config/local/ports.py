"""Free TCP ports on the loopback interface."""

import random
import socket

from config.local.errors import LocalError

HOST = "127.0.0.1"


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


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def listen(port: int) -> socket.socket:
    """A socket that listens on `port` (0: any free one), for the web server to inherit.

    Held from the first second to the last: the port cannot be lost during a long first run, a browser that
    comes early waits for its answer, and no connection is refused while the web server is restarted.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except PermissionError as error:
        listener.close()
        raise LocalError(
            f"Port {port} is reserved for root; choose one above 1023: `make run PORT=8000`."
        ) from error
    except OSError as error:
        listener.close()
        raise LocalError(
            f"Port {port} is in use by another program: stop that, or choose another port, "
            f"such as `make run PORT={port + 1 if port < 65_535 else 8000}`."
        ) from error
    return listener
