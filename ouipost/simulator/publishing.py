"""Making posts visible, under ids that grow with time as the networks make them, and deleting them."""

import secrets
from datetime import datetime, timedelta

from django.db.models import Q

from ouipost.simulator.call import Call
from ouipost.simulator.models import Post

EPOCH_MILLISECONDS = 1_288_834_974_657


def snowflake(now: datetime) -> str:
    """Return a new decimal id: milliseconds, then 22 random bits."""
    return str((int(now.timestamp() * 1000) - EPOCH_MILLISECONDS) << 22 | secrets.randbits(22))


def publish(call: Call, network: str, *, at: datetime | None = None, work: float = 0, **values: object) -> Post:
    """Make something visible, now or at another time; listings show it after the work on it, and the ordered lag."""
    at, lag = at or call.now, timedelta(seconds=work + call.seconds("list_lag"))
    return Post.objects.create(network=network, created_at=at, listed_at=at + lag, **values)


def delete(call: Call, post: Post) -> None:
    """Delete a post with its comments; what was deleted before keeps its time."""
    with_comments = Q(pk=post.pk) | Q(root=post.external_id)
    Post.objects.alive().filter(with_comments, network=post.network).update(deleted_at=call.now)
