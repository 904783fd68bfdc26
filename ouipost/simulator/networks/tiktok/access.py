"""TikTok's errors, consent page and tokens; a person's name may ask for a private account or other settings.

An app whose client key begins with `unaudited` is one that TikTok has not audited.
"""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import oauth, pages, people, tokens
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Account, Media, Token

ID = "tiktok"
UPLOAD_HOST = "open-upload.tiktokapis.com"
LOOK = pages.Look(name="TikTok", colour="#fe2c55", allow_label="Continue")
BASIC, PROFILE, STATS = "user.info.basic", "user.info.profile", "user.info.stats"
LIST, PUBLISH, UPLOAD = "video.list", "video.publish", "video.upload"
SCOPES = (BASIC, PROFILE, STATS, LIST, PUBLISH, UPLOAD)
CODE_LIFETIME = timedelta(minutes=10)
"""The lifetime of a code, which is not documented."""
ACCESS_LIFETIME = timedelta(hours=2)
REFRESH_LIFETIME = timedelta(days=180)
LONGEST_REDIRECT_URI = 511
LOCAL_HOSTS = ("localhost", "127.0.0.1")
VIDEO_ID, INBOX_ID = "v_pub_file~v2-1.", "v_inbox_file~v2."

MESSAGES = {
    "access_token_invalid": "The access token is invalid or not found in the request.",
    "scope_not_authorized": "The user did not authorize the scope required for completing this request.",
    "rate_limit_exceeded": "The API rate limit was exceeded.",
    "reached_active_user_cap": "The app has served as many users as it may within 24 hours.",
    "unaudited_client_can_only_post_to_private_accounts": "The app is not audited: the account must be private.",
    "spam_risk_too_many_posts": "The daily post cap from the API is reached for the current user.",
    "spam_risk_user_banned_from_posting": "The user is banned from making new posts.",
    "spam_risk_too_many_pending_share": "There may be at most 5 pending shares within any 24-hour period.",
    "privacy_level_option_mismatch": "The privacy level is not one of the options of this creator.",
    "url_ownership_unverified": "The domain or the URL prefix of the address is not verified by this app.",
    "invalid_publish_id": "The publish_id does not exist.",
    "token_not_authorized_for_specified_publish_id": "The publish_id belongs to another user or app.",
    "publish_not_cancellable": "The post can no longer be cancelled.",
}


def answer(**data: Any) -> JsonResponse:
    """Return an answer with this data, in the common envelope."""
    return JsonResponse({"data": data, "error": {"code": "ok", "message": "", "log_id": log_id()}})


def error(status: int, code: str, message: str = "") -> Refusal:
    """Return a refusal by its code, which counts more than the status."""
    details = {"code": code, "message": message or MESSAGES[code], "log_id": log_id()}
    return Refusal(status, {"data": {}, "error": details} if status == 200 else {"error": details})


def invalid(message: str) -> Refusal:
    """Return the refusal for a request that is wrong in itself."""
    return error(400, "invalid_params", message)


def token_error(status: int, name: str, description: str) -> Refusal:
    """Return a refusal of the token endpoints, which are flat."""
    return Refusal(status, {"error": name, "error_description": description, "log_id": log_id()})


def log_id() -> str:
    """Return a new id that TikTok's support would ask for."""
    return secrets.token_hex(17).upper()


def missing_path(call: Call) -> Refusal:
    """Return the refusal for an address that TikTok does not have."""
    return error(404, "unsupported_path", "Unsupported path(Janus).")


def identify(call: Call) -> str:
    """Find the call's token, even one being refreshed, and return its account; an upload has that of its post."""
    if call.host == UPLOAD_HOST:
        upload = find_upload(call)
        return upload.account if upload else ""
    source = tokens.of_call(call, ID)
    return source.account if source else ""


def is_unaudited(client_key: str) -> bool:
    """Return whether TikTok has not audited this app yet."""
    return client_key.startswith("unaudited")


def find_upload(call: Call) -> Media | None:
    """Return the post, or draft, of the called upload address."""
    number = call.text("upload_id")
    ids = [f"{VIDEO_ID}{number}", f"{INBOX_ID}{number}"]
    return Media.objects.defer("content").filter(network=ID, external_id__in=ids).first() if number else None


def authorized(call: Call, *scopes: str) -> Token:
    """Return the call's access token if it is valid and has one of these scopes, or refuse."""
    token = call.token
    if token is None or token.kind != "access" or token.revoked_at or token.expired(call.now):
        raise error(401, "access_token_invalid")
    if scopes and not set(scopes) & set(token.scopes):
        raise error(401, "scope_not_authorized")
    return token


def account_of(token: Token) -> Account:
    """Return the account of a token."""
    return Account.objects.get(network=ID, external_id=token.account)


def authorize(call: Call) -> HttpResponse:
    """Show the consent page, and send the person back with a code or a refusal."""
    scopes = [scope for scope in call.text("scope").split(",") if scope]
    wrong = {
        "client_key": not call.text("client_key"),
        "redirect_uri": not is_redirect_uri(call.text("redirect_uri")),
        "response_type": call.text("response_type") != "code",
        "state": not call.text("state"),
        "scope": not scopes or any(scope not in SCOPES for scope in scopes),
    }
    if names := [name for name, is_wrong in wrong.items() if is_wrong]:
        return pages.problem(LOOK, f"We couldn't log in with TikTok. Correct the following: {', '.join(names)}.")
    call.params["client_id"] = call.text("client_key")
    return pages.ask(call, LOOK, scopes, grant_code, choosable=True)


def is_redirect_uri(address: str) -> bool:
    """Return whether an app may register this address at TikTok: static, short and over TLS."""
    if not pages.is_redirect_uri(address) or len(address) > LONGEST_REDIRECT_URI:
        return False
    parts = urlsplit(address)
    return not parts.query and (parts.scheme == "https" or parts.hostname in LOCAL_HOSTS)


def grant_code(call: Call, someone: people.Person, scopes: list[str]) -> str:
    """Return a code for the person who logged in; an open_id is of one person and one app."""
    chosen = {BASIC, *pages.granted(call, scopes)}
    open_id = f"-000{people.number(ID, call.text('client_key'), someone.key)}"
    people.keep(ID, open_id, username=someone.handle, name=someone.name)
    return tokens.issue_code(
        call,
        ID,
        secrets.token_urlsafe(48),
        lifetime=CODE_LIFETIME,
        person=str(people.number(ID, someone.key)),
        account=open_id,
        scopes=[scope for scope in scopes if scope in chosen],
    )


ENDPOINT = oauth.TokenEndpoint(
    network=ID,
    credentials=lambda call: (call.text("client_key"), call.text("client_secret")),
    error=token_error,
    wrong={
        "form": (400, "invalid_request", "Only `application/x-www-form-urlencoded` is supported."),
        "client_id": (401, "invalid_client", "Client key or secret is incorrect."),
        "client_secret": (401, "invalid_client", "Client key or secret is incorrect."),
        "grant_type": (400, "unsupported_grant_type", "The grant type is not supported."),
        "code": (200, "invalid_grant", "Authorization code is invalid or expired."),
        "redirect_uri": (400, "invalid_request", "Redirect_uri is not matched with the uri when requesting code."),
        "refresh_token": (200, "invalid_grant", "Refresh token is invalid or expired."),
        "token": (400, "invalid_request", "The token is invalid."),
    },
)


def token(call: Call) -> HttpResponse:
    """Give an access token and a refresh token for a code or an earlier refresh token."""
    source = ENDPOINT.source(call)
    values = {
        kind: tokens.issue(f"{begins}{secrets.token_urlsafe(48)}", like=source, now=call.now, lifetime=lives, kind=kind)
        for kind, begins, lives in (("access", "act.", ACCESS_LIFETIME), ("refresh", "rft.", REFRESH_LIFETIME))
    }
    return JsonResponse(
        {
            "access_token": values["access"],
            "expires_in": tokens.seconds(ACCESS_LIFETIME),
            "open_id": source.account,
            "refresh_expires_in": tokens.seconds(REFRESH_LIFETIME),
            "refresh_token": values["refresh"],
            "scope": ",".join(source.scopes),
            "token_type": "Bearer",
        }
    )


def revoke(call: Call) -> HttpResponse:
    """Disconnect the app from a token's account: all its tokens for it become invalid, of whatever consent."""
    found = ENDPOINT.named(call)
    if found is None:
        raise ENDPOINT.refuse("token")
    tokens.revoke_app(found, call.now)
    return JsonResponse({})
