"""The networks. `ALL` is their only list: a new network is added here, and nowhere else."""

from accounts.platforms.base import Connector
from accounts.platforms.bluesky import Bluesky
from accounts.platforms.facebook import Facebook
from accounts.platforms.gone import stand_in
from accounts.platforms.instagram import Instagram
from accounts.platforms.linkedin import LinkedIn
from accounts.platforms.pinterest import Pinterest
from accounts.platforms.threads import Threads
from accounts.platforms.tiktok import TikTok
from accounts.platforms.twitter import Twitter
from accounts.platforms.youtube import YouTube

ALL: tuple[type[Connector], ...] = (
    Facebook,
    Instagram,
    Twitter,
    LinkedIn,
    TikTok,
    YouTube,
    Pinterest,
    Threads,
    Bluesky,
)
"""The networks in the order in which the API shows them."""


class ById(dict[str, type[Connector]]):
    """The networks by their ids; a stand-in for any other id, which a row of another version may have."""

    def __missing__(self, network: str) -> type[Connector]:
        return stand_in(network)


class Names(dict[str, str]):
    """The names of the networks by their ids; an unknown network's name is its id."""

    def __missing__(self, network: str) -> str:
        return network


BY_ID = ById({platform.id: platform for platform in ALL})
NAMES = Names({platform.id: platform.name for platform in ALL})
