"""Numbers that grow with time: no rows, the same for everyone who asks at the same moment."""

from datetime import UTC, datetime

from ouipost.simulator.call import Call
from ouipost.simulator.models import Post
from ouipost.simulator.people import number

HALF_LIFE_SECONDS = 6 * 3600
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def grown(subject: str, metric: str, *, since: datetime, now: datetime, most: int) -> int:
    """Return a count that starts at 0, never falls, and nears a ceiling of its own, at least half of `most`.

    A count with half the `most` of another is never above it, as reach is never above impressions.
    """
    age = max((now - since).total_seconds(), 0)
    ceiling = most - number(subject, metric) % (most // 2 + 1)
    return int(ceiling * (1 - 2 ** (-age / HALF_LIFE_SECONDS)))


def counted(call: Call, post: Post, metric: str, most: int) -> int:
    """Return a number of the post as it stands now."""
    return grown(post.external_id, metric, since=post.created_at, now=call.now, most=most)


def followers(subject: str, now: datetime) -> int:
    """Return a number of followers that grows by one or two a day."""
    days = (now - BEGINNING).days
    return number(subject, "followers") % 900 + max(days, 0) * (1 + number(subject, "pace") % 2)
