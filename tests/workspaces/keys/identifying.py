"""Who calls, by the secret of a request."""

from datetime import datetime

from ouipost.api.limits import Window
from workspaces.keys import authentication
from workspaces.models import ApiKey


def identify(secret: str, *, address: str, now: datetime) -> tuple[ApiKey, Window | None]:
    """Return the key that lets a request in, and the minute that it was counted in; raises what refuses it."""
    found, window = authentication.identify(secret, address=address, now=now)
    return found.valid_key(now), window
