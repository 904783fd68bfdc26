"""Pinterest's errors, scopes and kinds of app.

An app whose client id begins with `trial` has Trial access; with `old`, it was made before 25 September 2025.
"""

from typing import Any

from ouipost.simulator import tokens
from ouipost.simulator.call import Call, Refusal, within
from ouipost.simulator.models import Media, Post, Token

ID = "pinterest"
API = "api.pinterest.com"
STORAGE = "pinterest-media-upload.s3-accelerate.amazonaws.com"
"""The upload host of videos, from the vendor's examples."""
SCOPES = (
    "boards:read",
    "boards:read_secret",
    "boards:write",
    "boards:write_secret",
    "pins:read",
    "pins:read_secret",
    "pins:write",
    "pins:write_secret",
    "user_accounts:read",
    "user_accounts:write",
)
READ = ("boards:read", "pins:read")


def error(status: int, code: int, message: str) -> Refusal:
    """Return a refusal with Pinterest's own code."""
    return Refusal(status, {"code": code, "message": message})


def invalid(message: str) -> Refusal:
    """Return the refusal of parameters that are wrong."""
    return error(400, 1, f"Invalid request: {message}")


def unauthenticated() -> Refusal:
    """Return the refusal of invalid credentials."""
    return error(401, 2, "Authentication failed.")


def missing_path(call: Call) -> Refusal:
    """Return the refusal for an address that Pinterest does not have."""
    return error(404, 4, "Not found.")


def has_trial_access(client_id: str) -> bool:
    """Return whether only the creator sees the Pins of this app."""
    return client_id.startswith("trial")


def is_old(client_id: str) -> bool:
    """Return whether this app gets refresh tokens that end after a year, unless it asks for others."""
    return client_id.startswith("old")


def identify(call: Call) -> str:
    """Find the call's token, even one being refreshed, and return its account; an upload has that of its file."""
    if call.host == STORAGE:
        file = upload_of(call)
        return file.account if file else ""
    call.token = tokens.find(ID, call.bearer, "access") or tokens.find(ID, call.text("refresh_token"), "refresh")
    source = call.token or tokens.find(ID, call.text("code"), "code")
    return source.account if source else ""


def upload_of(call: Call) -> Media | None:
    """Return the registered file that an upload's fields name."""
    media_id = call.text("key").rpartition("/")[2]
    return Media.objects.defer("content").filter(network=ID, external_id=media_id).first()


def authorized(call: Call, *scopes: str) -> Token:
    """Return the call's access token if it is valid and has these scopes, or refuse."""
    token = call.token
    if token is None or token.kind != "access" or token.revoked_at:
        raise unauthenticated()
    if token.expired(call.now):
        raise error(401, 1104, "The access token is invalid or has expired.")
    for scope in scopes:
        if scope not in token.scopes:
            raise error(403, 3, f"Your application doesn't have the scope {scope}.")
    return token


def existing(token: Token, pin_id: str) -> Post:
    """Return an existing Pin of the account, or refuse."""
    post = Post.objects.living(ID, pin_id)
    if post is None or (post.account != token.account and post.data["is_trial"]):
        raise error(404, 50, "Pin not found.")
    if post.account != token.account:
        raise error(403, 7, "You are not permitted to access that Pin.")
    return post


def page_size(call: Call) -> int:
    """Return the requested size of a page, or refuse."""
    size = within(call.text("page_size") or "25", 1, 250)
    if size is None:
        raise invalid("page_size must be between 1 and 250")
    return size


def page(items: list[Any], bookmark: str) -> dict[str, Any]:
    """Return one page of a list; without a bookmark it is the last."""
    return {"items": items, "bookmark": bookmark or None}
