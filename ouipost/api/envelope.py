"""The envelope of every response: `{"success", "data"}` or `{"success", "error"}`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from ouipost.api.failures import Failure, describe, note

OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
_encode = JSONEncoder().default
"""Encodes types that JSON lacks (dates, decimals, UUIDs) as REST framework does."""


class EnvelopeRenderer(JSONRenderer):
    """Renders JSON with the view's data under `data`; a failure is already in its envelope."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        response = (renderer_context or {}).get("response")
        if response is None or not response.exception:
            data = {"success": True, "data": {} if data is None else data}
        if data is None or self.get_indent(accepted_media_type or "", renderer_context or {}):
            return super().render(data, accepted_media_type, renderer_context)
        return orjson.dumps(data, _encode, OPTIONS)


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the response to any exception that a view raised: REST framework's EXCEPTION_HANDLER."""
    failure = _for_this_address(describe(error), context)
    note(failure)
    headers = dict(failure.headers)
    if failure.status == 401:
        challenge = context["view"].get_authenticate_header(context["request"])
        if challenge:
            headers["WWW-Authenticate"] = challenge
    return Response(failure.body, status=failure.status, headers=headers)


def _for_this_address(failure: Failure, context: Mapping[str, Any]) -> Failure:
    """Return the failure with the credential, methods or types that this address takes in its message."""
    view, request, message = context["view"], context["request"], failure.message
    match failure.status:
        case 401 if failure.code == "AUTHENTICATION_REQUIRED":
            wanted = (getattr(each, "wanted", "") for each in request.authenticators)
            message = next(filter(None, wanted), message)
        case 405:
            message = f"This address takes {', '.join(view.allowed_methods)}, not {request.method}."
        case 415:
            types = " or ".join(each.media_type for each in request.parsers)
            message = f"{message} This address takes {types}."
    return replace(failure, message=message)
