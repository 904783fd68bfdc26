"""The SSRF guard: the product may call public https hosts, and the hosts in the operator's OUTBOUND_ALLOW.

Names are resolved only here; the transport connects to exactly the addresses that were checked.
"""

import os
import re
import socket
import time
from collections import Counter
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Condition
from typing import Any
from urllib.parse import SplitResult, urlsplit

import idna
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ouipost.outbound.errors import Blocked, NotSent
from ouipost.phrases import Phrase

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

DNS_SECONDS = 3.0
DNS_THREADS = 64
THREADS_OF_A_DOMAIN = 8
DEFAULT_PORTS = {"https": 443, "http": 80}
MAX_HOST_CHARACTERS = 253
FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\#\ud800-\udfff]")
NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
"""Hosts that some resolvers read as an IPv4 address."""

# Python's is_private and is_global let NAT64, IPv4-compatible, multicast and site-local addresses pass. ::/8 covers
# IPv4-compatible, IPv4-translated and NAT64 addresses; mapped ones are unwrapped before.
REFUSED = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/8", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
        *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
METADATA = frozenset(ip_address(address) for address in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254"))


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """OUTBOUND_ALLOW, parsed: exact host names, and networks."""

    names: frozenset[str]
    networks: tuple[IPNetwork, ...]

    def lists(self, address: IPAddress) -> bool:
        """Whether the address is in a listed network; addresses of metadata services must be listed exactly."""
        if address in METADATA:
            return ip_network(address) in self.networks
        return any(address in network for network in self.networks)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parsed URL. It is rebuilt from these parts, so that no other parser sees the original text."""

    scheme: str
    host: str
    """ASCII, in lower case; an IPv6 address without brackets."""
    port: int
    path: str
    """Path with the query."""

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def is_ordinary(self) -> bool:
        return (self.scheme, self.port) == ("https", 443)


def check_url(url: str) -> None:
    """Raise Blocked when the URL's form, or any address that its name resolves to, is refused.

    A name that does not resolve passes, since it may resolve later, when something is sent.
    """
    target = check_form(url)
    try:
        checked_addresses(target)
    except NotSent:
        return


def check_form(url: str) -> Target:
    """Return the URL's parts without resolving its host; raises Blocked if no resolution could make it allowed."""
    target = parse(url)
    allow = allowed()
    address = literal(target.host)
    if address is not None:
        _check_addresses(target, (address,))
    elif target.host not in allow.names:
        is_open = target.is_ordinary or allow.networks  # resolution will show whether they contain its addresses
        if "." not in target.host or not is_open:
            raise Blocked
    return target


def checked_addresses(target: Target, *, timeout: float = DNS_SECONDS) -> tuple[IPAddress, ...]:
    """Return all addresses of the host; raises Blocked if one of them is refused, NotSent if there are none."""
    addresses = resolve(target.host, timeout=timeout, is_known=target.host in allowed().names)
    _check_addresses(target, addresses)
    return addresses


def allowed() -> Allowed:
    """Return the current OUTBOUND_ALLOW; raises ImproperlyConfigured for an invalid entry."""
    return read_allowed(tuple(settings.OUTBOUND_ALLOW))


def parse(url: str) -> Target:
    """Parse a URL; raises Blocked for every form that two parsers could read differently."""
    if FORBIDDEN.search(url):
        raise Blocked
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts)
    except ValueError:
        raise Blocked from None
    if parts.scheme not in DEFAULT_PORTS or port == 0 or re.search("[@%]|:$", parts.netloc):
        raise Blocked
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=parts.scheme, host=host, port=port or DEFAULT_PORTS[parts.scheme], path=path)


def literal(host: str) -> IPAddress | None:
    """Return the host as an IP address; None if it is a name."""
    return _unwrap(ip_address(host)) if ":" in host or NUMERIC.fullmatch(host) else None


def resolve(host: str, *, timeout: float = DNS_SECONDS, is_known: bool = False) -> tuple[IPAddress, ...]:
    """Return all addresses of a host, unchecked, IPv4 first; raises NotSent if none are found in time.

    A name that the operator gave (`is_known`) is also looked up in the machine's hosts file and search domains.
    """
    address = literal(host)
    if address is not None:
        return (address,)
    name = f"{host}." if "." in host and not is_known else host  # the final dot prevents both
    try:
        answers = _lookups().answers(name, timeout=min(timeout, DNS_SECONDS))
    except (OSError, CancelledError):
        raise NotSent(Phrase("The host name does not resolve.")) from None
    addresses = {_unwrap(ip_address(answer[4][0])) for answer in answers}
    return tuple(sorted(addresses, key=lambda address: (address.version, int(address))))


def _host(parts: SplitResult) -> str:
    """Return the host in ASCII; raises ValueError for anything but a plain name or address."""
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return str(IPv6Address(host))
    if len(host) > MAX_HOST_CHARACTERS:
        raise ValueError("The host is too long.")
    encoded = host if host.isascii() else idna.encode(host, uts46=True).decode()
    if len(encoded) > MAX_HOST_CHARACTERS or not NAME.fullmatch(encoded):
        raise ValueError("The host is no name.")
    if NUMERIC.fullmatch(encoded) and str(IPv4Address(encoded)) != host:
        raise ValueError("The host is a disguised address.")
    return encoded


def _check_addresses(target: Target, addresses: tuple[IPAddress, ...]) -> None:
    """Raise Blocked if any of the addresses is refused."""
    allow = allowed()
    named = target.host in allow.names
    for address in addresses:
        if allow.lists(address) or (named and address not in METADATA):
            continue
        if not target.is_ordinary or _is_refused(address) or _is_own(address):
            raise Blocked


def _is_refused(address: IPAddress) -> bool:
    return any(address in network for network in REFUSED) or _is_isatap(address)


def _is_isatap(address: IPAddress) -> bool:
    """Whether an IPv4 address is embedded after the interface identifier 0:5efe or 200:5efe."""
    return int(address) >> 32 & 0xFDFF_FFFF == 0x0000_5EFE  # an IPv4 address has no bits there


def _is_own(address: IPAddress) -> bool:
    """Whether the address is this machine's own: the kernel then picks it as the source address. Sends no packet."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False


def _unwrap(address: IPAddress) -> IPAddress:
    """Return an IPv4-mapped IPv6 address as its IPv4 address, and any other unchanged."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


@lru_cache(maxsize=8)
def read_allowed(entries: tuple[str, ...]) -> Allowed:
    """Return these host names and networks; raises ImproperlyConfigured for an entry that is neither."""
    names, networks = set[str](), list[IPNetwork]()
    for entry in filter(None, (entry.strip().lower() for entry in entries)):
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            if not NAME.fullmatch(entry):
                raise ImproperlyConfigured(f"OUTBOUND_ALLOW takes host names and CIDRs, not {entry!r}.") from None
            names.add(entry)
    return Allowed(names=frozenset(names), networks=tuple(networks))


class Lookups:
    """Resolves names in threads of its own, since getaddrinfo has no timeout; each name in one thread at a time.

    A hanging name server occupies a thread long after its caller has given up, so neither one name nor all names of one
    domain may occupy all threads.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=DNS_THREADS, thread_name_prefix="dns")
        self._under_way: dict[str, Future[Any]] = {}
        self._of_domain = Counter[str]()
        self._changed = Condition()

    def answers(self, name: str, *, timeout: float) -> Any:
        """Return the answers of getaddrinfo; raises OSError, also after `timeout` seconds, or CancelledError."""
        ends = time.monotonic() + timeout
        lookup = self._begun(name, timeout=timeout)
        try:
            return lookup.result(timeout=max(ends - time.monotonic(), 0))
        except OSError:
            lookup.cancel()
            raise

    def _begun(self, name: str, *, timeout: float) -> "Future[Any]":
        """Return the running lookup of a name, or begin one; waits while its domain has too many."""
        domain = _domain(name)
        with self._changed:
            if not self._changed.wait_for(partial(self._may_begin, name, domain), timeout):
                raise TimeoutError("Other names of the domain are being looked up.")
            if name not in self._under_way:
                self._of_domain[domain] += 1
                lookup = self._threads.submit(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM)
                self._under_way[name] = lookup
                lookup.add_done_callback(lambda _: self._end(name, domain))
                return lookup
            return self._under_way[name]

    def _may_begin(self, name: str, domain: str) -> bool:
        return name in self._under_way or self._of_domain[domain] < THREADS_OF_A_DOMAIN

    def _end(self, name: str, domain: str) -> None:
        with self._changed:
            del self._under_way[name]
            self._of_domain[domain] -= 1
            if not self._of_domain[domain]:
                del self._of_domain[domain]
            self._changed.notify_all()


def _domain(name: str) -> str:
    """Return the last two labels of a name, since the owner of a domain can make any number of names in it."""
    return ".".join(name.rstrip(".").rsplit(".", 2)[-2:])


@cache
def _lookups() -> Lookups:
    """Return this process's lookups."""
    return Lookups()


os.register_at_fork(after_in_child=_lookups.cache_clear)
