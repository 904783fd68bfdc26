"""Shares: the number of calls that a network, or one of its servers, may have at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, Value, When
from django.db.models.functions import Concat

from accounts import platforms
from accounts.models import Network, SocialAccount
from ouipost.db.locks import lock_free
from workspaces.models import Mode

SANDBOX = "sandbox:"
"""Prefix of simulated networks, which are separate from the real ones, so that neither holds up the other."""
SANDBOXED = SocialAccount.objects.filter(workspace__mode=Mode.SANDBOX)
NETWORK = Case(
    When(Exists(SANDBOXED.filter(pk=OuterRef("account"))), then=Concat(Value(SANDBOX), F("platform"))),
    default=F("platform"),
)
"""Expression for the health key of the network of a row with an account and a platform."""


def key_of(platform: str, mode: str) -> str:
    """Return the health key of a network for workspaces of this mode."""
    return f"{SANDBOX if mode == Mode.SANDBOX else ''}{platform}"


def parts_of(network: str) -> tuple[str, Mode]:
    """Return the platform and the mode of a health key."""
    return network.removeprefix(SANDBOX), Mode.SANDBOX if network.startswith(SANDBOX) else Mode.LIVE


def shares(now: datetime, *, at_length: Sequence[str] = ()) -> dict[str, int]:
    """Return how many calls each network may have at once: none while its breaker is open, one to try it again.

    `at_length` has the network of each long call, such as an upload. A long call does not count as the one try:
    otherwise the network would be left alone for as long as the call takes, or as its lease if its worker died. The
    network's row stays locked until the caller's transaction ends, so that no two try at once.
    """
    limits = settings.NETWORK_MAX_IN_FLIGHT
    shares = {key_of(platform, mode): share for platform, share in limits.items() for mode in Mode}
    held = Network.objects.exclude(held_until=None)
    resting = list(held.values_list("pk", flat=True))
    tried = held.filter(pk__in=resting, held_until__lte=now)
    ours = lock_free(tried.order_by("pk")).values_list("pk", flat=True)
    return shares | dict.fromkeys(resting, 0) | {pk: 1 + at_length.count(pk) for pk in ours}


def servers(accounts: Mapping[str, str]) -> dict[str, str]:
    """Return the server key of each account on a self-hosted server; `accounts` maps ids to health keys of networks."""
    pks = [pk for pk, network in accounts.items() if platforms.BY_ID[parts_of(network)[0]].has_servers]
    rows = SocialAccount.objects.filter(pk__in=pks).values_list("pk", "platform", "metadata")
    hosts = {pk: platforms.BY_ID[platform].server_of(metadata) for pk, platform, metadata in rows}
    return {pk: f"{accounts[pk]}@{host}" for pk, host in hosts.items() if host}


def share_of_server(key: str) -> int:
    """Return how many calls one server may have at once; a hanging server must leave calls to the network's others."""
    platform, _mode = parts_of(key.partition("@")[0])
    return max(1, settings.NETWORK_MAX_IN_FLIGHT[platform] // 4)
