"""What keeps workers from taking a target: its network, its account, or the account's pace.

Operators, callers and the console are all told the same, from here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from accounts import breakers, pacing
from accounts.models import Network
from accounts.platforms.errors import WhoActs
from ouipost.claims import engine_time
from posts.models import Target
from posts.places import needs_place
from posts.publishing.capacity import TRY_SECONDS

SPACING = timedelta(seconds=1)
"""Targets that were held up together go out one after the other, within this time."""


class Kind(Enum):
    """The kinds of obstacles."""

    STOPPED = auto()
    """Its network refuses the app of this installation."""
    NETWORK = auto()
    """Most calls to its network failed."""
    ACCOUNT = auto()
    """Its account is left alone: a quota is used up, or its calls failed."""
    PACE = auto()
    """Its account has sent as much as it may for now."""


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """An obstacle, and the time at which it ends; None: not known, as one post is trying out the network."""

    kind: Kind
    until: datetime | None

    @property
    def who_acts(self) -> WhoActs | None:
        """Return the one who can end it; None if it ends by itself."""
        return WhoActs.OPERATOR if self.kind == Kind.STOPPED else None


def obstacle(target: Target, network: Network | None, *, now: datetime) -> Obstacle | None:
    """Return what keeps an unsettled target from being taken when it is due; None for nothing, or if a worker has it.

    A worker takes the target once its network, its account and the account's pace all allow it: of several obstacles
    the one that ends last is returned. `network` is the target's network if that takes nothing at present, else None.
    Pauses are no obstacles here.
    """
    if target.due_at is None or target.is_claimed(now=now):
        return None
    ends = [(until, kind) for until, kind in _ends(target, network, now=now) if until >= target.due_at - SPACING]
    if not ends:
        return Obstacle(kind=Kind.PACE, until=target.due_at) if _is_in_line(target, now=now) else None
    until, kind = max(ends, key=lambda end: end[0])
    return Obstacle(kind=kind, until=until if until > now else None)


def _ends(target: Target, network: Network | None, *, now: datetime) -> Iterator[tuple[datetime, Kind]]:
    """Yield the earliest end of each obstacle."""
    account = target.account
    if network is not None and network.held_until is not None:
        yield max(network.held_until, now), Kind.STOPPED if breakers.is_stopped(network) else Kind.NETWORK
    if account.held_until is not None and account.held_until > now:
        yield account.held_until, Kind.ACCOUNT
    if needs_place(target) and (free_at := pacing.free_at(account, now=now)):
        yield free_at, Kind.PACE


def _is_in_line(target: Target, *, now: datetime) -> bool:
    """Return whether a target was put off, and waits only for a place in its account's pace."""
    is_put_off = target.due_at is not None and target.due_at > now and target.has_waited
    has_place = is_put_off and pacing.pace_of(target.platform) is not None and needs_place(target)
    return has_place and not target.error and not target.waits_for


def resting(*, now: datetime) -> dict[str, Network]:
    """Return the networks that take nothing at present."""
    return Network.objects.filter(held_until__gt=resting_since(now)).in_bulk()


def resting_since(now: datetime) -> datetime:
    """Return a time; networks whose hold ends after it take nothing at present.

    When a hold ends, one post tries the network, at most as long as its lease, and the others still wait. Then the
    network takes posts again, or is held again.
    """
    return now - engine_time(TRY_SECONDS)
