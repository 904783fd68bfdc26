"""The numbers of Threads: https://developers.facebook.com/docs/threads/insights"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from accounts.platforms.errors import PlatformError, Rejected
from accounts.platforms.meta.containers import is_gone
from accounts.platforms.meta.numbers import Read, answered, demographics, insights, last_whole_day
from accounts.platforms.meta.visibility import of_the_account
from accounts.platforms.shapes import AccountNumbers, PostNumbers

OWN_NAMES = ("likes", "replies", "reposts", "quotes", "shares")
USER_NAMES = ("views", "likes", "replies", "reposts", "quotes", "clicks")
INTERACTIONS = ("likes", "replies", "reposts", "quotes")
"""Interactions with a profile, for which Threads gives no shares."""


def of_post(get: Read, media_id: str, *, of: str, now: datetime) -> PostNumbers | None:
    """Return the numbers of a post, None if it is gone; Threads gives neither its reach nor its clicks."""
    try:
        values = insights(partial(get, f"{media_id}/insights"), ("views", *OWN_NAMES), of=f"{of} post", now=now)
    except PlatformError as error:
        if not is_gone(error):
            raise
        with of_the_account():
            get("me", fields="id")
        return None
    own = {name: values.get(name) for name in OWN_NAMES}
    return PostNumbers.in_parts(OWN_NAMES, own=own, impressions=values.get("views"))


def of_account(get: Read, user_id: str, *, now: datetime) -> AccountNumbers:
    """Return the numbers of a profile, with daily counts of the last whole day."""
    ask = partial(get, f"{user_id}/threads_insights")
    values = _given(partial(insights, partial(ask, **last_whole_day(now)), USER_NAMES, of=user_id, now=now))
    known = [values[name] for name in INTERACTIONS if name in values]
    return AccountNumbers(
        followers=followers(get, user_id),
        impressions=values.get("views"),
        engagement=sum(known) if known else None,
        clicks=values.get("clicks"),
        demographics=demographics(ask),
    )


def followers(get: Read, user_id: str) -> int | None:
    """Return the number of followers, None if Threads does not give it, as without a linked Instagram account."""
    read = partial(get, f"{user_id}/threads_insights")
    return _given(partial(answered, read, ("followers_count",))).get("followers_count")


def _given(ask: Callable[[], Mapping[str, int] | None]) -> Mapping[str, int]:
    try:
        return ask() or {}
    except Rejected:
        return {}
