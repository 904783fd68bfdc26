"""The common parts of Meta's networks: Graph versions, errors, parameters, fields and usage headers."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from ouipost.simulator import limits, pulling
from ouipost.simulator.call import VERSION, Call, Refusal, parse, within
from ouipost.simulator.models import Account, Post

VERSION_ENDS = {
    "v26.0": None,
    "v25.0": datetime(2028, 7, 29, tzinfo=UTC),
    "v24.0": datetime(2028, 2, 18, tzinfo=UTC),
    "v23.0": datetime(2027, 10, 8, tzinfo=UTC),
    "v22.0": datetime(2027, 5, 20, tzinfo=UTC),
    "v21.0": datetime(2027, 1, 21, tzinfo=UTC),
}
CALLS_PER_HOUR = 4800
AGENT = "facebookexternalhit/1.1"
"""The user agent of Meta's crawler."""
DEEPEST_FIELDS = 10
Fields = dict[str, "Fields"]
Row = TypeVar("Row", Account, Post)


def error(message: str, code: int, subcode: int = 0, *, status: int = 400, **more: Any) -> Refusal:
    """Return a refusal in Graph's form."""
    body: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code}
    if subcode:
        body["error_subcode"] = subcode
    return Refusal(status, {"error": body | more | {"fbtrace_id": secrets.token_urlsafe(8)}})


def missing(call: Call) -> Refusal:
    """Return the refusal for an object that does not exist, or that this token may not see."""
    return error(
        f"Unsupported {call.method.lower()} request. The object of {call.path} does not exist, "
        "cannot be loaded due to missing permissions, or does not support this operation.",
        100,
        33,
    )


def unknown_path(call: Call) -> Refusal:
    """Return the refusal for an unknown path, or one under an unknown version; the Graph gives no details."""
    return error(f"Unknown path components: {VERSION.sub('', call.path)}", 2500)


def invalid(message: str) -> Refusal:
    """Return the refusal for a parameter that is wrong."""
    return error(f"(#100) {message}", 100)


def version_of(call: Call) -> str:
    """Return the Graph version at the beginning of the path."""
    return call.path.split("/")[1]


def check_version(call: Call) -> None:
    """Refuse a Graph version that does not exist, or no longer works."""
    end = VERSION_ENDS.get(version_of(call), datetime.min.replace(tzinfo=UTC))
    if end is not None and end <= call.now:
        raise unknown_path(call)


def proof(token: str, secret: str) -> str:
    """Return the `appsecret_proof` of a token, which requires the app's secret."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def check_proof(call: Call) -> None:
    """Refuse a proof that does not belong to the call's token."""
    sent, right = call.text("appsecret_proof"), call.token.data.get("proof") if call.token else None
    if sent and right and sent != right:
        raise error("Invalid appsecret_proof provided in the API argument", 100, type="GraphMethodException")


def structure(call: Call, name: str) -> Any:
    """Return a nested parameter: from a JSON body, JSON text in a form, or the form's `name[0]` spelling."""
    value = call.params.get(name)
    if isinstance(value, str):
        return parse(value)
    if value is not None:
        return value
    indexed = sorted((key, call.text(key)) for key in call.params if key.startswith(f"{name}["))
    return [parse(text) for _, text in indexed] if indexed else None


def fields_of(text: str, depth: int = 0) -> Fields:
    """Read a `fields` parameter: names with nested braces; modifiers such as `.limit(0)` are passed over."""
    if depth > DEEPEST_FIELDS:
        raise invalid("Param fields is nested too deep")
    parsed: Fields = {}
    for item in split(text):
        head, _, nested = item.partition("{")
        name = head.split(".")[0].split("(")[0].strip()
        if name:
            parsed[name] = fields_of(nested.rstrip().removesuffix("}"), depth + 1)
    return parsed


def split(text: str) -> list[str]:
    """Split at the commas that are outside of braces and parentheses."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "{(") - (character in "})")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def pick(node: Mapping[str, Any], fields: Fields, kind: str) -> dict[str, Any]:
    """Return the asked fields of a node, and its id; values of None are left out as the Graph does."""
    for name in fields:
        if name not in node:
            raise invalid(f"Tried accessing nonexisting field ({name}) on node type ({kind})")
    chosen = {name: narrowed(node[name], fields[name], name) for name in fields if node[name] is not None}
    return chosen | ({"id": node["id"]} if "id" in node else {})


def narrowed(value: Any, fields: Fields, kind: str) -> Any:
    """Return a nested value with only the asked fields, also inside of `data`."""
    if not fields:
        return value
    if isinstance(value, list):
        return [narrowed(item, fields, kind) for item in value]
    if isinstance(value, dict) and "data" in value:
        return value | {"data": narrowed(value["data"], fields, kind)}
    return {name: narrowed(value[name], fields[name], name) for name in fields if name in value}


def page_of(
    call: Call, rows: Sequence[Row], show: Callable[[Row], dict[str, Any]], *, default: int = 25, most: int = 100
) -> dict[str, Any]:
    """Return one page of an edge, with cursors, and a `next` address if there is more.

    A cursor names the last entry of a page, so that entries added in front shift nothing.
    """
    limit, after = integer(call, "limit", default), call.text("after")
    if not 0 <= limit <= most:
        raise invalid(f"Param limit must be a number from 0 to {most}")
    ids = [row.external_id for row in rows]
    if after and after not in ids:
        raise invalid("Invalid cursors values")
    start = ids.index(after) + 1 if after else 0
    chosen = rows[start : start + limit]
    if not chosen:
        return {"data": []}
    paging: dict[str, Any] = {"cursors": {"before": chosen[0].external_id, "after": chosen[-1].external_id}}
    if start + limit < len(rows):
        query = urlencode(call.params | {"after": chosen[-1].external_id})
        paging["next"] = f"https://{call.host}{call.path}?{query}"
    return {"data": [show(row) for row in chosen], "paging": paging}


def integer(call: Call, name: str, default: int) -> int:
    """Return a parameter that is a whole number."""
    text = call.text(name) or str(default)
    found = within(text.removeprefix("-"), 0, 10**15)
    if found is None:
        raise invalid(f"Param {name} must be an integer")
    return -found if text.startswith("-") else found


def moment(call: Call, name: str) -> datetime | None:
    """Return a parameter that is a Unix time or an ISO 8601 date."""
    text = call.text(name)
    if not text:
        return None
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text), tz=UTC)
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as wrong:
        raise invalid(f"Param {name} must be a Unix time") from wrong
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """Return a time as Graph writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}+0000"


def metrics_of(call: Call, known: Collection[str]) -> list[str]:
    """Return the names of the requested metrics, or refuse them all."""
    names = [name for name in call.text("metric").split(",") if name]
    if not names:
        raise error("(#3001) The parameter metric is required", 3001, 1504028)
    for position, name in enumerate(names):
        if name not in known:
            raise invalid(f"metric[{position}] must be one of the following values: {', '.join(known)}")
    return names


def count(key: str, call: Call, *, kind: str = "pages", code: int = 32) -> None:
    """Count a call against its hour, with Meta's usage headers; refuse it if the hour is used up."""
    usage = limits.take(key, limit=CALLS_PER_HOUR, window=timedelta(hours=1), now=call.now)
    percent = min(100 * usage.used // usage.limit, 100)
    minutes = max(int((usage.resets_at - call.now).total_seconds()) // 60, 1) if usage.exceeded else 0
    numbers = {"call_count": percent, "total_cputime": percent // 2, "total_time": percent // 2}
    entry = {"type": kind} | numbers | {"estimated_time_to_regain_access": minutes}
    call.headers |= {
        "X-App-Usage": json.dumps(numbers),
        "X-Business-Use-Case-Usage": json.dumps({call.account or "0": [entry]}),
    }
    if usage.exceeded:
        raise error(f"(#{code}) {kind.capitalize()} request limit reached", code)


def fetch(address: str, *, most: int) -> bytes:
    """Fetch a file as Meta's crawler would."""
    try:
        return pulling.fetch(address, most=most, agent=AGENT)
    except pulling.Unreachable as failure:
        message = f"The file could not be fetched: {failure}"
        raise error("(#324) Missing or invalid image file", 324, error_user_msg=message) from failure
