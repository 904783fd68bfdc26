"""The numbers of Instagram: https://developers.facebook.com/docs/instagram-platform/insights"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from accounts.platforms.errors import PlatformError, Rejected
from accounts.platforms.http import dig_count, dig_text
from accounts.platforms.meta.containers import is_gone
from accounts.platforms.meta.numbers import Read, demographics, insights, last_whole_day
from accounts.platforms.meta.visibility import of_the_account
from accounts.platforms.shapes import AccountNumbers, PostNumbers

POST_NAMES = ("views", "reach", "total_interactions", "likes", "comments", "shares", "saved")
STORY_NAMES = ("views", "reach", "total_interactions", "replies", "shares")
ACCOUNT_NAMES = ("views", "reach", "total_interactions", "profile_links_taps")
OURS = {"likes": "likes", "comments": "comments", "shares": "shares", "saved": "saves", "replies": "replies"}
TOO_FEW_VIEWERS = "10"


def of_post(get: Read, media_id: str, *, of: str, now: datetime) -> PostNumbers | None:
    """Return the numbers of a post of this account, None if it is gone, as a story is after a day."""
    try:
        node = get(media_id, fields="media_product_type,like_count,comments_count")
        values = _values(get, media_id, of=of, product=dig_text(node, "media_product_type"), now=now)
    except PlatformError as error:
        if not is_gone(error):
            raise
        with of_the_account():
            get(of, fields="id")
        return None
    plain = {"likes": dig_count(node, "like_count"), "comments": dig_count(node, "comments_count")}
    known = {**{name: count for name, count in plain.items() if count is not None}, **values}
    return PostNumbers(
        impressions=values.get("views"),
        reach=values.get("reach"),
        engagement=values.get("total_interactions"),
        own={ours: known[theirs] for theirs, ours in OURS.items() if theirs in known},
    )


def _values(get: Read, media_id: str, *, of: str, product: str, now: datetime) -> Mapping[str, int]:
    is_story = product == "STORY"
    names = STORY_NAMES if is_story else POST_NAMES
    try:
        return insights(partial(get, f"{media_id}/insights"), names, of=f"{of} {product}", now=now)
    except Rejected as refusal:
        if is_story and refusal.network_code == TOO_FEW_VIEWERS:
            return {}
        raise


def of_account(get: Read, account_id: str, *, now: datetime) -> AccountNumbers:
    """Return the numbers of an account, with daily counts of the last whole day."""
    with of_the_account():
        node = get(account_id, fields="followers_count,follows_count,media_count")
    ask = partial(get, f"{account_id}/insights", metric_type="total_value")
    values = _of_a_day(partial(ask, period="day", **last_whole_day(now)), of=account_id, now=now)
    return AccountNumbers(
        followers=dig_count(node, "followers_count"),
        following=dig_count(node, "follows_count"),
        posts=dig_count(node, "media_count"),
        impressions=values.get("views"),
        reach=values.get("reach"),
        engagement=values.get("total_interactions"),
        clicks=values.get("profile_links_taps"),
        demographics=demographics(partial(ask, period="lifetime", timeframe="last_30_days")),
    )


def _of_a_day(read: Read, *, of: str, now: datetime) -> Mapping[str, int]:
    """Return the daily counts; empty if they are refused, so that the followers are still read."""
    try:
        return insights(read, ACCOUNT_NAMES, of=of, now=now)
    except Rejected:
        return {}
