"""The numbers of Facebook posts and pages."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, growth
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.models import Post
from ouipost.simulator.networks.facebook import nodes, processing
from ouipost.simulator.networks.facebook.access import ANALYZE, authorized, page_token, require_task
from ouipost.simulator.networks.facebook.nodes import REACTIONS

POST_METRICS = REACTIONS | {"post_media_view": 900, "post_total_media_view_unique": 450, "post_clicks": 80}
VIDEO_METRICS = {"post_video_views": 400, "post_video_avg_time_watched": 9000, "post_video_view_time": 2_000_000}
CLICK_KINDS = {"link clicks": 30, "other clicks": 40}
PAGE_METRICS = {
    "page_follows": 900,
    "page_daily_follows": 6,
    "page_daily_follows_unique": 6,
    "page_daily_unfollows_unique": 3,
    "page_media_view": 3000,
    "page_total_media_view_unique": 1500,
    "page_post_engagements": 200,
    "page_views_total": 90,
    "page_total_actions": 12,
    "page_video_views": 60,
    "page_video_view_time": 90_000,
}
PAGE_OBJECTS = {
    "page_follows_country": {"FR": 60, "DE": 25, "GB": 10},
    "page_follows_city": {"Paris, Île-de-France, France": 40, "Berlin, Germany": 20},
    "page_actions_post_reactions_total": {"like": 90, "love": 30},
}
PERIODS = ("day", "week", "days_28")
OTHER_PERIODS = {
    "page_follows": ("day",),
    "page_actions_post_reactions_total": ("day",),
    "page_follows_country": ("day", "lifetime"),
    "page_follows_city": ("day", "lifetime"),
}
LONGEST = timedelta(days=90)
HISTORY = timedelta(days=730)
Value = int | dict[str, int]


def of_post(call: Call, post_id: str) -> HttpResponse:
    """Show lifetime numbers of a post."""
    token = authorized(call, "pages_read_engagement")
    post = nodes.existing(call, post_id)
    require_task(token, ANALYZE)
    numbers = post_numbers(call, post)

    def entry(name: str) -> dict[str, Any]:
        return shown(post_id, name, "lifetime", [{"value": numbers[name]()}])

    return insights(call, token.scopes, numbers, entry)


def post_numbers(call: Call, post: Post) -> Mapping[str, Callable[[], Value]]:
    """Return the metrics of a post, each with a function that counts it; video metrics are 0 for other posts."""

    def plain(name: str, most: int) -> Callable[[], Value]:
        return lambda: growth.counted(call, post, name, most)

    is_video = post.data.get("kind") in ("video", "reel", "story")
    most_of = POST_METRICS | {name: most if is_video else 0 for name, most in VIDEO_METRICS.items()}
    return {name: plain(name, most) for name, most in most_of.items()} | {
        "post_reactions_by_type_total": lambda: by_type(call, post),
        "post_activity_by_action_type": lambda: activity(call, post),
        "post_clicks_by_type": lambda: {
            kind: growth.counted(call, post, kind, most) for kind, most in CLICK_KINDS.items()
        },
    }


def by_type(call: Call, post: Post) -> dict[str, int]:
    """Return the reactions by kind."""
    return {name.split("_")[2]: growth.counted(call, post, name, most) for name, most in REACTIONS.items()}


def activity(call: Call, post: Post) -> dict[str, int]:
    """Return the counts of actions on a post, without those that are 0."""
    counts = {
        "like": sum(by_type(call, post).values()),
        "comment": nodes.comment_count(call, post),
        "share": growth.counted(call, post, "shares", nodes.MOST_SHARES),
    }
    return {name: count for name, count in counts.items() if count}


def of_page(call: Call, page: str) -> HttpResponse:
    """Show numbers of a page, day by day."""
    if processing.find(page):
        raise invalid("Tried accessing nonexisting field (insights) on node type (Video)")
    token = page_token(call, page, "pages_read_engagement", task=ANALYZE)
    period = call.text("period") or "day"
    for name in call.text("metric").split(","):
        periods = OTHER_PERIODS.get(name, PERIODS)
        if period not in periods:
            raise invalid(f"Param period must be one of {{{', '.join(periods)}}} for {name}")
    ends = list(days(call))

    def entry(name: str) -> dict[str, Any]:
        values = [{"value": on(token.account, name, end), "end_time": graph.stamp(end)} for end in ends]
        return shown(token.account, name, period, values)

    return insights(call, token.scopes, PAGE_METRICS | PAGE_OBJECTS, entry)


def days(call: Call) -> Iterator[datetime]:
    """Give the ends of the whole days between `since` and `until`, by default of the last two."""
    until = min(graph.moment(call, "until") or call.now, call.now)
    since = graph.moment(call, "since") or until - timedelta(days=2)
    if until - since > LONGEST or since < call.now - HISTORY:
        raise invalid("There cannot be more than 90 days between since and until, nor more than 2 years back")
    end = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while end <= until:
        yield end
        end += timedelta(days=1)


def on(page: str, name: str, end: datetime) -> Value:
    """Return a page's number of the day that ends at this moment."""

    def number(metric: str, most: int) -> int:
        return growth.grown(page, f"{metric}{end:%Y%m%d}", since=end - timedelta(days=1), now=end, most=most)

    if name in PAGE_OBJECTS:
        return {key: number(name + key, most) for key, most in PAGE_OBJECTS[name].items()}
    return growth.followers(page, end) if name == "page_follows" else number(name, PAGE_METRICS[name])


def shown(subject: str, name: str, period: str, values: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one metric as Graph shows it."""
    return {"name": name, "period": period, "values": values, "id": f"{subject}/insights/{name}/{period}"}


def insights(
    call: Call, scopes: list[str], known: Mapping[str, Any], entry: Callable[[str], dict[str, Any]]
) -> HttpResponse:
    """Return the requested metrics; one unknown name fails them all, and without the scope the list is empty."""
    names = [name for name in call.text("metric").split(",") if name]
    if not names:
        raise error("(#3001) The parameter metric is required", 3001, 1504028)
    if any(name not in known for name in names):
        raise invalid("The value must be a valid insights metric")
    if "read_insights" not in scopes:
        return JsonResponse({"data": []})
    return JsonResponse({"data": [entry(name) for name in names], "paging": {}})
