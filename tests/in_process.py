"""HTTP without a wire: requests to the product's own address are answered in the same process."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPResponse

from ouipost.outbound import transport
from ouipost.outbound.guard import Target
from ouipost.simulator import pulling

BASE = "http://testserver"
Send = Callable[[requests.PreparedRequest], requests.Response]
Meddle = Callable[[requests.PreparedRequest, Send], requests.Response]
"""A function between a request and its answer, which sends the request on, or does not."""


def leave_alone(request: requests.PreparedRequest, send: Send) -> requests.Response:
    return send(request)


@contextmanager
def in_process(monkeypatch: pytest.MonkeyPatch, meddle: Meddle = leave_alone) -> Iterator[None]:
    """Answer all requests of this process, the product's and the test's, by the product in it and nothing else."""

    product = Client()  # one for all requests, as its first request sets up the whole product

    def answer(adapter: HTTPAdapter, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        return meddle(request, lambda request: _send(product, adapter, request))

    def answer_product(method: str, target: Target, headers: Any, body: Any, *, guarded: bool) -> BaseHTTPResponse:
        request = requests.Request(method, target.url, headers=headers, data=body).prepare()
        return answer(HTTPAdapter(), request).raw

    with monkeypatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", answer)
        patch.setattr(transport, "send", answer_product)
        patch.setattr(pulling, "fetch", partial(_fetch, product))
        yield


def _send(product: Client, adapter: HTTPAdapter, request: requests.PreparedRequest) -> requests.Response:
    assert request.url is not None
    assert request.url.startswith(BASE), request.url
    parts, headers = urlsplit(request.url), dict(request.headers)
    product.cookies.clear()
    answer = product.generic(
        request.method or "GET",
        f"{parts.path}?{parts.query}",
        _body(request),
        content_type=headers.pop("Content-Type", ""),
        headers=headers,
    )
    raw = HTTPResponse(
        io.BytesIO(answer.getvalue()), headers=dict(answer.items()), status=answer.status_code, preload_content=False
    )
    return adapter.build_response(request, raw)


def _body(request: requests.PreparedRequest) -> Any:
    body: Any = request.body or b""
    return body.read() if hasattr(body, "read") else body


def _fetch(product: Client, address: str, *, most: int, agent: str) -> bytes:
    """Fetch a file as the simulator does, but only from the product."""
    parts = urlsplit(address)
    answer = product.get(f"{parts.path}?{parts.query}", headers={"User-Agent": agent})
    if not address.startswith(f"{BASE}/") or answer.status_code != 200:
        raise pulling.Unreachable(f"{address} answered {answer.status_code}.")
    return answer.getvalue()[: most + 1]
