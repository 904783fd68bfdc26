"""What a stranger believes of webhooks and their deliveries, by the contract and by `docs/webhooks.md` alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.webhooks.system import Reply

WAITS = [timedelta(seconds=each) for each in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)]
DAY = timedelta(days=1)
KEPT = timedelta(days=30)
LEASE = timedelta(seconds=40)
"""How long a call holds its delivery: the page says 15 s for the call, and nothing of who died in one."""
TEST = "webhook.test"


@dataclass(kw_only=True)
class Told:
    """An event, as some webhook got it, or might by a replay."""

    id: str
    type: str
    workspace: str
    at: datetime
    body: bytes = b""


@dataclass(kw_only=True)
class Sending:
    """An event for a webhook."""

    event: Told
    first: datetime
    """It must not be sent before this."""
    last: datetime
    """It must be sent by then, unless its webhook rests."""
    status: str = "pending"
    tries: int = 0
    log: list[tuple[int | None, str]] = field(default_factory=list)
    held_until: datetime | None = None
    """Until then a worker has it, dead or alive."""
    is_aside: bool = False
    """Whether it may be waiting for its webhook's rest to end."""

    def is_held(self, now: datetime) -> bool:
        return self.status == "pending" and self.held_until is not None and self.held_until > now


@dataclass(kw_only=True)
class Hook:
    """A webhook."""

    id: str
    url: str
    events: list[str]
    workspaces: list[str]
    secrets: list[tuple[str, datetime]]
    """The newest first, each with when it ends."""
    is_active: bool = True
    reason: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    rests: int = 0
    rests_until: datetime | None = None
    last_call: datetime | None = None
    pruned: dict[str, int] = field(default_factory=dict)
    sendings: dict[str, Sending] = field(default_factory=dict)

    def hears(self, event: Told) -> bool:
        return event.type in self.events and (not self.workspaces or event.workspace in self.workspaces)

    def wants(self, event: Told) -> bool:
        return self.is_active and (event.type == TEST or self.hears(event))

    def take(self, event: Told, now: datetime) -> None:
        self.sendings[event.id] = Sending(event=event, first=now, last=now, is_aside=bool(self.rests))

    def send_again(self, sending: Sending, now: datetime) -> None:
        sending.status, sending.tries, sending.is_aside = "pending", 0, bool(self.rests)
        sending.first = sending.last = now

    def signs_with(self, now: datetime) -> list[str]:
        return [secret for secret, until in self.secrets if now < until]

    def is_resting(self, now: datetime) -> bool:
        return self.rests_until is not None and self.rests_until > now

    def recover(self) -> None:
        self.failures, self.failing_since, self.rests, self.rests_until = 0, None, 0, None

    def discard(self, now: datetime, which: Iterable[Sending] | None = None) -> None:
        """Let what waits, and is not under way, come to nothing."""
        for sending in self.sendings.values() if which is None else which:
            if sending.status == "pending" and not sending.is_held(now):
                sending.status = "discarded"

    def count(self, status: str) -> int:
        ended = [each for each in self.sendings.values() if each.status == status]
        return len(ended) + self.pruned.get(status, 0)

    # What comes of calls

    def note(self, reply: Reply, *, url: str, at: datetime, now: datetime) -> None:
        """Take a call into account that ended just now."""
        self.last_call = max(self.last_call or at, at)
        if url != self.url:
            return  # what the address before says does not count
        if reply.is_success:
            self._end_rest(now)
            return
        self.failures += 1
        self.failing_since = self.failing_since or now
        if self.failures >= 5 and not self.is_resting(now):
            self.rests_until = now + timedelta(seconds=min(30 * 2**self.rests, 600))
            self.rests += 1
            for each in self.sendings.values():
                each.is_aside = True
        if reply.status == 410:
            self._disable("It answered 410 Gone.")
        elif self.failures >= 20 and self.failing_since <= now - 5 * DAY:
            self._disable("Nothing arrived for 5 days.")

    def _end_rest(self, now: datetime) -> None:
        """Let what waited follow: what was tried before, when the rest would have been over."""
        if self.rests_until is not None and self.is_resting(now):
            for each in self.sendings.values():
                each.last = max(each.last, self.rests_until) if each.tries else each.last
        self.recover()

    def _disable(self, reason: str) -> None:
        if self.is_active:
            self.is_active, self.reason = False, reason

    def conclude(self, sending: Sending, reply: Reply, *, url: str, now: datetime) -> None:
        """Let a delivery be what it is after a call."""
        sending.log.append((reply.status, reply.error))
        sending.held_until, sending.is_aside = None, bool(self.rests)
        is_old = url != self.url and not reply.is_success
        sending.tries += not is_old
        if reply.is_success:
            sending.status = "delivered"
        elif not self.wants(sending.event) or sending.tries >= 10:
            sending.status = "failed"
        elif is_old:
            sending.first = sending.last = now
        else:
            planned = WAITS[sending.tries - 1]
            asked = min(timedelta(seconds=reply.asks_to_wait), DAY)
            sending.first = now + max(0.8 * planned, asked)
            sending.last = now + max(1.2 * planned, asked)


@dataclass
class Again:
    """A replay: what was asked for, and how many were sent when a worker was at it."""

    hook: Hook
    asked: dict[str, Any]
    done: int | None = None
    is_cut_short: bool = False
