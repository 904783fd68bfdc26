"""X: login with PKCE, rotating tokens, uploads; posts are in `twitter_posts`."""

import base64
import binascii
import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth, limits, media, pages, people, publishing, tokens
from ouipost.simulator.call import FORMS, Call, Network, Refusal, Route
from ouipost.simulator.models import Account, Media, Post, Token
from ouipost.simulator.networks import twitter_posts as posts
from ouipost.simulator.networks.twitter_access import (
    ID,
    SCOPES,
    authorized,
    chosen_fields,
    identify,
    invalid,
    invalid_request,
    missing_path,
    problem,
)
from ouipost.simulator.networks.twitter_timeline import timeline

API = ("api.x.com", "api.twitter.com")
WEB = ("x.com", "twitter.com")
LOOK = pages.Look(name="X", colour="#0f1419", allow_label="Authorize app")
CODE_LIFETIME = timedelta(seconds=30)
ACCESS_LIFETIME = timedelta(hours=2)
REFRESH_LIFETIME = timedelta(days=182)
MEDIA_LIFETIME = timedelta(days=1)
MAX_IMAGE_BYTES = 5 * 1024 * 1024
IMAGE_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP")
MAX_ALT_TEXT = 1000
WINDOW = timedelta(minutes=15)
LIMITS = {
    posts.create: 100,
    posts.delete: 50,
    posts.lookup: 5000,
    posts.show: 900,
    timeline: 900,
}
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
    """Count the call against its limit of 15 minutes, with X's headers; refuse what is too much."""
    most = ALL_LIMITS.get(route.handler)
    if most is None or not call.account:
        return
    key = f"{ID}:{call.account}:{route.method} {route.handler.__name__}"
    usage = limits.take(key, limit=most, window=WINDOW, now=call.now)
    call.headers |= {
        "x-rate-limit-limit": str(usage.limit),
        "x-rate-limit-remaining": str(usage.remaining),
        "x-rate-limit-reset": str(int(usage.resets_at.timestamp())),
    }
    if usage.exceeded:
        raise problem(429, "Too Many Requests", "Too Many Requests")


def authorize(call: Call) -> HttpResponse:
    """Show the consent page, and send the person back with a code or a refusal."""
    scopes = call.text("scope").split()
    wrong = {
        "client_id": not call.text("client_id"),
        "redirect_uri": not pages.is_redirect_uri(call.text("redirect_uri")),
        "response_type": call.text("response_type") != "code",
        "state": not 0 < len(call.text("state")) <= 500,
        "code_challenge": len(call.text("code_challenge")) != 43,
        "code_challenge_method": call.text("code_challenge_method") != "S256",
        "scope": not scopes or any(scope not in SCOPES for scope in scopes),
    }
    if names := [name for name, is_wrong in wrong.items() if is_wrong]:
        return pages.problem(LOOK, f"You weren't able to give access to the App: check {', '.join(names)}.")
    if call.method == "GET":
        return pages.consent(call, LOOK, scopes=scopes)
    if not pages.allowed(call):
        return pages.send_back(call, error="access_denied")
    return pages.send_back(call, code=grant_code(call, scopes))


def grant_code(call: Call, scopes: list[str]) -> str:
    """Return a code, good for 30 seconds, for the person who logged in."""
    someone = people.person(call.text("client_id"), call.text("login"))
    external_id = str(people.number(ID, someone.key))
    people.keep(ID, external_id, username=someone.handle, name=someone.name)
    return tokens.issue(
        secrets.token_urlsafe(64),
        now=call.now,
        lifetime=CODE_LIFETIME,
        network=ID,
        kind="code",
        client_id=call.text("client_id"),
        person=external_id,
        account=external_id,
        scopes=scopes,
        data={"redirect_uri": call.text("redirect_uri"), "challenge": call.text("code_challenge")},
    )


def client_of(call: Call) -> str:
    """Return the client that calls the token endpoint: by Basic credentials, or a public one by its id."""
    if call.content_type != FORMS[0]:
        raise invalid_request("Send the parameters as application/x-www-form-urlencoded.")
    scheme, _, encoded = call.request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        client_id, secret = call.text("client_id"), call.text("client_secret")
    else:
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client_id, secret = "", ""
    if not client_id or not tokens.secret_fits(ID, client_id, secret):
        body = {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
        raise Refusal(401, body)
    return client_id


def token(call: Call) -> HttpResponse:
    """Give tokens for a code, or for a refresh token, which dies at once."""
    client_id = client_of(call)
    match call.text("grant_type"):
        case "authorization_code":
            return pair(call, spent_code(call, client_id))
        case "refresh_token":
            return pair(call, spent_refresh_token(call, client_id))
        case _:
            raise invalid_request("Missing or unsupported grant_type.")


def spent_code(call: Call, client_id: str) -> Token:
    """Return the code that was sent, used up now, or refuse it."""
    code = tokens.find(ID, call.text("code"), "code")
    if code is None or code.client_id != client_id or code.expired(call.now):
        raise invalid_request("Value passed for the authorization code was invalid.")
    if call.text("redirect_uri") != code.data["redirect_uri"]:
        raise invalid_request("Value passed for the redirect uri did not match the uri of the authorization code.")
    if not tokens.verifier_fits(code.data["challenge"], call.text("code_verifier")):
        raise invalid_request("Value passed for the code verifier did not match the code challenge.")
    if not tokens.spend(code, call.now):
        raise invalid_request("Value passed for the authorization code was invalid.")
    return code


def spent_refresh_token(call: Call, client_id: str) -> Token:
    """Return the refresh token that was sent, used up now, or refuse it."""
    old = tokens.find(ID, call.text("refresh_token"), "refresh")
    if old is None or old.client_id != client_id or old.expired(call.now) or not tokens.spend(old, call.now):
        raise invalid_request("Value passed for the token was invalid.")
    return old


def pair(call: Call, source: Token) -> HttpResponse:
    """Issue an access token, and a refresh token where offline access was granted."""
    access = tokens.issue(secrets.token_urlsafe(64), like=source, now=call.now, lifetime=ACCESS_LIFETIME, kind="access")
    answer: dict[str, Any] = {
        "token_type": "bearer",
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
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
    client_id = client_of(call)
    if not call.text("token"):
        raise invalid_request("Missing required parameter [token].")
    found = tokens.find(ID, call.text("token"), "access", "refresh")
    if found is not None and found.client_id == client_id:
        tokens.revoke_grant(found, call.now)
    return JsonResponse({"revoked": True})


def me(call: Call) -> HttpResponse:
    """Show whose token this is."""
    token = authorized(call, "users.read", "tweet.read")
    account = Account.objects.get(network=ID, external_id=token.account)
    fields = chosen_fields(call, "user.fields", USER_FIELDS) | {"id", "name", "username"}
    shown = user(call, account)
    return JsonResponse({"data": {name: shown[name] for name in USER_FIELDS if name in fields}})


def user(call: Call, account: Account) -> dict[str, Any]:
    """Return all fields of a user."""
    count = Post.objects.alive().of(ID, account.external_id).count()
    return {
        "id": account.external_id,
        "name": account.name,
        "username": account.username,
        "profile_image_url": people.avatar(call.base, account),
        "public_metrics": {
            "followers_count": growth.followers(account.external_id, call.now),
            "following_count": 2,
            "tweet_count": count,
            "listed_count": 0,
            "like_count": 0,
            "media_count": Media.objects.filter(network=ID, account=account.external_id, used=True).count(),
        },
        "verified": False,
        "verified_type": "none",
        "subscription_type": "None",
        "created_at": "2026-01-01T00:00:00.000Z",
        "description": "",
    }


def upload(call: Call) -> HttpResponse:
    """Take an image in one shot, as a multipart file or as base64 in JSON."""
    token = authorized(call, "media.write")
    category = call.text("media_category")
    if category not in ("tweet_image", "dm_image"):
        raise invalid("media_category must be tweet_image: other kinds are uploaded in chunks.", "media_category")
    content = uploaded_bytes(call)
    picture = examine(content)
    kept = media.keep(
        publishing.snowflake(call.now),
        content,
        network=ID,
        account=token.account,
        now=call.now,
        lifetime=MEDIA_LIFETIME,
        picture=picture,
        ready_at=call.now + timedelta(seconds=call.seconds("slow_processing")),
        failed="processing_failed" in call.effects,
    )
    return JsonResponse({"data": media_facts(call, kept)})


def uploaded_bytes(call: Call) -> bytes:
    """Return the file, or refuse a call without one."""
    if "media" in call.files:
        return call.files["media"]
    try:
        content = base64.b64decode(call.text("media"), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise invalid("media is missing.", "media")
    return content


def examine(content: bytes) -> media.Picture:
    """Return the facts of an image that X takes, or refuse it."""
    if len(content) > MAX_IMAGE_BYTES:
        raise invalid(f"File size exceeds {MAX_IMAGE_BYTES} bytes.", "media")
    try:
        picture = media.look_at(content)
    except media.NotAnImage:
        raise invalid("The media could not be read: it is no image.", "media") from None
    if picture.format not in IMAGE_FORMATS:
        raise invalid("The type of the media is not one of JPG, PNG, GIF and WEBP.", "media")
    return picture


def media_facts(call: Call, kept: Media) -> dict[str, Any]:
    """Return what X tells about an upload; without processing_info it is ready."""
    left = int((kept.ready_at - call.now).total_seconds())
    facts: dict[str, Any] = {
        "id": kept.external_id,
        "media_key": f"3_{kept.external_id}",
        "size": kept.size,
        "expires_after_secs": max(int((kept.expires_at - call.now).total_seconds()), 0),
        "image": {"image_type": kept.mime, "w": kept.width, "h": kept.height},
    }
    if left > 0:
        facts["processing_info"] = {"state": "pending", "check_after_secs": min(left, 5), "progress_percent": 0}
    elif kept.failed:
        failure = {"code": 1, "name": "InvalidMedia", "message": "The media could not be processed."}
        facts["processing_info"] = {"state": "failed", "error": failure}
    elif kept.ready_at > kept.created_at:
        facts["processing_info"] = {"state": "succeeded", "progress_percent": 100}
    return facts


def upload_status(call: Call) -> HttpResponse:
    """Tell how far the processing of an upload is."""
    token = authorized(call, "media.write")
    if call.text("command") != "STATUS":
        raise invalid("command must be STATUS.", "command")
    return JsonResponse({"data": media_facts(call, own_media(call, token, call.text("media_id")))})


def own_media(call: Call, token: Token, media_id: str) -> Media:
    """Return a living upload of this user, or refuse."""
    owned = Media.objects.defer("content").filter(network=ID, account=token.account, external_id=media_id)
    found = owned.filter(expires_at__gt=call.now).first()
    if found is None:
        raise invalid("The media id was not found, or it has expired.", "id")
    return found


def metadata(call: Call) -> HttpResponse:
    """Keep the alt text of an upload."""
    token = authorized(call, "media.write")
    match call.json:
        case {"id": str() as media_id, "metadata": {"alt_text": {"text": str() as text}}}:
            pass
        case _:
            raise invalid('Send {"id": ..., "metadata": {"alt_text": {"text": ...}}}.', "metadata")
    if not 0 < len(text) <= MAX_ALT_TEXT:
        raise invalid(f"alt_text must have 1 to {MAX_ALT_TEXT} characters.", "metadata")
    found = own_media(call, token, media_id)
    Media.objects.filter(pk=found.pk).update(alt_text=text)
    return JsonResponse({"data": {"id": media_id, "associated_metadata": {"alt_text": {"text": text}}}})


def permalink(call: Call, post_id: str) -> HttpResponse:
    """Show a post to anybody, whatever name is in the address."""
    return pages.permalink(call, LOOK, ID, post_id)


ALL_LIMITS = LIMITS | {me: 75, upload: 500, upload_status: 1000, metadata: 500}
POST = r"/2/tweets/(?P<post_id>\d+)"
NETWORK = Network(
    id=ID,
    hosts=API + WEB,
    not_found=missing_path,
    identify=identify,
    revoke=tokens.revoke_grant,
    admit=admit,
    routes=(
        Route(method="GET", hosts=WEB, pattern="/i/oauth2/authorize", handler=authorize),
        Route(method="POST", hosts=WEB, pattern="/i/oauth2/authorize", handler=authorize),
        Route(method="GET", hosts=WEB, pattern=r"/(?:\w+|i/web)/status/(?P<post_id>\d+)/?", handler=permalink),
        Route(method="POST", hosts=API, pattern="/2/oauth2/token", handler=token),
        Route(method="POST", hosts=API, pattern="/2/oauth2/revoke", handler=revoke),
        Route(method="GET", hosts=API, pattern="/2/users/me", handler=me),
        Route(method="POST", hosts=API, pattern="/2/media/upload", handler=upload, upload=True),
        Route(method="GET", hosts=API, pattern="/2/media/upload", handler=upload_status),
        Route(method="POST", hosts=API, pattern="/2/media/metadata", handler=metadata),
        Route(method="POST", hosts=API, pattern="/2/tweets", handler=posts.create, visible=True),
        Route(method="GET", hosts=API, pattern="/2/tweets", handler=posts.lookup),
        Route(method="GET", hosts=API, pattern=POST, handler=posts.show),
        Route(method="DELETE", hosts=API, pattern=POST, handler=posts.delete),
        Route(method="GET", hosts=API, pattern=r"/2/users/(?P<user_id>\d+)/tweets", handler=timeline),
    ),
)
