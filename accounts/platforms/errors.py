"""Errors of networks: each says whether a retry can help, and who can fix it."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

LONGEST_CODE = 80
"""Length of a network's code; longer ones are cut, since networks do not document their lengths."""


class WhoActs(StrEnum):
    """The party that can fix a failure."""

    CALLER = "caller"
    ACCOUNT_OWNER = "account_owner"
    OPERATOR = "operator"
    NETWORK = "network"


class ErrorCode(StrEnum):
    """The kinds of failures that programs tell apart."""

    CONTENT_REJECTED = "CONTENT_REJECTED"
    """The network refused the post as it is."""
    MEDIA_REJECTED = "MEDIA_REJECTED"
    """The network cannot use a file."""
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 (a code, not a token)
    """The account must be reconnected."""
    RATE_LIMITED_BY_PLATFORM = "RATE_LIMITED_BY_PLATFORM"
    """A quota is used up."""
    PLATFORM_UNAVAILABLE = "PLATFORM_UNAVAILABLE"
    """Certainly not done: the network may do it later, or once the operator has acted."""
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    """It may have been done or not."""
    MISSED_WINDOW = "MISSED_WINDOW"
    """Nothing could run when it was due, and it is too late now."""
    WORKER_CRASH_LOOP = "WORKER_CRASH_LOOP"
    """The worker crashed on it again and again."""


class PlatformError(Exception):
    """A failed call to a network; the subclass says whether a retry can help."""

    code: str = ErrorCode.PLATFORM_UNAVAILABLE
    who_acts: WhoActs = WhoActs.NETWORK

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
        self.code = str(code or type(self).code)
        self.who_acts = who_acts or type(self).who_acts
        self.status = status
        self.network_code = network_code[:LONGEST_CODE]

    @property
    def facts(self) -> dict[str, Any]:
        """The network's words and codes, for an error that replaces this one."""
        return {"message": self.message, "status": self.status, "network_code": self.network_code}

    @property
    def is_nameless(self) -> bool:
        """Whether this may be a proxy's or firewall's answer: the network itself gives a code for its refusals."""
        return self.status is not None and not self.network_code and self.who_acts != WhoActs.OPERATOR


class Rejected(PlatformError):
    """Refused as it is: a retry cannot help. A request that is too large is so because of a file."""

    code = ErrorCode.CONTENT_REJECTED
    who_acts = WhoActs.CALLER

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None, **facts: Any) -> None:
        of_files = ErrorCode.MEDIA_REJECTED if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else None
        super().__init__(message, code=code or of_files, status=status, **facts)


def not_permitted(**facts: Any) -> Rejected:
    """Return the refusal of an action that the account's owner did not allow the app, or no longer allows."""
    return Rejected(code=ErrorCode.TOKEN_REVOKED, who_acts=WhoActs.ACCOUNT_OWNER, **facts)


def app_refused(**facts: Any) -> Rejected:
    """Return the refusal of the app itself, whatever it asks: this installation's operator must act."""
    return Rejected(code=ErrorCode.PLATFORM_UNAVAILABLE, who_acts=WhoActs.OPERATOR, **facts)


class Duplicate(Rejected):
    """Refused because the account has posted the same before: after a lost answer this may be our own post."""


class AuthExpired(PlatformError):
    """The token is no longer accepted: a refresh may help once, then only the account's owner can."""

    code = ErrorCode.TOKEN_REVOKED
    who_acts = WhoActs.ACCOUNT_OWNER


class NotConnected(AuthExpired):
    """The network was not called: the account was disconnected and has no token."""


class Unavailable(PlatformError):
    """Certainly not done: try again, but not before `retry_after` seconds if given.

    From `commit` and `recover`, `handles` replace those of the operation, because the call gave new ones or showed that
    some are no longer valid.
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
    """Certainly not done, for a temporary reason, even if the call was the visible one."""


class RateLimited(Unavailable):
    """Certainly not done, because of a quota: does not count as an attempt.

    The account's other posts wait as long, unless the quota is for one kind of post, such as videos (`is_of_a_kind`).
    One that counts posts alone (`is_for_posting`) keeps nobody from asking about posts that the network has taken.
    """

    code = ErrorCode.RATE_LIMITED_BY_PLATFORM

    def __init__(self, message: str, *, is_of_a_kind: bool = False, is_for_posting: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.is_of_a_kind = is_of_a_kind
        self.is_for_posting = is_for_posting


class AppStopped(Unavailable):
    """Certainly not done: the network refuses this installation's app, for any account, until the operator fixes it."""

    who_acts = WhoActs.OPERATOR


class Outdated(AppStopped):
    """The network refuses this version of its API until the operator sets another."""


class StillWorking(Unavailable):
    """The network is still processing: ask again after `retry_after` seconds. No attempt is counted.

    From `prepare` nothing is visible yet. From `commit` and `recover` the network has taken the post and will show it,
    or say that it failed.
    """

    retry_after: float

    def __init__(self, message: str, *, retry_after: float, **facts: Any) -> None:
        super().__init__(message, retry_after=retry_after, **facts)


class ProcessingFailed(Rejected):
    """The network took the post and gave it up: no post exists, and sending the same again cannot help."""

    code = ErrorCode.MEDIA_REJECTED


class Unknown(PlatformError):
    """The answer was lost or says nothing: the network may or may not have done it."""

    code = ErrorCode.OUTCOME_UNKNOWN


class NotListed(Exception):
    """From `recover`: the network has forgotten the handle stored before the call, and does not list the post.

    A list may be late: only the second time this means that there is no post.
    """
