"""A receiver of webhooks that answers as a test wants, and verifies as a receiver should."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import orjson
from standardwebhooks import Webhook as Verifier


@dataclass(frozen=True, kw_only=True)
class Received:
    """One call."""

    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes
    at: float
    """When it had come, on the monotonic clock."""

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = orjson.loads(self.body)
        return parsed

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> None:
        """Raise where the signature is not of this secret and body, or the time not now."""
        Verifier(secret).verify(self.body, dict(self.headers))


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # a worker's threads may all connect at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of senders that were killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Receiver:
    """Keeps every call, and answers each with the next of its answers, at last with 204; each takes so many seconds."""

    def __init__(self, *, seconds: float = 0) -> None:
        self.seconds = seconds
        self.calls: list[Received] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self._lock = Lock()
        self._server = Server(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def will_answer(self, *statuses: int, **headers: str) -> None:
        """Answer the next calls with these, each with these headers, whose names are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers += [(status, given) for status in statuses]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, call: Received) -> tuple[int, dict[str, str]]:
        with self._lock:
            self.calls.append(call)
            return self.answers.pop(0) if self.answers else (204, {})

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (it is the handler that is self)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # the sender was killed while it sent
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Received(path=self.path, headers=headers, body=body, at=time.monotonic())
                status, more = receiver.take(call)
                time.sleep(receiver.seconds)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler
