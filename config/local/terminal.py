"""What the person at the terminal sees, and the wishes that come from there: Ctrl-C, SIGTERM, SIGHUP."""

import os
import select
import signal
import sys
from contextlib import suppress
from types import FrameType

from config.local.errors import StopRequested


def say(line: str = "") -> None:
    """One line on standard output, at once."""
    with suppress(OSError):  # the reader went away; what runs goes on
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class Wishes:
    """Turns signals into a count that is looked at between steps, and wakes whoever waits in `pause`."""

    def __init__(self) -> None:
        self.stops = 0
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def listen(self) -> None:
        """Take the process's signals. Once, from its main thread."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1

    def pause(self, seconds: float) -> None:
        """Wait, less when a child ends or a wish comes. StopRequested when we are to stop."""
        if not self.stops:
            select.select([self._reader], [], [], seconds)
            with suppress(BlockingIOError):
                os.read(self._reader, 512)
        if self.stops:
            raise StopRequested

    def is_hurried(self) -> bool:
        """Whether stopping was asked for more than once."""
        return self.stops > 1
