"""The one shape of every answer: `{"success", "data"}` or `{"success", "error"}`."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from ouipost.api.failures import describe, error_body

__all__ = ["EnvelopeRenderer", "answer_error", "error_body"]


class EnvelopeRenderer(JSONRenderer):
    """Renders JSON, with what a view returned under `data`; a failure comes here in its envelope already."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        response = (renderer_context or {}).get("response")
        if response is None or not response.exception:
            data = {"success": True, "data": {} if data is None else data}
        return super().render(data, accepted_media_type, renderer_context)


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer whatever a view raised; nothing passes through to Django."""
    failure = describe(error)
    headers = dict(failure.headers)
    if failure.status == 401:
        challenge = context["view"].get_authenticate_header(context["request"])
        if challenge:
            headers["WWW-Authenticate"] = challenge
    return Response(failure.body, status=failure.status, headers=headers)
