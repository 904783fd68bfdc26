"""YouTube's numbers: the Data API's counters at once, shares from YouTube Analytics days later."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.errors import PlatformError
from accounts.platforms.http import bearer, dig_count, dig_list, dig_text, moment, sane_count
from accounts.platforms.shapes import Account, PostNumbers

REPORTS = "https://youtubeanalytics.googleapis.com/v2/reports"
A_DAY = timedelta(days=1)
DIGITS = re.compile(r"[0-9]{1,20}")


def counted(value: Any, *path: str) -> int | None:
    """Return a number that YouTube writes as text, None if it is hidden or impossible."""
    text = dig_text(value, *path)
    return sane_count(int(text)) if DIGITS.fullmatch(text) else None


def post_numbers(video: Any, shared: Mapping[str, int | None]) -> PostNumbers:
    """Return the numbers of a video; hidden ones are unknown, and so are shares that could not be read."""
    own = {
        "likes": counted(video, "statistics", "likeCount"),
        "comments": counted(video, "statistics", "commentCount"),
        "shares": shared.get(dig_text(video, "id")),
    }
    return PostNumbers.in_parts(own, own=own, impressions=counted(video, "statistics", "viewCount"))


def shares(
    connector: Connector, session: Session, account: Account, videos: Mapping[str, Any], *, now: datetime
) -> dict[str, int | None]:
    """Return how often each video was shared, None if Analytics has no number.

    After a failure the remaining videos are left out; it does not make the other numbers fail.
    """
    found: dict[str, int | None] = {}
    for video_id, video in videos.items():
        try:
            found[video_id] = _shares_of(connector, session, account, video, now=now)
        except PlatformError:
            break
    return found


def _shares_of(connector: Connector, session: Session, account: Account, video: Any, *, now: datetime) -> int | None:
    published_at = moment(dig_text(video, "snippet", "publishTime") or dig_text(video, "snippet", "publishedAt"))
    if published_at is None:
        return None
    params = _report(dig_text(video, "id"), since=published_at - A_DAY, now=now)
    table = connector.call(session, "GET", REPORTS, headers=bearer(account.access_token), params=params)
    days = [count for row in dig_list(table, "rows") if (count := dig_count(row, 1)) is not None]
    return sum(days) if days else None


def _report(video_id: str, *, since: datetime, now: datetime) -> dict[str, str]:
    return {
        "ids": "channel==MINE",
        "startDate": since.date().isoformat(),
        "endDate": now.date().isoformat(),
        "metrics": "shares",
        "dimensions": "day",
        "filters": f"video=={video_id}",
        "sort": "day",
    }
