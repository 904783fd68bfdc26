"""Answers beside what /api/schema and /admin/schema say of them."""

import json
import re
from datetime import datetime
from functools import cache
from typing import Any

from drf_spectacular.renderers import OpenApiJsonRenderer
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]  # it comes without types

from ouipost.api.docs import AdminGenerator, ApiGenerator, document
from ouipost.api.vocabulary import JSON_TYPE
from tests.contract.closing import closed

OURS = re.compile(r"x-(?!content-type-options|frame-options)|retry-after|idempotent-|location|preference-applied")
"""The headers that a caller may go by."""
SENT_BACK = "minItems"
"""What is not described, and taken only where it says what is so already: a schedule without slots."""
BODY = "body"


def is_moment(value: Any) -> bool:
    """Whether it is one as generated clients read and write them: with an offset."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


FORMATS = FormatChecker(formats=())
FORMATS.checkers = {"date-time": (is_moment, ValueError)}


def faults_of(response: Any, method: str, address: str) -> list[str]:
    """Return where an answer differs from what its description says, which names all that there is.

    Nothing is said of an address or a method that has no description.
    """
    part, path, call = _find(method, address)
    if not call:
        return []
    if str(response.status_code) not in call["responses"]:
        return [f"status {response.status_code}"]
    told = answer_of(_described(part), call, str(response.status_code))
    named = {name.lower() for name in told["headers"]}
    wrong = [name for name in response.headers if OURS.match(name.lower()) and name.lower() not in named]
    kind = response.headers["Content-Type"].partition(";")[0]
    if kind not in told["content"]:
        return [*wrong, kind]
    if not kind.endswith("json"):
        return wrong
    validator = _validator(part, path, method.lower(), str(response.status_code), kind)
    found = validator.iter_errors(json.loads(response.content))
    return wrong + [f"{error.json_path}: {error.message}" for error in found]


def faults_of_body(given: bytes, method: str, address: str) -> list[str]:
    """Return why a JSON body that was taken is not one that the description allows."""
    part, path, call = _find(method, address)
    content = call.get("requestBody", {}).get("content", {})
    if JSON_TYPE not in content or not given:
        return []
    found = _validator(part, path, method.lower(), BODY).iter_errors(json.loads(given))
    return [f"{error.json_path}: {error.message}" for error in found if error.validator != SENT_BACK]


def faults_of_event(body: Any, schema: Any) -> list[str]:
    """Return where what a webhook is sent differs from what the schema says of this event."""
    call = schema["webhooks"][body["type"]]["post"]
    described = call["requestBody"]["content"]["application/json"]["schema"] | {"components": schema["components"]}
    validator = Draft202012Validator(closed(described), format_checker=FORMATS)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def answer_of(schema: Any, call: Any, status: str) -> Any:
    """Return how an answer of this status is described: at the call, or among those that calls have in common."""
    answer = call["responses"][status]
    return schema["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer


@cache
def _described(part: str) -> Any:
    generator = {"/api/": ApiGenerator, "/admin/": AdminGenerator}[part]
    return closed(json.loads(document(generator, OpenApiJsonRenderer, "ouipost.urls")))


def _paths(part: str) -> Any:
    return _described(part)["paths"]


@cache
def _addresses(part: str) -> list[tuple[str, re.Pattern[str]]]:
    """Return each path and what it matches, first those with fewer places: `/callback` is no account's id."""
    paths = sorted(_paths(part), key=lambda path: path.count("{"))
    return [(path, re.compile(re.sub(r"\{\w+\}", "[^/]+", path))) for path in paths]


def _find(method: str, address: str) -> tuple[str, str, Any]:
    part = "/admin/" if address.startswith("/admin/") else "/api/"
    path = next((each for each, pattern in _addresses(part) if pattern.fullmatch(address)), "")
    return part, path, _paths(part).get(path, {}).get(method.lower(), {})


@cache
def _validator(part: str, path: str, method: str, status: str, kind: str = JSON_TYPE) -> Any:
    """Return what checks an answer of this status, or what is asked with."""
    call = _paths(part)[path][method]
    content = (call["requestBody"] if status == BODY else answer_of(_described(part), call, status))["content"]
    described = content[kind]["schema"] | {"components": _described(part)["components"]}
    return Draft202012Validator(described, format_checker=FORMATS)
