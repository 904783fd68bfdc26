"""Pinterest: sign-in, tokens, quotas and routes; boards, media, Pins and numbers are beside it."""

import base64
import math
import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import limits, pages, people, tokens
from ouipost.simulator.call import Call, Handler, Network, Refusal, Route, form
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
    invalid,
    is_old,
    missing_path,
    unauthenticated,
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


def client_of(call: Call) -> str:
    """Return the client that calls the token endpoint, by its Basic credentials."""
    if not call.is_form:
        raise invalid("send the parameters as application/x-www-form-urlencoded")
    scheme, _, encoded = call.request.headers.get("Authorization", "").partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise unauthenticated() from None
    if scheme.lower() != "basic" or not client_id or not secret or not tokens.secret_fits(ID, client_id, secret):
        raise unauthenticated()
    return client_id


def token(call: Call) -> HttpResponse:
    """Give tokens for a code, or for a refresh token."""
    client_id = client_of(call)
    match call.text("grant_type"):
        case "authorization_code":
            return first_tokens(call, tokens.spent_code(call, ID, client_id, wrong))
        case "refresh_token":
            return next_tokens(call, client_id)
        case _:
            raise invalid("grant_type must be authorization_code or refresh_token")


def wrong(what: str) -> Refusal:
    """Return the refusal of a code, or of the address that came with it."""
    return invalid("the code is invalid or has expired" if what == "code" else f"{what} is not the one of the code")


def first_tokens(call: Call, code: Token) -> HttpResponse:
    """Issue an access token and a refresh token."""
    is_continuous = not is_old(code.client_id) or call.flag("continuous_refresh", default=False)
    return JsonResponse(access(call, code) | refreshing(call, code, is_continuous=is_continuous))


def next_tokens(call: Call, client_id: str) -> HttpResponse:
    """Issue a new access token; the refresh token is replaced too, unless it is one that ends on a fixed day."""
    old = tokens.find(ID, call.text("refresh_token"), "refresh")
    if old is None or old.client_id != client_id or old.revoked_at or old.expired(call.now):
        raise unauthenticated()
    if not old.data["is_continuous"]:
        return JsonResponse(access(call, old))
    if not tokens.spend(old, call.now):
        raise unauthenticated()
    return JsonResponse(access(call, old) | refreshing(call, old, is_continuous=True))


def access(call: Call, source: Token) -> dict[str, Any]:
    """Issue an access token."""
    value = f"pina_{secrets.token_urlsafe(60)}"
    return {
        "response_type": call.text("grant_type"),
        "access_token": tokens.issue(value, like=source, now=call.now, lifetime=ACCESS_LIFETIME, kind="access"),
        "token_type": "bearer",
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
        "scope": " ".join(source.scopes),
    }


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
        "refresh_token_expires_in": int(lifetime.total_seconds()),
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
