"""Starts the parts, carries out tasks beside them, restarts what dies and stops all in order."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.local.errors import LocalError, last_lines
from config.local.processes import Command, Part, rotate
from config.local.terminal import Wishes, say

_MOST_FAILURES = 5
_STEADY = 60.0  # seconds after which earlier failures are forgotten
_ROTATE_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Task:
    """A command that ends by itself. Its output goes to `log`, or to the terminal when that is None."""

    title: str
    command: Command
    log: Path | None


@dataclass(slots=True)
class _Fate:
    failures: int = 0
    start_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """The running parts, in the order in which they were started."""

    wishes: Wishes
    parts: list[Part] = field(default_factory=list)

    def start(self, *parts: Part, patience: float) -> None:
        """Start `parts` side by side and wait until all are ready. LocalError: one ends or takes too long."""
        for part in parts:
            self.parts.append(part)
            part.start()
        waiting = list(parts)
        deadline = time.monotonic() + patience
        while waiting:
            self.check()
            waiting = [part for part in waiting if not part.is_ready()]
            if waiting and time.monotonic() > deadline:
                late = waiting[0]
                raise LocalError(
                    f"{late.name} was not ready within {patience:.0f} seconds. The end of {late.log}:\n"
                    f"{last_lines(late.log)}"
                )
            if waiting:
                self.wishes.pause(0.05)

    def check(self) -> None:
        """LocalError when a part has ended; StopRequested when we are to stop."""
        self.wishes.pause(0)
        for part in self.parts:
            if part.has_ended():
                raise LocalError(
                    f"{part.name} ended ({part.reap()}). The end of {part.log}:\n{last_lines(part.log)}"
                )

    def carry_out(self, *tasks: Task) -> None:
        """Run `tasks` side by side to their end. LocalError when one fails; none goes on after that."""
        for task in tasks:
            say(f"{task.title} ...")
        started = time.monotonic()
        running: list[tuple[Task, Part]] = []
        try:
            for task in tasks:
                running.append((task, _as_part(task)))
            while running:
                self.check()
                for task, part in list(running):
                    if part.has_ended():
                        running.remove((task, part))
                        ending = part.reap()
                        if ending != "exit code 0":
                            shown = f" The end of {task.log}:\n{last_lines(task.log)}" if task.log else ""
                            raise LocalError(f"{task.title}: failed ({ending}).{shown}")
                        say(f"{task.title}: done ({time.monotonic() - started:.1f} s)")
                self.wishes.pause(0.5)
        finally:
            for _, part in running:
                part.end(self.wishes.is_hurried)

    def watch(self) -> None:
        """Keep the parts running until StopRequested. LocalError when one keeps dying."""
        fates = {part.name: _Fate() for part in self.parts}
        rotate_at = time.monotonic() + _ROTATE_EVERY
        while True:
            self.wishes.pause(1.0 if all(fate.start_at is None for fate in fates.values()) else 0.1)
            now = time.monotonic()
            for part in self.parts:
                self._look_after(part, fates[part.name], now)
            if now >= rotate_at:
                rotate_at = now + _ROTATE_EVERY
                for part in self.parts:
                    rotate(part.log)

    def _look_after(self, part: Part, fate: _Fate, now: float) -> None:
        if fate.start_at is not None:
            if now >= fate.start_at:
                fate.start_at = None
                part.start()
        elif part.has_ended():
            if now - part.started > _STEADY:
                fate.failures = 0
            fate.failures += 1
            ending = part.reap()
            if fate.failures >= _MOST_FAILURES:
                raise LocalError(
                    f"{part.name} ended {fate.failures} times in a row (now {ending}), so all was stopped. "
                    f"The end of {part.log}:\n{last_lines(part.log)}"
                )
            delay = 0.0 if fate.failures == 1 else 2.0 ** (fate.failures - 2)
            say(f"{part.name} ended ({ending}); starting it again" + (f" in {delay:.0f} s" if delay else ""))
            fate.start_at = now + delay

    def stop(self, *order: Sequence[str]) -> None:
        """End the parts group by group, each group's side by side; then what is not named, newest first."""
        by_name = {part.name: part for part in self.parts}
        groups = [[by_name.pop(name) for name in group if name in by_name] for group in order]
        for group in [*groups, *([part] for part in reversed(by_name.values()))]:
            for part in group:
                part.ask_to_stop()
            for part in group:
                part.end(self.wishes.is_hurried)
        self.parts.clear()


def _as_part(task: Task) -> Part:
    """The task as a process that can be ended like a part."""
    part = Part(
        task.title,
        task.log or Path("/dev/null"),
        lambda: task.command,
        lambda: False,
        ((signal.SIGTERM, 10.0),),
    )
    if task.log is None:
        part.process = task.command.start(None)
        part.started = time.monotonic()
    else:
        part.start()
    return part
