"""An installation whose database can be backed up and go back, run by an operator who uses nothing but commands."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError
from django.db import connection
from django.test import override_settings

from adminapi.management.commands import reconcile
from adminapi.processes import restored
from ouipost.events import sealing
from posts.models import Target
from tests.commands.running import outcome_of
from tests.posts.system import PLATFORMS, Product, running_as

SLEEP = 5
"""What a command that waits for workers sleeps at a time, in seconds."""
Rows = dict[str, list[tuple[Any, ...]]]


class Installation(Product):
    """The product with a home that keeps its mark, and a command line."""

    works_while_asked = True

    def sleep(self, _: float) -> None:
        """Let a command wait for a worker, if one runs."""
        self.clock.go_on(SLEEP)
        if self.works_while_asked:
            self.tick()

    def tick(self) -> None:
        """Be a worker that runs for a moment: it notes how far the database is, and publishes what is due."""
        restored.pause_if_restored()
        self.work()

    def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command; returns its exit status and what it printed, or why it refused."""
        try:
            return outcome_of(*arguments)
        except CommandError as error:
            return error.returncode, str(error)

    def asked(self, *arguments: str) -> tuple[int, Any]:
        """Run a command; returns its exit status and the object that it printed."""
        status, printed = self.command(*arguments, "--json")
        return status, json.loads(printed)

    def pauses(self) -> list[dict[str, str]]:
        """Return what is paused, by scope and id."""
        shown = self.figures("/admin/pauses")["pauses"]
        return [{name: each[name] for name in ("scope", "id") if each.get(name)} for each in shown]

    def is_held(self, target_id: str) -> bool:
        """Whether a worker has this target, or had it and its lease goes on."""
        return Target.objects.filter(pk=target_id, lease_until__gt=self.clock.now).exists()


def rows() -> Rows:
    """Return everything that the database holds."""
    with connection.cursor() as cursor:
        found: Rows = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')  # noqa: S608 (names are ours)
            found[table] = cursor.fetchall()
    return found


def load(backup: Rows) -> None:
    """Let the database hold this and nothing else."""
    with connection.cursor() as cursor:
        for table, lines in backup.items():
            cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608 (names are ours)
            if lines:
                marks = ", ".join(["%s"] * len(lines[0]))
                cursor.executemany(f'INSERT INTO "{table}" VALUES ({marks})', lines)  # noqa: S608 (names are ours)


def seal() -> None:
    """Seal what the journal has, as a worker does within seconds."""
    while sealing.seal_new():
        pass


@contextmanager
def installed() -> Iterator[Installation]:
    """Let the product run in this process for an operator, with an account of each network."""
    with running_as(Installation, PLATFORMS) as product, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "time", SimpleNamespace(monotonic=product.clock.monotonic, sleep=product.sleep))
        yield product


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    """Let the product keep its files there, and have a ring of keys that may be changed."""
    with override_settings(OUIPOST_HOME=home, TOKEN_KEYS=[*settings.TOKEN_KEYS]):
        yield
