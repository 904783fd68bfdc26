"""Keeps commands running, each started again when it dies: what `manage.py serve` becomes once all is ready.

`python -m ouipost.runtime.supervisor text|json COMMANDS [ONCE ...]`, where COMMANDS is an object in JSON of command
lines by their names, and ONCE are the names of those that come to an end by themselves. It loads nothing of the
product, which would take 50 MiB for as long as it runs, but the form of its log's lines.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

RESTART_SECONDS = 1.0
LOOK_SECONDS = 0.2
STOP_SECONDS = 60
PR_SET_PDEATHSIG = 1


def command(form: str, commands: dict[str, list[str]], *once: str) -> list[str]:
    """Return the command line that keeps these running, but for those named, and tells of it in this form."""
    return [sys.executable, "-m", "ouipost.runtime.supervisor", form, json.dumps(commands), *once]


def end_with_parent() -> None:
    """Let the kernel ask this process to stop when its parent is killed, which can't ask; Linux alone does that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(kw_only=True)
class Child:
    """A process that is to run, with whatever it starts itself: they are one process group."""

    name: str
    command: list[str]
    once: bool = False
    """Whether it comes to an end by itself, and is not started again then."""
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0

    def ensure(self) -> bool:
        """Start it where it does not run; returns whether it had died."""
        if self.process is not None and self.process.poll() is None:
            return False
        if self.once and self.started:
            self.process = None  # its id may be another's by now
            return False
        if time.monotonic() < self.started + RESTART_SECONDS:
            return False
        died = self.process is not None
        self.kill()
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 (our own command line)
            self.command, start_new_session=True, preexec_fn=end_with_parent
        )
        return died

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for its end, and then end whatever is left of it."""
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=max(0.0, seconds))
        self.kill()

    def kill(self) -> None:
        """End the whole group: what a dead process had started would hold its port."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def when_told_to_stop(stop: Callable[..., None]) -> None:
    """Call this at TERM, INT or HUP, with which a terminal is closed."""
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(name) != signal.SIG_IGN:  # as nohup has it
            signal.signal(name, stop)


@dataclass(kw_only=True)
class Supervisor:
    """Runs children until it is told to stop."""

    children: Sequence[Child]
    say: Callable[[str], None]
    stopping: bool = field(default=False, init=False)

    def run(self) -> None:
        """Supervise until TERM, INT or HUP."""
        when_told_to_stop(self.stop)
        try:
            while not self.stopping:
                self.look()
                time.sleep(LOOK_SECONDS)
        finally:
            self.end()

    def stop(self, *_: Any) -> None:
        self.stopping = True

    def look(self) -> None:
        """Start what does not run."""
        for child in self.children:
            if child.ensure():
                self.say(f"The {child.name} process had died and was started again.")

    def end(self) -> None:
        """Ask all to stop, wait a minute, then insist."""
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            child.wait(deadline - time.monotonic())


def speaker(form: str) -> Callable[[str], None]:
    """Return what writes a line in this form of the log."""
    if form == "text":
        return partial(print, file=sys.stderr)
    import logging  # with structlog, 10 MiB, for those who asked for it

    from ouipost.observability import logs

    logs.configure(logs.logging_config(form))
    return logging.getLogger("ouipost.runtime.supervisor").info


if __name__ == "__main__":
    chosen, given, *ending = sys.argv[1:]
    lines: dict[str, list[str]] = json.loads(given)
    children = [Child(name=name, command=line, once=name in ending) for name, line in lines.items()]
    Supervisor(children=children, say=speaker(chosen)).run()
