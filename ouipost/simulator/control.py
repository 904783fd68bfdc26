"""The control API: order faults, count the posts that were really published, move the clock."""

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt

from ouipost.simulator import call as calls
from ouipost.simulator import clock, networks
from ouipost.simulator.faults import EFFECTS
from ouipost.simulator.models import (
    Account,
    App,
    Clock,
    Counter,
    Fault,
    Media,
    Piece,
    Post,
    Request,
    Token,
    atomic,
)

LONGEST_SECONDS = 600
MOST_REQUESTS = 10_000
View = Callable[[HttpRequest], JsonResponse]
Options = dict[str, Callable[[Any], bool]]


class Invalid(Exception):
    """A field of a control request is wrong, and how."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(name, message)
        self.name, self.message = name, message


def controlled(*methods: str) -> Callable[[View], View]:
    """Admit the holder of SIMULATOR_TOKEN with one of these methods, and answer broken fields with 400."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        def guarded(request: HttpRequest) -> JsonResponse:
            expected = f"Bearer {settings.SIMULATOR_TOKEN}"
            given = request.headers.get("Authorization", "")
            if not settings.SIMULATOR_TOKEN or not constant_time_compare(given, expected):
                return JsonResponse({"error": "Send Authorization: Bearer with the SIMULATOR_TOKEN."}, status=401)
            if request.method not in methods:
                return JsonResponse({"error": f"Use {' or '.join(methods)}."}, status=405)
            try:
                return view(request)
            except Invalid as invalid:
                return JsonResponse({"error": invalid.message, "field": invalid.name}, status=400)

        return guarded

    return decorate


def is_number(value: Any) -> bool:
    """Return whether this is a number of seconds from 0 to ten minutes."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_SECONDS


def is_lag(value: Any) -> bool:
    """Return whether this is a number of seconds from 0 to a month."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 31 * 86400


def is_flag(value: Any) -> bool:
    """Return whether this is true or false."""
    return isinstance(value, bool)


def is_status(value: Any) -> bool:
    """Return whether this is the status of a final answer."""
    return type(value) is int and 200 <= value <= 599


def is_body(value: Any) -> bool:
    """Return whether this can be an answer's body: a text as it is, or JSON."""
    return isinstance(value, str | dict | list)


def is_headers(value: Any) -> bool:
    """Return whether this maps header names to texts of one line."""
    return isinstance(value, dict) and all(
        isinstance(text, str) and text.isprintable() for pair in value.items() for text in pair
    )


OPTIONS: dict[str, Options] = {
    "timeout_after_accept": {"hold": is_number},
    "timeout_before_accept": {"hold": is_number},
    "status": {"status": is_status, "body": is_body, "headers": is_headers, "after_accept": is_flag},
    "reset": {"after_accept": is_flag},
    "drip": {"interval": is_number},
    "slow_processing": {"seconds": is_lag},
    "list_lag": {"seconds": is_lag},
}

DEFAULTS: dict[str, dict[str, Any]] = {"slow_processing": {"seconds": 5}, "list_lag": {"seconds": 10}}


@controlled("GET", "POST", "DELETE")
def faults_view(request: HttpRequest) -> JsonResponse:
    """Order a fault, list the ordered ones with how often each fired, or drop all."""
    if request.method == "DELETE":
        deleted, _ = Fault.objects.all().delete()
        return JsonResponse({"deleted": deleted})
    if request.method == "GET":
        return JsonResponse({"faults": [shown(fault) for fault in Fault.objects.order_by("pk")]})
    fault = Fault.objects.create(**checked(body_of(request)))
    return JsonResponse(shown(fault), status=201)


def shown(fault: Fault) -> dict[str, Any]:
    """Return a fault as it was ordered, with its id and how often it fired."""
    names = ("id", "network", "account", "match", "effect", "times", "fired")
    return {name: getattr(fault, name) for name in names} | dict(fault.options)


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that was sent."""
    body = calls.parse(request.body)
    if not isinstance(body, dict):
        raise Invalid("body", "Send a JSON object.")
    return body


def checked(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a new fault, or raise for the first one that is wrong."""
    known = [network.id for network in networks.ALL]
    if body.get("network") not in known:
        raise Invalid("network", f"network must be one of {', '.join(known)}.")
    if body.get("effect") not in EFFECTS:
        raise Invalid("effect", f"effect must be one of {', '.join(EFFECTS)}.")
    body = {name: value for name, value in body.items() if value is not None}
    for name in ("account", "match"):
        if not isinstance(body.get(name, ""), str):
            raise Invalid(name, f"{name} must be a text.")
    times = body.get("times", 1)
    if type(times) is not int or not 1 <= times <= 1_000_000:
        raise Invalid("times", "times must be a whole number from 1 to 1000000.")
    fields = {"network", "account", "match", "effect", "times"}
    options = {name: value for name, value in body.items() if name not in fields}
    return {name: body[name] for name in fields & body.keys()} | {"options": checked_options(body["effect"], options)}


def checked_options(effect: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return an effect's own fields, or raise for one that it does not take."""
    allowed = OPTIONS.get(effect, {})
    for name, value in options.items():
        if name not in allowed:
            raise Invalid(name, f"{effect} does not take {name}; it takes {', '.join(allowed) or 'no further field'}.")
        if not allowed[name](value):
            raise Invalid(name, f"{name} has a value that {effect} cannot use.")
    if effect == "status" and "status" not in options:
        raise Invalid("status", "status must be the status to answer with, from 200 to 599.")
    return DEFAULTS.get(effect, {}) | options


@controlled("GET")
def posts_view(request: HttpRequest) -> JsonResponse:
    """Show every visible post once; an account's own comments and replies are the `parts` of their post."""
    posts = Post.objects.alive().exclude(kind__in=Post.UNSEEN).order_by("created_at", "pk")
    for name in ("network", "account"):
        if value := request.GET.get(name):
            posts = posts.filter(**{name: value})
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for post in posts:
        root = entries.get((post.network, post.root)) if post.root else None
        if root is not None and root["account"] == post.account:
            root["parts"].append(part(post))
            continue
        entry = {"network": post.network, "account": post.account} | part(post) | {"parts": []}
        entry.pop("reply_to")
        entries[post.network, post.external_id] = entry
    return JsonResponse({"posts": list(entries.values())})


def part(post: Post) -> dict[str, Any]:
    """Return the control entry of a post."""
    return {
        "id": post.external_id,
        "url": post.url,
        "text": post.text,
        "media_count": len(post.media),
        "created_at": post.created_at,
        "reply_to": post.parent,
    }


@controlled("GET")
def requests_view(request: HttpRequest) -> JsonResponse:
    """Show the newest requests that reached the networks, oldest first."""
    rows = Request.objects.order_by("-pk")
    if network := request.GET.get("network"):
        rows = rows.filter(network=network)
    if match := request.GET.get("match"):
        method, space, path = match.partition(" ")
        rows = rows.filter(method=method, path__contains=path) if space else rows.filter(matching(match))
    names = ("network", "method", "host", "path", "account", "status", "at", "fault")
    return JsonResponse({"requests": list(rows.values(*names)[:MOST_REQUESTS])[::-1]})


def matching(words: str) -> Q:
    """Return the condition that these words occur in host or path."""
    return Q(path__contains=words) | Q(host__contains=words)


@controlled("GET", "POST")
def clock_view(request: HttpRequest) -> JsonResponse:
    """Show the simulator's time, after moving it with `advance` or `set`."""
    if request.method == "GET":
        return JsonResponse({"now": clock.now()})
    match body_of(request):
        case {"advance": int() | float() as seconds, **rest} if not rest and abs(seconds) <= 10**9:
            return JsonResponse({"now": clock.advance(seconds)})
        case {"set": str() as moment, **rest} if not rest:
            return set_clock(moment)
        case body:
            name = next((name for name in body if name not in ("advance", "set")), "advance")
            raise Invalid(name, 'Send {"advance": seconds} or {"set": "2026-01-31T12:00:00Z"}.')


def set_clock(moment: str) -> JsonResponse:
    """Set the clock to a time written in ISO 8601 with its zone."""
    try:
        parsed = parse_datetime(moment)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise Invalid("set", "set must be an ISO 8601 time with a zone, such as 2026-01-31T12:00:00Z.")
    return JsonResponse({"now": clock.set_to(parsed)})


@controlled("POST")
def reset_view(request: HttpRequest) -> JsonResponse:
    """Forget everything: accounts, tokens, posts, faults, log, and the moved clock."""
    with atomic():
        for model in (Account, App, Clock, Counter, Fault, Media, Piece, Post, Request, Token):
            model._default_manager.all().delete()
    return JsonResponse({"reset": True})
