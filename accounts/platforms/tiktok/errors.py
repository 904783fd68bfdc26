"""The meaning of TikTok's refusals and given-up posts, by its codes rather than its statuses.

https://developers.tiktok.com/doc/tiktok-api-v2-error-handling
"""

import re
from typing import Any

from accounts.platforms.errors import (
    AuthExpired,
    ErrorCode,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    Unavailable,
    WhoActs,
)
from accounts.platforms.http import (
    Answer,
    code_to_show,
    decoded,
    dig,
    dig_text,
    facts_of,
    is_a_page,
    is_unclear,
    retry_after,
)
from ouipost.phrases import Phrase, joined

NAME = "TikTok"
OK = "ok"
FIRST_WAIT = 60.0
"""Wait for a limit per minute, for which TikTok gives no time."""
FULL_DAY_WAIT = 3600.0
"""Wait for a cap of the last 24 hours, where there may be room again at any time."""

LOG_ID = re.compile(r"[\w-]{1,64}", re.ASCII)

TOKEN_IS_OVER = {"access_token_invalid"}
MINUTE_IS_FULL = {"rate_limit_exceeded"}
DAY_IS_FULL = {"spam_risk_too_many_posts", "spam_risk_too_many_pending_share", "reached_active_user_cap"}
TRANSIENT = {"internal_error"}
PERMISSION: dict[str, Any] = {"code": ErrorCode.TOKEN_REVOKED, "who_acts": WhoActs.ACCOUNT_OWNER}
APP: dict[str, Any] = {"code": ErrorCode.PLATFORM_UNAVAILABLE, "who_acts": WhoActs.OPERATOR}
REFUSALS: dict[str, dict[str, Any]] = {
    "scope_not_authorized": PERMISSION,
    "scope_permission_missed": PERMISSION,
    "spam_risk_user_banned_from_posting": {"who_acts": WhoActs.ACCOUNT_OWNER},
    "unaudited_client_can_only_post_to_private_accounts": APP,
    "url_ownership_unverified": APP,
    "invalid_file_upload": {"code": ErrorCode.MEDIA_REJECTED},
    "invalid_param": {},
    "invalid_params": {},
    "privacy_level_option_mismatch": {},
}
ADVICE = {
    "unaudited_client_can_only_post_to_private_accounts": Phrase(
        "Until TikTok has audited the app, the account itself must be private while it posts."
    ),
}
"""Advice that TikTok's messages lack: they only name the address of its guidelines."""

AUTH_REMOVED = "auth_removed"
INTERNAL = "internal"
NOT_FETCHED = ("video_pull_failed", "photo_pull_failed")
BAD_MEDIA = {
    "file_format_check_failed": Phrase("the file's format"),
    "duration_check_failed": Phrase("the video's duration"),
    "frame_rate_check_failed": Phrase("the video's frame rate"),
    "picture_size_check_failed": Phrase("the size of the picture"),
}
WHY = {
    **dict.fromkeys(NOT_FETCHED, Phrase("it could not fetch the file from this installation's public address")),
    "spam_risk_text": Phrase("it takes the text for spam"),
    "spam_risk": Phrase("it takes the post for spam"),
    "publish_cancelled": Phrase("it was cancelled"),
    "spam_risk_too_many_posts": Phrase("the creator has posted too much in 24 hours; try again a day later"),
    "spam_risk_user_banned_from_posting": Phrase("it has banned the creator from posting"),
}
NOT_FOR_THE_CONTENT: dict[str, dict[str, Any]] = {
    **dict.fromkeys(NOT_FETCHED, APP),
    "spam_risk_too_many_posts": {"code": RateLimited.code, "who_acts": WhoActs.CALLER},
    "spam_risk_user_banned_from_posting": {"who_acts": WhoActs.ACCOUNT_OWNER},
}
"""Reasons in `WHY` that are not about the content."""


def code_of(answer: Answer) -> str:
    """Return the code of an answer, even of one with a good status; empty if there is none."""
    error = dig(decoded(answer), "error")
    return error if isinstance(error, str) else dig_text(error, "code")


def classify(answer: Answer) -> PlatformError:
    """Return the error of a refusal."""
    code = code_of(answer)
    facts = _facts(answer, code)
    if code in TOKEN_IS_OVER or (answer.status == 401 and not code):
        return AuthExpired(**facts)
    if code in DAY_IS_FULL:
        return RateLimited(retry_after=retry_after(answer) or FULL_DAY_WAIT, is_for_posting=True, **facts)
    if code in MINUTE_IS_FULL or answer.status == 429:
        return RateLimited(retry_after=retry_after(answer) or FIRST_WAIT, **facts)
    is_no_word = not code and (is_unclear(answer.status) or is_a_page(answer))
    if code in TRANSIENT or answer.status >= 500 or is_no_word:
        return Unavailable(retry_after=retry_after(answer), **facts)
    return Rejected(**REFUSALS.get(code, {}), **facts)


def _facts(answer: Answer, code: str) -> dict[str, Any]:
    """Return the fields of an answer's error, with our advice in the message."""
    error = dig(decoded(answer), "error")
    is_known = code in {*REFUSALS, *TOKEN_IS_OVER, *DAY_IS_FULL, *MINUTE_IS_FULL, *TRANSIENT}
    facts = facts_of(NAME, answer, words=dig(error, "message"), code=code, is_known=is_known)
    if code in ADVICE:
        facts["message"] = joined([facts["message"], ADVICE[code]], " ")
    return facts | {"message": with_log_id(facts["message"], error)}


def with_log_id(message: str, error: Any) -> str:
    """Return an error's message with the id that TikTok's support asks for."""
    log_id = dig_text(error, "log_id")
    if not LOG_ID.fullmatch(log_id):
        return message
    return Phrase("{message} (log_id {log_id})", message=message, log_id=log_id)


def given_up(reason: str) -> ProcessingFailed:
    """Return the error of a post that TikTok took and gave up for this reason."""
    if reason == AUTH_REMOVED:
        message = Phrase("TikTok gave up on the post: the access was revoked.")
        return ProcessingFailed(message, **PERMISSION, network_code=reason)
    if reason == INTERNAL:
        message = Phrase("TikTok gave up on the post, again, for a reason of its own.")
        return ProcessingFailed(
            message, code=ErrorCode.PLATFORM_UNAVAILABLE, who_acts=WhoActs.NETWORK, network_code=reason
        )
    if reason in BAD_MEDIA:
        message = Phrase("TikTok gave up on the post: it does not take {what}.", what=BAD_MEDIA[reason])
        return ProcessingFailed(message, who_acts=WhoActs.CALLER, network_code=reason)
    why = WHY.get(reason) or Phrase(
        "its reason is {reason}, which is unknown here", reason=code_to_show(reason) or Phrase("not told")
    )
    facts = {"code": ErrorCode.CONTENT_REJECTED} | NOT_FOR_THE_CONTENT.get(reason, {})
    return ProcessingFailed(Phrase("TikTok gave up on the post: {why}.", why=why), **facts, network_code=reason)
