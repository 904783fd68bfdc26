"""Errors in the form of RFC 9457, for callers that accept `application/problem+json`."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import NotAcceptable
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from ouipost.api.csv import CsvNegotiation

PROBLEM_TYPE = "application/problem+json"


class Negotiation(CsvNegotiation):
    """Lets a request accept only problems: successful responses keep their usual type."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            if not is_asked_for(request._request):
                raise
            usual, *_ = renderers
            return usual, usual.media_type


def is_asked_for(request: HttpRequest) -> bool:
    """Whether the caller names the type; a wildcard does not ask for it."""
    accepted = request.headers.get("Accept", "").split(",")
    return any(each.partition(";")[0].strip().lower() == PROBLEM_TYPE for each in accepted)


def give_as_problem(response: HttpResponse, *, request_id: str) -> None:
    """Rewrite the envelope of an error as a problem; a response without an error stays as it is."""
    error: dict[str, Any] | None = orjson.loads(response.content).get("error")
    if error is None:
        return
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(response.status_code).phrase,
        "status": response.status_code,
        "detail": error["message"],
        "instance": request_id,
        "code": error["code"],
        "details": error["details"],
    }
    response.content = orjson.dumps(problem)
    response.headers["Content-Type"] = PROBLEM_TYPE
    response.headers["Content-Length"] = str(len(response.content))
