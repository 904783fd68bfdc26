"""Limit the targets in flight: each network, and each self-hosted server, has a share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from accounts import shares
from ouipost import claims
from posts.lateness import LEASE_SECONDS
from posts.models import Target

TRY_SECONDS = LEASE_SECONDS + 10
"""The longest remaining lease of a half-open breaker's probe. Longer leases were extended, as for uploads."""
ROOM_OF_OTHERS = 1
"""Places of a network that this version does not know: its targets fail without a call."""


class Busy(NamedTuple):
    """An account with a target in flight."""

    account_id: str
    network: str
    until: datetime | None


def in_flight(now: datetime) -> list[Busy]:
    """Return the accounts with targets in flight, of all workers."""
    rows = Target.objects.filter(in_flight__isnull=False, lease_until__gt=now).annotate(network=shares.NETWORK)
    return [Busy(*row) for row in rows.values_list("account_id", "network", "lease_until")]


class Room:
    """Counts the free places of each network and of each self-hosted server."""

    def __init__(self, in_flight: Sequence[Busy], *, now: datetime) -> None:
        busy = {each.account_id: each.network for each in in_flight}
        long = now + claims.engine_time(TRY_SECONDS)
        at_length = [each.network for each in in_flight if each.until and each.until > long]
        self.places = defaultdict(lambda: ROOM_OF_OTHERS, shares.shares(now, at_length=at_length))
        self.servers = dict[str, str]()
        self.learn(busy)
        for account_id, network in busy.items():
            self.take(account_id, network)

    def learn(self, accounts: Mapping[str, str]) -> None:
        """Look up the servers of these accounts, given as network by account."""
        self.servers |= shares.servers(accounts)
        for server in self.servers.values():
            self.places.setdefault(server, shares.share_of_server(server))

    def take(self, account_id: str, network: str) -> None:
        for key in self._keys(account_id, network):
            self.places[key] -= 1

    def is_full(self, account_id: str, network: str) -> bool:
        return any(self.places[key] <= 0 for key in self._keys(account_id, network))

    def _keys(self, account_id: str, network: str) -> list[str]:
        return [network, *filter(None, [self.servers.get(account_id)])]

    def full_networks(self) -> list[str]:
        return [key for key, places in self.places.items() if places <= 0]

    def crowded(self) -> list[str]:
        """Return the accounts whose server has no place left."""
        return [account_id for account_id, server in self.servers.items() if self.places[server] <= 0]
