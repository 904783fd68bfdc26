"""Making posts visible, under ids that grow with time as the networks make them."""

import secrets
from datetime import datetime, timedelta

from ouipost.simulator.models import Post

EPOCH_MILLISECONDS = 1_288_834_974_657


def snowflake(now: datetime) -> str:
    """Return a new decimal id: milliseconds, then 22 random bits."""
    return str((int(now.timestamp() * 1000) - EPOCH_MILLISECONDS) << 22 | secrets.randbits(22))


def publish(*, now: datetime, lag: float, **values: object) -> Post:
    """Make something visible; listings show it only after the lag."""
    return Post.objects.create(created_at=now, listed_at=now + timedelta(seconds=lag), **values)
