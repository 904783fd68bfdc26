"""The numbers of posts on X: https://docs.x.com/x-api/fundamentals/metrics"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.errors import Rejected, WhoActs
from accounts.platforms.http import dig, dig_count, dig_list, dig_text, listed
from accounts.platforms.shapes import Account, PostNumbers

PRIVATE_FOR = timedelta(days=30) - timedelta(hours=1)
"""X gives an author the private numbers of a post for 30 days."""
SNOWFLAKE_EPOCH = 1_288_834_974_657
GONE = "/resource-not-found"
OWN = {
    "likes": ("like_count",),
    "retweets": ("retweet_count", "repost_count"),
    "replies": ("reply_count",),
    "quotes": ("quote_count",),
    "bookmarks": ("bookmark_count",),
}
"""Our names, and X's, some of which have an old and a new form. All count as engagement: a bookmark is a save."""


def read_posts(
    connector: Connector, session: Session, account: Account, remote_ids: Sequence[str], now: datetime
) -> dict[str, PostNumbers]:
    """Return the numbers of posts, with the private ones for young posts, unless X refuses these."""
    young = [each for each in remote_ids if created_at(each) > now - PRIVATE_FOR]
    found = _numbers_in(_ask_privately(connector, session, account, young), young) if young else {}
    rest = [each for each in remote_ids if each not in found]
    if not rest:
        return found
    answer = _ask(connector, session, account, rest, "public_metrics")
    return found | dict.fromkeys(_not_gone(answer, rest), PostNumbers()) | _numbers_in(answer, rest)


def created_at(post_id: str) -> datetime:
    """Return the time of a post, which is part of its id."""
    milliseconds = (int(post_id) >> 22) + SNOWFLAKE_EPOCH if post_id.isascii() and post_id.isdigit() else 0
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _ask_privately(connector: Connector, session: Session, account: Account, ids: Sequence[str]) -> Any:
    try:
        return _ask(connector, session, account, ids, "public_metrics,non_public_metrics")
    except Rejected as error:
        if error.who_acts == WhoActs.OPERATOR:
            raise
        return None


def _ask(connector: Connector, session: Session, account: Account, ids: Sequence[str], fields: str) -> Any:
    params = {
        "ids": ",".join(ids),
        "tweet.fields": f"attachments,{fields}",
        "expansions": "attachments.media_keys",
        "media.fields": "public_metrics",
    }
    return connector.get(session, account.access_token, "tweets", **params)


def _numbers_in(answer: Any, ids: Sequence[str]) -> dict[str, PostNumbers]:
    """Return the numbers of the posts that are in an answer."""
    views = {
        dig_text(each, "media_key"): dig_count(each, "public_metrics", "view_count")
        for each in dig_list(answer, "includes", "media")
    }
    posts = {dig_text(each, "id"): each for each in dig_list(answer, "data")}
    return {post_id: _numbers(posts[post_id], views) for post_id in ids if post_id in posts}


def _not_gone(answer: Any, ids: Sequence[str]) -> list[str]:
    """Return the posts that X does not report as gone, since it may hold back others.

    X's `errors` beside the posts concern only the posts that they name. Raises Unknown if there are neither posts nor
    errors.
    """
    errors = dig_list(answer, "errors")
    if not errors:
        listed(answer, "data")
    gone = {dig_text(each, "resource_id") for each in errors if dig_text(each, "type").endswith(GONE)}
    return [post_id for post_id in ids if post_id not in gone]


def _numbers(post: Any, views: Mapping[str, int | None]) -> PostNumbers:
    public, private = dig(post, "public_metrics"), dig(post, "non_public_metrics")
    seen = [views.get(key) for key in map(str, dig_list(post, "attachments", "media_keys"))]
    watched = [count for count in seen if count is not None]
    own = {name: _first(public, theirs) for name, theirs in OWN.items()}
    return PostNumbers.in_parts(
        OWN,
        own=own | {"video_views": sum(watched) if watched else None},
        impressions=dig_count(public, "impression_count"),
        clicks=dig_count(private, "url_link_clicks"),
    )


def _first(numbers: Any, names: Sequence[str]) -> int | None:
    return next((count for name in names if (count := dig_count(numbers, name)) is not None), None)
