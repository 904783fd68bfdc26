"""`manage.py serve`: web and worker on one machine, each restarted when it dies."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adminapi import demo, keyring
from adminapi.client import ClientError
from adminapi.commands import OperatorCommand, on_the_database
from adminapi.web import migrate, require_port, web_command
from ouipost import logs

RESTART_SECONDS = 1.0
STOP_SECONDS = 60
PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Let the kernel ask this process to stop when `serve` is killed, which can't ask; Linux alone does that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(kw_only=True)
class Child:
    """A process that is always to run, with whatever it starts itself: they are one process group."""

    name: str
    command: list[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0

    def ensure(self) -> bool:
        """Start it where it does not run; returns whether it had died."""
        if self.process is not None and self.process.poll() is None:
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


def check_and_migrate() -> None:
    """Make Django's checks and bring the databases up to this code; ends the process where that fails.

    What this loads, a third of what `serve` would hold, goes with the process.
    """
    try:
        BaseCommand().check()
        with on_the_database():
            migrate()
    except CommandError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.returncode)


class Command(OperatorCommand):
    help = (
        "Migrate the databases, then run the web server and the worker on this machine until TERM, INT or HUP, and "
        "start each again when it dies."
    )
    details = """
Examples:
  manage.py serve --demo            with something to look at
  PORT=9000 manage.py serve --host 0.0.0.0

Exits with 0 after TERM, INT or HUP (a terminal that is closed), and with 1 at its start where a check or a migration
fails, TOKEN_KEYS does not open what is stored, or another process listens on the port."""

    requires_system_checks = ()
    """The process that migrates makes them."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="fill a sandbox workspace once, and print how to use it"
        )
        parser.add_argument(
            "--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.LOG_FORMAT == logs.JSON:
            logs.say_in_lines(self)
        require_port(options["host"])
        other = get_context("fork").Process(target=check_and_migrate)
        other.start()
        other.join()
        if other.exitcode:
            sys.exit(other.exitcode)
        keyring.require()
        self.stopping = False
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(name) != signal.SIG_IGN:  # as nohup has it
                signal.signal(name, self._stop)
        children = [
            Child(name="web", command=web_command(options["host"])),
            Child(name="worker", command=[sys.executable, "manage.py", "work"]),
        ]
        try:
            self._supervise(children, show_demo=options["demo"])
        finally:
            self._end(children)

    def _stop(self, *_: Any) -> None:
        self.stopping = True

    def _supervise(self, children: list[Child], *, show_demo: bool) -> None:
        while not self.stopping:
            for child in children:
                if child.ensure():
                    self.stderr.write(f"The {child.name} process had died and was started again.")
            if show_demo and demo.is_ready():
                self._show_demo()
                show_demo = False
            time.sleep(0.2)

    def _show_demo(self) -> None:
        """Show the demo; where it cannot be made, say so and go on serving."""
        try:
            demo.show(self.stdout)
        except (ClientError, requests.RequestException) as error:
            self.stderr.write(f"The demo could not be made: {error}")

    def _end(self, children: list[Child]) -> None:
        """Ask all to stop, wait a minute, then insist."""
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            child.wait(deadline - time.monotonic())
