"""The errors and limits that Meta's Graph APIs share: https://developers.facebook.com/docs/graph-api/guides/error-handling"""

from collections.abc import Iterator, Set
from typing import Any

from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    ErrorCode,
    Outdated,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    WhoActs,
    app_refused,
    not_permitted,
)
from accounts.platforms.http import (
    Answer,
    decoded,
    dig,
    dig_text,
    facts_of,
    is_a_page,
    is_unclear,
    parsed,
    retry_after,
    sane_wait,
)

AFTER_POSTING_TOO_FAST = 3600.0
USAGE_HEADERS = ("X-Business-Use-Case-Usage", "X-App-Usage")

TOKEN_IS_OVER = {102, 190}
WRONG_TOKEN = {1705, *range(2069030, 2069034)}
"""The token is not a Page's. The longer numbers are subcodes."""
PERMISSION_MISSING = {10, *range(200, 300)}
NOT_TAKEN = 2500
WORDS_OF_THE_VERSION = "Unknown path components"
"""Meta's message, with that code, for every address under an unknown version."""
OPERATOR_ACTS = {3, NOT_TAKEN}
"""The app lacks the capability, or the Graph API cannot read the request."""
APP_IS_WRONG = {101}
"""The app's id or secret is wrong."""
WORDS_OF_THE_APP = (
    *("appsecret_proof", "validating client secret", "Invalid platform app"),
    *("API access blocked", "API access deactivated"),
)
"""Messages for a wrong id or secret, or an app that Meta has stopped; their codes have other meanings, too."""
WORDS_OF_A_PERMISSION = "No permission to publish"
CLEAR = TOKEN_IS_OVER | WRONG_TOKEN | PERMISSION_MISSING | OPERATOR_ACTS | APP_IS_WRONG
"""Refusals by code, whatever the status."""
RATE_LIMITED = {4, 17, 32, 341, 613, *range(80_000, 80_100)}
TRANSIENT = {1, 2}
BLOCKED = {368}
DUPLICATE = {506, 1366051, 1404082}
BAD_MEDIA = {324, 382, 1366046, 6000}
"""Codes or subcodes: connectors report the longer ones without saying which."""
RETRYABLE_MEDIA = {389, 6001}

INVALID = {100, 3001}
LINK_IS_BAD = {1609005}
SPAM_BLOCK = {2207051}
"""Threads' documentation does not say whether it is a subcode, and of which code."""
TOO_FAST_SUBCODES = {1390008}
KNOWN = {
    *map(str, CLEAR | RATE_LIMITED | TRANSIENT | BLOCKED | DUPLICATE | BAD_MEDIA | RETRYABLE_MEDIA),
    *map(str, INVALID | LINK_IS_BAD | SPAM_BLOCK | TOO_FAST_SUBCODES),
}


def classify(network: str, answer: Answer, *, known: Set[str]) -> PlatformError:
    """Return the error of a refusal by a Graph API, by its code and subcode rather than its status.

    `known` are codes of this network beside those that all Meta networks share.
    """
    error = dig(decoded(answer), "error")
    code, subcode = _number(error, "code"), _number(error, "error_subcode")
    words = dig_text(error, "message")
    codes = [str(each) for each in (code, subcode) if each]
    is_known = not (KNOWN | known).isdisjoint(codes)
    shown = dig(error, "error_user_msg") or words
    facts = facts_of(network, answer, words=shown, code="/".join(codes), is_known=is_known)
    if code in APP_IS_WRONG or is_about_the_app(words):
        return AppStopped(**facts)
    if code == NOT_TAKEN and WORDS_OF_THE_VERSION in words:
        return Outdated(**facts)
    if blocked := _blocked(code, subcode, facts):  # before the codes of temporary errors, which a block may have
        return blocked
    if code in TRANSIENT | RETRYABLE_MEDIA or is_a_page(answer):
        return Unavailable(**facts)
    waits = _waiting(answer, code, facts)
    passes = dig(error, "is_transient") is True  # quotas may be marked so, too
    if waits is None and (passes or (is_unclear(answer.status) and code not in CLEAR)):
        return Unavailable(**facts)
    if waits is None and WORDS_OF_A_PERMISSION in words:
        return not_permitted(**facts)
    return waits or _refused(answer, code, subcode, facts)


def is_about_the_app(words: str) -> bool:
    """Whether a refusal with this message must be fixed by the operator."""
    return any(each in words for each in WORDS_OF_THE_APP)


def _blocked(code: int, subcode: int, facts: dict[str, Any]) -> PlatformError | None:
    if {code, subcode} & DUPLICATE:
        return Duplicate(**facts)
    if subcode in TOO_FAST_SUBCODES:
        return RateLimited(retry_after=AFTER_POSTING_TOO_FAST, **facts)
    if code in BLOCKED or {code, subcode} & SPAM_BLOCK:
        return Rejected(who_acts=WhoActs.ACCOUNT_OWNER, **facts)
    return None


def _waiting(answer: Answer, code: int, facts: dict[str, Any]) -> PlatformError | None:
    if code not in RATE_LIMITED and answer.status != 429:
        return None
    return RateLimited(retry_after=_minutes_to_regain_access(answer) or retry_after(answer), **facts)


def _refused(answer: Answer, code: int, subcode: int, facts: dict[str, Any]) -> PlatformError:
    if code in TOKEN_IS_OVER or {code, subcode} & WRONG_TOKEN or (answer.status == 401 and not code):
        return AuthExpired(**facts)
    if code in PERMISSION_MISSING:
        return not_permitted(**facts)
    if code in OPERATOR_ACTS:
        return app_refused(**facts)
    if {code, subcode} & BAD_MEDIA:
        return Rejected(code=ErrorCode.MEDIA_REJECTED, **facts)
    return Rejected(**facts)


def _minutes_to_regain_access(answer: Answer) -> float | None:
    """Return the longest wait in the usage headers, in seconds."""
    minutes = [each for header in USAGE_HEADERS for each in _estimates(answer.headers.get(header, ""))]
    return sane_wait(60 * max(minutes, default=0))


def _estimates(usage: str) -> Iterator[float]:
    """Yield the minutes in a header, which is one object of figures, or lists of them by business."""
    try:
        found = parsed(usage)
    except ValueError:
        return
    lists = found.values() if isinstance(found, dict) else ()
    for figures in [found, *(each for values in lists if isinstance(values, list) for each in values)]:
        minutes = dig(figures, "estimated_time_to_regain_access")
        if isinstance(minutes, int | float):
            yield minutes


def _number(error: Any, key: str) -> int:
    text = dig_text(error, key)
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else 0
