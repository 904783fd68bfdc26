"""What Django looks at before any code of ours does."""

import time

import pytest
from django.test import RequestFactory

from ouipost.api.handler import Handler


@pytest.mark.parametrize("given", [";" * 300_000, f"a/b{';a=b' * 75_000}"])
def test_a_content_type_without_end_takes_no_time(given: str, db: None) -> None:
    """The end of a request closes a connection that an earlier test has left."""
    handler, statuses = Handler(), list[str]()
    environ = RequestFactory().get("/healthz").environ | {"CONTENT_TYPE": given}
    started = time.process_time()

    handler(environ, lambda status, headers: statuses.append(status))

    assert statuses == ["200 OK"]
    assert time.process_time() - started < 1
