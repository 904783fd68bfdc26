"""What leaves for Sentry: bugs, without what nobody needs there."""

from typing import Any

import pytest
from django.core.exceptions import DisallowedHost, TooManyFieldsSent
from structlog.contextvars import bound_contextvars

from accounts.platforms.errors import Rejected, Unavailable
from ouipost.errors import DomainError
from ouipost.observability import sentry
from ouipost.outbound.errors import AnswerLost, NotSent


def hint(error: Exception) -> dict[str, Any]:
    return {"exc_info": (type(error), error, None)}


@pytest.mark.parametrize(
    "error",
    [
        DomainError(),
        Rejected("no"),
        Unavailable("later"),
        NotSent(),
        AnswerLost(),
        DisallowedHost("Invalid HTTP_HOST header"),
        TooManyFieldsSent("The number of GET/POST parameters exceeded"),
    ],
)
def test_what_callers_do_and_networks_answer_is_not_reported(error: Exception) -> None:
    assert sentry.prepared({"message": "x"}, hint(error)) is None


def test_a_bug_is_reported_with_the_ids_and_without_what_came_with_the_request() -> None:
    key = f"pk_live_{'a' * 32}"
    event = {
        "message": f"with {key}",
        "request": {"url": "/x"},
        "user": {"id": 1},
        "extra": {"a": 1},
        "tags": {"b": "c"},
    }

    with bound_contextvars(request_id="mine", attempt=2):
        told = sentry.prepared(event, hint(ValueError("x")))

    assert told["message"] == "with [masked]"
    assert {"b": "c", "request_id": "mine", "attempt": "2"}.items() <= told["tags"].items()
    assert told.keys() == {"message", "tags"}
