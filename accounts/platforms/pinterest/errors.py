"""The meaning of Pinterest's error codes: https://developers.pinterest.com/docs/reference/error-codes"""

import math
from typing import Any

from accounts.platforms.errors import (
    AuthExpired,
    ErrorCode,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    WhoActs,
    app_refused,
    not_permitted,
)
from accounts.platforms.http import Answer, decoded, dig_text, facts_of, is_a_page, is_unclear, retry_after, sane_wait
from ouipost.phrases import Phrase, joined

AFTER_SPAM = 6 * 3600.0
"""Pinterest gives no time; other connectors wait for hours."""
LINK_IS_BLOCKED = "blocked this link"
"""This spam message is about the link, not the account: other Pins are accepted, this one never is."""
TOKEN_IS_OVER = {"2", "1104"}
SCOPE_MISSING = {"3"}
NOT_ALLOWED_THERE = {"7"}
NOT_PERMITTED = {"29"}
ACCOUNT_STOPPED = {"2625", "2626"}
RATE_LIMITED = {"8"}
PARAMETERS = {"1"}
GONE = {
    "40": Phrase("Choose another board."),
    "2031": Phrase("Choose another section of the board, or none."),
    "50": Phrase("The Pin is gone."),
}
KNOWN = TOKEN_IS_OVER | SCOPE_MISSING | NOT_ALLOWED_THERE | NOT_PERMITTED | ACCOUNT_STOPPED | RATE_LIMITED | PARAMETERS
ABOUT_MEDIA = ("image", "video", "media", "cover")


def classify(answer: Answer) -> PlatformError:
    """Return the error of a refusal, by its code rather than its status."""
    body = decoded(answer)
    code = dig_text(body, "code")
    words = dig_text(body, "message") or dig_text(body, "message_detail")
    facts = facts_of("Pinterest", answer, words=words, code=code, is_known=code in KNOWN or code in GONE)
    if code in GONE:
        facts["message"] = joined([facts["message"], GONE[code]], " ")
    if LINK_IS_BLOCKED in words.lower():
        return Rejected(**facts)
    if "spam" in words.lower() and code not in ACCOUNT_STOPPED:
        return RateLimited(retry_after=AFTER_SPAM, **facts)
    if answer.status == 429 or code in RATE_LIMITED:
        return RateLimited(retry_after=_wait(answer), **facts)
    if is_unclear(answer.status) or is_a_page(answer):
        return Unavailable(retry_after=retry_after(answer), **facts)
    return _refused(answer, code, words, facts)


def _wait(answer: Answer) -> float | None:
    """Return the seconds to wait: unlike other networks, Pinterest gives the reset as seconds, not as a time."""
    try:
        seconds = float(answer.headers.get("x-ratelimit-reset", ""))
    except ValueError:
        return retry_after(answer)
    return sane_wait(seconds) if math.isfinite(seconds) else retry_after(answer)


def _refused(answer: Answer, code: str, words: str, facts: dict[str, Any]) -> PlatformError:
    if code in SCOPE_MISSING:
        return not_permitted(**facts)
    if code in NOT_PERMITTED:
        return app_refused(**facts)
    if code in ACCOUNT_STOPPED:
        return Rejected(who_acts=WhoActs.ACCOUNT_OWNER, **facts)
    if answer.status == 401 or code in TOKEN_IS_OVER:
        return AuthExpired(**facts)
    is_about_media = code in PARAMETERS and any(each in words.lower() for each in ABOUT_MEDIA)
    return Rejected(code=ErrorCode.MEDIA_REJECTED if is_about_media else None, **facts)
