"""The numbers of Pins and accounts: by day, for a range of days, and over all their life."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth
from ouipost.simulator.call import Call
from ouipost.simulator.models import Post
from ouipost.simulator.networks.pinterest.access import READ, authorized, existing, invalid

DAYS_BACK = 90
COUNTED = {
    "IMPRESSION": 900,
    "OUTBOUND_CLICK": 30,
    "PIN_CLICK": 60,
    "SAVE": 25,
    "USER_FOLLOW": 4,
    "PROFILE_VISIT": 12,
    "VIDEO_MRC_VIEW": 400,
    "VIDEO_10S_VIEW": 200,
    "QUARTILE_95_PERCENT_VIEW": 90,
    "VIDEO_V50_WATCH_TIME": 900_000,
    "VIDEO_START": 600,
}
LIFETIME = {"TOTAL_COMMENTS": 8, "TOTAL_REACTIONS": 40}
IMAGE = {"IMPRESSION", "OUTBOUND_CLICK", "PIN_CLICK", "SAVE", "SAVE_RATE", *LIFETIME, "USER_FOLLOW", "PROFILE_VISIT"}
VIDEO = IMAGE | COUNTED.keys() | {"VIDEO_AVG_WATCH_TIME"}
ACCOUNT = {
    "IMPRESSION",
    "ENGAGEMENT",
    "ENGAGEMENT_RATE",
    "OUTBOUND_CLICK",
    "OUTBOUND_CLICK_RATE",
    "PIN_CLICK",
    "PIN_CLICK_RATE",
    "SAVE",
    "SAVE_RATE",
}
APPS = ("", "ALL", "MOBILE", "TABLET", "WEB")
SPLITS = ("", "NO_SPLIT", "APP_TYPE", "OWNED_CONTENT", "SOURCE", "PIN_FORMAT")
RATES = {"SAVE_RATE": "SAVE", "PIN_CLICK_RATE": "PIN_CLICK", "OUTBOUND_CLICK_RATE": "OUTBOUND_CLICK"}
SHORT = {
    "impression": "IMPRESSION",
    "clickthrough": "OUTBOUND_CLICK",
    "pin_click": "PIN_CLICK",
    "save": "SAVE",
    "comment": "TOTAL_COMMENTS",
    "reaction": "TOTAL_REACTIONS",
}
"""The names of the short form, as the vendor's examples write them."""

Count = Callable[[str, datetime, datetime], int]


def of_pin(call: Call, pin_id: str) -> HttpResponse:
    """Show the numbers of a Pin."""
    post = existing(authorized(call, *READ), pin_id)
    names = chosen(call, VIDEO if post.data["media_type"] == "video" else IMAGE)

    def count(name: str, start: datetime, end: datetime) -> int:
        return grown(post, name, end) - grown(post, name, start)

    lifetime = {name: grown(post, name, call.now) for name in names if name in LIFETIME}
    return JsonResponse({"all": by_day(call, names, count) | {"lifetime_metrics": lifetime}})


def of_account(call: Call) -> HttpResponse:
    """Show the numbers of an account."""
    token = authorized(call, "user_accounts:read")

    def count(name: str, start: datetime, end: datetime) -> int:
        return growth.grown(f"{token.account} {start:%F}", name, since=start, now=end, most=COUNTED[name])

    return JsonResponse({"all": by_day(call, chosen(call, ACCOUNT), count) | {"lifetime_metrics": {}}})


def short(call: Call, post: Post) -> dict[str, dict[str, int]]:
    """Return a Pin's numbers in the short form of its own fields."""
    since = max(post.created_at, call.now - timedelta(days=DAYS_BACK))
    now = {name: grown(post, metric, call.now) for name, metric in SHORT.items()}
    return {
        "90d": {name: value - grown(post, SHORT[name], since) for name, value in now.items()},
        "lifetime_metrics": now,
    }


def grown(post: Post, metric: str, at: datetime) -> int:
    """Return a number of the Pin at a time."""
    return growth.grown(post.external_id, metric, since=post.created_at, now=at, most=(COUNTED | LIFETIME)[metric])


def chosen(call: Call, known: set[str]) -> list[str]:
    """Return the requested metrics, or refuse one that such a Pin does not have."""
    names = [name for name in call.text("metric_types").split(",") if name]
    if not names or not set(names) <= known:
        raise invalid(f"metric_types must be of {', '.join(sorted(known))}")
    if call.text("app_types") not in APPS or call.text("split_field") not in SPLITS:
        raise invalid("app_types or split_field is not known")
    return names


def by_day(call: Call, names: Sequence[str], count: Count) -> dict[str, Any]:
    """Return the asked metrics for each day of the asked range, and for all of it."""
    daily, total = [], Counter[str]()
    for day in days_of(call):
        start, end = (datetime.combine(each, time(), tzinfo=UTC) for each in (day, day + timedelta(days=1)))
        counts = Counter({name: count(name, start, min(end, call.now)) for name in COUNTED})
        status = "READY" if end <= call.now else "PROCESSING"
        daily.append({"date": day.isoformat(), "data_status": status, "metrics": metrics(names, counts)})
        total.update(counts)
    return {"daily_metrics": daily, "summary_metrics": metrics(names, total)}


def days_of(call: Call) -> list[date]:
    """Return the days of the asked range, or refuse a range that is wrong or too far back."""
    try:
        start, end = (date.fromisoformat(call.text(name)) for name in ("start_date", "end_date"))
    except ValueError:
        raise invalid("start_date and end_date must be YYYY-MM-DD") from None
    today = call.now.astimezone(UTC).date()
    if not today - timedelta(days=DAYS_BACK) <= start <= end <= today:
        raise invalid(f"the dates must be in order, at most {DAYS_BACK} days back and not in the future")
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def metrics(names: Sequence[str], counts: Counter[str]) -> dict[str, float]:
    """Return the requested daily metrics, computed from the counts."""
    engagement = counts["PIN_CLICK"] + counts["OUTBOUND_CLICK"] + counts["SAVE"]
    seen, started = max(counts["IMPRESSION"], 1), max(counts["VIDEO_START"], 1)
    values: dict[str, float] = {**counts, "ENGAGEMENT": engagement, "ENGAGEMENT_RATE": engagement / seen}
    values |= {rate: counts[metric] / seen for rate, metric in RATES.items()}
    values["VIDEO_AVG_WATCH_TIME"] = counts["VIDEO_V50_WATCH_TIME"] / started
    return {name: values[name] for name in names if name in values}
