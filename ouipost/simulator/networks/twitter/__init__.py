"""X: login with PKCE, rotating tokens, quotas, users; posts are in `posts`, files in `media`."""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth, limits, oauth, pages, people, tokens
from ouipost.simulator.call import Call, Network, Route, form
from ouipost.simulator.models import Account, Media, Post
from ouipost.simulator.networks.twitter import media as files
from ouipost.simulator.networks.twitter import posts, views
from ouipost.simulator.networks.twitter.access import (
    ID,
    SCOPES,
    authorized,
    chosen_fields,
    identify,
    missing_path,
    problem,
    subscription,
)
from ouipost.simulator.networks.twitter.timelines import timeline

API = ("api.x.com", "api.twitter.com")
WEB = ("x.com", "twitter.com")
LOOK = pages.Look(name="X", colour="#0f1419", allow_label="Authorize app")
CODE_LIFETIME = timedelta(seconds=30)
ACCESS_LIFETIME = timedelta(hours=2)
REFRESH_LIFETIME = timedelta(days=182)
WINDOW, DAY = timedelta(minutes=15), timedelta(days=1)
POSTS_A_DAY = 2400
USER_FIELDS = (
    "id",
    "name",
    "username",
    "profile_image_url",
    "public_metrics",
    "verified",
    "verified_type",
    "subscription_type",
    "created_at",
    "description",
)


def admit(call: Call, route: Route) -> None:
    """Count the call against its limits per 15 minutes and per day; refuse it beyond them."""
    most = LIMITS.get(route.handler)
    if most is None or not call.account:
        return
    name = f"{route.method} {route.handler.__name__}"
    count(call, "x-rate-limit", f"{call.account}:{name}", most, WINDOW)
    if route.handler is posts.create:
        count(call, "x-user-limit-24hour", f"{call.account}:posts", POSTS_A_DAY, DAY)
    of_app = f"app {call.token.client_id}:{name}" if call.token else ""
    if of_app and (most := OF_AN_APP.get(route.handler)):
        count(call, "x-rate-limit", of_app, most, WINDOW)
    if of_app and (most := OF_AN_APP_A_DAY.get(route.handler)):
        count(call, "x-app-limit-24hour", of_app, most, DAY)


def count(call: Call, header: str, key: str, most: int, window: timedelta) -> None:
    """Take one from a quota, or refuse if it is used up. If two quotas share a header, it shows the smaller rest."""
    usage = limits.take(f"{ID}:{key}", limit=most, window=window, now=call.now)
    if usage.remaining > int(call.headers.get(f"{header}-remaining", usage.remaining)):
        return
    call.headers |= {
        f"{header}-limit": str(usage.limit),
        f"{header}-remaining": str(usage.remaining),
        f"{header}-reset": str(int(usage.resets_at.timestamp())),
    }
    if usage.exceeded:
        raise problem(429, "Too Many Requests", "Too Many Requests")


def authorize(call: Call) -> HttpResponse:
    """Show the consent page, and send the person back with a code or a refusal."""
    scopes = call.text("scope").split()
    wrong = {
        "client_id": not call.text("client_id"),
        "redirect_uri": not is_redirect_uri(call.text("redirect_uri")),
        "response_type": call.text("response_type") != "code",
        "state": not 0 < len(call.text("state")) <= 500,
        "code_challenge": len(call.text("code_challenge")) != 43,
        "code_challenge_method": call.text("code_challenge_method") != "S256",
        "scope": not scopes or any(scope not in SCOPES for scope in scopes),
    }
    if names := [name for name, is_wrong in wrong.items() if is_wrong]:
        return pages.problem(LOOK, f"You weren't able to give access to the App: check {', '.join(names)}.")
    return pages.ask(call, LOOK, scopes, grant_code)


def is_redirect_uri(address: str) -> bool:
    """Return whether X accepts this redirect address; localhost is accepted only by its IP address."""
    return pages.is_redirect_uri(address) and urlsplit(address).hostname != "localhost"


def grant_code(call: Call, someone: people.Person, scopes: list[str]) -> str:
    """Return a code, good for 30 seconds, for the person who logged in."""
    external_id = str(people.number(ID, someone.key))
    paid = subscription(someone.name)
    people.keep(ID, external_id, username=someone.handle, name=someone.name, subscription_type=paid)
    return tokens.issue_code(
        call,
        ID,
        secrets.token_urlsafe(64),
        lifetime=CODE_LIFETIME,
        person=external_id,
        account=external_id,
        scopes=scopes,
        challenge=call.text("code_challenge"),
    )


def credentials(call: Call) -> tuple[str, str]:
    """Return the Basic credentials of an app; a public one sends only its id, in the form."""
    if call.request.headers.get("Authorization", "").partition(" ")[0].lower() == "basic":
        return oauth.basic(call)
    return "" if call.text("client_secret") else call.text("client_id"), ""


ENDPOINT = oauth.TokenEndpoint(
    network=ID,
    credentials=credentials,
    requires_secret=False,
    wrong={
        "form": (400, "invalid_request", "Send the parameters as application/x-www-form-urlencoded."),
        "client_id": (401, "unauthorized_client", "Missing valid authorization header"),
        "client_secret": (401, "unauthorized_client", "Missing valid authorization header"),
        "grant_type": (400, "invalid_request", "Missing or unsupported grant_type."),
        "code": (400, "invalid_request", "Value passed for the authorization code was invalid."),
        "redirect_uri": (
            400,
            "invalid_request",
            "Value passed for the redirect uri did not match the uri of the authorization code.",
        ),
        "code_verifier": (
            400,
            "invalid_request",
            "Value passed for the code verifier did not match the code challenge.",
        ),
        "refresh_token": (400, "invalid_request", "Value passed for the token was invalid."),
        "token": (400, "invalid_request", "Missing required parameter [token]."),
    },
)


def token(call: Call) -> HttpResponse:
    """Give an access token for a code or a refresh token, and a new refresh token if offline access was granted."""
    source = ENDPOINT.source(call)
    access = tokens.issue(secrets.token_urlsafe(64), like=source, now=call.now, lifetime=ACCESS_LIFETIME, kind="access")
    answer: dict[str, Any] = {
        "token_type": "bearer",
        "expires_in": tokens.seconds(ACCESS_LIFETIME),
        "access_token": access,
        "scope": " ".join(source.scopes),
    }
    if "offline.access" in source.scopes:
        answer["refresh_token"] = tokens.issue(
            secrets.token_urlsafe(64), like=source, now=call.now, lifetime=REFRESH_LIFETIME, kind="refresh"
        )
    return JsonResponse(answer)


def revoke(call: Call) -> HttpResponse:
    """Revoke a token and all others of its consent."""
    found = ENDPOINT.named(call)
    if not call.text("token"):
        raise ENDPOINT.refuse("token")
    if found is not None:
        tokens.revoke_grant(found, call.now)
    return JsonResponse({"revoked": True})


def me(call: Call) -> HttpResponse:
    """Show the user of this token."""
    token = authorized(call, "users.read", "tweet.read")
    account = Account.objects.get(network=ID, external_id=token.account)
    fields = chosen_fields(call, "user.fields", USER_FIELDS) | {"id", "name", "username"}
    shown = user(call, account)
    return JsonResponse({"data": {name: shown[name] for name in USER_FIELDS if name in fields}})


def user(call: Call, account: Account) -> dict[str, Any]:
    """Return all fields of a user."""
    paid = account.data.get("subscription_type", "None")
    return {
        "id": account.external_id,
        "name": account.name,
        "username": account.username,
        "profile_image_url": people.avatar(call.base, account),
        "public_metrics": {
            "followers_count": growth.followers(account.external_id, call.now),
            "following_count": 2,
            "tweet_count": Post.objects.alive().of(ID, account.external_id).count(),
            "listed_count": 0,
            "like_count": 0,
            "media_count": Media.objects.filter(network=ID, account=account.external_id, used=True).count(),
        },
        "verified": paid != "None",
        "verified_type": "none" if paid == "None" else "blue",
        "subscription_type": paid,
        "created_at": "2026-01-01T00:00:00.000Z",
        "description": "",
    }


def permalink(call: Call, post_id: str) -> HttpResponse:
    """Show a post to anybody, whatever name is in the address."""
    return pages.permalink(call, LOOK, ID, post_id)


LIMITS = {
    posts.create: 100,
    posts.delete: 50,
    views.lookup: 5000,
    views.show: 900,
    timeline: 900,
    me: 75,
    files.upload: 500,
    files.status: 1000,
    files.metadata: 500,
    files.initialize: 1875,
    files.append: 1875,
    files.finalize: 1875,
}
OF_AN_APP = {
    views.lookup: 3500,
    views.show: 450,
    timeline: 10_000,
}
"""The calls of an app in 15 minutes, by all its users together."""
OF_AN_APP_A_DAY = {
    posts.create: 10_000,
    files.upload: 50_000,
    files.status: 100_000,
    files.metadata: 50_000,
    files.initialize: 180_000,
    files.append: 180_000,
    files.finalize: 180_000,
}
POST = r"/2/tweets/(?P<post_id>\d+)"
UPLOAD = r"/2/media/upload/(?P<media_id>\d+)"
NETWORK = Network(
    id=ID,
    hosts=API + WEB,
    not_found=missing_path,
    identify=identify,
    revoke=tokens.revoke_grant,
    admit=admit,
    routes=(
        *form(hosts=WEB, pattern="/i/oauth2/authorize", handler=authorize),
        Route(method="GET", hosts=WEB, pattern=r"/(?:\w+|i/web)/status/(?P<post_id>\d+)/?", handler=permalink),
        Route(method="POST", hosts=API, pattern="/2/oauth2/token", handler=token),
        Route(method="POST", hosts=API, pattern="/2/oauth2/revoke", handler=revoke),
        Route(method="GET", hosts=API, pattern="/2/users/me", handler=me),
        Route(method="POST", hosts=API, pattern="/2/media/upload", handler=files.upload, upload=True),
        Route(method="GET", hosts=API, pattern="/2/media/upload", handler=files.status),
        Route(method="POST", hosts=API, pattern="/2/media/upload/initialize", handler=files.initialize),
        Route(method="POST", hosts=API, pattern=f"{UPLOAD}/append", handler=files.append),
        Route(method="POST", hosts=API, pattern=f"{UPLOAD}/finalize", handler=files.finalize, upload=True),
        Route(method="POST", hosts=API, pattern="/2/media/metadata", handler=files.metadata),
        Route(method="POST", hosts=API, pattern="/2/tweets", handler=posts.create, visible=True),
        Route(method="GET", hosts=API, pattern="/2/tweets", handler=views.lookup),
        Route(method="GET", hosts=API, pattern=POST, handler=views.show),
        Route(method="DELETE", hosts=API, pattern=POST, handler=posts.delete),
        Route(method="GET", hosts=API, pattern=r"/2/users/(?P<user_id>\d+)/tweets", handler=timeline),
    ),
)
