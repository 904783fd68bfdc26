"""YouTube Analytics: numbers by day, which come two to three days late."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Post
from ouipost.simulator.networks.youtube.access import ANALYTICS, ID, MANAGE, READ, authorized, refusal
from ouipost.simulator.networks.youtube.videos import NUMBERS

DELAY = timedelta(hours=60)
METRICS = {
    "views": NUMBERS["viewCount"],
    "engagedViews": 900,
    "likes": NUMBERS["likeCount"],
    "comments": NUMBERS["commentCount"],
    "shares": 12,
    "estimatedMinutesWatched": 2000,
    "averageViewDuration": 40,
    "averageViewPercentage": 60,
    "subscribersGained": 9,
    "subscribersLost": 2,
}
COUNTER_OF = {"views": "viewCount", "likes": "likeCount", "comments": "commentCount"}
"""Numbers that the Data API counts, too."""
MONEY = {"estimatedRevenue", "estimatedAdRevenue", "grossRevenue"}
FILTER = re.compile(r"video==(?P<video>[\w-]+)")


def query(call: Call) -> HttpResponse:
    """Return a table of a video's, or the channel's, numbers by day; days without any have no rows."""
    authorized(call, READ, MANAGE)
    token = authorized(call, ANALYTICS)
    metrics = checked_metrics(call)
    first, last = day(call, "startDate"), day(call, "endDate")
    dimensions, sort, filters = call.text("dimensions"), call.text("sort"), call.text("filters")
    wanted = FILTER.fullmatch(filters)
    if call.text("ids") != "channel==MINE" or dimensions not in ("", "day") or sort not in ("", dimensions):
        raise unsupported()
    if filters and wanted is None:
        raise unsupported()
    posts = Post.objects.alive().of(ID, token.account).filter(kind=Post.POST)
    chosen = list(posts.filter(external_id=wanted["video"]) if wanted else posts)
    last = min(last, (call.now - DELAY).date() - timedelta(days=1))
    days = [(first, last)] if not dimensions else [(each, each) for each in days_of(chosen, first, last)]
    rows = [row_of(chosen, metrics, span) for span in days if chosen and first <= last]
    table: dict[str, Any] = {"kind": "youtubeAnalytics#resultTable", "columnHeaders": headers(dimensions, metrics)}
    if rows:
        table["rows"] = [
            [each.isoformat(), *row] if dimensions else row for (each, _), row in zip(days, rows, strict=True)
        ]
    return JsonResponse(table)


def checked_metrics(call: Call) -> list[str]:
    """Return the requested metrics, or refuse unknown ones, and ones for partners only."""
    metrics = [name for name in call.text("metrics").split(",") if name]
    if MONEY & set(metrics):
        raise refusal(403, "forbidden", "Forbidden", domain="global", word="PERMISSION_DENIED")
    if not metrics or any(name not in METRICS for name in metrics):
        raise unsupported()
    return metrics


def unsupported() -> Refusal:
    """Return the refusal of a combination that Analytics has no report for."""
    message = "The query is not supported. Check the documentation for supported queries."
    return refusal(400, "badRequest", message, domain="global")


def day(call: Call, name: str) -> date:
    """Return a requested day, or refuse an invalid one."""
    try:
        return date.fromisoformat(call.text(name))
    except ValueError:
        message = f"Invalid value '{call.text(name)}'. Values must match YYYY-MM-DD."
        raise refusal(400, "invalidParameter", message, domain="global") from None


def days_of(posts: Sequence[Post], first: date, last: date) -> list[date]:
    """Return the days of a period on which the videos existed."""
    if not posts:
        return []
    first = max(first, min(post.created_at.date() for post in posts))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def row_of(posts: Sequence[Post], metrics: Sequence[str], span: tuple[date, date]) -> list[int]:
    """Return the gains of the videos in these days."""
    begins, ends = midnight(span[0]), midnight(span[1] + timedelta(days=1))
    return [sum(until(post, name, ends) - until(post, name, begins) for post in posts) for name in metrics]


def midnight(of: date) -> datetime:
    """Return the start of a day."""
    return datetime.combine(of, time.min, tzinfo=UTC)


def until(post: Post, metric: str, moment: datetime) -> int:
    """Return a number of a video at this moment."""
    name = COUNTER_OF.get(metric, metric)
    return growth.grown(post.external_id, name, since=post.created_at, now=moment, most=METRICS[metric])


def headers(dimensions: str, metrics: Sequence[str]) -> list[dict[str, str]]:
    """Return the heads of the table's columns."""
    first = [{"name": dimensions, "columnType": "DIMENSION", "dataType": "STRING"}] if dimensions else []
    return first + [{"name": name, "columnType": "METRIC", "dataType": "INTEGER"} for name in metrics]
