"""The numbers of Pins and accounts: https://developers.pinterest.com/docs/api/v5/pins-analytics"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from accounts.platforms.errors import Rejected
from accounts.platforms.http import dig, dig_count, dig_list, dig_text, sane_count
from accounts.platforms.shapes import AccountNumbers, PostNumbers

DAYS_BACK = 89
IMAGE_OWN = {
    "saves": "SAVE",
    "comments": "TOTAL_COMMENTS",
    "reactions": "TOTAL_REACTIONS",
    "pin_clicks": "PIN_CLICK",
    "follows": "USER_FOLLOW",
    "profile_visits": "PROFILE_VISIT",
}
VIDEO_OWN = {"video_views": "VIDEO_MRC_VIEW", "video_starts": "VIDEO_START"}
OWN = (*IMAGE_OWN, *VIDEO_OWN)
IMAGE_METRICS = ("IMPRESSION", "OUTBOUND_CLICK", *IMAGE_OWN.values())
VIDEO_METRICS = (*IMAGE_METRICS, *VIDEO_OWN.values())
ACCOUNT_METRICS = ("IMPRESSION", "ENGAGEMENT", "OUTBOUND_CLICK")
ENGAGEMENT = ("saves", "comments", "reactions")
LIFETIME = {
    "impression": "IMPRESSION",
    "clickthrough": "OUTBOUND_CLICK",
    "outbound_click": "OUTBOUND_CLICK",
    "pin_click": "PIN_CLICK",
    "save": "SAVE",
    "comment": "TOTAL_COMMENTS",
    "reaction": "TOTAL_REACTIONS",
}
"""A Pin's own names of metrics, and their names in its analytics; the reference only shows them in an example."""

Read = Callable[..., Any]
"""Takes a path and its parameters, and returns the decoded answer."""


def of_post(read: Read, pin_id: str, *, now: datetime) -> PostNumbers | None:
    """Return a Pin's numbers, None if it is gone.

    The analytics go back 90 days; a number for the Pin's whole life replaces that of the analytics.
    """
    try:
        pin = read(f"pins/{pin_id}", pin_metrics="true")
    except Rejected as error:
        if error.status == 404:
            return None
        raise
    names = VIDEO_METRICS if dig_text(pin, "media", "media_type") == "video" else IMAGE_METRICS
    today = now.astimezone(UTC).date()
    ask = partial(_ask, read, f"pins/{pin_id}/analytics", first=_first_day(pin, today), last=today)
    sums = _sums(partial(ask, app_types="ALL"), names)
    sums |= {
        LIFETIME[name]: count for name, count in _counts(pin, "pin_metrics", "lifetime_metrics") if name in LIFETIME
    }
    return _post_numbers(sums)


def _first_day(pin: Any, today: date) -> date:
    """Return the day of the Pin, or the earliest day that can be asked for."""
    try:
        created = date.fromisoformat(dig_text(pin, "created_at")[:10])
    except ValueError:
        created = date.min
    return min(max(created, today - timedelta(days=DAYS_BACK)), today)


def _post_numbers(sums: Mapping[str, int]) -> PostNumbers:
    return PostNumbers.in_parts(
        ENGAGEMENT,
        own={name: sums.get(metric) for name, metric in (IMAGE_OWN | VIDEO_OWN).items()},
        impressions=sums.get("IMPRESSION"),
        clicks=sums.get("OUTBOUND_CLICK"),
    )


def of_account(read: Read, *, day: date) -> AccountNumbers:
    """Return the numbers of an account, with those of this day if they are complete."""
    me = read("user_account")
    sums = _sums(partial(_ask, read, "user_account/analytics", first=day, last=day, whole=True), ACCOUNT_METRICS)
    return AccountNumbers(
        followers=dig_count(me, "follower_count"),
        following=dig_count(me, "following_count"),
        posts=dig_count(me, "pin_count"),
        impressions=sums.get("IMPRESSION"),
        engagement=sums.get("ENGAGEMENT"),
        clicks=sums.get("OUTBOUND_CLICK"),
    )


def _sums(ask: Callable[[Sequence[str]], dict[str, int]], names: Sequence[str]) -> dict[str, int]:
    """Ask for all metrics at once; if that is refused, ask for each half, so that only a bad metric is left out."""
    try:
        return ask(names)
    except Rejected as error:
        if error.status != 400 or len(names) == 1:
            return {}
    half = len(names) // 2
    return _sums(ask, names[:half]) | _sums(ask, names[half:])


def _ask(
    read: Read, path: str, names: Sequence[str], *, first: date, last: date, whole: bool = False, **params: str
) -> dict[str, int]:
    days = {"start_date": first.isoformat(), "end_date": last.isoformat()}
    answer = read(path, **days, metric_types=",".join(names), split_field="NO_SPLIT", **params)
    daily = dig_list(answer, "all", "daily_metrics")
    if whole and any(dig(each, "data_status") != "READY" for each in daily):
        return {}
    return dict(_counts(answer, "all", "summary_metrics") + _counts(answer, "all", "lifetime_metrics"))


def _counts(answer: Any, *path: str) -> list[tuple[str, int]]:
    found = dig(answer, *path)
    pairs = found.items() if isinstance(found, dict) else ()
    return [(name, count) for name, value in pairs if (count := _whole(value)) is not None]


def _whole(value: Any) -> int | None:
    """Return a whole number; Pinterest may give it with a decimal point."""
    return sane_count(int(value) if isinstance(value, float) and math.isfinite(value) else value)
