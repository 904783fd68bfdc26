"""What can go wrong at a network: each error says whether asking again can help, and who can fix it."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, ClassVar

LONGEST_CODE = 80
"""Of a network; longer ones are cut: networks do not say how long theirs are."""


class WhoActs(StrEnum):
    """Who can fix a failure."""

    CALLER = "caller"
    ACCOUNT_OWNER = "account_owner"
    OPERATOR = "operator"
    NETWORK = "network"


class PlatformError(Exception):
    """A call to a network did not do what it should; the subclass says whether asking again can help."""

    code: ClassVar[str] = "PLATFORM_UNAVAILABLE"
    who_acts: ClassVar[WhoActs] = WhoActs.NETWORK

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        who_acts: WhoActs | None = None,
        status: int | None = None,
        network_code: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.acts = who_acts or self.who_acts
        self.status = status
        self.network_code = network_code[:LONGEST_CODE]

    @property
    def facts(self) -> dict[str, Any]:
        """What the network said, for the error that takes this one's place."""
        return {"message": self.message, "status": self.status, "network_code": self.network_code}

    @property
    def is_nameless(self) -> bool:
        """Whether this may be the answer of a proxy or firewall before the network, which names what it refuses."""
        return self.status is not None and not self.network_code and self.acts != WhoActs.OPERATOR


class Rejected(PlatformError):
    """Refused as it stands: asking again cannot help. Where what was sent is too large, it is so because of a file."""

    code = "CONTENT_REJECTED"
    who_acts = WhoActs.CALLER

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None, **facts: Any) -> None:
        of_files = "MEDIA_REJECTED" if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else None
        super().__init__(message, code=code or of_files, status=status, **facts)


def not_permitted(**facts: Any) -> Rejected:
    """Return the refusal of what the account's owner did not allow the app, or allows it no more."""
    return Rejected(code="TOKEN_REVOKED", who_acts=WhoActs.ACCOUNT_OWNER, **facts)


def app_refused(**facts: Any) -> Rejected:
    """Return the refusal of the app itself, whatever it asks: this installation's operator must act."""
    return Rejected(code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR, **facts)


class Duplicate(Rejected):
    """Refused because the account has posted the same before: after a lost answer this may be our own post."""


class AuthExpired(PlatformError):
    """The token is no longer accepted: a refresh may help once, then only the account's owner can."""

    code = "TOKEN_REVOKED"
    who_acts = WhoActs.ACCOUNT_OWNER


class NotConnected(AuthExpired):
    """Nobody was asked: the account has no token any more, since it was disconnected."""


class Unavailable(PlatformError):
    """Certainly not done: ask again, not before `retry_after` seconds if that is given.

    From `commit` and `recover`, `handles` replace those of the operation: the call itself gave new ones, or told that
    some are worth nothing any more.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        handles: "Mapping[str, Any] | None" = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after
        self.handles = handles


class NotTaken(Unavailable):
    """Surely not done, for a cause that passes: also of a visible call."""


class RateLimited(Unavailable):
    """Certainly not done, because of a quota: does not count as an attempt.

    The account's other posts wait as long, unless the quota `is_of_a_kind`, such as videos: then each of these asks.
    """

    code = "RATE_LIMITED_BY_PLATFORM"

    def __init__(self, message: str, *, is_of_a_kind: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.is_of_a_kind = is_of_a_kind


class AppStopped(Unavailable):
    """Certainly not done: the network takes nothing from this installation's app, for whatever account, until the
    operator mends that."""

    who_acts = WhoActs.OPERATOR


class Outdated(AppStopped):
    """The network does not take this version of its API, until the operator sets another."""


class StillWorking(Unavailable):
    """The network is at work on what it was given: ask again after `retry_after` seconds. No attempt is counted.

    From `prepare` nothing is visible yet. From `commit` and `recover` the network has taken the post and will show it,
    or say that it failed.
    """

    retry_after: float

    def __init__(self, message: str, *, retry_after: float, **facts: Any) -> None:
        super().__init__(message, retry_after=retry_after, **facts)


class ProcessingFailed(Rejected):
    """The network took the post and gave it up: there is none, and sending the same again cannot help."""

    code = "MEDIA_REJECTED"


class Unknown(PlatformError):
    """The answer was lost or says nothing: the network may or may not have done it."""

    code = "OUTCOME_UNKNOWN"


class NotListed(Exception):
    """From `recover`: the network has forgotten what was stored before the call, and its list does not have the post.

    A list may be late: only the second time this means that it is not there.
    """
