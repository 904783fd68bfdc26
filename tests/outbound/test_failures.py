"""What a call does when the other side misbehaves: in time, in little memory, and with the right word for it."""

import gzip
import socket
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest

from ouipost.outbound import AnswerLost, Client, NotSent, guard, transport
from tests.outbound.conftest import Serve
from tests.outbound.names import NameServer
from tests.outbound.servers import (
    HELLO,
    Identity,
    Server,
    Talk,
    answering,
    closing_after,
    deaf,
    make_identity,
    repeating,
    resetting,
    silent,
    sipping,
)

pytestmark = [pytest.mark.usefixtures("loopback"), pytest.mark.thorough]

OK = b"HTTP/1.1 200 OK\r\n"
LONG = OK + b"Content-Length: 1000000000\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
NOISE = b"x" * 65_536
DEADLINE = 1.5
"""Time enough to connect on a busy machine: what has not left by then was not sent, and no answer of it is lost."""


@pytest.fixture(autouse=True)
def lookups_of_its_own() -> None:
    """Share no lookup with the test before, whose may be under way."""
    guard._lookups.cache_clear()


@contextmanager
def freed_in_time(deadline: float = DEADLINE) -> Iterator[None]:
    """Let it take no more than a second longer, but for the time in which the machine had no processor for us."""
    start, denied = time.monotonic(), without_processor()
    yield
    assert time.monotonic() - start < deadline + 1 + without_processor() - denied


def without_processor() -> float:
    """Return for how many seconds this thread was ready to run and others ran; nothing where Linux does not count it.

    A thread that waits for an answer, or for another thread of ours, is not ready to run.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silent, id="no answer"),
        pytest.param(repeating(b"", b"H", pause=0.05), id="status line drips"),
        pytest.param(repeating(OK, b"a: b\r\n", pause=0.05), id="headers drip"),
        pytest.param(repeating(LONG, b"x", pause=0.05), id="body drips"),
        pytest.param(repeating(CHUNKED, b"1\r\nx\r\n", pause=0.05), id="chunks drip"),
        pytest.param(repeating(CHUNKED + b"5", b"5", pause=0.05), id="chunk size drips"),
        pytest.param(repeating(CHUNKED + b"0\r\n", b"a: b\r\n", pause=0.05), id="trailers drip"),
        pytest.param(repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05), id="for ever continue"),
    ],
)
def test_a_slow_answer_is_lost_at_the_deadline_and_its_connection_torn_down(serve: Serve, talk: Talk) -> None:
    server = serve(talk)

    with freed_in_time(), pytest.raises(AnswerLost, match="in time"):
        Client().request("GET", server.url, timeout=DEADLINE)

    assert server.hung_up.wait(5)


def test_a_slow_answer_over_tls_is_lost_at_the_deadline(serve: Serve, names: NameServer, identity: Identity) -> None:
    server = serve(identity.over_tls(repeating(LONG, b"x", pause=0.05)))
    names.knows["hooks.example"] = ["127.0.0.1"]

    with freed_in_time(), pytest.raises(AnswerLost, match="in time"):
        Client().request("GET", f"https://hooks.example:{server.port}/", timeout=DEADLINE)

    assert server.hung_up.wait(5)


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("talk", [deaf, sipping])
def test_a_server_that_hardly_reads_is_left_at_the_deadline(
    serve: Serve, names: NameServer, identity: Identity, talk: Talk, secured: bool
) -> None:
    server = serve(identity.over_tls(talk) if secured else talk)
    names.knows["hooks.example"] = ["127.0.0.1"]
    url = f"{'https' if secured else 'http'}://hooks.example:{server.port}/"

    with freed_in_time(), pytest.raises(AnswerLost, match="in time"):
        Client().request("POST", url, data=bytes(30_000_000), timeout=DEADLINE)

    server.hung_up.set()


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(repeating(LONG, NOISE), id="a long body"),
        pytest.param(repeating(OK + b"\r\n", NOISE), id="a body without end"),
        pytest.param(repeating(CHUNKED + b"ffffffffff\r\n", NOISE), id="a chunk without end"),
        pytest.param(repeating(CHUNKED, b"1\r\nx\r\n" * 9000), id="chunks without end"),
        pytest.param(repeating(CHUNKED + b"-1\r\n", NOISE), id="a chunk of negative size"),
        pytest.param(repeating(CHUNKED + b"1;", NOISE), id="a chunk extension without end"),
        pytest.param(repeating(CHUNKED + b"0\r\n", b"a: b\r\n" * 9000), id="trailers without end"),
        pytest.param(repeating(OK, b"a: b\r\n" * 10_000), id="10,000 headers"),
        pytest.param(repeating(OK + b"a: ", NOISE), id="a header without end"),
        pytest.param(repeating(b"", NOISE), id="no HTTP at all"),
    ],
)
def test_an_answer_without_measure_is_lost_soon_and_costs_little_memory(serve: Serve, talk: Talk) -> None:
    server = serve(talk)

    with freed_in_time(3), little_memory(), pytest.raises(AnswerLost):
        Client().request("GET", server.url, timeout=10)

    assert server.hung_up.wait(5)


@pytest.mark.parametrize(("size", "fits"), [(16_384, True), (16_385, False)])
def test_headers_have_sixteen_kilobytes_in_all(serve: Serve, size: int, fits: bool) -> None:
    start, end = OK + b"Content-Length: 5\r\n", b"\r\n\r\n"
    filling = [b"a%d: %b\r\n" % (number, b"x" * 900) for number in range(17)]
    head = start + b"".join(filling)
    head += b"z: ".ljust(size - len(head) - len(end), b"z") + end

    def in_two_parts(server: Server, connection: socket.socket) -> None:
        closing_after(head[:100])(server, connection)
        server.hung_up.wait(0.05)
        connection.sendall(head[100:] + b"hello")

    server = serve(in_two_parts)

    if fits:
        assert Client().request("GET", server.url).body == b"hello"
    else:
        with pytest.raises(AnswerLost) as lost:
            Client().request("GET", server.url)
        assert lost.value.address == "127.0.0.1"


def test_an_answer_beyond_the_limit_is_lost_or_cut(serve: Serve) -> None:
    server = serve(answering())

    whole = Client().request("GET", server.url, max_bytes=5)
    cut = Client().request("GET", server.url, max_bytes=3, truncate=True)
    with pytest.raises(AnswerLost, match="3 bytes") as lost:
        Client().request("GET", server.url, max_bytes=3)

    assert (whole.body, cut.body) == (b"hello", b"hel")
    assert lost.value.address == "127.0.0.1"


def test_a_compressed_answer_is_never_unpacked(serve: Serve) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=9)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    server = serve(answering(head + bomb))

    with little_memory():
        answer = Client().request("GET", server.url)

    assert answer.body == bomb


def test_a_redirect_with_a_body_without_end_costs_little_memory(serve: Serve) -> None:
    server = serve(repeating(b"HTTP/1.1 302 Go\r\nLocation: https://public.example/\r\n\r\n", NOISE))

    with freed_in_time(3), little_memory():
        answer = Client().request("GET", server.url, max_bytes=64_000, truncate=True, timeout=10)

    assert (answer.status, len(answer.body)) == (302, 64_000)


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(resetting, id="reset after the request"),
        pytest.param(closing_after(b""), id="closed without an answer"),
        pytest.param(closing_after(b"HTTP/1.1 200"), id="cut in the status line"),
        pytest.param(closing_after(OK + b"a: b"), id="cut in the headers"),
        pytest.param(closing_after(HELLO[:-1]), id="cut in the body"),
        pytest.param(closing_after(CHUNKED + b"5\r\nhel"), id="cut in a chunk"),
        pytest.param(closing_after(CHUNKED + b"5\r\nhello\r\n"), id="cut before the last chunk"),
        pytest.param(closing_after(CHUNKED + b"no\r\nhello\r\n0\r\n\r\n"), id="broken chunk size"),
        pytest.param(closing_after(b"SSH-2.0-OpenSSH\r\n\r\n"), id="not HTTP"),
    ],
)
def test_a_broken_answer_to_a_request_that_left_is_lost(serve: Serve, talk: Talk) -> None:
    server = serve(talk)

    with pytest.raises(AnswerLost) as lost:
        Client().request("POST", server.url, data=b"once")

    assert lost.value.address == "127.0.0.1"
    assert (len(server.requests), server.connections) == (1, 1)


def test_an_idle_connection_that_breaks_under_the_next_request_loses_the_answer(serve: Serve) -> None:
    def answer_once(server: Server, connection: socket.socket) -> None:
        closing_after(HELLO)(server, connection)
        resetting(server, connection)

    server = serve(answer_once)

    assert Client().request("GET", server.url).body == b"hello"
    with pytest.raises(AnswerLost):
        Client().request("POST", server.url, data=b"once")

    assert server.connections == 1


def test_a_connection_that_broke_before_the_first_byte_sent_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(silent)
    connect = transport.connect

    def connect_and_break(*args: object, **options: object) -> socket.socket:
        connection = connect(*args, **options)  # type: ignore[arg-type]
        connection.shutdown(socket.SHUT_WR)
        return connection

    monkeypatch.setattr(transport, "connect", connect_and_break)

    with pytest.raises(NotSent):
        Client().request("POST", server.url, data=b"once")


def test_a_tls_write_that_failed_may_have_let_something_out(
    serve: Serve, names: NameServer, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(identity.over_tls(silent))
    names.knows["hooks.example"] = ["127.0.0.1"]

    def fail(*_: object) -> int:
        raise ConnectionResetError

    monkeypatch.setattr(ssl.SSLSocket, "send", fail)

    with pytest.raises(AnswerLost) as lost:
        Client().request("POST", f"https://hooks.example:{server.port}/", data=b"once")

    assert lost.value.address == "127.0.0.1"


def test_a_refused_connection_sent_nothing(serve: Serve) -> None:
    server = serve(silent)
    server.close()

    with pytest.raises(NotSent, match="No connection"):
        Client().request("POST", server.url)


def test_a_call_without_time_sends_nothing(serve: Serve) -> None:
    server = serve(answering())

    with pytest.raises(NotSent):
        Client().request("POST", server.url, timeout=0)

    assert server.requests == []


@pytest.mark.parametrize(("timeout", "limit"), [(10, 0.3), (0.3, 5)])
def test_a_connection_that_nobody_accepts_is_given_up_and_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, timeout: float, limit: float
) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", limit)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as filling:
        filling.connect(full.getsockname())

        with freed_in_time(0.3), pytest.raises(NotSent, match="No connection"):
            Client().request("GET", f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=timeout)


@pytest.mark.parametrize(("timeout", "limit"), [(10, 0.3), (0.3, 3)])
def test_a_name_server_that_does_not_answer_is_given_up_and_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, timeout: float, limit: float
) -> None:
    answered = Event()
    monkeypatch.setattr(guard, "DNS_SECONDS", limit)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(5) and [])

    with freed_in_time(0.3), pytest.raises(NotSent, match="resolve"):
        Client().request("GET", "https://hooks.example/", timeout=timeout)

    answered.set()


@pytest.mark.parametrize("host", ["silent.example", "{}.silent.example"])
def test_a_name_server_that_hangs_keeps_no_other_name_from_being_found(
    monkeypatch: pytest.MonkeyPatch, names: NameServer, host: str
) -> None:
    answered = Event()
    names.knows["hooks.example."] = ["93.184.216.34"]

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        if host.endswith("silent.example."):
            answered.wait(5)
        return names.getaddrinfo(host, None)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for number in range(guard.DNS_THREADS):
        with pytest.raises(NotSent, match="resolve"):
            guard.resolve(host.format(number), timeout=0.001)

    assert [str(address) for address in guard.resolve("hooks.example", timeout=1)] == ["93.184.216.34"]
    answered.set()


def test_many_names_of_a_domain_wait_for_each_other_and_are_all_found(
    monkeypatch: pytest.MonkeyPatch, names: NameServer
) -> None:
    hosts = [f"shop-{number}.example.com" for number in range(40)]
    places = Semaphore(guard.THREADS_OF_A_DOMAIN)

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        assert places.acquire(blocking=False)
        time.sleep(0.01)
        places.release()
        return names.getaddrinfo(host, None)

    names.knows |= {f"{host}.": ["93.184.216.34"] for host in hosts}
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with ThreadPoolExecutor(len(hosts)) as threads:
        found = list(threads.map(guard.resolve, hosts))

    assert [len(addresses) for addresses in found] == [1] * len(hosts)
    assert sorted(names.asked) == sorted(f"{host}." for host in hosts)


def test_a_tls_handshake_that_hangs_or_is_reset_sent_nothing(serve: Serve, names: NameServer) -> None:
    names.knows["hooks.example"] = ["127.0.0.1"]

    for talk in (silent, resetting, closing_after(b"HTTP/1.1 400 Bad Request\r\n\r\n")):
        url = f"https://hooks.example:{serve(talk).port}/"
        with freed_in_time(), pytest.raises(NotSent, match="TLS"):
            Client().request("POST", url, data=b"once", timeout=DEADLINE)


def test_a_certificate_for_another_name_sent_nothing(serve: Serve, names: NameServer, identity: Identity) -> None:
    server = serve(identity.over_tls(answering()))
    names.knows["other.example."] = ["127.0.0.1"]

    with pytest.raises(NotSent, match="TLS"):
        Client().request("POST", f"https://other.example:{server.port}/", data=b"once")

    assert server.requests == []


def test_a_certificate_that_nobody_trusts_sent_nothing(
    serve: Serve, names: NameServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = make_identity(tmp_path_factory.mktemp("stranger"), "hooks.example")
    server = serve(stranger.over_tls(answering()))
    names.knows["hooks.example"] = ["127.0.0.1"]

    with pytest.raises(NotSent, match="TLS"):
        Client().request("POST", f"https://hooks.example:{server.port}/", data=b"once")

    assert server.requests == []


def test_tls_older_than_1_2_is_refused() -> None:
    assert transport.tls_context().minimum_version == ssl.TLSVersion.TLSv1_2
