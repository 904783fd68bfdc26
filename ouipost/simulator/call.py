"""One request to a network, read once; and a network as the dispatcher sees it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.files.base import File
from django.http import HttpRequest, HttpResponse, JsonResponse

from ouipost.simulator.models import Token

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
MAX_BODY_BYTES = 64 * 1024 * 1024
PLAIN_NUMBER = re.compile(r"[0-9]{1,18}")
VERSION = re.compile(r"^/v\d+\.\d+(?=/)")
"""The API version of Meta's networks, at the beginning of a path."""


class Refusal(Exception):
    """A network's refusal: an answer with an error body."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers = status, body, headers or {}

    def response(self) -> HttpResponse:
        """Return the answer that the client gets."""
        return JsonResponse(dict(self.body), status=self.status, headers=dict(self.headers))


@dataclass(kw_only=True)
class Call:
    """A request, split into the parts that networks read; `token` and `account` are the caller's, if known."""

    request: HttpRequest
    prefix: str
    host: str
    path: str
    now: datetime
    method: str
    content_type: str
    raw: bytes = b""
    json: Any = None
    params: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    token: Token | None = None
    account: str = ""
    effects: dict[str, dict[str, Any]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """Return the base address of all networks, as this caller reaches it."""
        return self.request.build_absolute_uri(self.prefix)

    def text(self, name: str) -> str:
        """Return a parameter as text, empty if it is missing."""
        value = self.params.get(name)
        return "" if value is None else str(value)

    def query(self, name: str) -> str:
        """Return a parameter that must be in the address, empty if it is missing there."""
        return self.request.GET.get(name, "")

    @property
    def is_form(self) -> bool:
        """Return whether all parameters are in a form, and none in the address, which logs keep."""
        return self.content_type == FORMS[0] and not self.request.GET

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a parameter that is true or false in any of the usual spellings."""
        value = self.text(name).lower()
        return default if not value else value in ("true", "1")

    @property
    def bearer(self) -> str:
        """Return the bearer token of the Authorization header, or an empty text."""
        scheme, _, value = self.request.headers.get("Authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""

    @property
    def credential(self) -> str:
        """Return the bearer token, else the access_token parameter, which Meta takes as well."""
        return self.bearer or self.text("access_token")

    @property
    def ready_at(self) -> datetime:
        """Return when the network is done with this call's file: at once, or later by an ordered delay."""
        return self.now + timedelta(seconds=self.seconds("slow_processing"))

    def seconds(self, effect: str) -> float:
        """Return the duration of an ordered fault of this kind, 0 without one."""
        return float(self.effects.get(effect, {}).get("seconds", 0))


def read(request: HttpRequest, *, host: str, path: str, now: datetime) -> Call:
    """Read a request whole: query, form, files or JSON; a JSON body that isn't one leaves `json` empty."""
    assert request.method is not None
    prefix = request.path.removesuffix(f"/{host}{path}")
    method = "GET" if request.method == "HEAD" else request.method
    content_type = request.content_type or ""
    call = Call(request=request, prefix=prefix, host=host, path=path, now=now, method=method, content_type=content_type)
    call.params = dict(request.GET.items())
    if content_type in FORMS:
        call.params |= dict(request.POST.items())
        call.files = {name: file.read() for name, file in request.FILES.items() if isinstance(file, File)}
        return call
    call.raw = request.read(MAX_BODY_BYTES)
    if content_type == "application/json":
        call.json = parse(call.raw)
        call.params |= call.json if isinstance(call.json, dict) else {}
    return call


def parse(raw: bytes | str) -> Any:
    """Return the JSON value; None if it is missing or invalid, nested too deep, or has lone surrogates."""
    try:
        value = json.loads(raw)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def within(text: str, least: int, most: int) -> int | None:
    """Return the number in a text of plain digits, None for any other text and for a number out of bounds."""
    number = int(text) if PLAIN_NUMBER.fullmatch(text) else -1
    return number if least <= number <= most else None


Handler = Callable[..., HttpResponse]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method and path of a network; `visible` calls publish, `upload` calls bring a file."""

    method: str
    pattern: str
    handler: Handler
    hosts: Sequence[str] = ()
    visible: bool | Callable[[Call], bool] = False
    upload: bool | Callable[[Call], bool] = False

    def match(self, call: Call) -> "re.Match[str] | None":
        """Return the match of method, host and whole path."""
        if self.method != call.method or (self.hosts and call.host not in self.hosts):
            return None
        return re.fullmatch(self.pattern, call.path)

    def publishes(self, call: Call) -> bool:
        """Return whether this very call makes something visible."""
        return self.visible(call) if callable(self.visible) else self.visible

    def uploads(self, call: Call) -> bool:
        """Return whether this very call brings a file."""
        return self.upload(call) if callable(self.upload) else self.upload


def form(*, pattern: str, handler: Handler, hosts: Sequence[str] = ()) -> tuple[Route, Route]:
    """Return the routes of a page whose form is sent back to the page's own address."""
    show = Route(method="GET", pattern=pattern, handler=handler, hosts=hosts)
    return show, replace(show, method="POST")


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network for the dispatcher; `admit` counts a call against the network's limits, and may refuse it."""

    id: str
    hosts: Sequence[str]
    routes: Sequence[Route]
    not_found: Callable[[Call], Refusal]
    identify: Callable[[Call], str]
    revoke: Callable[[Token, datetime], None]
    admit: Callable[[Call, Route], None]
    any_host_under: str = ""
    shared: Sequence[tuple[str, str]] = ()
    """Hosts of other networks, each with the pattern of this network's paths there."""

    def shares(self, host: str, path: str) -> bool:
        """Return whether a request for this path on another network's host is this network's."""
        return any(host == theirs and re.fullmatch(pattern, path) for theirs, pattern in self.shared)

    def serves(self, host: str, path: str) -> bool:
        """Return whether a request for this host and path is this network's."""
        return host in self.hosts or bool(self.any_host_under and path.startswith(self.any_host_under))

    def find(self, call: Call) -> "tuple[Route, dict[str, str]] | None":
        """Return the first route that takes this call, with the named parts of its path."""
        for route in self.routes:
            if found := route.match(call):
                return route, found.groupdict()
        return None
