"""What YouTube counts: the Data API's counters at once, shares from YouTube Analytics days later."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.platforms.base import Account, Connector, PlatformError, PostNumbers, Session
from accounts.platforms.http import bearer, dig, dig_list, dig_text, moment

REPORTS = "https://youtubeanalytics.googleapis.com/v2/reports"
A_DAY = timedelta(days=1)


def counted(value: Any, *path: str) -> int | None:
    """Return a number that YouTube writes as text, None where it is hidden."""
    text = dig_text(value, *path)
    return int(text) if text.isascii() and text.isdigit() else None


def post_numbers(video: Any, shared: int | None) -> PostNumbers:
    """Return the numbers of a video; what is hidden stays unknown."""
    numbers = {
        "likes": counted(video, "statistics", "likeCount"),
        "comments": counted(video, "statistics", "commentCount"),
        "shares": shared,
    }
    own = {name: number for name, number in numbers.items() if number is not None}
    return PostNumbers(
        impressions=counted(video, "statistics", "viewCount"),
        engagement=sum(own.values()) if own else None,
        own=own,
    )


def shares(
    connector: Connector, session: Session, account: Account, videos: Mapping[str, Any], *, now: datetime
) -> dict[str, int]:
    """Return how often each video was shared, as far as Analytics says; its refusal is no failure of the rest."""
    found: dict[str, int] = {}
    for video_id, video in videos.items():
        published_at = moment(dig_text(video, "snippet", "publishedAt"))
        if published_at is None:
            continue
        params = _report(video_id, since=published_at - A_DAY, now=now)
        try:
            table = connector.call(session, "GET", REPORTS, headers=bearer(account.access_token), params=params)
        except PlatformError:
            break
        days = [dig(row, 1) for row in dig_list(table, "rows")]
        if days:
            found[video_id] = sum(day for day in days if isinstance(day, int))
    return found


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
