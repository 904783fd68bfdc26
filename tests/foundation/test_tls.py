"""A database server is spoken to under TLS, and has to prove who it is, as its URL asks."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from ouipost.db.configuration import database
from tests.databases import own_server
from tests.outbound.servers import make_identity
from tests.services import Host

pytestmark = [pytest.mark.on_servers, pytest.mark.django_db]

NAMED, UNNAMED = "127.0.0.2", "127.0.0.3"
"""Where the server listens: its certificate is for one of them."""


@dataclass(frozen=True, kw_only=True)
class Encrypting:
    """A server that can speak TLS, its own authority, and another."""

    port: int
    authority: Path
    other: Path

    def cipher(self, options: str, host: str = NAMED) -> str:
        """Return what a connection is encrypted with; empty where it is not."""
        url = f"mysql://root@{host}:{self.port}/mysql{options}"
        with closing(ConnectionHandler({"default": database(url)})["default"]) as connection:
            cursor = connection.cursor()
            cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
            return str(cursor.fetchone()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[Encrypting]:
    with TemporaryDirectory(prefix="ouipost-tls-") as folder:
        ours, other = (make_identity(Path(folder), name).path for name in (NAMED, "other.example"))
        for path in (Path(folder), ours):
            path.chmod(0o755)  # an unprivileged server reads it, as pytest's own folders are not
        files = (f"--ssl-cert={ours}", f"--ssl-key={ours}", f"--bind-address={NAMED},{UNNAMED}")
        with own_server(*files, host=Host(address=NAMED)) as started:
            yield Encrypting(port=urlsplit(started.url).port or 0, authority=ours, other=other)


def test_it_is_encrypted_where_that_is_required(server: Encrypting) -> None:
    assert server.cipher("?ssl_mode=REQUIRED").startswith("TLS_")


def test_it_must_have_a_certificate_of_the_named_authority_for_its_own_name(server: Encrypting) -> None:
    verified = f"?ssl_mode=VERIFY_IDENTITY&ssl_ca={server.authority}"

    assert server.cipher(verified).startswith("TLS_")
    with pytest.raises(OperationalError, match="TLS/SSL"):
        server.cipher(verified, host=UNNAMED)
    with pytest.raises(OperationalError, match="TLS/SSL"):
        server.cipher(f"?ssl_mode=VERIFY_IDENTITY&ssl_ca={server.other}")
