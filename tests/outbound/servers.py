"""Loopback servers that misbehave on purpose, and certificates to misbehave with."""

import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
Talk = Callable[["Server", socket.socket], None]


class Server:
    """Runs `talk` for every connection, in a thread of its own; counts connections and keeps the requests."""

    def __init__(self, talk: Talk, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.talk = talk
        self.listener = socket.create_server((host, port), backlog=128)
        self.host, self.port = self.listener.getsockname()[:2]
        self.connections = 0
        self.requests: list[bytes] = []
        self.hung_up = Event()
        self.threads = [Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    def close(self) -> None:
        with suppress(OSError):  # closed before
            self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                self.threads.append(Thread(target=self._serve, args=(connection,), daemon=True))
                self.threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.talk(self, connection)
        self.hung_up.set()


def read_request(connection: socket.socket) -> bytes:
    """Return one whole request, or nothing when the client hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(raw: bytes = HELLO) -> Talk:
    """Give the same answer to every request, on connections that stay open."""

    def talk(server: Server, connection: socket.socket) -> None:
        while request := read_request(connection):
            server.requests.append(request)
            connection.sendall(raw)

    return talk


def closing_after(raw: bytes) -> Talk:
    """Give this answer, then close."""

    def talk(server: Server, connection: socket.socket) -> None:
        server.requests.append(read_request(connection))
        connection.sendall(raw)

    return talk


def repeating(start: bytes, piece: bytes, *, pause: float = 0) -> Talk:
    """Begin like `start`, then send `piece` for ever, with a pause before each."""

    def talk(server: Server, connection: socket.socket) -> None:
        server.requests.append(read_request(connection))
        connection.sendall(start)
        while not server.hung_up.wait(pause):
            connection.sendall(piece)

    return talk


def silent(server: Server, connection: socket.socket) -> None:
    """Read and say nothing until the client hangs up."""
    while connection.recv(65536):
        pass


def deaf(server: Server, connection: socket.socket) -> None:
    """Read nothing at all."""
    server.hung_up.wait(5)


def sipping(server: Server, connection: socket.socket) -> None:
    """Read, but slowly."""
    while connection.recv(500_000):
        server.hung_up.wait(0.05)


def resetting(server: Server, connection: socket.socket) -> None:
    """Reset the connection when the first bytes arrive."""
    server.requests.append(connection.recv(65536))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A TLS server's certificate and key, signed by itself."""

    path: Path

    def over_tls(self, talk: Talk) -> Talk:
        """Speak TLS with this certificate before the talk."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)

        def secured(server: Server, connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as tls:
                talk(server, tls)

        return secured


def make_identity(folder: Path, name: str) -> Identity:
    """Write a certificate for this name, which is its own authority, and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return Identity(path=path)
