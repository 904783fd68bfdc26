"""Ordered faults: the calls that they match use them up, and they change these calls and their answers."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from ouipost.simulator import connection
from ouipost.simulator.call import VERSION, Call, Network, Route
from ouipost.simulator.models import Fault, Token

SHAPES = ("timeout_after_accept", "timeout_before_accept", "status", "reset", "cut_json", "drip")
UNANSWERED = ("timeout_after_accept", "timeout_before_accept", "reset")
PROCESSING = ("slow_processing", "processing_failed")
TOKENS = ("expire_token", "revoke")
UPLOADS = (*PROCESSING, "partial_upload")
EFFECTS = (*SHAPES, *UPLOADS, *TOKENS, "list_lag")


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """The faults of a call: at most one that shapes its answer, and any number of others."""

    shape: Fault | None
    names: Sequence[str]

    @property
    def accepts(self) -> bool:
        """Return whether the network does its work despite the fault."""
        if self.shape is None:
            return True
        if self.shape.effect in ("status", "reset"):
            return bool(self.shape.options.get("after_accept", False))
        return self.shape.effect != "timeout_before_accept"

    @property
    def silent(self) -> bool:
        """Return whether the client gets no answer at all."""
        return self.shape is not None and self.shape.effect in UNANSWERED


def meet(call: Call, network: Network, route: Route | None) -> Trouble:
    """Use up the faults that this call matches, oldest first, one of each kind and one that shapes the answer."""
    shape: Fault | None = None
    names: list[str] = []
    for fault in Fault.objects.filter(network=network.id, fired__lt=F("times")).order_by("pk"):
        taken = fault.effect in names or (shape is not None and fault.effect in SHAPES)
        if taken or not matches(fault, call, route) or not use(fault):
            continue
        names.append(fault.effect)
        shape = fault if fault.effect in SHAPES else shape
        befall(fault, call, network)
    return Trouble(shape=shape, names=names)


def matches(fault: Fault, call: Call, route: Route | None) -> bool:
    """Return whether a fault is for this call: by account, then by its words, or else by the call's effect."""
    if fault.account not in ("", call.account):
        return False
    if fault.match:
        return meant(fault.match, call)
    if route is None:
        return False
    return route.uploads(call) if fault.effect in UPLOADS else route.publishes(call)


def meant(match: str, call: Call) -> bool:
    """Return whether `METHOD /path` starts this call, with or without host and version, or other words occur in it."""
    method, space, path = match.partition(" ")
    if not space or not method.isupper():
        return match in f"{call.method} {call.host}{call.path}"
    starts = (call.path, f"{call.host}{call.path}", VERSION.sub("", call.path))
    return method == call.method and any(start.startswith(path) for start in starts)


def use(fault: Fault) -> bool:
    """Count one firing, and return whether there was one left: calls at the same time never share it."""
    return bool(Fault.objects.filter(pk=fault.pk, fired__lt=F("times")).update(fired=F("fired") + 1))


def befall(fault: Fault, call: Call, network: Network) -> None:
    """Apply a fault to the caller's token at once; note its other effects on the call."""
    call.effects[fault.effect] = fault.options
    if call.token is None:
        return
    if fault.effect == "expire_token":
        call.token.expires_at = call.now - timedelta(seconds=1)
        Token.objects.filter(pk=call.token.pk).update(expires_at=call.token.expires_at)
    if fault.effect == "revoke":
        network.revoke(call.token, call.now)
        call.token.refresh_from_db()


def answer(trouble: Trouble, response: HttpResponseBase, call: Call) -> HttpResponseBase:
    """Return the answer as the fault changes it; delays the caller if the fault says so."""
    if trouble.shape is None:
        return response
    options = trouble.shape.options
    match trouble.shape.effect:
        case "status":
            return ordered(options)
        case "reset":
            return connection.close_unanswered(call.request.META)
        case "cut_json":
            return cut(response)
        case "drip":
            return drip(response, float(options.get("interval", 0.5)))
        case _:
            time.sleep(float(options.get("hold", 60)))
            return connection.close_unanswered(call.request.META)


def ordered(options: dict[str, object]) -> HttpResponse:
    """Return exactly the status, body and headers that were ordered."""
    body = options.get("body", "")
    content_type = "text/plain" if isinstance(body, str) else "application/json"
    content = body if isinstance(body, str) else json.dumps(body)
    response = HttpResponse(content, status=int(str(options["status"])), content_type=content_type)
    headers = options.get("headers", {})
    assert isinstance(headers, dict)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def cut(response: HttpResponseBase) -> HttpResponseBase:
    """Return the first half of an answer, announced as if it were all."""
    assert isinstance(response, HttpResponse)
    response.content = response.content[: len(response.content) // 2]
    response.headers["Content-Length"] = str(len(response.content))
    return response


def drip(response: HttpResponseBase, interval: float) -> HttpResponseBase:
    """Return the same answer, sent byte by byte."""
    assert isinstance(response, HttpResponse)
    content = response.content
    slow = StreamingHttpResponse(slowly(content, interval), status=response.status_code)
    for name, value in response.items():
        slow.headers[name] = value
    slow.headers["Content-Length"] = str(len(content))
    return slow


def slowly(content: bytes, interval: float) -> Iterator[bytes]:
    """Give one byte at a time, with a pause after each."""
    for byte in content:
        yield bytes([byte])
        time.sleep(interval)
