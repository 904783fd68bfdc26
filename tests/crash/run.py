"""One run of `python -m tests.crash`, and the places of runs."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.crash import matrix
from tests.crash.campaign import Numbers, Result
from tests.product import ROOT, SPEED, Product

DATABASES = ("sqlite", "mariadb")
TRUE_SPEED = 1
KILLS_SPEED = 3
"""With leases of 30 s no post can lose its worker five times within two minutes, which would set the post aside."""
Place = Callable[[Path, str], AbstractContextManager[Any]]
Where = dict[str, Any]


def fine(_: Any) -> bool:
    """Accept every result."""
    return True


@dataclass(frozen=True, kw_only=True)
class Run:
    """One scenario at full size; as text, the beginning of its line."""

    tests: str
    """Numbers of acceptance tests."""
    name: str
    database: str
    runner: str
    place: Place
    work: Callable[[Any], Result]
    """The scenario."""
    holds: Callable[[Any], bool] = fine
    """A further condition on the result."""
    group: str = ""
    """Runs of one group that follow each other share a place."""
    is_patient: bool = False
    """True if it mostly waits, and may run beside others."""
    is_alone: bool = False
    """True if nothing may run beside it, as it measures seconds that others would distort."""

    def __str__(self) -> str:
        return f"{self.tests:10}{self.name:38}{self.database:8}{self.runner:7}"

    def is_good(self, result: Result) -> bool:
        return result.is_good and self.holds(result)


def staged(runner: str, *, speed: int = SPEED) -> Place:
    """Return a product without a worker."""
    return partial(matrix.stage, runner=runner, speed=speed)


def with_product(work: Callable[[Product], Result]) -> Callable[[matrix.Stage], Result]:
    """Return this work for the product of a stage."""
    return lambda stage: work(stage.product)


@dataclass(frozen=True, kw_only=True)
class Said(Result):
    """The exit status of a separate program, and its last line."""

    status: int
    last: str

    @property
    def is_good(self) -> bool:
        return self.status == 0


@contextmanager
def environment(home: Path, server: str) -> Iterator[dict[str, str]]:
    """Give the environment of a program that creates its own place, in a database of its own."""
    own = urlsplit(server)._replace(path=f"/ouipost_{uuid4().hex[:8]}").geturl() if server else ""
    yield os.environ | {"DATABASE_URL_TEST": own, "OUIPOST_HOME": str(home)}


def module(*command: str) -> Callable[[dict[str, str]], Result]:
    """Return a function that runs a Python module to its end."""

    def run(environment: dict[str, str]) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        print(done.stdout, done.stderr, file=sys.stderr)  # noqa: T201
        lines = done.stdout.splitlines() or [""]
        return Said(numbers=Numbers(), status=done.returncode, last=lines[-1])

    return run
