"""What a request carries, what an answer brings, and where a request may go."""

import io
import json
import os
import socket
import ssl
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from pytest_django import Settings

from ouipost import __version__
from ouipost.outbound import AnswerLost, Blocked, Client, NotSent, gateway_url, transport
from tests.foundation.threads import at_once
from tests.outbound.conftest import Serve
from tests.outbound.names import NameServer
from tests.outbound.servers import HELLO, Identity, Server, answering, closing_after, read_request, silent


@pytest.mark.usefixtures("loopback")
def test_an_answer_has_status_headers_and_raw_body(serve: Serve) -> None:
    server = serve(answering(b"HTTP/1.1 418 Teapot\r\nX-Kind: a\r\nx-kind: b\r\nContent-Length: 3\r\n\r\n\x00\xffx"))

    answer = Client().request("GET", f"{server.url}path?a=1", params={"b": "é"}, headers={"X-Mine": "yes"})

    assert (answer.status, answer.headers["X-KIND"], answer.body) == (418, "a, b", b"\x00\xffx")
    assert server.requests == [
        b"GET /path?a=1&b=%C3%A9 HTTP/1.1\r\n"
        b"Host: 127.0.0.1:" + str(server.port).encode() + b"\r\n"
        b"User-Agent: OuiPost/" + __version__.encode() + b"\r\n"
        b"Accept-Encoding: identity\r\nAccept: */*\r\nConnection: keep-alive\r\nX-Mine: yes\r\n\r\n"
    ]


@pytest.mark.usefixtures("loopback")
def test_bodies_go_out_as_form_json_bytes_or_files(serve: Serve) -> None:
    server = serve(answering())
    client = Client()

    client.request("POST", server.url, data={"a": "b c"}, headers={"user-agent": "Mine"})
    client.request("POST", server.url, json={"a": ["é"]})
    client.request("PUT", server.url, data=b"\x00" * 300_000)
    client.request("POST", server.url, data={"a": "1"}, files={"media": ("x.png", b"png!", "image/png")})

    form, as_json, raw, files = (request.partition(b"\r\n\r\n") for request in server.requests)
    assert (form[2], b"user-agent: Mine" in form[0], b"OuiPost" in form[0]) == (b"a=b+c", True, False)
    assert json.loads(as_json[2]) == {"a": ["é"]}
    assert raw[2] == b"\x00" * 300_000
    assert b'name="media"; filename="x.png"\r\nContent-Type: image/png\r\n\r\npng!\r\n' in files[2]
    assert files[2].index(b'name="a"') < files[2].index(b'name="media"')


@pytest.mark.usefixtures("loopback")
def test_a_file_goes_out_from_its_position_on(serve: Serve) -> None:
    server = serve(answering())
    file = io.BytesIO(b"read before, sent now")
    file.seek(len(b"read before, "))

    Client().request("PUT", server.url, data=file)

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert (body, b"Content-Length: 8\r\n" in head + b"\r\n") == (b"sent now", True)


@pytest.mark.usefixtures("loopback")
def test_a_query_takes_lists_and_leaves_out_what_is_not_there(serve: Serve) -> None:
    server = serve(answering())

    Client().request("GET", server.url + "straße", params={"q": "a b&c", "ids": [1, 2], "cursor": None})

    assert server.requests[0].startswith(b"GET /stra%C3%9Fe?q=a+b%26c&ids=1&ids=2 HTTP/1.1\r\n")


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("token", ["two\r\nlines", "日本"])
def test_a_header_that_cannot_be_written_lets_nothing_out(serve: Serve, token: str) -> None:
    server = serve(answering())

    with pytest.raises(NotSent):
        Client().request("POST", server.url, headers={"Authorization": token}, data=b"once")

    assert server.requests == []


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(serve: Serve, status: int) -> None:
    trap = serve(answering())
    server = serve(answering(f"HTTP/1.1 {status} Go\r\nLocation: {trap.url}\r\nContent-Length: 2\r\n\r\ngo".encode()))

    answer = Client().request("POST", server.url, data=b"x")

    assert (answer.status, answer.headers["location"], answer.body) == (status, trap.url, b"go")
    assert trap.connections == 0


@pytest.mark.usefixtures("loopback")
def test_proxies_and_passwords_of_the_environment_are_not_used(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap, server = serve(answering()), serve(answering())
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, trap.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    Client().request("GET", server.url)

    assert trap.connections == 0
    assert b"authorization" not in server.requests[0].lower()


@pytest.mark.usefixtures("loopback")
def test_a_cookie_is_not_kept(serve: Serve) -> None:
    server = serve(answering(HELLO.replace(b"\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n", 1)))

    for _ in range(2):
        Client().request("GET", server.url)

    assert b"cookie" not in b"".join(server.requests).lower()


@pytest.mark.usefixtures("loopback")
def test_a_connection_is_used_again_and_replaced_when_the_server_closed_it(serve: Serve) -> None:
    kept, closed = serve(answering()), serve(closing_after(HELLO))

    for _ in range(3):
        Client().request("GET", kept.url)
    for _ in range(3):
        closed.hung_up.clear()
        assert Client().request("GET", closed.url).body == b"hello"
        assert closed.hung_up.wait(5)

    assert (kept.connections, closed.connections) == (1, 3)


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("status", [100, 101, 102, 103, 199])
def test_interim_answers_are_passed_over_and_each_request_gets_its_own(serve: Serve, status: int) -> None:
    def hinting(server: Server, connection: socket.socket) -> None:
        while request := read_request(connection):
            connection.sendall(b"HTTP/1.1 %d So far\r\nContent-Length: 9\r\n\r\n" % status * 2)
            server.hung_up.wait(0.05)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + request[-1:])

    server = serve(hinting)

    answers = [Client().request("POST", server.url, data=data) for data in (b"1", b"2", b"3")]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"1"), (200, b"2"), (200, b"3")]
    assert server.connections == 1


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize(
    ("measure", "connections"),
    [(b"", 1), (b"Content-Length: 0\r\n", 1), (b"Content-Length: 5\r\n", 2), (b"Transfer-Encoding: chunked\r\n", 2)],
)
def test_a_body_where_none_may_be_is_not_taken_for_the_next_answer(
    serve: Serve, status: int, measure: bytes, connections: int
) -> None:
    head = b"HTTP/1.1 %d None\r\n%b\r\n" % (status, measure)

    def late(server: Server, connection: socket.socket) -> None:
        body = b""
        while read_request(connection):
            connection.sendall(body + head)
            body = b"" if connections == 1 else b"hello"

    server = serve(late)

    answers = [Client().request("POST", server.url, data=b"x", timeout=5) for _ in range(2)]

    assert [(answer.status, answer.body) for answer in answers] == [(status, b"")] * 2
    assert server.connections == connections


@pytest.mark.usefixtures("loopback")
def test_sixty_four_threads_get_their_own_answers_over_as_many_connections(serve: Serve) -> None:
    def echo(server: Server, connection: socket.socket) -> None:
        while request := read_request(connection):
            path = request.split(b" ", 2)[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    server, client, start = serve(echo), Client(), Barrier(64)

    def work(thread: int) -> list[bytes]:
        start.wait()
        return [client.request("GET", f"{server.url}{thread}/{call}").body for call in range(5)]

    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(work, range(64)))

    assert answers == [[f"/{thread}/{call}".encode() for call in range(5)] for thread in range(64)]
    assert server.connections <= 64


@pytest.mark.usefixtures("loopback")
def test_the_checked_addresses_are_tried_in_turn_with_one_look_up(serve: Serve, names: NameServer) -> None:
    server = serve(answering(), host="127.0.0.2")
    names.knows["hooks.example"] = ["127.0.0.2", "127.0.0.1"]

    answer = Client().request("GET", f"http://hooks.example:{server.port}/")

    assert answer.body == b"hello"
    assert names.asked == ["hooks.example"]
    assert f"Host: hooks.example:{server.port}\r\n".encode() in server.requests[0]


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(
    serve: Serve, names: NameServer, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    server = serve(answering())
    trap = serve(answering(), host="127.0.0.2", port=server.port)
    names.knows["rebind.example."] = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]]
    url = f"http://rebind.example:{server.port}/"

    answer = Client().request("GET", url)
    with pytest.raises(Blocked):
        Client().request("GET", url)

    assert (answer.body, server.connections, trap.connections) == (b"hello", 1, 0)
    assert names.asked == ["rebind.example."] * 2


@pytest.mark.usefixtures("loopback")
def test_an_open_connection_serves_only_the_addresses_it_was_made_for(serve: Serve, names: NameServer) -> None:
    first = serve(answering())
    second = serve(answering(), host="127.0.0.2", port=first.port)
    names.knows["hooks.example"] = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]]

    for _ in range(3):
        Client().request("GET", f"http://hooks.example:{first.port}/")

    assert (first.connections, len(first.requests)) == (1, 2)
    assert (second.connections, len(second.requests)) == (1, 1)


@pytest.mark.usefixtures("loopback")
def test_another_peer_than_the_checked_one_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(silent)
    monkeypatch.setattr(transport.CallSocket, "getpeername", lambda self: ("127.0.0.9", server.port), raising=False)

    with pytest.raises(Blocked):
        Client().request("GET", server.url)

    assert server.requests == []


@pytest.mark.usefixtures("loopback")
def test_tls_names_the_host_and_checks_its_certificate(serve: Serve, names: NameServer, identity: Identity) -> None:
    server = serve(identity.over_tls(answering()))
    names.knows["hooks.example"] = ["127.0.0.1"]

    for _ in range(2):
        answer = Client().request("POST", f"https://hooks.example:{server.port}/", data=b"x" * 100_000)
        assert answer.body == b"hello"

    assert server.connections == 1
    assert server.requests[0].endswith(b"x" * 100_000)


def over_gateway(name: str) -> str:
    return f"https://{name}/v26.0/me"


def test_a_gateway_stands_for_every_true_host(serve: Serve, names: NameServer) -> None:
    server = serve(answering())

    client = Client(gateway=f"{server.url}sandbox/")
    answer = client.request(
        "POST", over_gateway("graph.facebook.com"), params={"a": "1"}, data=b"x", headers={"A": "b"}
    )

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert answer.body == b"hello"
    assert head.startswith(b"POST /sandbox/graph.facebook.com/v26.0/me?a=1 HTTP/1.1\r\n")
    assert (b"\r\nA: b" in head, body) == (True, b"x")
    assert names.asked == []


def test_a_gateway_is_found_as_the_machine_finds_it(serve: Serve, names: NameServer) -> None:
    server = serve(answering())
    names.knows["gateway.example"] = ["127.0.0.1"]

    answer = Client(gateway=f"http://gateway.example:{server.port}").request("GET", over_gateway("graph.facebook.com"))

    assert answer.body == b"hello"


def test_behind_a_gateway_the_form_of_a_url_is_still_checked(serve: Serve) -> None:
    server = serve(answering())

    for url in ("http://graph.facebook.com/", "https://127.0.0.1/", "https://user@graph.facebook.com/", server.url):
        with pytest.raises(Blocked):
            Client(gateway=server.url).request("GET", url)

    assert server.connections == 0


def test_the_gateways_own_address_is_open_to_its_clients_alone(serve: Serve) -> None:
    server = serve(answering())

    Client(gateway=server.url).request("GET", over_gateway("graph.facebook.com"))
    with pytest.raises(Blocked):
        Client().request("GET", server.url)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "gateway", "expected"),
    [
        ("https://a.example/x?y=z#w", "", "https://a.example/x?y=z#w"),
        ("https://a.example/x?y=z#w", "http://127.0.0.1:9000", "http://127.0.0.1:9000/a.example/x?y=z#w"),
        ("https://a.example:8443/x", "http://127.0.0.1:9000/", "http://127.0.0.1:9000/a.example:8443/x"),
        ("https://a.example", "https://post.example/sandbox", "https://post.example/sandbox/a.example"),
    ],
)
def test_a_gateway_url_keeps_all_but_the_scheme(url: str, gateway: str, expected: str) -> None:
    assert gateway_url(url, gateway) == expected


@pytest.mark.usefixtures("loopback")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_opens_connections_of_its_own() -> None:
    mine = transport.pools()

    child = os.fork()
    if child == 0:
        os._exit(0 if transport.pools() is not mine else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert transport.pools() is mine


def test_threads_that_begin_together_share_one_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def slowly() -> ssl.SSLContext:
        built.append(threading.get_ident())
        time.sleep(0.02)
        return original()

    original = transport.tls_context
    monkeypatch.setattr(transport, "tls_context", slowly)
    monkeypatch.setattr(transport, "_pools", None)

    ways = at_once(*[transport.pools] * 8)

    assert len(built) == 1
    assert all(way is ways[0] for way in ways)


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("is_up", [True, False])
def test_a_failure_tells_neither_the_url_nor_the_address(serve: Serve, is_up: bool) -> None:
    server = serve(silent)
    if not is_up:
        server.close()

    url = f"{server.url}?access_token={'secret'}"

    with pytest.raises(AnswerLost if is_up else NotSent) as caught:
        Client().request("GET", url, timeout=1.5)

    told = "".join(traceback.format_exception(caught.value))
    assert "secret" not in told
    assert str(server.port) not in told


@pytest.mark.usefixtures("loopback")
def test_no_log_line_tells_the_url(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(closing_after(b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 0\r\n\r\n"))

    with caplog.at_level("DEBUG"):
        Client().request("GET", f"{server.url}?access_token=secret")

    assert "secret" not in caplog.text


class Watched(io.FileIO):
    """Remembers the largest piece that was read at once."""

    largest = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size) or b""
        self.largest = max(self.largest, len(piece))
        return piece


@pytest.mark.usefixtures("loopback")
def test_open_files_are_sent_piece_by_piece_from_where_they_stand(serve: Serve, tmp_path: Path) -> None:
    server, content, path = serve(answering()), b"0123456789" * 100_000, tmp_path / "video.mp4"
    path.write_bytes(content)

    with Watched(path) as whole, Watched(path) as part:
        part.seek(10)
        Client().request("PUT", server.url, data=part, headers={"Content-Type": "video/mp4"})
        Client().request("POST", server.url, data={"key": "k"}, files={"file": ("video.mp4", whole, "video/mp4")})

    put, post = server.requests
    assert b"content-length: 999990\r\n" in put.lower()
    assert put.endswith(b"\r\n\r\n" + content[10:])
    assert content in post
    assert post.index(b'name="key"') < post.index(b'name="file"; filename="video.mp4"')
    assert max(whole.largest, part.largest) < 100_000
