"""The meaning of LinkedIn's refusals: https://learn.microsoft.com/linkedin/shared/api-guide/concepts/error-handling"""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from accounts.platforms.errors import (
    AuthExpired,
    Duplicate,
    ErrorCode,
    NotTaken,
    Outdated,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    not_permitted,
)
from accounts.platforms.http import (
    Answer,
    decoded,
    dig_list,
    dig_text,
    facts_of,
    is_a_page,
    is_unclear,
    retry_after,
    their_clock,
)

UNTIL_FILES_ARE_READY = 15.0

TOKEN_IS_OVER = {
    *("65600", "65601", "65602"),
    *("REVOKED_ACCESS_TOKEN", "EMPTY_ACCESS_TOKEN", "EXPIRED_ACCESS_TOKEN"),
}
PERMISSION_MISSING = {"ACCESS_DENIED", "100"}
VERSION_IS_OVER = {"NONEXISTENT_VERSION", "VERSION_MISSING"}
FILE_NOT_READY = {"MEDIA_ASSET_WAITING_UPLOAD"}
FILE_IS_BAD = {"MEDIA_ASSET_PROCESSING_FAILED"}
UPLOAD_IS_OVER = {"EXPIRED_UPLOAD_URL"}
CONFLICT = {"CONFLICT"}
QUOTA_IS_SPENT = {"TOO_MANY_REQUESTS", "101"}
DUPLICATE = {"DUPLICATE_POST"}
DUPLICATE_WORDS = "duplicate of urn:li:"
OF_THE_REQUEST = {
    *("MISSING_FIELD", "INVALID_VALUE_FOR_FIELD", "FIELD_LENGTH_TOO_LONG"),
    *("INVALID_URN_TYPE", "INVALID_URN_ID", "NOT_FOUND"),
}
KNOWN = (
    TOKEN_IS_OVER
    | PERMISSION_MISSING
    | VERSION_IS_OVER
    | FILE_NOT_READY
    | FILE_IS_BAD
    | UPLOAD_IS_OVER
    | CONFLICT
    | QUOTA_IS_SPENT
    | DUPLICATE
    | OF_THE_REQUEST
)


class UploadOver(NotTaken):
    """The upload address has expired: the upload begins again."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The content of a refusal by LinkedIn; only status and message are always there."""

    codes: tuple[str, ...]
    message: str

    @classmethod
    def of(cls, answer: Answer) -> "Problem":
        body = decoded(answer)
        inputs = [dig_text(each, "code") for each in dig_list(body, "errorDetails", "inputErrors")]
        codes = [dig_text(body, "code"), dig_text(body, "serviceErrorCode"), *inputs]
        return cls(codes=tuple(dict.fromkeys(filter(None, codes))), message=dig_text(body, "message"))

    def has(self, codes: set[str]) -> bool:
        return not codes.isdisjoint(self.codes)


def classify(answer: Answer) -> PlatformError:
    """Return the error of a refusal, by LinkedIn's codes first, and by the status only if there are none."""
    problem = Problem.of(answer)
    code, is_known = "/".join(problem.codes), problem.has(KNOWN)
    facts = facts_of("LinkedIn", answer, words=problem.message, code=code, is_known=is_known)
    return _waiting(answer, problem, facts) or _refused(answer, problem, facts)


def is_about_a_bad_file(answer: Answer) -> bool:
    """Return whether this refuses a post because LinkedIn could not process its file."""
    return not answer.ok and Problem.of(answer).has(FILE_IS_BAD)


def is_about_a_waiting_file(answer: Answer) -> bool:
    """Return whether this refuses a post because its file is not ready."""
    return not answer.ok and Problem.of(answer).has(FILE_NOT_READY)


def is_conflict(answer: Answer) -> bool:
    """Return whether this is a conflict, which may hide that the call was done."""
    return answer.status == HTTPStatus.CONFLICT or (not answer.ok and Problem.of(answer).has(CONFLICT))


def _waiting(answer: Answer, problem: Problem, facts: dict[str, Any]) -> PlatformError | None:
    if problem.has(VERSION_IS_OVER) or answer.status == 426:
        return Outdated(**facts)
    if answer.status == 429:
        return RateLimited(retry_after=_wait(answer, problem), **facts)
    if problem.has(UPLOAD_IS_OVER):
        return UploadOver(**facts)
    if problem.has(FILE_NOT_READY):
        return NotTaken(retry_after=UNTIL_FILES_ARE_READY, **facts)
    if is_a_page(answer):
        return NotTaken(**facts)
    return None


def _refused(answer: Answer, problem: Problem, facts: dict[str, Any]) -> PlatformError:
    if problem.has(TOKEN_IS_OVER) or answer.status == 401:
        return AuthExpired(**facts)
    if is_unclear(answer.status) or is_conflict(answer):
        return Unavailable(retry_after=retry_after(answer), **facts)
    if problem.has(DUPLICATE) or DUPLICATE_WORDS in problem.message:
        return Duplicate(**facts)
    if problem.has(PERMISSION_MISSING) or answer.status == 403:
        return not_permitted(**facts)
    return Rejected(code=ErrorCode.MEDIA_REJECTED if problem.has(FILE_IS_BAD) else None, **facts)


def _wait(answer: Answer, problem: Problem) -> float | None:
    """Return the seconds to wait: for a daily quota until midnight UTC, as LinkedIn sends no header for it."""
    if wait := retry_after(answer):
        return wait
    if " DAY " not in problem.message:
        return None
    now = their_clock(answer)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - now).total_seconds()
