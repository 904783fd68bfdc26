"""The one list of simulated networks."""

from ouipost.simulator.call import Network
from ouipost.simulator.networks import bluesky, facebook, pinterest, twitter

ALL: tuple[Network, ...] = (facebook.NETWORK, twitter.NETWORK, pinterest.NETWORK, bluesky.NETWORK)


def serving(host: str, path: str) -> Network | None:
    """Return the network that answers at this host and path."""
    return next((network for network in ALL if network.serves(host, path)), None)
