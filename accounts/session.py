"""The way out that connectors are handed: `ouipost.outbound`, in the words of the platforms."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from accounts import calls
from accounts.platforms.base import Answer, Unavailable, Unknown, WhoActs
from ouipost import outbound


class NetworkSession:
    """Implements `accounts.platforms.base.Session`; all its requests together end at `deadline`, a monotonic time."""

    def __init__(self, gateway: str = "", deadline: float = math.inf, network: str = "") -> None:
        self.gateway = gateway
        self.deadline = deadline
        self.network = network
        """By the key of its health, whose requests are counted; empty: they are not."""
        self.requests = 0
        """How many it was asked to send."""
        self._client = outbound.Client(gateway=gateway)

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
        timeout: float = 30,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        seconds = min(timeout, self.deadline - time.monotonic())
        if seconds <= 0:
            raise Unavailable("No time was left for the request.")
        self.requests += 1
        began = time.monotonic()
        try:
            answer = self._client.request(
                method,
                url,
                headers=headers,
                params=params,
                data=data,
                json=json,
                files=files,
                timeout=seconds,
                max_bytes=max_bytes,
            )
        except outbound.Blocked as error:
            message = "This installation does not allow the address; its operator can allow it."
            raise Unavailable(message, who_acts=WhoActs.OPERATOR) from error
        except outbound.NotSent as error:
            self._count(calls.LOST, began)
            raise Unavailable("The network could not be reached.") from error
        except outbound.AnswerLost as error:
            self._count(calls.LOST, began)
            raise Unknown("The network gave no whole answer.") from error
        self._count(calls.outcome_of(answer.status), began)
        return Answer(status=answer.status, headers=answer.headers, body=answer.body)

    def _count(self, outcome: str, began: float) -> None:
        if self.network:
            calls.note(self.network, kind=calls.REQUEST, outcome=outcome, seconds=time.monotonic() - began)

    def public_url(self, url: str) -> str:
        """Return where a person finds this page of the network: behind the gateway where there is one."""
        return outbound.gateway_url(url, self.gateway) if self.gateway and url else url
