"""Redis, with short timeouts and a circuit breaker: a server that does not answer is soon no longer asked.

Redis is optional everywhere: callers catch `RedisAway` and continue with the database or this process's own memory.
"""

import hashlib
import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ouipost.breaker import Breaker

PAUSE_SECONDS = 5.0
STEPS_OF_A_NEW_CONNECTION = 4
"""Connecting, authenticating, selecting the database and the command share the time of one call."""

Argument = str | bytes | int


class RedisAway(Exception):
    """Redis did not answer, or the breaker is open; a command without an answer may have run nevertheless."""


class Connection(Protocol):
    """The part of the library's untyped connection that we use."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def send_command(self, *arguments: Argument) -> None: ...
    def read_response(self, *, timeout: float) -> Any: ...


class Script:
    """A Lua script and its SHA-1, by which a server caches it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Server:
    """A process's connections to one Redis server; threads may share it."""

    def __init__(self, url: str, *, timeout: float) -> None:
        from redis import ConnectionPool, exceptions  # 20 MB that embedded mode does not need

        self._exceptions = exceptions
        self._timeout = timeout
        step = timeout / STEPS_OF_A_NEW_CONNECTION
        # The library's pool only parses the URL: its lending of a connection costs as much as the call itself.
        self._address = ConnectionPool.from_url(
            url, protocol=2, driver_info=None, socket_timeout=step, socket_connect_timeout=step
        )
        self._idle: deque[Connection] = deque()
        self._breaker = Breaker("Redis", pause_seconds=PAUSE_SECONDS)

    @property
    def is_healthy(self) -> bool:
        """Whether the breaker is closed: Redis answered lately, or has not been asked yet."""
        return self._breaker.is_healthy

    def run(
        self,
        script: Script,
        keys: Sequence[Argument] = (),
        args: Sequence[Argument] = (),
        *,
        timeout: float | None = None,
        insist: bool = False,
    ) -> Any:
        """Run the script and return its result, within `timeout` seconds (default `REDIS_TIMEOUT`); raises RedisAway.

        With `insist` the script runs even while the breaker is open.
        """
        if not (insist or self._breaker.allows()):
            raise RedisAway("Redis did not answer before and is left alone for some seconds.")
        try:
            result = self._ask(script, [len(keys), *keys, *args], timeout or self._timeout)
        except self._exceptions.RedisError as error:
            self._breaker.failed(error)
            self.close()  # connections from before a restart would fail one by one
            raise RedisAway(str(error)) from error
        self._breaker.succeeded()
        return result

    def close(self) -> None:
        """Close the idle connections."""
        with suppress(IndexError):
            while True:
                self._idle.pop().disconnect()

    def _ask(self, script: Script, arguments: list[Argument], timeout: float) -> Any:
        """Ask over an idle connection, or over a new one if the idle one was closed meanwhile.

        A restart, a fail-over or a proxy's idle timeout closes all idle connections, so no other one is tried.
        """
        if idle := self._idle_one():
            try:
                return self._answer(idle, script, arguments, timeout)
            except self._exceptions.ConnectionError:
                self.close()
        made = cast(Connection, self._address.connection_class(**self._address.connection_kwargs))
        made.connect()
        return self._answer(made, script, arguments, timeout / STEPS_OF_A_NEW_CONNECTION)

    def _idle_one(self) -> Connection | None:
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _answer(self, connection: Connection, script: Script, arguments: list[Argument], timeout: float) -> Any:
        try:
            connection.send_command("EVALSHA", script.digest, *arguments)
            result = connection.read_response(timeout=timeout)
        except self._exceptions.NoScriptError:
            connection.send_command("EVAL", script.text, *arguments)
            result = connection.read_response(timeout=timeout)
        self._idle.append(connection)
        return result


def server() -> Server | None:
    """Return the server at `REDIS_URL`; None if that is empty, as in embedded mode."""
    return _server(settings.REDIS_URL, settings.REDIS_TIMEOUT) if settings.REDIS_URL else None


@cache
def _server(url: str, timeout: float) -> Server:
    try:
        return Server(url, timeout=timeout)
    except ValueError as error:
        raise ImproperlyConfigured(f"REDIS_URL: {error}") from error


os.register_at_fork(after_in_child=_server.cache_clear)  # a connection belongs to one process
