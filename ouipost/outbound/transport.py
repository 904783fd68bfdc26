"""Connections to checked addresses only, with sockets that enforce one deadline and one size limit per call."""

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPResponse
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import certifi
from urllib3 import BaseHTTPResponse, PoolManager, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from ouipost.outbound import guard
from ouipost.outbound.errors import AnswerLost, Blocked, NotSent
from ouipost.phrases import Phrase

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_SECONDS = 5.0
MAX_HEADER_BYTES = 16_384
POOLS = 128
CONNECTIONS_PER_POOL = 512
"""Connections of a process to one host that are kept open; more are closed after their call."""
ONCE = Retry(False)
"""No retries here: callers decide on them, since they know what was sent."""
FRAMING_BYTES = 65_536
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

logging.getLogger("urllib3").setLevel(logging.ERROR)  # other lines hold whole URLs, with tokens


@dataclass
class Call:
    """A request in progress: its deadline, the bytes it may still receive, and whether any of it was sent."""

    deadline: float
    """Time on the monotonic clock."""
    receivable: int = MAX_HEADER_BYTES
    has_left: bool = False
    address: str = ""
    """The peer's IP address, once something is to be sent to it."""
    in_body: bool = False

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def remaining(self) -> float:
        """Return the seconds left; raises TimeoutError when there are none."""
        if self.is_over:
            raise TimeoutError("The call's time is up.")
        return max(self.deadline - time.monotonic(), 0.001)

    def begin_body(self, max_bytes: int) -> None:
        """Set the limit for the body after the headers: twice `max_bytes`, because of chunk framing."""
        self.receivable = 2 * max_bytes + FRAMING_BYTES
        self.in_body = True


current_call: ContextVar[Call] = ContextVar("current_call")


class CallSocket(socket.socket):
    """Limits every read and write to the rest of the current call's time and size."""

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        call = current_call.get()
        if call.receivable <= 0:
            raise AnswerLost(Phrase("The answer is larger than allowed."), address=call.address)
        self.settimeout(call.remaining())
        wanted = nbytes or memoryview(buffer).nbytes
        received = super().recv_into(buffer, min(wanted, call.receivable), flags)
        call.receivable -= received
        if not received and not call.in_body:
            raise ConnectionError("The headers were cut.")  # http.client would take that for their end
        return received

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        call = current_call.get()
        self.settimeout(call.remaining())
        call.address = call.address or self.getpeername()[0]
        sent = super().send(data, flags)
        call.has_left = True
        return sent

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        left = memoryview(data).cast("B")
        while left:
            left = left[self.send(left, flags) :]


class CallTLSSocket(CallSocket, ssl.SSLSocket):
    """A `CallSocket` over TLS."""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(current_call.get().remaining())
        super().do_handshake(block)

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        current_call.get().has_left = True  # even a failed write may have sent whole records
        return super().send(data, flags)


class FinalAnswer(HTTPResponse):
    """The answer after any interim ones, 1xx; one with a body although its status has none closes its connection.

    http.client skips only 100: it would take 103 for the answer, and the real answer for that of the next request over
    this connection. The body after a 204, which it does not read, would be taken for that, too.
    """

    headers: Any

    def begin(self) -> None:
        super().begin()
        while self.status < HTTPStatus.OK:
            self.headers = None
            super().begin()
        if self.status in WITHOUT_BODY and self._announces_body():
            self.chunked, self.will_close = False, True

    def _announces_body(self) -> bool:
        return "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0") != "0"


class Connection(HTTPConnection):
    """Connects to one of the given, checked addresses; the host name is used for Host, SNI and the certificate."""

    response_class = FinalAnswer

    def __init__(self, *args: Any, addresses: tuple[guard.IPAddress, ...], **options: Any) -> None:
        super().__init__(*args, **options)
        self.addresses = addresses

    def _new_conn(self) -> socket.socket:
        until = time.monotonic() + CONNECT_SECONDS
        for left, address in zip(range(len(self.addresses), 0, -1), self.addresses, strict=True):
            share = max(until - time.monotonic(), 0.001) / left
            try:
                return connect(address, self.port, timeout=min(share, current_call.get().remaining()))
            except OSError:
                continue
        raise NotSent(Phrase("No connection could be made."))


class TLSConnection(Connection, HTTPSConnection):
    """A `Connection` over TLS; no request byte is written before the handshake is done."""

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError):
            raise NotSent(Phrase("The TLS handshake failed.")) from None


class Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class TLSPool(HTTPSConnectionPool):
    ConnectionCls = TLSConnection


def connect(address: guard.IPAddress, port: int, *, timeout: float) -> socket.socket:
    """Return a socket connected to this address; raises OSError, or Blocked if the peer has another address."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    connection = CallSocket(family, socket.SOCK_STREAM)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(timeout)
        connection.connect((str(address), port))
        if ip_address(connection.getpeername()[0]) != address:
            raise Blocked
    except BaseException:
        connection.close()
        raise
    return connection


class Pools(PoolManager):
    """Keeps connections, by host and addresses."""

    def __init__(self) -> None:
        super().__init__(POOLS, maxsize=CONNECTIONS_PER_POOL, ssl_context=tls_context(), cert_reqs="CERT_REQUIRED")
        self.pool_classes_by_scheme = {"http": Pool, "https": TLSPool}
        self.key_fn_by_scheme = {scheme: partial(pool_key, by) for scheme, by in self.key_fn_by_scheme.items()}


def pool_key(default: Any, context: dict[str, Any]) -> Any:
    """Return urllib3's key of a pool together with the addresses that its connections may go to."""
    known = {name: value for name, value in context.items() if name != "addresses"}
    return (context["addresses"], default(known))


def tls_context() -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer that trusts the bundled CA certificates and the machine's."""
    context = create_urllib3_context(ssl_minimum_version=ssl.TLSVersion.TLSv1_2)
    context.load_verify_locations(certifi.where())
    context.load_default_certs()
    context.sslsocket_class = CallTLSSocket
    return context


def send(
    method: str, target: guard.Target, headers: Mapping[str, str], body: Any, *, guarded: bool
) -> BaseHTTPResponse:
    """Send one request, which is the current call, and return its answer with the body still to be read.

    A `guarded` request goes to addresses that the guard allows, any other to the operator's gateway. Raises Blocked,
    NotSent or AnswerLost, and errors of urllib3, http.client and sockets.
    """
    timeout = current_call.get().remaining()
    if guarded:
        addresses = guard.checked_addresses(target, timeout=timeout)
    else:
        addresses = guard.resolve(target.host, timeout=timeout, is_known=True)
    pool = pools().connection_from_host(target.host, target.port, target.scheme, {"addresses": addresses})
    return pool.urlopen(
        method,
        target.path,
        body,
        headers,
        retries=ONCE,
        redirect=False,
        assert_same_host=False,
        preload_content=False,
        decode_content=False,
    )


def pools() -> Pools:
    """Return this process's connections."""
    global _pools
    if _pools is None:
        with _building:  # loading the certificates takes 10 ms: not in every thread that starts at the same time
            _pools = _pools or Pools()
    return _pools


def _start_anew() -> None:
    """Drop the parent's connections in a forked process."""
    global _pools, _building
    _pools, _building = None, threading.Lock()


_pools: Pools | None
_building: threading.Lock
_start_anew()
os.register_at_fork(after_in_child=_start_anew)
