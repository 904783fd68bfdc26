"""The numbers of Threads posts and profiles."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, growth
from ouipost.simulator.call import Call
from ouipost.simulator.graph import invalid
from ouipost.simulator.models import Post
from ouipost.simulator.networks.threads import posts
from ouipost.simulator.networks.threads.access import ID, INSIGHTS, authorized

MEDIA_METRICS = {"views": 900, "likes": 60, "replies": 12, "reposts": 9, "quotes": 4, "shares": 6}
USER_METRICS = {"views": 3000, "likes": 120, "replies": 30, "reposts": 20, "quotes": 8, "clicks": 15}
FOLLOWERS, DEMOGRAPHICS = "followers_count", "follower_demographics"
BEGINNING = datetime.fromtimestamp(1_712_991_600, tz=UTC)
FOLLOWERS_FOR_DEMOGRAPHICS = 100
BREAKDOWNS = {
    "age": {"18-24": 40, "25-34": 40, "35-44": 20},
    "country": {"GB": 50, "DE": 30, "US": 20},
    "city": {"London, England": 60, "Hamburg, Hamburg": 40},
    "gender": {"F": 50, "M": 45, "U": 5},
}


def of_media(call: Call, media: str) -> HttpResponse:
    """Show lifetime numbers of a post."""
    names = graph.metrics_of(call, tuple(MEDIA_METRICS))
    authorized(call, INSIGHTS)
    post = posts.existing(call, media)
    authorized(call, INSIGHTS, user=post.account)
    data = [
        {
            "name": name,
            "period": "lifetime",
            "values": [{"value": value_of(call, post, name)}],
            "title": name,
            "id": f"{post.external_id}/insights/{name}/lifetime",
        }
        for name in names
    ]
    return JsonResponse({"data": data})


def value_of(call: Call, post: Post, name: str) -> int:
    """Return a number of a post; replies that are here are counted."""
    count = growth.counted(call, post, name, MEDIA_METRICS[name])
    if name != "replies":
        return count
    return count + Post.objects.alive().filter(network=ID, parent=post.external_id).count()


def of_user(call: Call, user: str) -> HttpResponse:
    """Show a profile's numbers of some days, how many follow it, or who."""
    account = authorized(call, INSIGHTS, user=user)
    names = graph.metrics_of(call, (*USER_METRICS, FOLLOWERS, DEMOGRAPHICS))
    if FOLLOWERS in names and (call.text("since") or call.text("until")):
        raise invalid(f"The metric {FOLLOWERS} takes neither since nor until")
    since = graph.moment(call, "since") or call.now - timedelta(days=1)
    until = min(graph.moment(call, "until") or call.now, call.now)
    if since < BEGINNING:
        raise invalid("Param since must be 1712991600 or later")
    data = [entry(call, account, name, since, until) for name in names]
    return JsonResponse({"data": [each for each in data if each]})


def entry(call: Call, account: str, name: str, since: datetime, until: datetime) -> dict[str, Any]:
    """Return one metric, each in the form that is its own."""
    told = {"name": name, "period": "day", "id": f"{account}/insights/{name}/day"}
    if name == DEMOGRAPHICS:
        return demographics(call, account, told)
    if name == FOLLOWERS:
        return told | {"total_value": {"value": growth.followers(account, call.now)}}
    count = growth.grown(account, name, since=since, now=until, most=USER_METRICS[name])
    if name == "views":
        return told | {"values": [{"value": count, "end_time": graph.stamp(until)}]}
    if name == "clicks":
        return told | {"link_total_values": [{"value": count, "link_url": "https://example.com/"}]}
    return told | {"total_value": {"value": count}}


def demographics(call: Call, account: str, told: dict[str, Any]) -> dict[str, Any]:
    """Return who follows, by one breakdown; nothing below a hundred followers."""
    breakdown = call.text("breakdown")
    if breakdown not in BREAKDOWNS:
        raise invalid("Param breakdown must be one of country, city, age, gender")
    followers = growth.followers(account, call.now)
    if followers < FOLLOWERS_FOR_DEMOGRAPHICS:
        return {}
    results = [
        {"dimension_values": [key], "value": followers * part // 100} for key, part in BREAKDOWNS[breakdown].items()
    ]
    return told | {"total_value": {"breakdowns": [{"dimension_keys": [breakdown], "results": results}]}}
