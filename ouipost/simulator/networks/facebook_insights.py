"""The numbers of Facebook posts and pages."""

from collections.abc import Callable
from datetime import timedelta

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.networks import facebook_posts as posts
from ouipost.simulator.networks.facebook_access import authorized, page_token
from ouipost.simulator.networks.facebook_posts import REACTIONS

POST_METRICS = REACTIONS | {
    "post_media_view": 900,
    "post_total_media_view_unique": 600,
    "post_clicks": 80,
    "post_video_views": 0,
    "post_video_avg_time_watched": 0,
    "post_video_view_time": 0,
}
PAGE_METRICS = {
    "page_follows": 900,
    "page_daily_follows": 6,
    "page_daily_follows_unique": 6,
    "page_daily_unfollows_unique": 3,
    "page_media_view": 3000,
    "page_total_media_view_unique": 2000,
    "page_post_engagements": 200,
    "page_views_total": 90,
    "page_total_actions": 12,
    "page_video_views": 0,
    "page_video_view_time": 0,
}


def of_post(call: Call, version: str, post_id: str) -> HttpResponse:
    """Show lifetime numbers of a post."""
    token = authorized(call, "pages_read_engagement")
    post = posts.existing(call, post_id)
    return insights(call, post_id, token.scopes, POST_METRICS, lambda name, most: posts.counted(call, post, name, most))


def of_page(call: Call, version: str, page: str) -> HttpResponse:
    """Show numbers of a page."""
    token = page_token(call, page, "pages_read_engagement")
    since = call.now - timedelta(days=1)

    def value(name: str, most: int) -> int:
        return growth.grown(token.account, name, since=since, now=call.now, most=most)

    return insights(call, token.account, token.scopes, PAGE_METRICS, value)


def insights(
    call: Call, subject: str, scopes: list[str], known: dict[str, int], value: Callable[[str, int], int]
) -> HttpResponse:
    """Return the asked metrics; one unknown name fails them all, and without the scope there are none."""
    period = call.text("period") or ("lifetime" if known is POST_METRICS else "day")
    names = [name for name in call.text("metric").split(",") if name]
    if not names:
        raise error("(#3001) The parameter metric is required", 3001, 1504028)
    if any(name not in known and name != "post_reactions_by_type_total" for name in names):
        raise invalid("The value must be a valid insights metric")
    if "read_insights" not in scopes:
        return JsonResponse({"data": []})
    data = [
        {
            "name": name,
            "period": period,
            "values": [{"value": value(name, known[name]) if name in known else by_type(value)}],
            "id": f"{subject}/insights/{name}/{period}",
        }
        for name in names
    ]
    return JsonResponse({"data": data, "paging": {}})


def by_type(value: Callable[[str, int], int]) -> dict[str, int]:
    """Return the reactions by kind."""
    return {name.split("_")[2]: value(name, most) for name, most in REACTIONS.items()}
