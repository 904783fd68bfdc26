"""HTTP without a wire: whatever is asked of the product's own address is answered by it in the same process."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

BASE = "http://testserver"


@contextmanager
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every request of this process, the product's and the test's, find the product in it and nothing else."""
    with monkeypatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", _send)
        yield


def _send(adapter: HTTPAdapter, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
    assert request.url is not None
    assert request.url.startswith(BASE), request.url
    parts, headers = urlsplit(request.url), dict(request.headers)
    answer = Client().generic(
        request.method or "GET",
        f"{parts.path}?{parts.query}",
        request.body or b"",
        content_type=headers.pop("Content-Type", ""),
        headers=headers,
    )
    body = io.BytesIO(answer.getvalue())
    raw = HTTPResponse(body, headers=dict(answer.items()), status=answer.status_code, preload_content=False)
    return adapter.build_response(request, raw)
