"""The words of the OpenAPI description: types, the error, and the parameters and headers that many calls share."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from ouipost.api.failures import BY_STATUS
from ouipost.ids import PATTERN

Schema = dict[str, Any]
WARNINGS: Schema = {"warnings": {"type": "array", "items": {"type": "string"}}}
"""Warnings about a change that was made nevertheless; left out if there are none."""
JSON_TYPE = "application/json"
MESSAGE: Schema = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
OBJECT: Schema = {"type": "object", "additionalProperties": {}}
STRINGS: Schema = {"type": "array", "items": {"type": "string"}}
MOMENT: Schema = {"type": "string", "format": "date-time"}
TEXT: Schema = {"type": "string"}
ID: Schema = {**TEXT, "pattern": f"^[a-z]+_{PATTERN}$"}
COUNT: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
"""The value is given in descriptions only: clients of OpenAPI Generator refuse every answer if it is a `const`."""


def exactly(**properties: Schema) -> Schema:
    """Describe an object that always has these members."""
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def at_least(**properties: Schema) -> Schema:
    """Describe an object that may have these members, and others of any kind."""
    return {"type": "object", "properties": properties, "additionalProperties": {}}


def or_null(described: Schema) -> Schema:
    """Describe a value that may also be null."""
    return {**described, "type": [described["type"], "null"]}


CODES = {
    200: "Done, or here it is.",
    201: "Made.",
    202: "Taken; the outcome is still to come.",
    422: "Understood, but a rule of the product or of a network refuses it.",
} | {status: message for status, (_, message) in BY_STATUS.items()}
NAMES = {422: "Refused"} | {status: code.title().replace("_", "") for status, (code, _) in BY_STATUS.items()}
"""Component names of the responses that refuse a call, by status."""
DETAILS: Schema = {
    "type": "object",
    "description": "More about it, by code; empty where there is nothing to add.",
    "properties": {
        "fields": {
            "type": "object",
            "description": "All that is wrong with query or body, by dotted names: `slots.0.day`.",
            "additionalProperties": STRINGS,
        },
        "issues": {
            "type": "array",
            "description": "What networks would refuse, as `POST /api/posts/validate` has it.",
            "items": OBJECT,
        },
        "status": {"type": "string", "description": "The present status, which does not allow it."},
        "required": {"type": "string", "description": "The permission that is needed."},
        "platform": {"type": "string", "description": "The network that is not configured here."},
        "platforms": {**STRINGS, "description": "Networks without an account, or accounts that went."},
        "accounts": {**STRINGS, "description": "The accounts that were disconnected."},
        "field": {"type": "string", "description": "The field of a form that has the file."},
        "reason": {"type": "string", "description": "Why, in one word."},
        "retry_after": {"type": "integer", "description": "Seconds until it may be tried again."},
        "next_attempt_at": {**or_null(MOMENT), "description": "When a delivery is tried by itself."},
        "limit": {"type": "integer", "description": "The requests a minute that the key has."},
        "limit_bytes": {"type": "integer", "description": "The most that is taken."},
    },
}
ERROR: Schema = {
    "type": "object",
    "properties": {
        "success": {**BOOLEAN, "description": "false"},
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "description": "What went wrong, for programs."},
                "message": {"type": "string", "description": "What went wrong, for people."},
                "details": {"$ref": "#/components/schemas/ErrorDetails"},
            },
            "required": ["code", "message", "details"],
        },
    },
    "required": ["success", "error"],
}
PROBLEM: Schema = {
    **exactly(
        type={**TEXT, "description": "about:blank"},
        title={**TEXT, "description": "The status in words."},
        status=COUNT,
        detail={**TEXT, "description": "What went wrong, for people."},
        instance={**TEXT, "description": "The request's id."},
        code={**TEXT, "description": "What went wrong, for programs."},
        details={"$ref": "#/components/schemas/ErrorDetails"},
    ),
    "description": "The same in the form of RFC 9457, for callers that accept `application/problem+json`.",
}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="A text of your choice: repeating the request with it returns the first response, for 24 hours.",
)
WORKSPACE_ID = OpenApiParameter(
    "X-Workspace-ID", str, OpenApiParameter.HEADER, required=True, description="The id of the workspace."
)
PREFER = OpenApiParameter(
    "Prefer",
    {"type": "string", "examples": ["wait=10"]},
    OpenApiParameter.HEADER,
    description="`wait=N`: wait N seconds for the outcome, 0 to 60; default 25. 202 means that it is not known yet.",
)
REQUEST_ID: Schema = {
    "X-Request-ID": {"schema": TEXT, "description": "The request's own id, or one of ours; logs have it."}
}
RETRY_AFTER: Schema = {"Retry-After": {"schema": COUNT, "description": "Seconds until it may be tried again."}}
ALLOWANCE: Schema = {
    "X-RateLimit-Limit": {"schema": COUNT, "description": "Requests a minute that the key has."},
    "X-RateLimit-Remaining": {"schema": COUNT, "description": "Those that are left."},
    "X-RateLimit-Reset": {"schema": COUNT, "description": "When there are all again, in unix seconds."},
    "RateLimit-Policy": {"schema": TEXT, "description": "The same limit as the IETF's draft writes it."},
    "RateLimit": {"schema": TEXT, "description": "The rest, and the seconds until there are all again, by that draft."},
}
LOCATION: Schema = {"Location": {"schema": TEXT, "description": "Where to ask what came of it: the post."}}
WAITED: Schema = {"Preference-Applied": {"schema": TEXT, "description": "`wait=N`, the most that was waited."}}
REPLAYED: Schema = {
    "Idempotent-Replayed": {"schema": {**TEXT, "const": "true"}, "description": "It is a repeat's answer."}
}
SIGNED: list[Schema] = [
    {"name": name, "in": "header", "required": True, "schema": kind, "description": text}
    for name, kind, text in (
        ("webhook-id", TEXT, "The event's id."),
        ("webhook-timestamp", COUNT, "When it is sent, in unix seconds."),
        ("webhook-signature", TEXT, "`v1,` and a signature after Standard Webhooks; two while a secret is rotated."),
    )
]
"""The headers of requests to webhooks."""
