"""Serves stored files at their signed addresses."""

import re
import time
from collections.abc import Iterator
from typing import Any

from django.core.files import File
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.http import content_disposition_header
from django.views.decorators.csrf import csrf_exempt

from ouipost.api.failures import Failure, describe, of_status
from posts.media.signing import is_signed
from posts.media.storage import StorageUnavailable, mime_type_of, open_stored

BLOCK_BYTES = 64 * 1024
ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Piece:
    """Reads so many bytes of an open file, block by block, and closes it."""

    def __init__(self, file: File[Any], length: int) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block: bytes = self._file.read(min(BLOCK_BYTES, self._left))
        if not block:
            raise StopIteration
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._file.close()


@csrf_exempt  # it changes nothing, and answers other methods with a JSON error
def serve_media(request: HttpRequest, name: str) -> HttpResponseBase:
    """Answer with the file, or the range of it that is asked for; 403 unless the address is ours and still good."""
    if request.method not in ("GET", "HEAD"):
        return _failure(405, headers={"Allow": "GET, HEAD"})
    expires, download_name = request.GET.get("expires", ""), request.GET.get("download", "")
    given = request.GET.get("signature", "")
    if not is_signed(name, expires=expires, download_name=download_name, given=given):
        return _failure(403, message="The address of the file was altered. Ask the API for a new one.")
    seconds_left = int(expires) - int(time.time())
    if seconds_left <= 0:
        return _failure(403, message="The address of the file has expired. Ask the API for a new one.")
    try:
        file = open_stored(name)
    except FileNotFoundError:
        return _failure(404, message="The file is gone.")
    except StorageUnavailable as error:
        return _refusal(describe(error))
    response = _respond(request, file)
    for header, value in _headers(name, download_name, seconds_left).items():
        response.headers[header] = value
    return response


def _failure(status: int, **values: Any) -> JsonResponse:
    return _refusal(of_status(status, **values))


def _refusal(failure: Failure) -> JsonResponse:
    headers = {"Cache-Control": "no-store"} | dict(failure.headers)
    return JsonResponse(failure.body, status=failure.status, headers=headers)


def _respond(request: HttpRequest, file: File[Any]) -> HttpResponseBase:
    if request.method == "HEAD":
        file.close()
        return HttpResponse(headers={"Content-Length": str(file.size), "Accept-Ranges": "bytes"})
    size = file.size
    is_conditional = "If-Range" in request.headers  # compares an ETag or a date, and we send neither
    asked = None if is_conditional else _asked_range(request.headers.get("Range", ""), size)
    if asked is None:
        return StreamingHttpResponse(Piece(file, size), headers={"Content-Length": str(size), "Accept-Ranges": "bytes"})
    if not asked:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    file.seek(asked.start)
    headers = {"Content-Length": str(len(asked)), "Content-Range": f"bytes {asked[0]}-{asked[-1]}/{size}"}
    return StreamingHttpResponse(Piece(file, len(asked)), status=206, headers=headers)


def _asked_range(header: str, size: int) -> range | None:
    """Return the requested range, empty if it lies beyond the file; None unless it is exactly one range."""
    found = ONE_RANGE.fullmatch(header)
    if not found or header == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last or size) + 1))


def _headers(name: str, download_name: str, seconds_left: int) -> dict[str, str]:
    """Return headers by which browsers neither guess the file's type nor run anything in it."""
    mime_type = mime_type_of(name)
    attached = not mime_type.startswith("image/")
    return {
        "Content-Type": mime_type,
        "Content-Disposition": content_disposition_header(attached, download_name) or "inline",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": f"private, max-age={seconds_left}",
    }


urlpatterns = [path("<path:name>", serve_media, name="media")]
