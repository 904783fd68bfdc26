"""Addresses that webhooks must not be sent to: refused when one is saved, and once more at every send."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from ouipost.events.journal import SYSTEM
from ouipost.events.models import Delivery, DeliveryAttempt, Webhook
from ouipost.events.webhooks import send_test
from ouipost.outbound import Blocked, transport
from tests.conftest import AdminClient
from tests.contract.world import fields_of
from tests.factories import make_webhook
from tests.outbound.addresses import BAD_ADDRESSES, BAD_FORMS, GOOD_ADDRESSES, in_url
from tests.outbound.names import NameServer
from tests.outbound.servers import Server, answering, make_identity, silent
from tests.webhooks.conftest import deliver_due, deliver_now

PLAIN = "https://public.example/hook"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
LEAD_INSIDE = {f"inside{number}.example": ["8.8.8.8", address] for number, address in enumerate(BAD_ADDRESSES)}
"""Names, each with a public address and one that is not."""
LEAD_OUTSIDE = {f"outside{number}.example": ["8.8.8.8", address] for number, address in enumerate(GOOD_ADDRESSES)}
REFUSED = {
    "forms that can be read in two ways": [url for url in BAD_FORMS if url and not {"\ud800", "\x00"} & set(url)],
    "addresses that are not public": [in_url(address) for address in BAD_ADDRESSES],
    "names with one such address": [f"https://{name}/" for name in LEAD_INSIDE],
}
"""(What is left out no body can hold: `test_bad_bodies` has it.)"""
ALLOWED = [*(in_url(address) for address in GOOD_ADDRESSES), *(f"https://{name}/" for name in LEAD_OUTSIDE)]
SAYS = str(Blocked())
CONTROL = ["Control characters other than tab and newline are not allowed."]


@pytest.fixture(autouse=True)
def names(names: NameServer, settings: Settings) -> NameServer:
    """Name servers that know these names, and an operator who lists nothing."""
    settings.OUTBOUND_ALLOW = []
    names.knows = {f"{name}.": addresses for name, addresses in (LEAD_INSIDE | LEAD_OUTSIDE).items()}
    names.knows["public.example."] = ["8.8.8.8"]
    return names


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """What a test starts, and closes at its end."""
    started: list[Server] = []
    yield started
    transport.pools().clear()
    for server in started:
        server.close()


@pytest.fixture
def trap(servers: list[Server]) -> Server:
    """A server inside that nothing must reach."""
    servers.append(Server(silent))
    return servers[-1]


@pytest.fixture
def only_way(trap: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The trap, where every connection lands, whatever its address."""
    connect = transport.connect

    def divert(address: Any, port: int, *, timeout: float) -> Any:
        return connect(ip_address("127.0.0.1"), trap.port, timeout=timeout)

    monkeypatch.setattr(transport, "connect", divert)
    return trap


def attempt_at(url: str) -> DeliveryAttempt:
    """Send a test to an address that stands in the row, whoever wrote it there, and return what came of it."""
    send_test(make_webhook(url=url), actor=SYSTEM)
    assert deliver_due() == 1
    return DeliveryAttempt.objects.get()


def test_the_tables_are_long() -> None:
    assert {kind: len(urls) >= 60 for kind, urls in REFUSED.items()} == dict.fromkeys(REFUSED, True)
    assert len(ALLOWED) >= 10


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_none_of_them_is_saved(admin: AdminClient, method: str, kind: str) -> None:
    present = make_webhook(url=PLAIN)
    path = "/admin/webhooks" if method == "POST" else f"/admin/webhooks/{present.pk}"

    answers = {url: admin(method, path, {"url": url, "events": ["post.failed"]}) for url in REFUSED[kind]}

    told = {url: fields_of(answer) for url, answer in answers.items()}
    assert [url for url, fields in told.items() if set(fields) != {"url"}] == []
    assert {fields["url"][0] for fields in told.values()} <= {SAYS, *CONTROL}
    assert [webhook.url for webhook in Webhook.objects.all()] == [PLAIN]


@pytest.mark.parametrize("kind", REFUSED)
def test_each_of_them_in_a_row_is_a_failed_attempt_without_a_connection(db: None, only_way: Server, kind: str) -> None:
    for url in REFUSED[kind]:
        send_test(make_webhook(url=url), actor=SYSTEM)

    assert deliver_due(limit=1000) == len(REFUSED[kind])

    rows = DeliveryAttempt.objects.values_list("delivery__webhook__url", "error", "http_status", "answer", "address")
    assert set(rows) == {(url, "address_blocked", None, SAYS, "") for url in REFUSED[kind]}
    assert set(Delivery.objects.values_list("status", "attempts")) == {("pending", 1)}
    assert only_way.connections == 0


def test_what_stays_blocked_ends_as_failed_after_ten_attempts(db: None, only_way: Server) -> None:
    send_test(make_webhook(url="https://10.0.0.1/"), actor=SYSTEM)

    for _ in range(10):
        Webhook.objects.update(held_until=None)
        assert deliver_now() == 1

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts, deliver_now(), only_way.connections) == ("failed", 10, 0, 0)
    assert set(delivery.log.values_list("error", flat=True)) == {"address_blocked"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_public_address_is_saved(admin: AdminClient, method: str) -> None:
    path = "/admin/webhooks" if method == "POST" else f"/admin/webhooks/{make_webhook().pk}"

    answers = [admin(method, path, {"url": url, "events": ["post.failed"]}) for url in ALLOWED]

    assert {answer.status_code for answer in answers} == {201 if method == "POST" else 200}
    assert [answer.json()["data"]["webhook"]["url"] for answer in answers] == ALLOWED


@pytest.mark.thorough  # it waits for as long as a receiver may take
@pytest.mark.any_database
def test_what_is_let_through_would_reach_the_trap(db: None, only_way: Server) -> None:
    attempt = attempt_at(PLAIN)

    assert (attempt.error, only_way.connections) == ("not_sent", 1)


def test_a_name_that_does_not_resolve_is_saved_and_is_a_failed_attempt_when_it_is_sent_to(
    admin: AdminClient, names: NameServer, only_way: Server
) -> None:
    made = admin.post("/admin/webhooks", {"url": "https://later.example/", "events": ["post.failed"]})
    pk = made.json()["data"]["webhook"]["id"]

    admin.post(f"/admin/webhooks/{pk}/test")

    attempt = DeliveryAttempt.objects.get()
    assert (made.status_code, names.asked) == (201, ["later.example."] * 2)
    assert (attempt.error, attempt.http_status, attempt.address) == ("not_sent", None, "")
    assert (Delivery.objects.get().status, only_way.connections) == ("pending", 0)


def test_a_name_that_leads_inside_after_it_was_saved_is_refused_when_it_is_sent_to(
    admin: AdminClient, names: NameServer, only_way: Server
) -> None:
    names.knows["public.example."] = [["8.8.8.8"], ["169.254.169.254"]]
    made = admin.post("/admin/webhooks", {"url": PLAIN, "events": ["post.failed"]})

    admin.post(f"/admin/webhooks/{made.json()['data']['webhook']['id']}/test")

    assert DeliveryAttempt.objects.get().error == "address_blocked"
    assert only_way.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failed_attempt_and_is_not_followed(
    db: None, names: NameServer, settings: Settings, servers: list[Server], trap: Server, status: int
) -> None:
    settings.OUTBOUND_ALLOW = ["hooks.example"]
    names.knows["hooks.example"] = ["127.0.0.1"]
    answer = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {trap.url}\r\nContent-Length: 0\r\n\r\n"
    servers.append(Server(answering(answer.encode())))

    attempt = attempt_at(f"http://hooks.example:{servers[-1].port}/hook")

    assert (attempt.http_status, attempt.error, attempt.address) == (status, "refused", "127.0.0.1")
    assert Delivery.objects.get().status == "pending"
    assert (servers[-1].connections, trap.connections) == (1, 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxies_and_passwords_of_the_environment_are_not_used(
    db: None,
    names: NameServer,
    settings: Settings,
    servers: list[Server],
    trap: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    identity = make_identity(tmp_path, "hooks.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(identity.path))
    (tmp_path / "netrc").write_text("machine hooks.example login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, trap.url)
        monkeypatch.setenv(name.lower(), trap.url)
    monkeypatch.setattr(transport, "_pools", None)
    settings.OUTBOUND_ALLOW = ["hooks.example"]
    names.knows["hooks.example"] = ["127.0.0.1"]
    talk = answering(NO_CONTENT)
    servers.append(Server(identity.over_tls(talk) if scheme == "https" else talk))

    attempt = attempt_at(f"{scheme}://hooks.example:{servers[-1].port}/hook")

    assert (attempt.http_status, attempt.error, trap.connections) == (204, "", 0)
    head, _, body = servers[-1].requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"authorization" not in head.lower()
    assert b'"type":"webhook.test"' in body
