"""How much memory a piece of work takes, as the operating system sees it."""

import threading
from pathlib import Path
from types import TracebackType

_STATUS = Path("/proc/self/statm")
_PAGE = 4096
_SECONDS = 0.02


class MemoryMeter:
    """`growth`: how far the process's resident memory rose above where it was, in bytes, looked at 50 times a second.
    `peak`: the most that it was.

    None where the system does not say (other than Linux). An estimate: memory that was free already shows as nothing.
    """

    growth: int | None = None
    peak: int | None = None

    def __enter__(self) -> "MemoryMeter":
        self._done = threading.Event()
        self._before = self._peak = _resident()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(_SECONDS):
            self._peak = max(self._peak, _resident())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._before:
            self.peak = max(self._peak, _resident())
            self.growth = self.peak - self._before


def _resident() -> int:
    try:
        return int(_STATUS.read_text().split()[1]) * _PAGE
    except OSError:
        return 0
