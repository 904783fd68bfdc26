"""`manage.py rotate_encryption`: encrypt every stored secret with the first key of TOKEN_KEYS."""

import sys
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser

from adminapi import keyring
from adminapi.keyring import Progress, WrongKeyRing
from adminapi.management.base import OperatorCommand, add_dry_run, add_json
from ouipost import crypto


class Command(OperatorCommand):
    help = (
        "Encrypt every stored secret (tokens of accounts, secrets of webhooks) with the first key of TOKEN_KEYS, while "
        "the product runs. It can be stopped at any time: the next run goes on. When it is done, the other keys "
        "can be taken out of TOKEN_KEYS."
    )
    details = """
To bring in a new key:
  1. put it first in TOKEN_KEYS, `new:…,old:…`, and start every process again;
  2. manage.py rotate_encryption --dry-run    how much is encrypted with another key
  3. manage.py rotate_encryption              moves it, a hundred rows at a time
  4. take the old key out of TOKEN_KEYS, and start every process again.

A process refuses to start while TOKEN_KEYS lacks a key that something is encrypted with.

Exits with 1 if something could not be opened, or is still encrypted with another key; run it again then."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_dry_run(parser, "how much would be encrypted anew")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            keyring.check()
        except (WrongKeyRing, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        steps = keyring.behind() if options["dry_run"] else self._rotate()
        moved, unreadable = sum(step.moved for step in steps), [pk for step in steps for pk in step.unreadable]
        done = not options["dry_run"] and keyring.retire(moved=moved, actor=self.actor)
        self.show(_shown(steps, done=done))
        self._say(steps, unreadable, done=done, dry_run=options["dry_run"])
        if not (done or options["dry_run"]):
            sys.exit(1)

    def _rotate(self) -> list[Progress]:
        """Move all, print each step, and return how each column ended."""
        ended: dict[str, Progress] = {}
        for progress in keyring.rotate():
            ended[str(progress.column)] = progress
            if progress.moved:
                self.say(f"{progress.column}: {progress.moved:,} of {progress.total:,} moved")
        return list(ended.values())

    def _say(self, steps: Iterable[Progress], unreadable: Iterable[str], *, done: bool, dry_run: bool) -> None:
        first, *others = crypto.key_ids()
        if dry_run:
            for step in steps:
                self.say(f"{step.column}: {step.total:,} would be moved")
            self.say(f"Would encrypt {sum(step.total for step in steps):,} with {first}; nothing was done.")
            return
        for pk in unreadable:
            self.say(f"{pk} cannot be decrypted: it was encrypted for another row, or changed. It was left alone.")
        if not done:
            self.say(f"Not all is encrypted with {first} yet: run this again.")
        elif others:
            self.say(f"All is encrypted with {first}: {', '.join(others)} can be taken out of TOKEN_KEYS.")
        else:
            self.say(f"All is encrypted with {first}.")


def _shown(steps: Iterable[Progress], *, done: bool) -> dict[str, Any]:
    first, *others = crypto.key_ids()
    return {
        "key": first,
        "columns": [
            {"column": str(each.column), "total": each.total, "moved": each.moved, "unreadable": [*each.unreadable]}
            for each in steps
        ],
        "is_done": done,
        "can_be_removed": others if done else [],
    }
