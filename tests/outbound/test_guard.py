"""What the address guard refuses, at save and at send, and what it lets through."""

from ipaddress import ip_address
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from ouipost.outbound import Blocked, Client, NotSent, check_form, check_url, guard, transport
from tests.outbound.conftest import NameServer, Serve
from tests.outbound.servers import Server, silent

BAD_FORMS = [
    *("http://public.example/", "ftp://public.example/", "file:///etc/passwd", "gopher://public.example/"),
    *(
        "javascript:alert(1)",
        "//public.example/",
        "public.example",
        "https:public.example",
        "https:///x",
        "https://",
        "",
    ),
    *("https://public.example:80/", "https://public.example:8443/", "https://public.example:0/"),
    *("https://public.example:65536/", "https://public.example:-1/", "https://public.example:/"),
    *("https://public.example:4a3/", "https://public.example:443:443/"),
    *("https://user@public.example/", "https://user:word@public.example/", "https://@public.example/"),
    *("https://public.example/#part", "https://public.example/#", "https://public.example#@127.0.0.1/"),
    *("https://public.example\\@127.0.0.1/", "https:\\\\public.example/", "https://public.example/\\x"),
    *(" https://public.example/", "https://public.example/ ", "https://public.example /", "https://public.example/\t"),
    *(
        "https://pub\tlic.example/",
        "https://public.example/\r\nX: y",
        "https://public.example/\x00",
        "\x01https://a.b/",
    ),
    *("https://%31%32%37.0.0.1/", "https://public%2eexample/", "https://public.example%00.x/"),
    *("https://public.example./", "https://127.0.0.1./", "https://localhost./", "https://.public.example/"),
    *("https://public..example/", "https://-public.example/", "https://public-.example/", "https://pub!lic.example/"),
    *("https://*.public.example/", f"https://{'a' * 64}.example/", f"https://{'abcdefg.' * 32}example/"),
    *("https://localhost/", "https://intranet/", "https://LOCALHOST/"),
    *("https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/", "https://127.0.1/"),
    *("https://017700000001/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://0x7f.0x0.0x0.0x1/"),
    *("https://127.0.0.0x1/", "https://1.2.3.4.5/", "https://256.256.256.256/", "https://0/", "https://8.8.2056/"),
    *("https://\uff11\uff12\uff17.0.0.1/", "https://127\u30020\u30020\u30021/", "https://\uff18.8.8.8/"),
    *("https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "https://\uff4cocalhost/", "https://exa\u2100mple.example/"),
    *("https://a\u200b.b\ud800/", "https://\u00ad/", "https://xn--a\u0301.b!/"),
    *(
        "https://[::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[v1.public]/",
    ),
    *("https://[public.example]/", "https://[127.0.0.1]/", "https://::1/"),
]

BAD_ADDRESSES = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    *("0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1"),
    *("127.255.255.255", "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.2.1"),
    *("192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255", "100.100.100.200"),
    *("10.0.0.0", "127.0.0.0", "169.254.0.0", "169.254.255.255", "192.0.0.255", "192.0.2.255", "192.88.99.255"),
    *("192.168.255.255", "198.51.100.255", "203.0.113.255", "224.0.0.0", "255.255.255.254"),
    *("::ffff:0:127.0.0.1", "::ffff:100.64.0.1", "::ffff:255.255.255.255", "2001::ffff:ffff", "fdff::1", "feff::1"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1"),
    *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1"),
    *("2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1"),
]

GOOD_ADDRESSES = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.1"),
    *("172.15.255.255", "172.32.0.0", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("::ffff:8.8.8.8", "2001:200::1", "2003::1", "2606:4700:4700::1111", "2a03:2880:f003::1", "3ffe::1"),
]


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


def in_url(address: str) -> str:
    return f"https://[{address}]/" if ":" in address else f"https://{address}/"


def assert_refused(url: str, trap: Server) -> None:
    with pytest.raises(Blocked) as at_save:
        check_url(url)
    with pytest.raises(Blocked) as at_send:
        Client().request("GET", url, timeout=0.2)

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
        Client().request("GET", "https://public.example/", timeout=0.2)

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


def test_a_name_that_does_not_resolve_is_accepted_at_save_and_not_sent_to(names: NameServer) -> None:
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
    names.knows = {"hooks": ["10.0.0.1"], "inside.example.": ["::1", "192.168.0.1"]}

    check_url("http://hooks:8080/")
    check_url("http://INSIDE.example/")

    assert names.asked == ["hooks", "inside.example."]


def test_a_listed_network_opens_its_addresses_and_the_names_that_lead_to_them_alone(
    names: NameServer, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = ["10.1.0.0/16", "fd12::/64"]
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
    names.knows["meta.example."] = [address]

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
