"""Our own pages of a sign-in that answer with an error."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ouipost.api.failures import describe
from ouipost.errors import DomainError


def refused(request: HttpRequest, template: str, page: Mapping[str, Any], error: DomainError) -> HttpResponse:
    """Return the page with the error's status, and with Retry-After if the error says when to try again."""
    failure = describe(error)
    answer = render(request, template, {**page}, status=failure.status)
    for name, value in failure.headers.items():
        answer[name] = value
    return answer
