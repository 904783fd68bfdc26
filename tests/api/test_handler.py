"""What Django looks at before any code of ours does."""

import time

import pytest
from django.test import RequestFactory

from ouipost.api.handler import Handler


@pytest.mark.parametrize(
    ("header", "given"),
    [
        ("CONTENT_TYPE", ";" * 300_000),
        ("CONTENT_TYPE", f"a/b{';a=b' * 75_000}"),
        ("HTTP_COOKIE", '"' + "\\" * 40_000 + '"'),
    ],
)
def test_a_header_without_end_takes_no_time(header: str, given: str, db: None) -> None:
    """The end of a request closes a connection that an earlier test has left."""
    handler, statuses = Handler(), list[str]()
    environ = RequestFactory().get("/healthz").environ | {header: given}
    started = time.process_time()

    handler(environ, lambda status, headers: statuses.append(status))

    assert statuses == ["200 OK"]
    assert time.process_time() - started < 1
