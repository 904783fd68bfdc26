"""The numbers of Instagram posts and accounts."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, growth, people
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.models import Account
from ouipost.simulator.networks.instagram import posts
from ouipost.simulator.networks.instagram.access import authorized, linked_to

INSIGHTS = "instagram_business_manage_insights"
COMMON = {"views": 900, "reach": 450, "likes": 60, "comments": 12, "saved": 15, "shares": 10, "total_interactions": 100}
COMMON |= {"reposts": 4}
MEDIA_METRICS: dict[str, dict[str, int]] = {
    "FEED": COMMON | {"follows": 5, "profile_visits": 20, "profile_activity": 6},
    "REELS": COMMON
    | {"ig_reels_avg_watch_time": 9000, "ig_reels_video_view_total_time": 90_000, "reels_skip_rate": 40},
    "STORY": {"views": 300, "reach": 150, "replies": 6, "shares": 5, "navigation": 60, "follows": 3}
    | {"profile_visits": 9, "total_interactions": 20, "link_clicks": 4},
}
SUMS = {"FEED": ("likes", "comments", "saved", "shares"), "STORY": ("replies", "shares")}
STORY_NEEDS_VIEWERS = 5
ACCOUNT_METRICS = {
    "views": 3000,
    "reach": 1500,
    "accounts_engaged": 150,
    "total_interactions": 200,
    "likes": 120,
    "comments": 30,
    "shares": 20,
    "saves": 30,
    "replies": 5,
    "reposts": 6,
    "profile_links_taps": 12,
    "follows_and_unfollows": 8,
}
DEMOGRAPHICS = ("follower_demographics", "engaged_audience_demographics")
BREAKDOWNS: dict[str, Mapping[str, int]] = {
    "age": {"18-24": 30, "25-34": 45, "35-44": 15, "45-54": 10},
    "country": {"GB": 60, "DE": 25, "US": 15},
    "city": {"London, England": 70, "Berlin, Berlin": 30},
    "gender": {"F": 55, "M": 40, "U": 5},
}
FOLLOWERS_FOR_DEMOGRAPHICS = 100
MOST_DAYS = timedelta(days=30)


def of_media(call: Call, media: str) -> HttpResponse:
    """Show lifetime numbers of a post; one name that its kind does not have fails them all."""
    post = posts.existing(call, media)
    authorized(call, INSIGHTS, post.account)
    known = MEDIA_METRICS[post.data["product"]]
    names = graph.metrics_of(call, known)

    def value(name: str) -> int:
        return growth.counted(call, post, name, known[name])

    if post.data["product"] == "STORY" and value("reach") < STORY_NEEDS_VIEWERS:
        raise error("(#10) Not enough viewers for the media to show insights", 10)
    data = [
        {
            "name": name,
            "period": "lifetime",
            "values": [{"value": total(post.data["product"], value) if name == "total_interactions" else value(name)}],
            "title": name.replace("_", " ").capitalize(),
            "id": f"{post.external_id}/insights/{name}/lifetime",
        }
        for name in names
    ]
    return JsonResponse({"data": data})


def total(product: str, value: Callable[[str], int]) -> int:
    """Return the interactions together."""
    return sum(value(name) for name in SUMS.get(product, SUMS["FEED"]))


def of_account(call: Call, ig: str) -> HttpResponse:
    """Show an account's numbers of some days, or who follows it."""
    account = authorized(call, INSIGHTS, ig)
    names = graph.metrics_of(call, ACCOUNT_METRICS | dict.fromkeys(DEMOGRAPHICS, 0))
    if call.text("metric_type") != "total_value":
        raise invalid("The metrics must be asked for with metric_type=total_value")
    if set(names) & set(DEMOGRAPHICS):
        return demographics(call, account, names)
    if call.text("period") != "day":
        raise invalid("The metrics must be asked for with period=day")
    since = graph.moment(call, "since") or call.now - timedelta(days=1)
    until = min(graph.moment(call, "until") or call.now, call.now)
    if until - since > MOST_DAYS:
        raise invalid("There cannot be more than 30 days between since and until")

    def value(name: str) -> int:
        return growth.grown(account, name, since=since, now=until, most=ACCOUNT_METRICS[name])

    data = [entry(account, name, "day", {"value": value(name)}) for name in names]
    return JsonResponse({"data": data})


def demographics(call: Call, account: str, names: list[str]) -> HttpResponse:
    """Show who follows, by one breakdown; nothing below a hundred followers."""
    breakdown = call.text("breakdown")
    if call.text("period") != "lifetime" or breakdown not in BREAKDOWNS or not call.text("timeframe"):
        raise invalid("Demographics need period=lifetime, a timeframe, and a breakdown of age, city, country or gender")
    followers = growth.followers(account, call.now)
    shares = BREAKDOWNS[breakdown] if followers >= FOLLOWERS_FOR_DEMOGRAPHICS else {}
    results = [{"dimension_values": [key], "value": followers * part // 100} for key, part in shares.items()]
    value = {"breakdowns": [{"dimension_keys": [breakdown], "results": results}]}
    return JsonResponse({"data": [entry(account, name, "lifetime", value) for name in names if results]})


def entry(account: str, name: str, period: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return one metric of an account."""
    return {"name": name, "period": period, "total_value": value, "id": f"{account}/insights/{name}/{period}"}


def linked(call: Call, page: Account) -> dict[str, Any] | None:
    """Return the fields of the account that is linked to a Facebook Page, where one is."""
    account = linked_to(page)
    return own_fields(call, account) if account else None


def profile(call: Call, account: Account) -> dict[str, Any]:
    """Return the fields of an account as Instagram's own host shows them."""
    return own_fields(call, account) | {"user_id": account.external_id, "account_type": account.data["kind"]}


def own_fields(call: Call, account: Account) -> dict[str, Any]:
    """Return the fields of an account that both hosts show."""
    followers = growth.followers(account.external_id, call.now)
    return {
        "id": account.external_id,
        "username": account.username,
        "name": account.name,
        "profile_picture_url": people.avatar(call.base, account),
        "followers_count": followers,
        "follows_count": followers // 3,
        "media_count": posts.posts_of(call, account.external_id).count(),
    }
