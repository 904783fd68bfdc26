"""Check that TOKEN_KEYS is the right ring of keys, and move secrets to a new key.

Each key that may have encrypted something has a canary: a row that only this key decrypts. Each process tries all
canaries at its start, so that a wrong ring is found then, and not when the first token is needed.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, transaction
from django.db.models import Model

from adminapi.management.unusable import remedy
from adminapi.models import Canary
from ouipost import crypto
from ouipost.db import sealed
from ouipost.db.sealed import Column
from ouipost.events.journal import Actor, record
from ouipost.observability import log_format

logger = logging.getLogger(__name__)

SAMPLES = 20
PASSES = 5
"""Most passes over a column: processes with the old ring may still write with the old key while secrets are moved."""


class WrongKeyRing(Exception):
    """Stored secrets need a key that is not in TOKEN_KEYS; the text says which, and what to do."""


def require() -> None:
    """Call `examine`, but check nothing while the database is away or not migrated; the log says what to run."""
    try:
        examine()
    except Error as error:
        logger.warning("Whether TOKEN_KEYS is right could not be looked up. %s", remedy(error) or error)


def examine() -> None:
    """End this process if TOKEN_KEYS does not decrypt the stored secrets; raises the database's error if it is away."""
    try:
        check()
        _set()
    except (WrongKeyRing, ImproperlyConfigured) as error:
        sys.exit(log_format.refusal(f"Oui Post does not start: {error}"))


def check() -> None:
    """Try every canary; raises WrongKeyRing, or ImproperlyConfigured if TOKEN_KEYS is no ring at all."""
    canaries = list(Canary.objects.order_by("pk"))
    crypto.key_ids()
    for canary in canaries:
        _try(canary)
    if not canaries:
        _try_samples()


def _set() -> None:
    """Create a canary for the first key if it has none."""
    first = crypto.key_ids()[0]
    if not Canary.objects.filter(pk=first).exists():
        canary = Canary(pk=first)
        canary.seal()
        Canary.objects.get_or_create(pk=first, defaults={"sealed": canary.sealed})


def _try(canary: Canary) -> None:
    known = crypto.key_ids()
    if canary.pk not in known:
        raise WrongKeyRing(
            f"TOKEN_KEYS has no key {canary.pk}, and secrets in this database may be encrypted with it. Put it back "
            "behind the first key; `manage.py rotate_encryption` moves them to the first."
        )
    if not canary.opens:
        raise WrongKeyRing(
            f"The key {canary.pk} in TOKEN_KEYS is not the key of that name with which secrets in this database were "
            "encrypted: give it the value that it had."
        )


def _try_samples() -> None:
    """Decrypt the first secrets of each column, as there is no canary yet and this ring may be the wrong one.

    The ring is wrong if it decrypts none of them; a single one may have been damaged.
    """
    for column in sealed.columns():
        rows = list(column.filled().order_by("pk")[:SAMPLES])
        if rows and not any(_opens(row, column) for row in rows):
            raise WrongKeyRing(f"{column} holds secrets that no key in TOKEN_KEYS opens: put their key back.")


def _opens(row: Model, column: Column) -> bool:
    try:
        sealed.opened(row, column.name)
    except crypto.CannotDecrypt:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a column: of `total` secrets under another key, `moved` are under the first one now."""

    column: Column
    total: int
    moved: int = 0
    unreadable: Sequence[str] = ()


def behind() -> list[Progress]:
    """Return how many secrets of each column are not under the first key."""
    return [Progress(column=column, total=column.behind().count()) for column in sealed.columns()]


def rotate() -> Iterator[Progress]:
    """Move all secrets to the first key; yields the progress after each step.

    A column is gone through again if another key has encrypted some of it meanwhile.
    """
    for start in behind():
        done = start
        yield done
        for _ in range(PASSES if start.total else 0):
            bad: list[str] = []
            before = done.moved
            for step in sealed.move(start.column):
                bad += step.unreadable
                done = Progress(column=start.column, total=start.total, moved=done.moved + step.moved, unreadable=bad)
                yield done
            if done.moved == before:
                break


@transaction.atomic
def retire(*, moved: int, actor: Actor) -> bool:
    """Remove the canaries of all keys but the first, so that processes can start without those keys.

    Returns False, and does nothing, while some secret is encrypted with a key other than the first.
    """
    if any(progress.total for progress in behind()):
        return False
    _set()
    first = Canary.objects.get(pk=crypto.key_ids()[0])
    others = Canary.objects.exclude(pk=first.pk)
    retired = sorted(others.values_list("pk", flat=True))
    if moved or retired:
        others.delete()
        record("rotated", first, actor=actor, moved=moved, retired=retired)
    return True
