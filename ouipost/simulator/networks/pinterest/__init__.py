"""Pinterest: sign-in, tokens, quotas and routes; boards, media, Pins and numbers are beside it."""

import math
import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import limits, oauth, pages, people, tokens
from ouipost.simulator.call import Call, Handler, Network, Route, form
from ouipost.simulator.models import Post, Token
from ouipost.simulator.networks.pinterest import boards, insights, pins
from ouipost.simulator.networks.pinterest import media as videos
from ouipost.simulator.networks.pinterest.access import (
    API,
    ID,
    SCOPES,
    STORAGE,
    error,
    has_trial_access,
    identify,
    is_old,
    missing_path,
)

WEB = ("www.pinterest.com",)
LOOK = pages.Look(name="Pinterest", colour="#e60023", allow_label="Give access")
CODE_LIFETIME = timedelta(minutes=10)
ACCESS_LIFETIME = timedelta(days=30)
REFRESH_LIFETIME = timedelta(days=60)
OLD_REFRESH_LIFETIME = timedelta(days=365)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
A_SECOND = 100
A_MINUTE = {"org_read": 1000, "org_write": 100, "org_analytics": 60}
A_TRIAL_DAY = {"": 1000, "org_write": 300}
CATEGORIES: dict[Handler, str] = {
    boards.user_account: "org_read",
    boards.boards: "org_read",
    boards.sections: "org_read",
    boards.add_board: "org_write",
    videos.register: "org_write",
    videos.status: "org_read",
    pins.create: "org_write",
    pins.show: "org_read",
    pins.pins: "org_read",
    pins.board_pins: "org_read",
    pins.section_pins: "org_read",
    pins.edit: "org_write",
    pins.delete: "org_write",
    insights.of_pin: "org_analytics",
    insights.of_account: "org_analytics",
}


def admit(call: Call, route: Route) -> None:
    """Count the call against every quota of its app, with Pinterest's headers; refuse it beyond one."""
    category = CATEGORIES.get(route.handler)
    if category is None or call.token is None:
        return
    usages = [(window, quota(call, key, most, window)) for key, most, window in quotas(call.token, category)]
    _, tightest = min(usages, key=lambda each: (not each[1].exceeded, each[1].remaining))
    told = [f"{usage.limit};w={int(window.total_seconds())}" for window, usage in usages]
    call.headers |= {
        "x-ratelimit-limit": ", ".join([str(tightest.limit), *told]),
        "x-ratelimit-remaining": str(tightest.remaining),
        "x-ratelimit-reset": str(math.ceil((tightest.resets_at - call.now).total_seconds())),
    }
    if any(usage.exceeded for _, usage in usages):
        raise error(429, 8, "You have exceeded your rate limit. Try again later.")


def quotas(token: Token, category: str) -> list[tuple[str, int, timedelta]]:
    """Return the key, the size and the window of each quota: an app on trial has them for all its users together."""
    if has_trial_access(token.client_id):
        names = [name for name in A_TRIAL_DAY if name in ("", category)]
        return [(f"{ID}:{token.client_id} {name}", A_TRIAL_DAY[name], DAY) for name in names]
    key = f"{ID}:{token.client_id} {token.account}"
    return [(key, A_SECOND, SECOND), (f"{key} {category}", A_MINUTE[category], MINUTE)]


def quota(call: Call, key: str, most: int, window: timedelta) -> limits.Usage:
    """Count the call against one quota."""
    return limits.take(key, limit=most, window=window, now=call.now)


def authorize(call: Call) -> HttpResponse:
    """Show the consent page, and send the person back with a code or a refusal."""
    scopes = [scope for scope in call.text("scope").split(",") if scope]
    wrong = {
        "client_id": not call.text("client_id"),
        "redirect_uri": not pages.is_redirect_uri(call.text("redirect_uri")),
        "response_type": call.text("response_type") != "code",
        "scope": not scopes or any(scope not in SCOPES for scope in scopes),
    }
    if names := [name for name, is_wrong in wrong.items() if is_wrong]:
        return pages.problem(LOOK, f"Sorry, this app's request is wrong: check {', '.join(names)}.")
    return pages.ask(call, LOOK, scopes, grant_code)


def grant_code(call: Call, someone: people.Person, scopes: list[str]) -> str:
    """Return a code, good for ten minutes, for the person who logged in."""
    account = boards.keep_account(someone)
    return tokens.issue_code(
        call,
        ID,
        secrets.token_hex(20),
        lifetime=CODE_LIFETIME,
        person=account.external_id,
        account=account.external_id,
        scopes=scopes,
    )


ENDPOINT = oauth.TokenEndpoint(
    network=ID,
    credentials=oauth.basic,
    lasts=lambda token: not token.data["is_continuous"],
    error=error,
    wrong={
        "form": (400, 1, "Invalid request: send the parameters as application/x-www-form-urlencoded"),
        "client_id": (401, 2, "Authentication failed."),
        "client_secret": (401, 2, "Authentication failed."),
        "grant_type": (400, 1, "Invalid request: grant_type must be authorization_code or refresh_token"),
        "code": (400, 1, "Invalid request: the code is invalid or has expired"),
        "redirect_uri": (400, 1, "Invalid request: redirect_uri is not the one of the code"),
        "refresh_token": (401, 2, "Authentication failed."),
    },
)


def token(call: Call) -> HttpResponse:
    """Give tokens for a code or a refresh token; a refresh token that ends on a fixed day is not replaced."""
    source = ENDPOINT.source(call)
    value = f"pina_{secrets.token_urlsafe(60)}"
    answer: dict[str, Any] = {
        "response_type": call.text("grant_type"),
        "access_token": tokens.issue(value, like=source, now=call.now, lifetime=ACCESS_LIFETIME, kind="access"),
        "token_type": "bearer",
        "expires_in": tokens.seconds(ACCESS_LIFETIME),
        "scope": " ".join(source.scopes),
    }
    if source.kind == "code":
        is_continuous = not is_old(source.client_id) or call.flag("continuous_refresh", default=False)
        answer |= refreshing(call, source, is_continuous=is_continuous)
    elif source.data["is_continuous"]:
        answer |= refreshing(call, source, is_continuous=True)
    return JsonResponse(answer)


def refreshing(call: Call, source: Token, *, is_continuous: bool) -> dict[str, Any]:
    """Issue a refresh token."""
    lifetime = REFRESH_LIFETIME if is_continuous else OLD_REFRESH_LIFETIME
    value = tokens.issue(
        f"pinr.{secrets.token_urlsafe(60)}",
        like=source,
        now=call.now,
        lifetime=lifetime,
        kind="refresh",
        data={"is_continuous": is_continuous},
    )
    return {
        "refresh_token": value,
        "refresh_token_expires_in": tokens.seconds(lifetime),
        "refresh_token_expires_at": int((call.now + lifetime).timestamp()),
    }


def permalink(call: Call, pin_id: str) -> HttpResponse:
    """Show a Pin to anybody, unless its app has only Trial access."""
    if Post.objects.filter(network=ID, external_id=pin_id, data__is_trial=True).exists():
        return pages.problem(LOOK, "Only the creator of this Pin can see it.", status=404)
    return pages.permalink(call, LOOK, ID, pin_id)


BOARD = r"/v5/boards/(?P<board_id>\d+)"
SECTION = rf"{BOARD}/sections/(?P<section_id>\d+)"
PIN = r"/v5/pins/(?P<pin_id>\d+)"
NETWORK = Network(
    id=ID,
    hosts=(API, STORAGE, *WEB),
    not_found=missing_path,
    identify=identify,
    revoke=tokens.revoke_grant,
    admit=admit,
    routes=(
        *form(hosts=WEB, pattern="/oauth/?", handler=authorize),
        Route(method="GET", hosts=WEB, pattern=r"/pin/(?P<pin_id>\d+)/?", handler=permalink),
        Route(method="POST", hosts=(STORAGE,), pattern="/", handler=videos.upload, upload=True),
        Route(method="POST", hosts=(API,), pattern="/v5/oauth/token", handler=token),
        Route(method="GET", hosts=(API,), pattern="/v5/user_account", handler=boards.user_account),
        Route(method="GET", hosts=(API,), pattern="/v5/user_account/analytics", handler=insights.of_account),
        Route(method="GET", hosts=(API,), pattern="/v5/boards", handler=boards.boards),
        Route(method="POST", hosts=(API,), pattern="/v5/boards", handler=boards.add_board),
        Route(method="GET", hosts=(API,), pattern=f"{BOARD}/sections", handler=boards.sections),
        Route(method="GET", hosts=(API,), pattern=f"{BOARD}/pins", handler=pins.board_pins),
        Route(method="GET", hosts=(API,), pattern=f"{SECTION}/pins", handler=pins.section_pins),
        Route(method="POST", hosts=(API,), pattern="/v5/media", handler=videos.register),
        Route(method="GET", hosts=(API,), pattern=r"/v5/media/(?P<media_id>\d+)", handler=videos.status),
        Route(method="POST", hosts=(API,), pattern="/v5/pins", handler=pins.create, visible=True),
        Route(method="GET", hosts=(API,), pattern="/v5/pins", handler=pins.pins),
        Route(method="GET", hosts=(API,), pattern=PIN, handler=pins.show),
        Route(method="PATCH", hosts=(API,), pattern=PIN, handler=pins.edit),
        Route(method="DELETE", hosts=(API,), pattern=PIN, handler=pins.delete),
        Route(method="GET", hosts=(API,), pattern=f"{PIN}/analytics", handler=insights.of_pin),
    ),
)
