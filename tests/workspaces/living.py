"""The product with one clock, and a Redis that has the same one: it can be emptied, and be away."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any

import pytest
from django.test import Client
from redis import Redis, exceptions

from ouipost import redis
from ouipost.api import limits
from ouipost.redis import Script, Server
from tests.conftest import ApiClient
from tests.posts.living import A_MOMENT, Clock, one_clock
from workspaces.keys import admission, guesses, usage

AHEAD = "tests:ahead"
MOMENT = f"""
local function moment()
  local time = redis.call('TIME')
  return {{time[1] + (redis.call('GET', '{AHEAD}') or 0), time[2]}}
end
"""
"""Redis' own time, as far ahead as the clock of everybody else."""
GROW_OLDER = """
for _, name in ipairs(redis.call('KEYS', 'ouipost:*')) do
  local left = redis.call('PTTL', name)
  if left >= 0 then redis.call('PEXPIRE', name, math.max(0, left - ARGV[1])) end
end
"""


class Caller(ApiClient):
    """Calls both APIs with these headers."""

    def __init__(self, client: Client, **headers: str) -> None:
        self.client = client
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Site:
    """The product, and what it runs on."""

    redis: Redis

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.client = Client()
        self.is_away = False
        self.addresses = 0

    def begin_anew(self, url: str) -> None:
        """Begin with a Redis in which nothing is, nor anything is to be written."""
        self.clock.begin_anew()
        with Redis.from_url(url) as self.redis:
            self.redis.flushdb()
        usage.IN_PROCESS.start_anew()
        self.is_away = False
        self.be_another_process()

    def be_another_process(self) -> None:
        """Remember nothing of what was asked before, but for what is to be written."""
        limits.IN_PROCESS.reset()
        guesses.HELD.clear()
        guesses.TRIES = guesses.Tries()
        redis._server.cache_clear()

    def go_on(self, seconds: float) -> None:
        self.clock.go_on(seconds)
        self.redis.eval(GROW_OLDER, 0, int(seconds * 1000))

    def ask(self, method: str, path: str, body: Any = None, *, address: str = "", **headers: str) -> Any:
        """Ask one of both APIs; nothing may go wrong."""
        return self.answered(lambda caller: caller(method, path, body), address=address, **headers)

    def answered(self, question: Any, *, address: str = "", **headers: str) -> Any:
        """Let a caller with these headers ask something from this address, else from one that nobody had before."""
        self.addresses += 1
        self.client.defaults["REMOTE_ADDR"] = address or str(IPv4Address("10.0.0.0") + self.addresses)
        self.clock.go_on(A_MOMENT)
        self.redis.set(AHEAD, int(self.clock.now.timestamp() - self.redis.time()[0]))
        self.client.cookies.clear()
        answer = question(Caller(self.client, **headers))
        assert answer.status_code < 500, answer.content
        return answer


@contextmanager
def open_site() -> Iterator[Site]:
    """Let the product run in this process."""
    with one_clock() as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(usage.FLUSHER, "flush_soon", lambda: None)
        for name in ("ASK", "ADMIT"):
            text = getattr(admission, name).text.replace("redis.call('TIME')", "moment()")
            patch.setattr(admission, name, Script(MOMENT + text))
        site, ask = Site(clock), Server._ask

        def ask_if_there(server: Server, *given: Any) -> Any:
            if site.is_away:
                raise exceptions.ConnectionError("Nobody is there.")
            return ask(server, *given)

        patch.setattr(Server, "_ask", ask_if_there)
        patch.setattr(guesses, "TRIES", guesses.TRIES)
        yield site
