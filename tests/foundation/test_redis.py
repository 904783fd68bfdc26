"""The way to Redis: short calls, and none where they would not be answered."""

import logging
import multiprocessing
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from redis import Redis

from ouipost import redis
from ouipost.redis import RedisAway, Script, Server
from tests.foundation.threads import PATIENCE_SECONDS, wait_until
from tests.services import free_port, start_redis

ECHO = Script("return {KEYS[1], ARGV[1], redis.call('DBSIZE')}")
TIMEOUT = 0.05


def stopped(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    server.wait()


@pytest.fixture
def process() -> Iterator["tuple[subprocess.Popen[bytes], int]"]:
    """A Redis of the test's own, and its port."""
    port = free_port()
    process = start_redis(port)
    yield process, port
    process.send_signal(signal.SIGCONT)
    stopped(process)


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of something that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/1"


@pytest.fixture
def nowhere() -> Server:
    return Server("redis://127.0.0.1:1/0", timeout=TIMEOUT)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    """Who asked, each time that a breaker let it."""
    servers: list[Server] = []
    ask = Server._ask

    def noted(self: Server, *args: Any) -> Any:
        servers.append(self)
        return ask(self, *args)

    monkeypatch.setattr(Server, "_ask", noted)
    return servers


def at(port: int, *, timeout: float = 5.0) -> Server:
    return Server(f"redis://127.0.0.1:{port}/3", timeout=timeout)


def fails(server: Server) -> float:
    """Ask in vain, and return how long that took."""
    started = time.monotonic()
    with pytest.raises(RedisAway):
        server.run(ECHO, ["key"], ["argument"])
    return time.monotonic() - started


def test_a_script_is_answered(redis_url: str) -> None:
    server = redis.server()
    assert server is not None

    assert server.run(ECHO, ["key"], [b"\xff"]) == [b"key", b"\xff", 0]
    assert server.is_healthy


def test_without_an_address_there_is_no_server() -> None:
    assert redis.server() is None


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://127.0.0.1", "redis://127.0.0.1:port/0"])
def test_an_address_that_cannot_be_read_is_named(settings: Any, url: str) -> None:
    settings.REDIS_URL = url

    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        redis.server()


def test_a_server_that_forgot_the_script_is_given_it_anew(redis_url: str) -> None:
    server = redis.server()
    assert server is not None
    server.run(ECHO, ["key"], ["argument"])

    with Redis.from_url(redis_url) as client:
        client.script_flush()

    assert server.run(ECHO, ["key"], ["argument"]) == [b"key", b"argument", 0]


def test_threads_share_it(redis_url: str) -> None:
    server = redis.server()
    assert server is not None

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda number: server.run(ECHO, [str(number)], [number]), range(500)))

    assert [int(answer[0]) for answer in answers] == [int(answer[1]) for answer in answers] == list(range(500))


def test_a_forked_process_has_connections_of_its_own(redis_url: str) -> None:
    server = redis.server()
    assert server is not None
    server.run(ECHO, ["key"], ["argument"])
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def ask() -> None:
        own = redis.server()
        assert own is not None
        theirs.send((own is server, own.run(ECHO, ["child"], ["argument"])))

    child = context.Process(target=ask)
    child.start()
    answers = [server.run(ECHO, ["parent"], ["argument"]) for _ in range(100)]
    assert ours.poll(20)
    inherits, answer = ours.recv()
    child.join()
    ours.close()
    theirs.close()

    assert (inherits, answer, child.exitcode) == (False, [b"child", b"argument", 0], 0)
    assert answers == [[b"parent", b"argument", 0]] * 100


def test_a_refused_connection_is_told_at_once() -> None:
    assert fails(at(1, timeout=60)) < 30


@pytest.mark.usefixtures("pauses_end")
def test_a_server_that_never_answers_costs_its_time_and_then_nothing(hanging: str, asked: list[Server]) -> None:
    server = Server(hanging, timeout=TIMEOUT)

    waits = [fails(server) for _ in range(3)]
    for _ in range(1000):
        fails(server)

    assert (min(waits) < TIMEOUT * 20, asked) == (True, [server] * 3)
    assert not server.is_healthy


@pytest.mark.usefixtures("pauses_end")
def test_a_server_that_stops_answering_costs_its_time_and_then_nothing(
    process: "tuple[subprocess.Popen[bytes], int]", asked: list[Server]
) -> None:
    server = at(process[1], timeout=0.8)  # a busy machine is no trouble of Redis
    server.run(ECHO, ["key"], ["argument"])
    process[0].send_signal(signal.SIGSTOP)

    waits = [fails(server) for _ in range(3)]
    fails(server)

    assert (min(waits) < 5, asked) == (True, [server] * 4)


def test_one_failure_or_two_are_forgotten_with_the_next_answer(process: "tuple[subprocess.Popen[bytes], int]") -> None:
    server = at(process[1])
    stopping = Script("return redis.error_reply('no')")

    for _ in range(3):
        for _ in range(2):
            with pytest.raises(RedisAway):
                server.run(stopping)
        assert server.run(ECHO, ["key"], ["argument"])

    assert server.is_healthy


def test_after_a_pause_one_caller_tries(
    monkeypatch: pytest.MonkeyPatch, pauses_end: Callable[[], None], nowhere: Server, asked: list[Server]
) -> None:
    for _ in range(4):
        fails(nowhere)
    before, go, ask = len(asked), threading.Event(), Server._ask

    def hold(self: Server, *args: Any) -> Any:
        go.wait(PATIENCE_SECONDS)
        return ask(self, *args)

    monkeypatch.setattr(Server, "_ask", hold)
    pauses_end()
    with ThreadPoolExecutor(16) as threads:
        callers = [threads.submit(fails, nowhere) for _ in range(16)]
        wait_until(lambda: sum(each.done() for each in callers) == 15)
        go.set()

    assert (before, len(asked)) == (3, 4)


def test_a_restarted_server_is_found_again_with_one_try(
    process: "tuple[subprocess.Popen[bytes], int]", pauses_end: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ouipost.breaker")
    server = at(process[1])
    with ThreadPoolExecutor(8) as threads:  # eight connections, all of which the restart will close
        list(threads.map(lambda _: server.run(Script("for _ = 1, 2000000 do end")), range(8)))
    stopped(process[0])
    for _ in range(3):
        fails(server)

    again = start_redis(process[1])
    try:
        pauses_end()
        answers = [server.run(ECHO, ["key"], ["argument"]) for _ in range(9)]
    finally:
        stopped(again)

    assert len(answers) == 9
    assert server.is_healthy
    assert [record.message for record in caplog.records][-1] == "Redis answers again"


def test_connections_may_be_made_anew_as_often_as_need_be(redis_url: str) -> None:
    server = redis.server()
    assert server is not None

    for _ in range(300):
        server.close()
        server.run(ECHO, ["key"], ["argument"])

    assert server.is_healthy


def test_connections_that_were_closed_while_they_were_idle_fail_nobody(
    process: "tuple[subprocess.Popen[bytes], int]",
) -> None:
    """As by `timeout` of Redis, by a proxy, and by a server that was restarted or handed over in between."""
    server = at(process[1])
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: server.run(Script("for _ = 1, 2000000 do end")), range(8)))
    with Redis(port=process[1]) as client:
        assert client.execute_command("CLIENT", "KILL", "TYPE", "normal") >= 2

    assert [server.run(ECHO, ["key"], ["argument"]) for _ in range(9)]


def test_who_insists_asks_a_server_that_is_left_alone(process: "tuple[subprocess.Popen[bytes], int]") -> None:
    server = at(process[1])
    for _ in range(3):
        with pytest.raises(RedisAway):
            server.run(Script("return redis.error_reply('no')"))
    fails(server)

    assert server.run(ECHO, ["key"], ["argument"], insist=True)
    assert server.is_healthy


def test_the_log_has_one_line_in_ten_seconds(nowhere: Server, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(50):
        with pytest.raises(RedisAway):
            nowhere.run(ECHO, ["secret"], ["secret"], insist=True)

    [line] = [record.getMessage() for record in caplog.records if record.name == "ouipost.breaker"]
    assert line.startswith("Redis does not answer: ")
    assert "secret" not in line
