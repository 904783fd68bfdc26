"""What the address guard refuses, at save and at send, and what it lets through."""

from ipaddress import ip_address
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from ouipost.outbound import Blocked, Client, NotSent, check_form, check_url, guard, transport
from tests.outbound.addresses import BAD_ADDRESSES, BAD_FORMS, GOOD_ADDRESSES, in_url
from tests.outbound.conftest import Serve
from tests.outbound.names import NameServer
from tests.outbound.servers import Server, silent


@pytest.fixture
def trap(serve: Serve, names: NameServer, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Whatever address the product connects to, it lands here."""
    trap = serve(silent)
    connect = transport.connect

    def divert(address: Any, port: int, *, timeout: float) -> Any:
        return connect(ip_address("127.0.0.1"), trap.port, timeout=timeout)

    monkeypatch.setattr(transport, "connect", divert)
    names.knows["public.example."] = ["8.8.8.8"]
    return trap


def assert_refused(url: str, trap: Server) -> None:
    with pytest.raises(Blocked) as at_save:
        check_url(url)
    with pytest.raises(Blocked) as at_send:
        Client().request("GET", url, timeout=5)

    assert str(at_save.value) == str(at_send.value) == str(Blocked())
    assert trap.connections == 0


@pytest.mark.parametrize("url", BAD_FORMS, ids=ascii)
def test_a_form_that_could_be_read_in_two_ways_is_refused(url: str, trap: Server) -> None:
    assert_refused(url, trap)


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_an_address_inside_is_refused_when_it_is_the_host(address: str, trap: Server) -> None:
    assert_refused(in_url(address), trap)


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_one_address_inside_refuses_the_whole_name(address: str, trap: Server, names: NameServer) -> None:
    names.knows["mixed.example."] = ["8.8.8.8", address]

    assert_refused("https://mixed.example/", trap)


@pytest.mark.parametrize("address", GOOD_ADDRESSES)
def test_a_public_address_is_allowed_as_host_and_behind_a_name(address: str, names: NameServer) -> None:
    names.knows["public.example."] = [address]

    check_url(in_url(address))
    check_url("https://public.example/")


def test_what_the_guard_lets_through_would_reach_the_trap(trap: Server) -> None:
    with pytest.raises(NotSent):
        Client().request("GET", "https://public.example/", timeout=1.5)

    assert trap.connections == 1


@pytest.mark.parametrize(
    ("url", "built"),
    [
        ("HTTPS://Public.Example:443", "https://public.example/"),
        ("https://public.example?q=a/b", "https://public.example/?q=a/b"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/ü"),
        ("https://\uff50ublic.example/", "https://public.example/"),
        ("https://a_b.public.example/@x:y", "https://a_b.public.example/@x:y"),
        ("https://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
    ],
)
def test_a_url_is_built_anew_from_its_parts(url: str, built: str) -> None:
    assert check_form(url).url == built


def test_a_dotted_name_is_looked_up_without_search_domains(names: NameServer) -> None:
    check_url("https://public.example/")

    assert names.asked == ["public.example."]


def test_a_name_that_does_not_resolve_is_accepted_at_save_and_not_sent_to() -> None:
    check_url("https://later.example/")

    with pytest.raises(NotSent):
        Client().request("GET", "https://later.example/")


def test_an_address_of_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "REFUSED", ())

    with pytest.raises(Blocked):
        check_url("https://127.0.0.1/")
    check_url("https://255.255.255.255/")  # has no route, so it is not ours either


def test_a_listed_name_may_use_http_and_any_port_and_resolve_to_anything(names: NameServer, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["Hooks", " inside.example "]
    names.knows = {"hooks": ["10.0.0.1"], "inside.example": ["::1", "192.168.0.1"]}

    check_url("http://hooks:8080/")
    check_url("http://INSIDE.example/")

    assert names.asked == ["hooks", "inside.example"]  # without the final dot, which no hosts file has


def test_a_listed_network_opens_its_addresses_and_the_names_that_lead_to_them_alone(
    names: NameServer, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = ["10.1.2.3/16", "fd12::/64"]
    names.knows = {"in.example.": ["10.1.2.3", "fd12::1"], "out.example.": ["10.1.2.3", "10.2.0.1"]}
    names.knows["public.example."] = ["8.8.8.8"]

    for url in ("http://10.1.2.3:8080/", "https://[fd12::1]/", "http://in.example/", "https://public.example/"):
        check_url(url)
    for url in ("http://10.2.0.1/", "https://10.2.0.1/", "https://out.example/", "http://public.example/"):
        with pytest.raises(Blocked):
            check_url(url)


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254"])
def test_a_metadata_address_is_refused_unless_it_is_listed_by_itself(
    address: str, names: NameServer, settings: Settings
) -> None:
    names.knows = {"meta.example": [address], "meta.example.": [address]}

    settings.OUTBOUND_ALLOW = ["0.0.0.0/0", "::/0", "meta.example"]
    for url in (in_url(address), "https://meta.example/"):
        with pytest.raises(Blocked):
            check_url(url)

    settings.OUTBOUND_ALLOW = [address]
    check_url(in_url(address))
    check_url("https://meta.example/")


def test_a_malformed_entry_of_the_list_is_named(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["10.0.0.0/33"]

    with pytest.raises(ImproperlyConfigured, match=r"OUTBOUND_ALLOW .* '10\.0\.0\.0/33'"):
        check_url("https://public.example/")


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "http://example.com/", "https://example.com:8443/", "https://host/"]
)
def test_what_no_name_server_could_allow_is_refused_before_any_is_asked(url: str) -> None:
    with pytest.raises(Blocked):
        check_form(url)


def test_addresses_are_tried_ipv4_first_and_in_one_order(names: NameServer) -> None:
    in_order = ["1.1.1.1", "8.8.8.8", "2606:4700::1", "2606:4700::2"]
    names.knows = {"both.example.": in_order[::-1]}

    assert [str(address) for address in guard.resolve("both.example", timeout=5)] == in_order
