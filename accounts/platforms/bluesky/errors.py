"""The meaning of refusals by AT Protocol servers: https://atproto.com/specs/xrpc#error-responses"""

from datetime import datetime
from typing import Any

from accounts.platforms.errors import (
    AuthExpired,
    ErrorCode,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    Unknown,
    WhoActs,
    not_permitted,
)
from accounts.platforms.http import (
    Answer,
    decoded,
    dig_text,
    facts_of,
    is_a_page,
    is_unclear,
    moment_of,
    reset_after,
    retry_after,
)
from ouipost.phrases import Phrase, joined

TOKEN_IS_OVER = {
    "ExpiredToken",
    "InvalidToken",
    "AuthMissing",
    "AuthenticationRequired",
    "AuthFactorTokenRequired",
    "AccountTakedown",
    "AccountDeactivated",
}
PERMISSION_MISSING = {"AccountNotFound", "ScopeMissingError"}
ABOUT_A_FILE = {"BlobTooLarge", "InvalidMimeType"}
NOT_THERE = {"MethodNotImplemented", "XRPCNotSupported"}
"""Error codes for a method that a server does not have."""
AWAY = {"InternalServerError", "UpstreamFailure", "NotEnoughResources", "UpstreamTimeout"}
SWAPPED, BLOB_IS_GONE, OTHER_TIME = "InvalidSwap", "BlobNotFound", "BadExpiration"
OF_ONE_CALL = {SWAPPED, BLOB_IS_GONE, OTHER_TIME}
OF_THE_REQUEST = {"InvalidRequest", "RecordNotFound", "PayloadTooLarge", "RateLimitExceeded"}
KNOWN = TOKEN_IS_OVER | PERMISSION_MISSING | ABOUT_A_FILE | NOT_THERE | AWAY | OF_ONE_CALL | OF_THE_REQUEST
SIGN_IN_WORDS = {
    "AuthFactorTokenRequired": Phrase(
        "This password needs a code by e-mail: make an app password in Bluesky's settings and use that."
    ),
    "AuthenticationRequired": Phrase("The handle or the app password is wrong."),
}


class BlobMissing(Unavailable):
    """Certainly not posted: the server has dropped an upload, and `prepare` makes it again."""


class ClocksDiffer(Unavailable):
    """Certainly not done: by the server's clock, which showed `theirs` if it is known, a time in the request makes no
    sense."""

    who_acts = WhoActs.OPERATOR

    def __init__(self, message: str, *, theirs: datetime | None = None, **facts: Any) -> None:
        reason = Phrase("The clocks of this installation and of the account's server differ.")
        super().__init__(joined([reason, message], " "), **facts)
        self.theirs = theirs


def has_no_bluesky(error: PlatformError) -> bool:
    """Whether a server neither has the method nor can pass the call on to Bluesky's service."""
    return error.network_code in NOT_THERE or "no service configured" in error.message.lower()


def classify(answer: Answer) -> PlatformError:
    """Return the error that a refusal stands for, by its name."""
    body = decoded(answer)
    name, words = dig_text(body, "error"), dig_text(body, "message")
    facts = facts_of("Bluesky", answer, words=words, code=name, is_known=name in KNOWN)
    if answer.status == 429:
        return RateLimited(retry_after=retry_after(answer) or reset_after(answer, "RateLimit-Reset"), **facts)
    if is_unclear(answer.status) or is_a_page(answer):
        return Unavailable(retry_after=retry_after(answer), **facts)
    return _refused(answer, name, words, facts)


def _refused(answer: Answer, name: str, words: str, facts: dict[str, Any]) -> PlatformError:
    if name == SWAPPED:
        return Unknown(**facts)
    if name == BLOB_IS_GONE:
        return BlobMissing(**facts)
    if name == OTHER_TIME:
        return ClocksDiffer(theirs=moment_of(answer.headers.get("Date", "")), **facts)
    if answer.status == 401 or name in TOKEN_IS_OVER:
        return AuthExpired(**facts)
    if name in PERMISSION_MISSING:
        return not_permitted(**facts)
    is_about_media = name in ABOUT_A_FILE or "blob" in words.lower()
    return Rejected(code=ErrorCode.MEDIA_REJECTED if is_about_media else None, **facts)


def refused_login(error: AuthExpired) -> Rejected:
    """Return a refused sign-in with a message for the person who tried it."""
    words = SIGN_IN_WORDS.get(error.network_code, error.message)
    return not_permitted(**error.facts | {"message": words})
