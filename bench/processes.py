"""Servers as processes: starting them, and reading from the kernel what they used."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.services import free_port

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 30
PARENT, USER_TIME, SYSTEM_TIME = 1, 11, 12
"""Places in /proc/<pid>/stat, counted behind the name, which may hold blanks."""


PRODUCT = ("ouipost.runtime.server", "ouipost.wsgi:application")
DJANGO = ("granian", "--factory", "django.core.wsgi:get_wsgi_application")
"""What serves what: with a project that is not the product's, nothing of the product is loaded."""


@contextmanager
def web(
    settings: str, *, workers: int = 2, threads: int = 2, ready: str = "/", served: Sequence[str] = PRODUCT
) -> Iterator[tuple[str, int]]:
    """Run the web server of a production with these settings; gives its address and its process id."""
    port = free_port()
    server, *application = served
    command = [sys.executable, "-m", server, "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", str(threads)]
    command += ["--no-ws", "--log-level", "error", *application]
    with started(command, environment={"DJANGO_SETTINGS_MODULE": settings}) as process:
        address = f"http://127.0.0.1:{port}"
        await_answer(address + ready)
        yield address, process.pid


@contextmanager
def started(command: list[str], *, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command beside the block, in the environment of the bench and this one."""
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_answer(address: str) -> None:
    """Return when the address answers anything at all."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(address, timeout=2)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"Nothing answers at {address}.")


def family(pid: int) -> list[int]:
    """Return a process and all that it started, and that they started."""
    parents = {each: int(fields[PARENT]) for each, fields in _stats().items()}
    members = [pid]
    for member in members:
        members += [each for each, parent in parents.items() if parent == member]
    return members


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have used so far."""
    stats = _stats()
    return sum(int(stats[each][USER_TIME]) + int(stats[each][SYSTEM_TIME]) for each in family(pid)) / TICKS


def pss_mib(pid: int) -> float:
    """Return the memory of a process and its children, in MiB; what several share counts once."""
    return sum(_kib(each, "Pss") for each in family(pid)) / 1024


def largest_mib(pid: int, *, kind: str) -> float:
    """Return the memory of the largest among a process and its children, in MiB.

    `kind` is `Rss`, with all that it shares, or `Pss`, with its part of that.
    """
    return max(_kib(each, kind) for each in family(pid)) / 1024


def _kib(pid: int, kind: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def _stats() -> dict[int, list[str]]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended between the two looks
    return found
