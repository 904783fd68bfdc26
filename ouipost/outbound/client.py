"""The HTTP client for all outgoing requests."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from io import BytesIO
from typing import Any, BinaryIO

import requests
from requests.structures import CaseInsensitiveDict
from requests_toolbelt import MultipartEncoder
from urllib3.exceptions import HTTPError

from ouipost import __version__, traces
from ouipost.outbound.errors import AnswerLost, NotSent
from ouipost.outbound.guard import check_form
from ouipost.outbound.transport import Call, adapter, current_call
from ouipost.phrases import Phrase

PIECE_BYTES = 65_536
HEADERS = {
    "User-Agent": f"OuiPost/{__version__}",
    "Accept-Encoding": "identity",
    "Accept": "*/*",
    "Connection": "keep-alive",
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes
    """As received, never decompressed."""
    address: str = ""
    """The IP address that answered."""


class Client:
    """Sends requests to their hosts, or all of them to a gateway."""

    def __init__(self, gateway: str = "") -> None:
        self._gateway = gateway

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None,
        data: Mapping[str, Any] | bytes | BinaryIO | None = None,
        json: Any = None,
        files: Mapping[str, tuple[str, bytes | BinaryIO, str]] | None = None,
        timeout: float = 30.0,
        max_bytes: int = 1_000_000,
        truncate: bool = False,
    ) -> Answer:
        """Send one request and return its answer, without retries, redirects, proxies or cookies.

        Open files are streamed. `timeout` is for the whole call, in seconds. An answer of more than `max_bytes` raises
        AnswerLost, or is cut there with `truncate`. Raises Blocked, NotSent or AnswerLost.
        """
        checked = check_form(url)
        address = gateway_url(checked.url, self._gateway)
        call = Call(deadline=time.monotonic() + timeout)
        body, form_type = _body(data, files)
        token = current_call.set(call)
        try:
            # Without a Session, which would merge cookies, proxies and environment settings into each request.
            request = requests.Request(
                method,
                address,
                headers=CaseInsensitiveDict(HEADERS | form_type | dict(headers or {})),
                params=params,
                data=body,
                json=json,
                files=None if form_type else files,
            )
            way = adapter(guarded=not self._gateway)
            with (
                traces.span(f"HTTP {method}", traces.CLIENT, **{"server.address": checked.host}) as span,
                way.send(request.prepare(), stream=True, timeout=timeout) as response,
            ):
                if span is not None:
                    span.set_attribute("http.response.status_code", response.status_code)
                call.begin_body(max_bytes)
                content = _read(response, max_bytes=max_bytes, truncate=truncate)
                return Answer(status=response.status_code, headers=response.headers, body=content, address=call.address)
        except (OSError, HTTPError, HTTPException):
            # Not chained: the libraries' messages hold the whole URL, with tokens and internal addresses.
            raise _failure(call) from None
        finally:
            current_call.reset(token)


def _body(data: Any, files: Mapping[str, tuple[str, Any, str]] | None) -> tuple[Any, dict[str, str]]:
    """Return the body and its headers; a form with open files is streamed, its fields first."""
    if not files or all(isinstance(content, bytes) for _, content, _ in files.values()):
        return data, {}
    fields = {name: str(value) for name, value in (data or {}).items()}
    form = MultipartEncoder(fields | {name: (title, _rest(file), kind) for name, (title, file, kind) in files.items()})
    return form, {"Content-Type": form.content_type}


def _rest(file: bytes | BinaryIO) -> bytes | BinaryIO:
    """Return the file's content from its position on; the form encoder would send a BytesIO from its beginning."""
    return file.read() if isinstance(file, BytesIO) else file


def gateway_url(url: str, gateway: str) -> str:
    """Return the URL as redirected to the gateway; unchanged without a gateway."""
    return f"{gateway.rstrip('/')}/{url.partition('://')[2]}" if gateway else url


def _read(response: requests.Response, *, max_bytes: int, truncate: bool) -> bytes:
    body = bytearray()
    while len(body) <= max_bytes:
        piece = response.raw.read(min(PIECE_BYTES, max_bytes + 1 - len(body)), decode_content=False)
        if not piece:
            return bytes(body)
        body += piece
    if not truncate:
        raise AnswerLost(Phrase("The answer has more than the {most} bytes allowed.", most=max_bytes))
    return bytes(body[:max_bytes])


def _failure(call: Call) -> NotSent | AnswerLost:
    if not call.has_left:
        return NotSent(Phrase("The request could not be sent."))
    if call.is_over:
        return AnswerLost(Phrase("No complete answer came in time."))
    return AnswerLost(Phrase("The connection broke before the answer was complete."))
