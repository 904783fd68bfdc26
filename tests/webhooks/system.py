"""Webhooks, their receivers and a worker that is struck, in one process and with one clock."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from urllib3 import HTTPResponse

from ouipost.api import limits
from ouipost.claims import database_now
from ouipost.db.pruning import remove_all
from ouipost.events import backoff, pruning, replays
from ouipost.events.catalogue import EVENTS
from ouipost.events.models import Event
from ouipost.events.settling import Report, settle_all
from ouipost.outbound import transport
from ouipost.outbound.errors import AnswerLost, Blocked, NotSent
from tests.conftest import AdminClient, ApiClient
from tests.factories import make_account, make_key, make_token, make_user, make_workspace
from tests.posts.system import A_MOMENT, Clock, one_clock
from workspaces.keys import usage


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a receiver does with a call, and how long that takes."""

    status: int | None = 204
    error: str = ""
    """What the log says of it, where it is no success."""
    raises: Callable[[], Exception] | None = None
    headers: Mapping[str, str] | None = None
    asks_to_wait: float = 0
    """By Retry-After, in seconds."""
    as_date: bool = False
    seconds: float = A_MOMENT
    size: int = 0

    @property
    def is_success(self) -> bool:
        return self.status is not None and self.status // 100 == 2


TAKEN = Reply()
REPLIES = {
    "204": TAKEN,
    "200": Reply(status=200, size=10),
    "huge": Reply(status=200, size=300_000),
    "slow": Reply(status=202, seconds=12),
    "301": Reply(status=301, error="refused", headers={"Location": "https://1.1.1.1/elsewhere"}),
    "400": Reply(status=400, error="refused"),
    "404": Reply(status=404, error="refused", size=300_000),
    "410": Reply(status=410, error="refused"),
    "429": Reply(status=429, error="refused", asks_to_wait=3600),
    "429 soon": Reply(status=429, error="refused", asks_to_wait=25),
    "429 by date": Reply(status=429, error="refused", asks_to_wait=1200, as_date=True),
    "503": Reply(status=503, error="refused", asks_to_wait=200_000),
    "500": Reply(status=500, error="refused"),
    "hangs": Reply(status=None, error="no_answer", raises=lambda: AnswerLost("No complete answer."), seconds=15),
    "closes": Reply(status=None, error="no_answer", raises=lambda: AnswerLost("It broke.")),
    "other TLS": Reply(status=None, error="not_sent", raises=lambda: NotSent("It could not be sent.")),
    "blocked": Reply(status=None, error="address_blocked", raises=Blocked),
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a receiver got."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Site:
    """The product with two workspaces, as those see it who use and run it; `receive` gives the reply to each call."""

    receive: Callable[[Call], Reply]

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        made = [make_workspace(), make_workspace()]
        for workspace in made:
            make_account(workspace, platform="twitter")
        self.workspaces = [workspace.pk for workspace in made]
        _, secret = make_key()
        self.callers = {pk: ApiClient(secret, pk) for pk in self.workspaces}
        self.operator = make_user()
        self.console = AdminClient("")
        self.seen = ""

    # Asking

    def api(self, method: str, path: str, body: Any = None, *, workspace: str) -> Any:
        limits.IN_PROCESS.reset()
        return self._answered(self.callers[workspace](method, path, body))

    def admin(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask the admin API as somebody who has just logged in; returns the status, and the data or error."""
        return self._answered(self.console(method, path, body, Authorization=f"Bearer {make_token(self.operator)}"))

    def _answered(self, answer: Any) -> tuple[int, Any]:
        self.clock.go_on(A_MOMENT)
        content = answer.json()
        assert answer.status_code < 500, content
        return answer.status_code, content["data" if content["success"] else "error"]

    def new_events(self) -> list[Event]:
        """Return what the journal has of events for webhooks since it was last asked."""
        found = list(Event.objects.filter(pk__gt=self.seen, type__in=EVENTS).order_by("pk"))
        self.seen = found[-1].pk if found else self.seen
        return found

    # Working

    def send(self, method: str, target: Any, headers: Mapping[str, str], body: Any, *, guarded: bool) -> HTTPResponse:
        """Stand for all of the network."""
        assert (method, guarded) == ("POST", True)
        named = {name.lower(): value for name, value in headers.items()}
        reply = self.receive(Call(url=target.url, headers=named, body=body))
        self.clock.go_on(reply.seconds)
        if reply.raises:
            raise reply.raises()
        headers = dict(reply.headers or {})
        if reply.asks_to_wait:
            until = (self.clock.now + timedelta(seconds=reply.asks_to_wait)).astimezone(UTC)
            by_date = format_datetime(until, usegmt=True)
            headers["Retry-After"] = by_date if reply.as_date else str(int(reply.asks_to_wait))
        raw = io.BytesIO(b"x" * reply.size)
        return HTTPResponse(raw, headers=headers, status=reply.status or 0, preload_content=False)

    def settle(self, reports: Sequence[Report]) -> list[bool]:
        with transaction.atomic():
            return settle_all(reports) if reports else []

    def care(self) -> None:
        backoff.bring_back()

    def replay(self) -> None:
        replays.work_on_due()

    def prune(self) -> None:
        remove_all(pruning.old(database_now()))


@contextmanager
def running() -> Iterator[Site]:
    """Let the product run in this process."""
    with one_clock() as clock, pytest.MonkeyPatch.context() as patch:
        site = Site(clock)
        patch.setattr(usage.FLUSHER, "flush_soon", lambda: None)
        patch.setattr(transport, "send", site.send)
        patch.setattr(settings, "PASSWORD_HASHERS", ["tests.factories.QuickHasher"])
        yield site


def parsed(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    return found
