"""What those need who watch an installation: signs of life, answers of its parts, the token of a monitor."""

from concurrent.futures import Future
from datetime import timedelta
from math import inf
from typing import Any

import pytest
from django.utils import timezone

from accounts.platforms.shapes import Tokens
from adminapi.models import Heartbeat
from adminapi.monitoring.backlog import Backlog
from adminapi.monitoring.probes import PROBES
from ouipost.claims import database_now
from tests.factories import NOW

TOKEN = "a token for the monitor"


def ending(*, days: int) -> Tokens:
    return Tokens(access_token="x", ends_at=timezone.now() + timedelta(days=days))


def heard(name: str, *, ago: timedelta) -> None:
    Heartbeat.objects.create(name=name, at=database_now() - ago)


WORKING = Backlog(
    due=3,
    oldest_due=timedelta(0),
    oldest_delivery=timedelta(0),
    workers=1,
    nodes=0,
    beats=0,
    ticks=False,
    last_beat=NOW,
    last_tick=None,
    since_tick=None,
)


class Hanging(Future[Any]):
    """Has no answer, and notes how long somebody would wait for one."""

    def __init__(self, waits: list[float]) -> None:
        super().__init__()
        self._waits = waits

    def result(self, timeout: float | None = None) -> Any:
        self._waits.append(inf if timeout is None else timeout)
        return super().result(timeout)


class Asked:
    """Answers at once, as it was told; what it was told nothing of hangs."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.waits: list[float] = []
        """How long each wait for what hangs would have been at most."""

    def put_into(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in PROBES:
            monkeypatch.setattr(PROBES[name], "start", lambda name=name: self._future(name))

    def _future(self, name: str) -> "Future[Any]":
        answer = self.answers.get(name, ...)
        future: Future[Any] = Hanging(self.waits) if answer is ... else Future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif answer is not ...:
            future.set_result(answer)
        return future


GREEN: dict[str, Any] = {
    "database": 4,
    "cache": 1,
    "storage": 24.54,
    "files": 1.0,
    "broker": {"publish": 1, "webhooks": 0, "default": 8},
    "backlog": WORKING,
}
