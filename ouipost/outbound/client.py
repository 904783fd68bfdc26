"""The HTTP client for all outgoing requests."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO
from urllib.parse import urlencode

from requests_toolbelt import MultipartEncoder
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from ouipost import __version__
from ouipost.observability import traces
from ouipost.outbound import transport
from ouipost.outbound.errors import AnswerLost, NotSent
from ouipost.outbound.guard import Target, check_form, parse
from ouipost.outbound.transport import Call, current_call
from ouipost.phrases import Phrase

Fields = Mapping[str, Any] | Sequence[tuple[str, Any]]
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
    """Headers, with case-insensitive names."""
    body: bytes
    """The body as received, never decompressed."""
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
        params: Fields | None = None,
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
        asked = check_form(url)
        target = parse(gateway_url(asked.url, self._gateway)) if self._gateway else asked
        call = Call(deadline=time.monotonic() + timeout)
        body, described = _body(data, json, files)
        fields = _merged(HEADERS | described, headers or {})
        token = current_call.set(call)
        try:
            with (
                traces.span(f"HTTP {method}", traces.CLIENT, **{"server.address": asked.host}) as span,
                transport.send(method, _asking(target, params), fields, body, guarded=not self._gateway) as response,
            ):
                if span is not None:
                    span.set_attribute("http.response.status_code", response.status)
                call.begin_body(max_bytes)
                content = _read(response, max_bytes=max_bytes, truncate=truncate)
                return Answer(status=response.status, headers=response.headers, body=content, address=call.address)
        except (OSError, HTTPError, HTTPException, ValueError):  # ValueError: a header that cannot be written
            # Not chained: the libraries' messages hold the whole URL, with tokens and internal addresses.
            raise _failure(call) from None
        finally:
            current_call.reset(token)


def _merged(ours: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the given headers and those of ours that they do not replace, with names compared without case."""
    replaced = {name.lower() for name in given}
    return {name: value for name, value in ours.items() if name.lower() not in replaced} | dict(given)


def _asking(target: Target, params: Fields | None) -> Target:
    """Return the target with these parameters after its own."""
    if not params:
        return target
    return replace(target, path=f"{target.path}{'&' if '?' in target.path else '?'}{_encoded(params)}")


def _body(data: Any, given_json: Any, files: Mapping[str, tuple[str, Any, str]] | None) -> tuple[Any, dict[str, str]]:
    """Return the body and the headers that describe it; a form with files is streamed, its fields first."""
    if files:
        fields = {name: str(value) for name, value in (data or {}).items()}
        parts = {name: (title, _rest(file), kind) for name, (title, file, kind) in files.items()}
        form = MultipartEncoder(fields | parts)
        return form, {"Content-Type": form.content_type, "Content-Length": str(form.len)}
    if given_json is not None:
        return json.dumps(given_json, allow_nan=False).encode(), {"Content-Type": "application/json"}
    if isinstance(data, Mapping):
        return _encoded(data).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if data is None or isinstance(data, bytes):
        return data, {}
    return data, {"Content-Length": str(_left(data))}


def _encoded(fields: Fields) -> str:
    """Return fields as in a query, without those that are None."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return urlencode([(name, value) for name, value in pairs if value is not None], doseq=True)


def _left(file: BinaryIO) -> int:
    """Return how many bytes a file has from its position on."""
    at = file.tell()
    end = file.seek(0, SEEK_END)
    file.seek(at)
    return end - at


def _rest(file: bytes | BinaryIO) -> bytes | BinaryIO:
    """Return the file's content from its position on; the form encoder would send a BytesIO from its beginning."""
    return file.read() if isinstance(file, BytesIO) else file


def gateway_url(url: str, gateway: str) -> str:
    """Return the URL as redirected to the gateway; unchanged without a gateway."""
    return f"{gateway.rstrip('/')}/{url.partition('://')[2]}" if gateway else url


def _read(response: BaseHTTPResponse, *, max_bytes: int, truncate: bool) -> bytes:
    body = bytearray()
    while len(body) <= max_bytes:
        piece = response.read(min(PIECE_BYTES, max_bytes + 1 - len(body)), decode_content=False)
        if not piece:
            return bytes(body)
        body += piece
    if not truncate:
        message = Phrase("The answer has more than the {most} bytes allowed.", most=max_bytes)
        raise AnswerLost(message, address=current_call.get().address)
    return bytes(body[:max_bytes])


def _failure(call: Call) -> NotSent | AnswerLost:
    if not call.has_left:
        return NotSent(Phrase("The request could not be sent."))
    if call.is_over:
        return AnswerLost(Phrase("No complete answer came in time."), address=call.address)
    return AnswerLost(Phrase("The connection broke before the answer was complete."), address=call.address)
