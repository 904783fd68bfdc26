"""X's errors, scopes and field lists."""

from collections.abc import Sequence
from typing import Any

from ouipost.simulator import tokens
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Account, Token

ID = "twitter"
SCOPES = (
    "tweet.read",
    "tweet.write",
    "users.read",
    "media.write",
    "offline.access",
    "tweet.moderate.write",
    "follows.read",
    "like.read",
    "like.write",
    "users.email",
)
PROBLEMS = "https://api.x.com/2/problems/"
SUBSCRIPTIONS = ("None", "Basic", "Premium", "PremiumPlus")
PAYING = ("Premium", "PremiumPlus")
"""Subscriptions that allow long posts and long videos. Whether Basic does is not known."""


def problem(status: int, title: str, detail: str, kind: str = "", **more: Any) -> Refusal:
    """Return a refusal as a problem document."""
    kind = f"{PROBLEMS}{kind}" if kind else "about:blank"
    return Refusal(status, {"title": title, "detail": detail, "type": kind, "status": status} | more)


def invalid(message: str, parameter: str, value: str = "") -> Refusal:
    """Return the refusal for a request that is wrong in itself."""
    errors = [{"message": message, "parameters": {parameter: [value]}}]
    detail = "One or more parameters to your request was invalid."
    return problem(400, "Invalid Request", detail, "invalid-request", errors=errors)


def missing_path(call: Call) -> Refusal:
    """Return the refusal for an address that X does not have."""
    return problem(404, "Not Found", "Not Found")


def not_found(kind: str, value: str, parameter: str = "id") -> dict[str, Any]:
    """Return the error entry for an object that does not exist."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEMS}resource-not-found",
    }


def identify(call: Call) -> str:
    """Find the call's token, including one that is being refreshed, and return its user."""
    source = tokens.of_call(call, ID)
    return source.account if source else ""


def authorized(call: Call, *scopes: str) -> Token:
    """Return the call's access token if it is valid and has these scopes, or refuse."""
    token = call.token
    if not call.bearer or token is None or token.revoked_at or token.expired(call.now):
        raise problem(401, "Unauthorized", "Unauthorized")
    for scope in scopes:
        if scope not in token.scopes:
            raise problem(403, "Forbidden", "You are not permitted to perform this action.")
    return token


def subscription(name: str) -> str:
    """Return a new person's subscription, which may be the last word of the name, as in "Ada Premium"."""
    last = name.rpartition(" ")[2]
    return last if last in SUBSCRIPTIONS else "None"


def is_premium(account: Account) -> bool:
    """Return whether this user may write long posts and show long videos."""
    return account.data.get("subscription_type") in PAYING


def chosen_fields(call: Call, parameter: str, known: Sequence[str]) -> set[str]:
    """Return the requested fields, or refuse an unknown one."""
    names = {name for name in call.text(parameter).split(",") if name}
    for name in sorted(names - set(known)):
        raise invalid(f"The `{parameter}` query parameter value [{name}] is not one of {list(known)}", parameter, name)
    return names
