"""LinkedIn's errors, versions, quotas and permissions."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from ouipost.simulator import limits, tokens
from ouipost.simulator.call import Call, Refusal, Route, within
from ouipost.simulator.models import Account, Media, Post, Token

ID = "linkedin"
API = ("api.linkedin.com",)
WEB = ("www.linkedin.com",)
SELF_SERVE = ("openid", "profile", "email", "w_member_social")
COMMUNITY = (
    "r_basicprofile",
    "w_member_social",
    "w_organization_social",
    "r_organization_social",
    "w_member_social_feed",
    "w_organization_social_feed",
    "r_organization_social_feed",
    "rw_organization_admin",
    "r_organization_admin",
    "r_organization_followers",
    "r_member_postAnalytics",
    "r_member_profileAnalytics",
)
POSTING_ROLES = ("ADMINISTRATOR", "CONTENT_ADMIN", "CONTENT_ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER")
VERSION = re.compile(r"\d{4}(?:0[1-9]|1[0-2])")
OLDEST_VERSION, NEWEST_VERSION = "202511", "202609"
MEMBER_CALLS, APP_CALLS = 150, 100_000
"""Calls per day of the self-serve product. Those of Community Management's standard tier are unpublished: there only
the app's limit applies."""
DEVELOPMENT = "development"
"""The ending of the client id of an app in Community Management's development tier."""
DEVELOPMENT_MEMBER_CALLS, DEVELOPMENT_APP_CALLS = 100, 500
ONE_PAGE = {"start": 0, "count": 10, "links": []}
ORGANIZATION, MEMBER = "urn:li:organization:", "urn:li:person:"


def error(status: int, message: str, code: str = "", service: int = 0, inputs: Sequence[Any] = ()) -> Refusal:
    """Return a refusal; only status and message are always there."""
    body: dict[str, Any] = {"status": status, "message": message}
    if code:
        body["code"] = code
    if service:
        body["serviceErrorCode"] = service
    if inputs:
        body["errorDetails"] = {"inputErrors": list(inputs)}
        body["errorDetailType"] = "com.linkedin.common.error.BadRequest"
    return Refusal(status, body)


def invalid(field: str, message: str, code: str = "INVALID_VALUE_FOR_FIELD", status: int = 400) -> Refusal:
    """Return the refusal for a field that is wrong."""
    inputs = [{"code": code, "description": message, "input": {"inputPath": {"fieldPath": field}}}]
    return error(status, f"{field} :: {message}", code, inputs=inputs)


def denied(what: str) -> Refusal:
    """Return the refusal for a call that this token has no right to."""
    return error(403, f"Not enough permissions to access: {what}", "ACCESS_DENIED", 100)


def not_found(message: str) -> Refusal:
    """Return the refusal for an object that does not exist."""
    return error(404, message, "NOT_FOUND")


def missing_path(call: Call) -> Refusal:
    """Return the refusal for an address that LinkedIn does not have."""
    return error(404, f"No virtual resource found for {call.path}", "NOT_FOUND")


def identify(call: Call) -> str:
    """Find the call's token, and return the member or organization that it acts for."""
    source = tokens.of_call(call, ID)
    if source is None:
        return owner_of_upload(call)
    named = actor_of(call)
    return named if named.startswith(ORGANIZATION) else source.account


def owner_of_upload(call: Call) -> str:
    """Return the owner of the video that a part belongs to, as parts come without a token."""
    found = re.match(r"/dms-uploads/(\w+)/", call.path)
    owned = Media.objects.filter(network=ID, external_id=f"urn:li:video:{found[1]}") if found else Media.objects.none()
    return owned.values_list("account", flat=True).first() or ""


def actor_of(call: Call) -> str:
    """Return the author, actor or owner that the call names."""
    request = call.params.get("initializeUploadRequest")
    owner = request.get("owner") if isinstance(request, dict) else ""
    named = [call.text(name) for name in ("author", "actor", "organizationalEntity")]
    return next(filter(None, [*named, str(owner or "")]), "")


def admit(call: Call, route: Route) -> None:
    """Refuse calls without a supported version, and count those of the API against the day's quotas."""
    if call.host not in API:
        return
    if call.path.startswith("/rest/"):
        check_headers(call)
    if call.token is not None and call.token.kind == "access":
        count(call, call.token)


def check_headers(call: Call) -> None:
    """Refuse a version that is missing or over, and the older protocol."""
    version = call.request.headers.get("LinkedIn-Version", "")
    if not version:
        raise error(400, "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
                    "VERSION_MISSING")  # fmt: skip
    if not (VERSION.fullmatch(version) and OLDEST_VERSION <= version <= NEWEST_VERSION):
        raise error(426, f"Requested version {version} is not active", "NONEXISTENT_VERSION")
    if call.request.headers.get("X-Restli-Protocol-Version") != "2.0.0":
        raise error(400, "X-Restli-Protocol-Version must be 2.0.0")


def count(call: Call, token: Token) -> None:
    """Count a call of this member and app, from midnight to midnight UTC."""
    day, (of_app, of_member) = f"{call.now:%Y-%m-%d}", calls_a_day(token)
    quotas = {f"{ID}:{token.client_id}:{day}": ("APPLICATION", of_app)}
    if of_member is not None:
        quotas[f"{ID}:{token.client_id}:{token.person}:{day}"] = ("APPLICATION_AND_MEMBER", of_member)
    for key, (level, most) in quotas.items():
        if limits.take(key, limit=most, window=timedelta(days=1), now=call.now).exceeded:
            raise error(429, f"Resource level throttle {level} DAY limit for calls to this resource is reached.")


def calls_a_day(token: Token) -> tuple[int, int | None]:
    """Return the daily calls of the token's app, and of each of its members, by its product and tier."""
    if is_self_serve(token):
        return APP_CALLS, MEMBER_CALLS
    if token.client_id.endswith(DEVELOPMENT):
        return DEVELOPMENT_APP_CALLS, DEVELOPMENT_MEMBER_CALLS
    return APP_CALLS, None


def is_self_serve(token: Token) -> bool:
    """Return whether a token has no scope of Community Management."""
    return set(token.scopes) <= set(SELF_SERVE)


def authorized(call: Call, *scopes: str) -> Token:
    """Return the call's access token if it is valid and has one of these scopes, or refuse."""
    token = call.token
    if not call.bearer:
        raise error(401, "Empty oauth2 access token", "EMPTY_ACCESS_TOKEN", 65600)
    if token is None:
        raise error(401, "Invalid access token", service=65600)
    if token.revoked_at:
        raise error(401, "The token used in the request has been revoked by the user", "REVOKED_ACCESS_TOKEN", 65601)
    if token.expired(call.now):
        raise error(401, "The token used in the request has expired", "EXPIRED_ACCESS_TOKEN", 65602)
    if scopes and not set(scopes) & set(token.scopes):
        raise denied(f"{call.path}: one of {', '.join(scopes)} is needed")
    return token


def writer(call: Call, urn: str, *, suffix: str = "") -> Token:
    """Return the token that may write as this member or organization, or refuse."""
    if urn.startswith(ORGANIZATION):
        return with_role(call, urn, POSTING_ROLES, f"w_organization_social{suffix}")
    token = authorized(call, f"w_member_social{suffix}")
    if urn != token.account:
        raise denied(f"{call.path} as {urn}")
    return token


def with_role(call: Call, urn: str, roles: Sequence[str], *scopes: str) -> Token:
    """Return the token of somebody with one of these roles at an organization, or refuse."""
    token = authorized(call, *scopes)
    if role_of(token, urn) not in roles:
        raise denied(f"{call.path} as {urn}")
    return token


def role_of(token: Token, urn: str) -> str:
    """Return the role of the token's member at an organization, or an empty text."""
    found = Account.objects.filter(network=ID, external_id=urn).first()
    return str(found.data["role"]) if found and found.data.get("member") == token.account else ""


def raw_query(call: Call) -> dict[str, str]:
    """Return the query without decoding: only unencoded brackets and commas have a meaning."""
    pairs = (part.partition("=") for part in call.request.META["QUERY_STRING"].split("&") if part)
    return {name: value for name, _, value in pairs}


def urn_of(call: Call, name: str) -> str:
    """Return a parameter that is one encoded URN, or refuse."""
    raw = raw_query(call).get(name, "")
    if not raw or ":" in raw or not unquote(raw).startswith("urn:li:"):
        raise invalid(name, f"Invalid value {raw!r}: send an encoded URN")
    return unquote(raw)


def urns_of(call: Call, name: str) -> list[str]:
    """Return the URNs of a parameter that is a List(...), or refuse."""
    raw = raw_query(call).get(name, "")
    if not raw:
        return []
    found = re.fullmatch(r"List\(([^():]+)\)", raw)
    if not found:
        raise invalid(name, f"Invalid value {raw!r}: send List(...) of encoded URNs")
    return [unquote(item) for item in found[1].split(",")]


def number(call: Call, name: str, default: int, least: int, most: int) -> int:
    """Return a parameter that is a number within bounds, or refuse."""
    found = within(call.text(name) or str(default), least, most)
    if found is None:
        raise invalid(name, f"must be a number from {least} to {most}")
    return found


def paging(call: Call, total: int) -> tuple[slice, dict[str, Any]]:
    """Return the requested slice of a list, and the paging part of its answer."""
    start, most = number(call, "start", 0, 0, 10**6), number(call, "count", 10, 1, 100)
    links = []
    if start + most < total:
        links = [{"type": "application/json", "rel": "next", "href": f"{call.path}?start={start + most}&count={most}"}]
    return slice(start, start + most), {"paging": {"start": start, "count": most, "links": links}}


def milliseconds(at: datetime) -> int:
    """Return a time as LinkedIn writes it."""
    return int(at.timestamp() * 1000)


def existing(urn: str) -> Post:
    """Return an existing post, or refuse."""
    post = Post.objects.living(ID, urn)
    if post is None:
        raise not_found(f"Could not find entity {urn}")
    return post
