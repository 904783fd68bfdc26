"""The session for connectors' calls: `ouipost.outbound` behind the platforms' own interface."""

import base64
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from http import HTTPStatus
from typing import Any, Unpack

from accounts import calls
from accounts.exchanges import MOST_KEPT, Exchange, describe
from accounts.platforms.base import Request
from accounts.platforms.errors import AppStopped, Outdated, PlatformError, Unavailable, Unknown, WhoActs
from accounts.platforms.http import Answer, moment_of
from ouipost import outbound
from ouipost.masking import MASK, is_secret_name
from ouipost.phrases import Phrase

SHORTEST_SECRET = 8


class NetworkSession:
    """Implements `accounts.platforms.base.Session`; all its requests together end at `deadline`, a monotonic time."""

    def __init__(
        self,
        gateway: str = "",
        deadline: float = math.inf,
        network: str = "",
        *,
        exchanges: list[Exchange] | None = None,
        classify: Callable[[Answer], PlatformError] | None = None,
    ) -> None:
        self.gateway = gateway
        self.deadline = deadline
        self.network = network
        """Health key of the network whose requests are counted; empty: they are not counted."""
        self.requests = 0
        """Number of requests that were asked for."""
        self.dated: tuple[float, datetime] | None = None
        """This process's monotonic time of the last dated answer, and the network's time in it."""
        self._exchanges = exchanges
        """The last requests and answers, to be shown to people; None: they are not kept."""
        self._classify = classify
        """The connector's function that turns a refusal into an error."""
        self._client = outbound.Client(gateway=gateway)

    def request(self, method: str, url: str, **request: Unpack[Request]) -> Answer:
        seconds = min(request.get("timeout", 30), self.deadline - time.monotonic())
        if seconds <= 0:
            raise Unavailable(Phrase("No time was left for the request."))
        self.requests += 1
        sent = {name: request.get(name) for name in ("params", "data", "json", "files")}
        began = time.monotonic()
        try:
            answer = self._client.request(method, url, **(request | {"timeout": seconds}))
        except outbound.Blocked as error:
            message = Phrase("This installation does not allow the address; its operator can allow it.")
            raise Unavailable(message, who_acts=WhoActs.OPERATOR) from error
        except outbound.NotSent as error:
            self._count(calls.LOST, began)
            raise Unavailable(Phrase("The network could not be reached.")) from error
        except outbound.AnswerLost as error:
            self._count(calls.LOST, began)
            self._note(method, url, began, sent, status=None, answer=b"")
            raise Unknown(Phrase("The network gave no complete answer.")) from error
        if dated := moment_of(answer.headers.get("Date", "")):
            self.dated = (time.monotonic(), dated)
        is_refused, body = answer.status >= HTTPStatus.BAD_REQUEST, answer.body
        if is_refused or self._exchanges is not None:
            body = _masked(body, _secrets(request.get("headers"), *sent.values()))
        self._note(method, url, began, sent, status=answer.status, answer=body)
        read = Answer(status=answer.status, headers=answer.headers, body=body if is_refused else answer.body)
        self._count(self._outcome_of(read), began)
        return read

    def _outcome_of(self, answer: Answer) -> str:
        said = self._classify(answer) if self._classify and not answer.ok else None
        if isinstance(said, AppStopped):
            return calls.OUTDATED if isinstance(said, Outdated) else calls.STOPPED
        return calls.outcome_of(answer.status)

    def _note(
        self, method: str, url: str, began: float, sent: Mapping[str, Any], *, status: int | None, answer: bytes
    ) -> None:
        """Keep a request and its answer; the status is None if no complete answer came."""
        if self._exchanges is None:
            return
        seconds = time.monotonic() - began
        self._exchanges.append(describe(method, url, sent=sent, status=status, answer=answer, seconds=seconds))
        del self._exchanges[:-MOST_KEPT]

    def _count(self, outcome: str, began: float) -> None:
        if self.network:
            calls.note(self.network, kind=calls.REQUEST, outcome=outcome, seconds=time.monotonic() - began)

    def to_others(self) -> "NetworkSession":
        others = copy(self)
        others.network = ""
        return others

    def public_url(self, url: str) -> str:
        """Return the address at which a person finds this page of the network: behind the gateway, if there is one."""
        is_behind = url.startswith(f"{self.gateway.rstrip('/')}/")  # such as a comment's, which is its post's
        return outbound.gateway_url(url, self.gateway) if url and not is_behind else url


def _masked(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return an answer with the sent secrets masked, since refusals are stored, shown and logged."""
    for secret in secrets:
        body = body.replace(secret.encode(), MASK.encode())
    return body


def _secrets(headers: Mapping[str, str] | None, *fields: Any) -> Iterator[str]:
    """Yield the secrets in a request: its credential, and fields with the name of a secret."""
    scheme, _, credential = (headers or {}).get("Authorization", "").partition(" ")
    app_secret = base64.b64decode(credential).decode().partition(":")[2] if scheme == "Basic" else ""
    found = [("token", credential), ("secret", app_secret)]
    for each in fields:
        pairs = each.items() if isinstance(each, Mapping) else each if isinstance(each, list) else ()
        found += [pair for pair in pairs if isinstance(pair, tuple)]
    for name, value in found:
        if (name == "code" or is_secret_name(name)) and isinstance(value, str) and len(value) >= SHORTEST_SECRET:
            yield value
