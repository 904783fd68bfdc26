"""The list of a user's posts on X, in pages."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator.call import Call, parse
from ouipost.simulator.models import Account, Post, PostQuerySet
from ouipost.simulator.networks.twitter.access import ID, authorized, invalid, not_found
from ouipost.simulator.networks.twitter.views import answer, fields_of, shown

PAGE_PREFIX = "7140dibdnow9c7btw"


def timeline(call: Call, user_id: str) -> HttpResponse:
    """List a user's posts, newest first."""
    authorized(call, "tweet.read", "users.read")
    fields = fields_of(call)
    size = number(call, "max_results", 10, 5, 100)
    if not Account.objects.filter(network=ID, external_id=user_id).exists():
        return JsonResponse({"errors": [not_found("user", user_id)]})
    posts = list(narrowed(call, user_id).order_by("-created_at", "-pk")[: size + 1])
    page = posts[:size]
    meta: dict[str, Any] = {"result_count": len(page)}
    if page:
        meta |= {"newest_id": page[0].external_id, "oldest_id": page[-1].external_id}
    if len(posts) > size:
        meta["next_token"] = f"{PAGE_PREFIX}{page[-1].external_id}"
    return JsonResponse(answer([shown(call, post, fields) for post in page], []) | {"meta": meta})


def narrowed(call: Call, user_id: str) -> PostQuerySet:
    """Return the user's posts within the asked times and kinds, behind the page that a token follows."""
    posts = Post.objects.of(ID, user_id).listed(call.now, call.seconds("list_lag"))
    exclude = set(filter(None, call.text("exclude").split(",")))
    if exclude - {"replies", "retweets"}:
        raise invalid("exclude must be of replies and retweets.", "exclude", call.text("exclude"))
    if "replies" in exclude:
        posts = posts.filter(parent="")
    if start := moment(call, "start_time"):
        posts = posts.filter(created_at__gte=start)
    if end := moment(call, "end_time"):
        posts = posts.filter(created_at__lt=end)
    last = last_seen(call, user_id)
    return posts.older_than(last) if last else posts


def last_seen(call: Call, user_id: str) -> Post | None:
    """Return the post that a page ended with, so that newer ones shift nothing; refuse a token that none gave."""
    token = call.text("pagination_token")
    if not token:
        return None
    last = Post.objects.of(ID, user_id).filter(external_id=token.removeprefix(PAGE_PREFIX)).first()
    if last is None:
        raise invalid("pagination_token is not a token of this list.", "pagination_token", token)
    return last


def number(call: Call, name: str, default: int, least: int, most: int) -> int:
    """Return a parameter that is a number within bounds, or refuse."""
    value = parse(call.text(name) or str(default))
    if type(value) is not int or not least <= value <= most:
        raise invalid(f"{name} must be a number from {least} to {most}.", name, call.text(name))
    return value


def moment(call: Call, name: str) -> datetime | None:
    """Return a parameter that is a time in ISO 8601 with its zone, or refuse."""
    text = call.text(name)
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise invalid(f"{name} must be an ISO 8601 time such as 2026-01-31T12:00:00Z.", name, text)
    return parsed
