"""Hosts simulated on this machine: network namespaces on one wire, each of which can be cut off and come back.

They have their own addresses and connections, and share clock, disk and processors. Needs root and Linux.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.services import Host, find, need

NEEDS = "hosts that are cut off are played in network namespaces, and those need root on Linux"


class NoHosts(Exception):
    """No hosts can be simulated here; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Played(Host):
    """A host on the wire, which reaches all others and is reached by them until it is cut off."""

    port: str
    """The end of its cable at the other end, where nobody on the host can touch it."""

    def cut(self) -> None:
        """Pull the cable: packets in flight are lost, without any notice."""
        _ip("link", "set", self.port, "down")

    def join(self) -> None:
        """Put the cable back."""
        _ip("link", "set", self.port, "up")


@contextmanager
def wire(*names: str) -> Iterator[tuple[Played, ...]]:
    """Give hosts by these names, which this machine reaches as well; raises NoHosts if none can be simulated."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NoHosts(NEEDS)
    need("ip", "iproute2")
    tag = uuid4().hex[:8]
    net, bridge = f"10.{128 + int(tag[:2], 16) // 2}.{int(tag[2:4], 16)}", f"oui{tag}"
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{net}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        yield tuple(
            _plugged_in(f"{bridge}-{name}", f"{tag}-{number}", f"{net}.{number}", bridge, stack)
            for number, name in enumerate(names, start=2)
        )


def _plugged_in(name: str, port: str, address: str, bridge: str, stack: ExitStack) -> Played:
    """Make a host with a cable to the bridge; the cable goes with its host."""
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "delete", name)
    _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", port, "master", bridge, "up")
    for command in (f"address add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
        _ip("-n", name, *command.split())
    return Played(address=address, inside=(find("ip"), "netns", "exec", name), port=port)


def _ip(*command: str) -> None:
    subprocess.run([find("ip"), *command], check=True, capture_output=True)
