"""Objects that are gone, or that a token may not see: the Graph API answers both alike."""

from collections.abc import Iterator
from contextlib import contextmanager

from accounts.platforms.errors import PlatformError, Rejected, not_permitted

NOT_VISIBLE = "100/33"


def is_not_visible(error: PlatformError) -> bool:
    """Whether the network answers that the object does not exist, or that this account may not see it."""
    return error.network_code == NOT_VISIBLE


@contextmanager
def of_the_account() -> Iterator[None]:
    """Make a call about the account itself, which is surely there: if it is not visible, the app lost its access."""
    try:
        yield
    except Rejected as error:
        if not is_not_visible(error):
            raise
        raise not_permitted(**error.facts) from error
