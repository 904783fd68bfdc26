"""The one list of simulated networks."""

from ouipost.simulator.call import Network
from ouipost.simulator.networks import (
    bluesky,
    facebook,
    instagram,
    linkedin,
    pinterest,
    threads,
    tiktok,
    twitter,
    youtube,
)

ALL: tuple[Network, ...] = (
    facebook.NETWORK,
    instagram.NETWORK,
    twitter.NETWORK,
    linkedin.NETWORK,
    tiktok.NETWORK,
    youtube.NETWORK,
    pinterest.NETWORK,
    threads.NETWORK,
    bluesky.NETWORK,
)


def serving(host: str, path: str) -> Network | None:
    """Return the network that answers at this host and path."""
    sharing = (network for network in ALL if network.shares(host, path))
    return next(sharing, None) or next((network for network in ALL if network.serves(host, path)), None)
