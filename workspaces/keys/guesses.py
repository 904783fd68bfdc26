"""Guessed API keys: an address that tried 20 unknown keys within a minute is refused without a look-up.

A key that was tried 20 times is refused too. Repeats of one key count as one guess for the address: a program that
keeps sending a revoked key must not lock out others behind the same address. A guesser must not either: a key that was
valid here before is always looked up. A paused key does not count as a guess, or it would not work right after the
pause. The counts are kept in the memory of the process.
"""

import threading
import time
from collections import Counter
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

PER_MINUTE = 20
IPV6_BITS_OF_ONE_CALLER = 64
HELD_AT_MOST = 10_000
TRIED_AT_MOST = 100_000


class Tries:
    """Failed tries since the minute began. Guessers may fill it, so no operation gets slower as it grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._counted: Counter[str] = Counter()

    def of(self, name: str) -> int:
        """Return how often this was tried."""
        with self._lock:
            return self._present()[name]

    def count(self, name: str) -> int:
        """Count one more, and return how many it is."""
        with self._lock:
            self._present()[name] += 1
            return self._counted[name]

    def _present(self) -> Counter[str]:
        minute = int(time.time()) // 60
        if minute != self._minute or len(self._counted) > TRIED_AT_MOST:
            self._minute = minute
            self._counted.clear()
        return self._counted


TRIES = Tries()
HELD: set[str] = set()


def may_look_up(digest: str, address: str) -> bool:
    """Whether a key with this digest, sent from this address, should be looked up."""
    return digest in HELD or (TRIES.of(digest) < PER_MINUTE and TRIES.of(caller_of(address)) < PER_MINUTE)


def note_held(digest: str) -> None:
    """Remember that this key was valid."""
    if len(HELD) >= HELD_AT_MOST:
        HELD.clear()
    HELD.add(digest)


def note_missed(digest: str, address: str) -> None:
    """Count a key that was not valid."""
    HELD.discard(digest)
    if TRIES.count(digest) == 1:
        TRIES.count(caller_of(address))


def caller_of(address: str) -> str:
    """Return the address, or the network of one, that counts as one caller."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # a local socket has no IP address
    match parsed:
        case IPv6Address(ipv4_mapped=IPv4Address() as inner):
            return str(inner)
        case IPv6Address():
            return str(ip_network((parsed, IPV6_BITS_OF_ONE_CALLER), strict=False))
    return str(parsed)
