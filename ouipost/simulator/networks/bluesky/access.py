"""Bluesky's errors, its write budget, and the state of the token that came."""

from datetime import datetime, timedelta

from ouipost.simulator import atproto, limits, tokens
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Account, Token

ID = "bluesky"
ENTRYWAY, FIRST_PDS = "bsky.social", "morel.us-east.host.bsky.network"


def error(status: int, name: str, message: str) -> Refusal:
    """Return a refusal in XRPC's form."""
    return Refusal(status, {"error": name, "message": message})


def invalid(message: str) -> Refusal:
    """Return the refusal for a request that is wrong in itself."""
    return error(400, "InvalidRequest", message)


def unknown_method(call: Call) -> Refusal:
    """Return the refusal for a method that the server does not have."""
    return error(501, "MethodNotImplemented", "Method Not Implemented")


def identify(call: Call) -> str:
    """Find the call's session token, and return its DID; of a login, the DID that logs in."""
    call.token = tokens.find(ID, call.bearer, "access", "refresh", "service")
    if call.token is not None:
        return call.token.account
    if call.path.endswith("createSession"):
        return did_of(login_of(call.text("identifier"))) or ""
    return ""


def pds_of(call: Call) -> str:
    """Return the server that was called: behind Bluesky's entryway, another one."""
    return FIRST_PDS if call.host == ENTRYWAY else call.host


def login_of(identifier: str) -> str:
    """Return the handle or DID of a login name: carol@example.com has the handle carol.example.com."""
    return identifier.lower().replace("@", ".")


def did_of(actor: str) -> str | None:
    """Return the DID of a handle, or of a DID that is known here."""
    if atproto.is_handle(actor.lower()):
        return atproto.did_of(actor.lower())
    return actor if Account.objects.filter(network=ID, external_id=actor).exists() else None


def is_unconfirmed(did: str) -> bool:
    """Return whether the e-mail address of an account is not confirmed: its handle says so."""
    return Account.objects.filter(network=ID, external_id=did, username__startswith="unconfirmed").exists()


def revoke(token: Token, now: datetime) -> None:
    """Delete the app password of a session: its tokens become invalid, and it cannot log in again."""
    tokens.revoke_grant(token, now)
    account = Account.objects.get(network=ID, external_id=token.account)
    account.data["deleted_passwords"] = [*account.data.get("deleted_passwords", []), token.client_id]
    account.save(update_fields=["data"])


def session(call: Call, kind: str = "access") -> Token:
    """Return the call's token if it is a valid one of this kind, or refuse."""
    token = call.token
    if not call.bearer:
        raise error(401, "AuthMissing", "Authentication Required")
    here = pds_of(call)
    # sessions that an earlier version opened do not say where
    if token is None or token.kind != kind or token.data.get("pds", here) != here:
        raise error(400, "InvalidToken", "Token could not be verified")
    if token.revoked_at and kind == "refresh":
        raise error(400, "ExpiredToken", "Token has been revoked")
    if token.expired(call.now) or token.revoked_at:
        raise error(400, "ExpiredToken", "Token has expired")
    return token


def without_body(call: Call) -> None:
    """Refuse a body for a method that takes none."""
    if call.raw or call.params:
        raise invalid("A request body was provided when none was expected")


def spend(call: Call, key: str, *budgets: tuple[int, timedelta], cost: int = 1) -> None:
    """Take from every budget of a kind, with rate limit headers of the first; refuse when one is used up."""
    usages = [
        limits.take(f"{ID}:{key}:{window}", limit=most, window=window, now=call.now, cost=cost)
        for most, window in budgets
    ]
    tight = next((usage for usage in usages if usage.exceeded), usages[0])
    window = budgets[usages.index(tight)][1]
    call.headers |= {
        "RateLimit-Limit": str(tight.limit),
        "RateLimit-Remaining": str(tight.remaining),
        "RateLimit-Reset": str(int(tight.resets_at.timestamp())),
        "RateLimit-Policy": f"{tight.limit};w={int(window.total_seconds())}",
    }
    if tight.exceeded:
        wait = max(int((tight.resets_at - call.now).total_seconds()), 1)
        call.headers["Retry-After"] = str(wait)
        raise error(429, "RateLimitExceeded", "Rate Limit Exceeded")
