"""What really happens on the wire, under the web servers that we use."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.services import free_port
from tests.simulator.conftest import PASSWORD, POSTS, RKEY, record

ROOT = Path(__file__).parent.parent.parent
PYTHON = sys.executable
WSGIREF = (
    "import sys, socketserver; from wsgiref.simple_server import make_server, WSGIServer;"
    "from tests.simulator.alone_wsgi import application;"
    "Server = type('Server', (socketserver.ThreadingMixIn, WSGIServer), {});"
    "make_server('127.0.0.1', int(sys.argv[1]), application, Server).serve_forever()"
)
SERVERS: dict[str, list[str]] = {
    "granian": [
        str(Path(PYTHON).parent / "granian"),
        *("--interface", "wsgi", "--blocking-threads", "64", "--workers", "1", "--port", "PORT"),
        "tests.simulator.alone_wsgi:application",
    ],
    "runserver": [PYTHON, "-m", "django", "runserver", "--noreload", "127.0.0.1:PORT"],
    "wsgiref": [PYTHON, "-c", WSGIREF, "PORT"],
}


class Remote:
    """Talks to a simulator in another process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = ""
        self.did = ""

    def send(self, method: str, path: str, data: Any = None, token: str = "", timeout: float = 20) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token or self.token}"}
        try:
            connection.request(method, f"/sandbox/{path}", json.dumps(data) if data is not None else None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def control(self, method: str, path: str, data: Any = None) -> Any:
        status, content = self.send(method, f"_control/{path}", data, "control")
        assert status in (200, 201), content
        return json.loads(content)

    def login(self) -> None:
        self.control("POST", "reset")
        answer = self.send(
            "POST",
            "bsky.social/xrpc/com.atproto.server.createSession",
            {"identifier": "alice.test", "password": PASSWORD},
        )
        session = json.loads(answer[1])
        self.token, self.did = session["accessJwt"], session["did"]

    def put(self, rkey: str = RKEY, text: str = "Hi") -> tuple[int, bytes]:
        data = {"repo": self.did, "collection": POSTS, "rkey": rkey, "swapRecord": None, "record": record(text)}
        return self.send("POST", "bsky.social/xrpc/com.atproto.repo.putRecord", data)

    def fault(self, effect: str, **values: Any) -> None:
        self.control("POST", "faults", {"network": "bluesky", "effect": effect} | values)

    def texts(self) -> list[str]:
        return [post["text"] for post in self.control("GET", "posts")["posts"]]


@contextmanager
def served(command: list[str], home: Path) -> Iterator[Remote]:
    """Run a server over a database of its own, until the block ends."""
    port = free_port()
    environment = os.environ | {
        "OUIPOST_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "tests.simulator.alone",
        "PYTHONPATH": str(ROOT),
    }
    migrate = [PYTHON, "-m", "django", "migrate", "--database", "simulator", "-v", "0"]
    subprocess.run(migrate, env=environment, cwd=ROOT, check=True)
    words = [word.replace("PORT", str(port)) for word in command]
    with (home / "log").open("wb") as output:
        process = subprocess.Popen(words, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
            yield Remote(port)
        finally:
            process.terminate()
            process.wait(20)


def wait_for(connect: Callable[[], None], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return connect()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="module", params=list(SERVERS))
def any_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with served(SERVERS[request.param], tmp_path_factory.mktemp(request.param)) as remote:
        yield remote


@pytest.fixture(scope="module")
def granian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with served(SERVERS["granian"], tmp_path_factory.mktemp("granian")) as remote:
        yield remote


def received(remote: Remote, text: str) -> bytes:
    """Send a post over a bare socket, and return every byte that came until the server closed."""
    data = {"repo": remote.did, "collection": POSTS, "rkey": RKEY, "swapRecord": None, "record": record(text)}
    content = json.dumps(data).encode()
    head = (
        f"POST /sandbox/bsky.social/xrpc/com.atproto.repo.putRecord HTTP/1.1\r\nHost: a\r\n"
        f"Authorization: Bearer {remote.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    came = b""
    with socket.create_connection(("127.0.0.1", remote.port), 20) as connection:
        connection.sendall(head.encode() + content)
        try:
            while piece := connection.recv(4096):
                came += piece
        except ConnectionResetError:
            pass
    return came


@pytest.mark.parametrize(
    ("effect", "values", "published"),
    [
        ("reset", {}, []),
        ("reset", {"after_accept": True}, ["Hi"]),
        ("timeout_before_accept", {"hold": 0.2}, []),
        ("timeout_after_accept", {"hold": 0.2}, ["Hi"]),
    ],
)
def test_the_connection_closes_without_one_byte(
    any_server: Remote, effect: str, values: dict[str, Any], published: list[str]
) -> None:
    any_server.login()
    any_server.fault(effect, **values)

    started = time.monotonic()
    came = received(any_server, "Hi")

    assert came == b""
    assert values.get("hold", 0) <= time.monotonic() - started < 10
    assert any_server.texts() == published
    assert any_server.put()[0] == 200


def test_a_client_sees_a_lost_connection(granian: Remote) -> None:
    granian.login()
    granian.fault("reset")

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        granian.put()


def test_only_the_faulted_connection_closes(granian: Remote) -> None:
    granian.login()
    granian.fault("timeout_before_accept", hold=0.3, times=8)

    def put(number: int) -> int:
        try:
            return granian.put(f"{RKEY[:-1]}{'abcdefghijklmnopqrstuvwxyz'[number]}", str(number))[0]
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return 0

    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(put, range(24)))

    assert sorted(statuses) == [0] * 8 + [200] * 16
    assert len(granian.texts()) == 16


def test_a_held_call_holds_no_transaction(granian: Remote) -> None:
    granian.login()
    granian.fault("timeout_after_accept", hold=5)
    held = threading.Thread(target=lambda: received(granian, "Held"))

    held.start()
    wait_for_text(granian, "Held")
    started = time.monotonic()
    status, _ = granian.put(RKEY[:-1] + "c", "Free")

    assert (status, held.is_alive()) == (200, True)
    assert time.monotonic() - started < 3
    held.join()


def wait_for_text(remote: Remote, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in remote.texts():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_answer_drips_in(granian: Remote) -> None:
    granian.login()
    granian.fault("drip", interval=0.01)

    started = time.monotonic()
    status, content = granian.put()

    assert status == 200
    assert time.monotonic() - started > 0.01 * len(content)
    assert json.loads(content)["uri"].endswith(RKEY)


def test_a_cut_answer_arrives_as_if_it_were_whole(granian: Remote) -> None:
    granian.login()
    granian.fault("cut_json")

    status, content = granian.put()

    assert status == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(content)


def test_sixty_four_callers_make_one_post_and_see_each_fault_once(granian: Remote) -> None:
    granian.login()
    granian.fault("status", status=503, times=10)

    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(lambda _: granian.put()[0], range(64)))

    assert (statuses.count(503), statuses.count(200)) == (10, 54)
    assert granian.texts() == ["Hi"]
    assert granian.control("GET", "faults")["faults"][0]["fired"] == 10
    assert len(granian.control("GET", "requests?match=putRecord")["requests"]) == 64


def test_sixty_four_callers_make_as_many_posts_as_they_were_told(granian: Remote) -> None:
    granian.login()
    letters = "234567abcdefghijklmnopqrstuvwxyz"
    keys = [f"{RKEY[:-2]}{first}{second}" for first in letters[:2] for second in letters]

    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(lambda key: granian.put(key, key)[0], keys))

    assert set(statuses) == {200}
    assert sorted(granian.texts()) == sorted(keys)
