"""Keeps commands running and restarts each that dies; `manage.py serve` becomes this process once all is ready.

Usage: `python -m ouipost.runtime.supervisor text|json COMMANDS [ONCE ...]`. COMMANDS is a JSON object of command lines
by name, and ONCE are the names of commands that end by themselves. The supervisor loads nothing of the product, which
would take 50 MiB for as long as it runs, except the format of log lines.
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
    """Return the command line that keeps these running, except those in `once`, and logs in this format."""
    return [sys.executable, "-m", "ouipost.runtime.supervisor", form, json.dumps(commands), *once]


def end_with_parent() -> None:
    """Let the kernel ask this process to stop when its parent is killed and cannot ask; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(kw_only=True)
class Child:
    """A process to keep running, together with the processes that it starts: they are one process group."""

    name: str
    command: list[str]
    once: bool = False
    """Whether it ends by itself, and is not started again."""
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0

    def ensure(self) -> bool:
        """Start the process if it does not run; returns whether it had died."""
        if self.process is not None and self.process.poll() is None:
            return False
        if self.once and self.started:
            self.process = None  # its id may belong to another process
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
        """Wait for its end, then kill the rest of its group."""
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=max(0.0, seconds))
        self.kill()

    def kill(self) -> None:
        """Kill the whole group, since children of a dead process would hold its port."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def when_told_to_stop(stop: Callable[..., None]) -> None:
    """Call `stop` at TERM, INT or HUP, the signal of a closed terminal."""
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(name) != signal.SIG_IGN:  # as under nohup
            signal.signal(name, stop)


@dataclass(kw_only=True)
class Supervisor:
    """Runs children until it is asked to stop."""

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
        """Start the children that do not run."""
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
    """Return a function that writes a log line in this format."""
    if form == "text":
        return partial(print, file=sys.stderr)
    import logging  # with structlog it takes 10 MiB, so only on request

    from ouipost.observability import logs

    logs.configure(logs.logging_config(form))
    return logging.getLogger("ouipost.runtime.supervisor").info


if __name__ == "__main__":
    chosen, given, *ending = sys.argv[1:]
    lines: dict[str, list[str]] = json.loads(given)
    children = [Child(name=name, command=line, once=name in ending) for name, line in lines.items()]
    Supervisor(children=children, say=speaker(chosen)).run()
