"""No secret shows where it has no business: not in a log, an answer, a file, a column, nor in what a command prints."""

import base64
import html
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from redis import Redis

from tests.processes.planting import (
    NETWORKS,
    Doors,
    Gateway,
    Tables,
    Text,
    Vault,
    Watched,
    environment,
    found,
    in_files,
    in_redis,
    redis,
)

pytestmark = [pytest.mark.crash, pytest.mark.any_database]
DOORS = (
    *(Doors.open, Doors.keys, Doors.wrong_keys, Doors.passwords, Doors.wrong_passwords, Doors.console, Doors.webhooks),
    *(Doors.forged_tokens, Doors.wrong_settings, Doors.people, Doors.refused_sign_ins, Doors.repeated, Doors.broken),
    *(Doors.publish, Doors.command, Doors.read),
)
PASSING = (
    "code from",
    "access_token from",
    "refresh_token from",
    "accessJwt from",
    "refreshJwt from",
    "code_verifier to",
)
"""What the secrets are called that the gateway must have learnt."""
SAID = {
    **dict.fromkeys(("file log", "answer ", "/timeline)", "(GET /admin/audit?format=csv)", "(GET /api/posts/")),
    **dict.fromkeys(("(GET /admin/users)", "(GET /console/", "(manage.py dumpdata)", "column posts_post.content")),
    **dict.fromkeys(("column events_event.user_agent", "column events_event.details")),
    "(GET /metrics)": b"ouipost_requests_total",
    "(GET /admin/platform-health)": b"error_rate_24h",
    "(manage.py stuck": b'"kind"',
    "(manage.py verify_audit)": b"The chain holds",
    "column accounts_socialaccount.access_token": b"v1.k0.",
    "column events_deliveryattempt.http_status": b"404",
    "column api_storedanswer.sealed": b"v1.k0.",
    "column posts_attempt.message": b"[masked]",
    "Redis ": b"ouipost:requests:key_",
}
"""What must stand in the places of this name; None: the marker, which may be everywhere."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that was planted, and everything that was said and kept meanwhile."""

    vault: Vault
    texts: list[Text]
    marker: str

    def said(self, place: str) -> bytes:
        """Return what the places of this name have."""
        return b"\n".join(text.content for text in self.texts if place in text.place)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A product that secrets came into through every door, and that has ended."""
    vault, marker = Vault(), f"seen{secrets.token_hex(8)}"
    home, elsewhere = tmp_path_factory.mktemp("secrets"), tmp_path_factory.mktemp("networks")
    url = f"sqlite:///{home}/ouipost.sqlite3"
    with Gateway(vault).running() as gateway, redis(vault) as (server, redis_url), ExitStack() as stack:
        product = Watched(home=home, database_url=url, redis_url=redis_url, vault=vault, marker=marker)
        stack.callback(product.stop)
        product.settings = environment(vault) | {
            "NETWORK_GATEWAY": gateway.address,
            "SIMULATOR_DATABASE_URL": f"sqlite:///{elsewhere}/simulator.sqlite3",  # the networks' own, not ours
            "OUTBOUND_ALLOW": "127.0.0.0/8",
            "REDIS_TIMEOUT": "0.4",
        }
        doors = Doors(product=product, gateway=gateway, tables=Tables(url))
        return Run(vault=vault, marker=marker, texts=list(played(doors, server, home)))


def played(doors: Doors, server: "Redis", home: Path) -> Iterator[Text]:
    """Go through all doors, and give all that is said and kept."""
    doors.product.set_up()
    doors.gateway.networks = doors.product.base
    for door in DOORS:
        door(doors)
    doors.api("GET", "/api/posts")  # of which Redis keeps that it was asked
    yield from in_redis(server)
    server.shutdown(nosave=True)
    doors.api("GET", "/api/posts")
    doors.product.stop()
    yield from doors.product.texts
    yield from doors.tables.texts()
    yield from in_files(home)


def test_no_secret_is_said_or_kept(run: Run, record_property: Callable[[str, object], None]) -> None:
    record_property("numbers", f"{len(run.vault)} secrets, {len(run.texts)} places")

    assert found(run.vault.values(), run.texts) == []


def test_secrets_passed_and_every_kind_of_place_was_read(run: Run) -> None:
    names = " ".join(secret.name for secret in run.vault.values())

    assert [name for name in PASSING if name not in names] == []
    assert [place for place, words in SAID.items() if (words or run.marker.encode()) not in run.said(place)] == []


def test_what_can_fail_has_failed_while_secrets_were_at_hand(run: Run) -> None:
    log, outcomes = run.said("file log"), set(run.said("column posts_attempt.outcome").split())

    assert [words for words in (b"Traceback", b"accounts_socialaccount", b"IntegrityError") if words not in log] == []
    assert outcomes >= {b"published", b"rejected", b"auth_expired", b"unknown"}
    assert set(NETWORKS) <= set(run.said("column posts_target.platform").decode().split())


@pytest.mark.parametrize(
    "write",
    [
        *(lambda text: text, quote_plus, html.escape, lambda text: quote(text, safe=""), repr, ascii),
        *(
            json.dumps,
            lambda text: json.dumps(text, ensure_ascii=False),
            lambda text: json.dumps({"a": json.dumps(text)}),
        ),
        *(lambda text, shift=shift: base64.b64encode(f"{'x' * shift}{text}yz".encode()).decode() for shift in range(4)),
        lambda text: base64.urlsafe_b64encode(f"app:{text}".encode()).decode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(write: Callable[[str], str]) -> None:
    vault = Vault()
    value = vault.password("password")

    texts = [Text(place=place, content=f"a {write(value)} b".encode()) for place in "xy"]
    hits = found(vault.values(), texts)
    vault.plant("password", value, "y")

    assert {hit[-1] for hit in hits} == {"x", "y"}
    assert {hit[-1] for hit in found(vault.values(), texts)} == {"x"}
