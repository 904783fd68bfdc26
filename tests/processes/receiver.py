"""A server that acts as Sentry, a collector of traces and a webhook's endpoint, and keeps all requests."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span, as the collector has it."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes
    about: dict[str, Any]
    service: dict[str, Any]
    is_error: bool
    says: str
    """All its texts about an error."""


@dataclass
class Receiver:
    """Everything that was sent to it so far."""

    port: int = 0
    sent: list[Sent] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self.port}/7"

    def to(self, path: str) -> list[Sent]:
        return [each for each in self.sent if each.path == path]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Sentry's events: of each envelope, which is lines of JSON, the items of that type."""
        found = []
        for envelope in self.to("/api/7/envelope/"):
            lines = envelope.body.splitlines()
            found += [
                json.loads(payload)
                for header, payload in zip(lines[1::2], lines[2::2], strict=True)
                if json.loads(header)["type"] == "event"
            ]
        return found

    @property
    def spans(self) -> list[Span]:
        return [span for each in self.to("/v1/traces") for span in _spans(each.body)]


def _spans(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for span in [span for scope in resource.scope_spans for span in scope.spans]:
            yield Span(
                name=span.name,
                trace=span.trace_id,
                id=span.span_id,
                parent=span.parent_span_id,
                about=_plain(span.attributes),
                service=_plain(resource.resource.attributes),
                is_error=span.status.code == span.status.STATUS_CODE_ERROR,
                says=f"{span.status.message} {' '.join(str(event) for event in span.events)}".strip(),
            )


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in attributes}


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Give a receiver that listens until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            receiver.sent.append(Sent(path=self.path, headers=dict(self.headers), body=body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
