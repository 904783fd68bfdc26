"""No secret shows where it has no business: not in a log, an answer, a file, a column, nor in what a command prints."""

import base64
import html
import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    Secret,
    Tables,
    Text,
    Vault,
    Watched,
    database,
    environment,
    found,
    in_files,
    in_redis,
    redis,
)

pytestmark = [pytest.mark.crash, pytest.mark.any_database]
LEAST, MARKER = 200, "the marker"
DOORS = (
    *(Doors.open, Doors.keys, Doors.wrong_keys, Doors.passwords, Doors.wrong_passwords, Doors.console),
    *(
        Doors.webhooks,
        Doors.forged_tokens,
        Doors.people,
        Doors.refused_sign_ins,
        Doors.repeated,
        Doors.broken,
        Doors.publish,
    ),
    *(Doors.command, Doors.read),
)
PLANTED = {
    *("SECRET_KEY", "TOKEN_KEYS", "SIMULATOR_TOKEN", "METRICS_TOKEN", "CLIENT_SECRET", "password of Redis"),
    *(
        "bootstrap",
        "new_api_key",
        "key by command",
        "unknown key",
        "key in a query",
        "key in a path",
        "key as a cookie",
    ),
    *("wrong password", "password in a broken body", "console password", "console session", "login token", "forged"),
    *(
        "webhook secret",
        "state",
        "code_verifier",
        "wrong code",
        "app password",
        "appsecret_proof",
        "password of a database",
    ),
    *(f"{name} from " for name in ("code", "access_token", "refresh_token", "accessJwt", "refreshJwt")),
}
"""What the secrets are called, of each of which there must be some."""
EVERYWHERE = {
    *("file log", "answer ", "/timeline)", "(GET /admin/audit?format=csv)", "(GET /api/posts/"),
    *("(GET /admin/users)", "(GET /console/", "(manage.py dumpdata)"),
    *("column events_event.user_agent", "column events_event.details", "column posts_post.content"),
}
"""What the places are called in which the marker stands."""
ELSEWHERE = {
    "(GET /metrics)": b"ouipost_requests_total",
    "(GET /admin/health)": b"database",
    "(GET /admin/platform-health)": b"error_rate_24h",
    "(GET /admin/system)": b"python_version",
    "(manage.py bootstrap": b"workspace_id",
    "(manage.py stuck": b'"kind"',
    "(manage.py reconcile": b"",
    "(manage.py sync_analytics": b"acc_",
    "(manage.py verify_audit)": b"The chain holds",
    "file metrics/": b"ouipost_requests",
    "column accounts_socialaccount.access_token": b"v1.k0.",
    "column accounts_socialaccount.refresh_token": b"v1.k0.",
    "column events_webhook.secret": b"v1.k0.",
    "column events_deliveryattempt.http_status": b"404",
    "column api_storedanswer.sealed": b"v1.k0.",
    "Redis ": b"ouipost:requests:key_",
}
"""What must stand in the others."""


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
    with ExitStack() as stack:
        gateway = stack.enter_context(Gateway(vault).running())
        url = stack.enter_context(database(home, vault))
        server, redis_url = stack.enter_context(redis(vault))
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


@pytest.fixture(scope="module")
def hits(run: Run) -> list[str]:
    """Where secrets stand that have no business there, and where the marker does."""
    return found([*run.vault, Secret(name=MARKER, value=run.marker)], run.texts)


def played(doors: Doors, server: "Redis", home: Path) -> Iterator[Text]:
    """Go through all doors, and give all that is said and kept."""
    doors.product.set_up()
    doors.gateway.networks = doors.product.base
    with ThreadPoolExecutor(1) as beside:
        wrong = beside.submit(doors.wrong_settings)  # needs nothing of what runs
        for door in DOORS:
            door(doors)
        wrong.result()
    doors.api("GET", "/api/posts")  # of which Redis keeps that it was asked
    yield from in_redis(server)
    server.shutdown(nosave=True)
    doors.api("GET", "/api/posts")
    doors.product.stop()
    yield from doors.product.texts
    yield from doors.tables.texts()
    yield from in_files(home)


def test_two_hundred_secrets_came_in_through_every_door(
    run: Run, record_property: Callable[[str, object], None]
) -> None:
    record_property("numbers", f"{len(run.vault)} secrets, {len(run.texts)} places")

    assert len(run.vault) >= LEAST
    assert [name for name in PLANTED if not run.vault.named(name)] == []


def test_no_secret_is_said_or_kept(hits: list[str]) -> None:
    assert [hit for hit in hits if not hit.startswith(MARKER)] == []


def test_what_may_be_everywhere_is_found_in_every_kind_of_place(run: Run, hits: list[str]) -> None:
    found_in = [hit for hit in hits if hit.startswith(MARKER)]

    assert {place for place in EVERYWHERE if not any(place in hit for hit in found_in)} == set()
    assert {place for place, words in ELSEWHERE.items() if words not in run.said(place)} == set()


def test_what_can_fail_has_failed_while_secrets_were_at_hand(run: Run) -> None:
    log, outcomes = run.said("file log"), set(run.said("column posts_attempt.outcome").split())

    assert [words for words in (b"Traceback", b"accounts_socialaccount", b"IntegrityError") if words not in log] == []
    assert outcomes >= {b"published", b"rejected", b"auth_expired", b"unknown"}
    assert b"[masked]" in run.said("column posts_attempt.message")
    assert {
        network for network in NETWORKS if network.encode() not in run.said("column posts_target.platform")
    } == set()


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
    vault.password("password")

    texts = [Text(place=place, content=f"a {write(secret.value)} b".encode()) for secret in vault for place in "xy"]
    hits = found(vault, texts)
    for secret in vault:
        secret.shown_in.add("y")

    assert {hit[-1] for hit in hits} == {"x", "y"}
    assert {hit[-1] for hit in found(vault, texts)} == {"x"}
