"""Say of each failure who must act and whether sending again is safe. Pure."""

from dataclasses import dataclass
from typing import Any

from accounts.platforms.errors import ErrorCode, WhoActs
from ouipost.phrases import Phrase


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The one who can fix a failure, and whether sending again is certain to make no second copy."""

    who_acts: WhoActs
    retry_safe: bool


BY_CODE: dict[str, Advice] = {
    ErrorCode.CONTENT_REJECTED: Advice(who_acts=WhoActs.CALLER, retry_safe=True),
    ErrorCode.MEDIA_REJECTED: Advice(who_acts=WhoActs.CALLER, retry_safe=True),
    ErrorCode.TOKEN_REVOKED: Advice(who_acts=WhoActs.ACCOUNT_OWNER, retry_safe=True),
    ErrorCode.RATE_LIMITED_BY_PLATFORM: Advice(who_acts=WhoActs.NETWORK, retry_safe=True),
    ErrorCode.PLATFORM_UNAVAILABLE: Advice(who_acts=WhoActs.NETWORK, retry_safe=True),
    ErrorCode.OUTCOME_UNKNOWN: Advice(who_acts=WhoActs.CALLER, retry_safe=False),
    ErrorCode.MISSED_WINDOW: Advice(who_acts=WhoActs.CALLER, retry_safe=True),
    ErrorCode.WORKER_CRASH_LOOP: Advice(who_acts=WhoActs.OPERATOR, retry_safe=True),
}
"""Advice by the code of a target's error. If the platform itself names who acts, that wins over this table."""
INTERNAL_ERROR = Phrase("An internal error stopped it; the operator's log has the cause.")
WORKSPACE_DELETED = Phrase("Its workspace was deleted: nothing more of it is sent.")
WHO_ACTS = {str(each): each for each in WhoActs}


def advise(code: str, *, who_acts: str | None = None, outcome_unknown: bool = False) -> Advice:
    """Return what the code means; nothing is safe to send again while an earlier send may have arrived."""
    known = BY_CODE.get(code, BY_CODE[ErrorCode.PLATFORM_UNAVAILABLE])
    return Advice(
        who_acts=WHO_ACTS.get(who_acts or "", known.who_acts),
        retry_safe=known.retry_safe and not outcome_unknown,
    )


def failure(
    code: str, message: str, *, retryable: bool = False, who_acts: str | None = None, network_code: str = ""
) -> dict[str, Any]:
    """Return the error that a target is stored and shown with: every one has the same keys."""
    return {
        "code": str(code),
        "message": message,
        "retryable": retryable,
        "who_acts": str(advise(code, who_acts=who_acts).who_acts),
        "network_code": network_code,
    }


def rest_unsent(reason: str, *, sent: int, replies: int) -> Phrase:
    """Return the message for a post of several parts: how many are out, and why the rest is not."""
    return Phrase(
        "{sent} of {all} parts are out; the next was not accepted. {error}", sent=sent, all=replies + 1, error=reason
    )


def answered_too_late(*, sent: int, replies: int) -> dict[str, Any]:
    """Return the error of a post of several parts that was over when its network's answer to the last of these came."""
    message = Phrase(
        "{sent} of {all} parts are out. The network's response came too late for sending what follows.",
        sent=sent,
        all=replies + 1,
    )
    return failure("PLATFORM_UNAVAILABLE", message, who_acts=WhoActs.CALLER)
