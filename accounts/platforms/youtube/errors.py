"""The meaning of YouTube's refusals: by the `reason` of an API's first error, or by the processing's own words."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts.platforms.errors import (
    AuthExpired,
    ErrorCode,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    Unavailable,
    WhoActs,
    app_refused,
    not_permitted,
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
    their_clock,
)
from ouipost.phrases import Phrase

PACIFIC = ZoneInfo("America/Los_Angeles")
"""The time zone of the day of Google's quotas."""
AFTER_TOO_MANY_UPLOADS = 86_400.0
OF_THE_DAY = "per day'"
"""The end of the name of a daily quota in Google's message; its reason does not show it."""
MARKUP = re.compile(r"</?\w[^<>]*>")
"""Google's messages contain links to its documentation."""

TOKEN_IS_OVER = {"authError"}
NO_CHANNEL = {"youtubeSignupRequired"}
SPENT_FOR_THE_DAY = {"quotaExceeded", "dailyLimitExceeded"}
TOO_FAST = {"rateLimitExceeded", "userRateLimitExceeded", "uploadRateLimitExceeded"}
TOO_MANY_UPLOADS = {"uploadLimitExceeded"}
TRANSIENT = {"backendError", "internalError"}
SCOPE_MISSING = {"insufficientPermissions"}
PERMISSION_MISSING = {
    "forbidden",
    "accountDelegationForbidden",
    "authenticatedUserAccountClosed",
    "authenticatedUserAccountSuspended",
    "authenticatedUserNotChannel",
    "forbiddenPrivacySetting",
    "forbiddenLicenseSetting",
    "channelClosed",
    "channelSuspended",
}
APP_IS_STOPPED = {"accessNotConfigured"}
BAD_MEDIA = {"mediaBodyRequired", "invalidFilename", "invalidImage"}
BAD_CONTENT = {
    "invalidTitle",
    "invalidDescription",
    "invalidTags",
    "invalidCategoryId",
    "invalidPublishAt",
    "invalidRecordingDetails",
    "invalidVideoMetadata",
    "defaultLanguageNotSet",
    "videoNotFound",
    "commentsDisabled",
    "commentTextRequired",
    "commentTextTooLong",
}
KNOWN = {
    *(TOKEN_IS_OVER | NO_CHANNEL | SPENT_FOR_THE_DAY | TOO_FAST | TOO_MANY_UPLOADS | TRANSIENT),
    *(SCOPE_MISSING | PERMISSION_MISSING | APP_IS_STOPPED | BAD_MEDIA | BAD_CONTENT),
}
GIVEN_UP = {
    "conversion": Phrase("it could not convert the video"),
    "invalidFile": Phrase("the file is not a video that it can read"),
    "emptyFile": Phrase("the file is empty"),
    "tooSmall": Phrase("the file is too small"),
    "codec": Phrase("it does not know the video's codec"),
    "uploadAborted": Phrase("the upload broke off"),
    "copyright": Phrase("the video infringes a copyright"),
    "inappropriate": Phrase("the video is inappropriate"),
    "duplicate": Phrase("the video is a duplicate of one that the channel has already"),
    "termsOfUse": Phrase("the video is against its terms of use"),
    "uploaderAccountSuspended": Phrase("the account is suspended"),
    "length": Phrase("the video is too long for this channel"),
    "claim": Phrase("somebody else claims the video"),
    "uploaderAccountClosed": Phrase("the account is closed"),
    "trademark": Phrase("the video infringes a trademark"),
    "legal": Phrase("of a legal complaint"),
}
NOT_TICKED = Phrase(
    "A permission was left out at the sign-in: sign in again, and tick every box on Google's page, "
    "View your YouTube account among them."
)
ACCOUNT_IS_STOPPED = {"uploaderAccountSuspended", "uploaderAccountClosed"}


def classify(answer: Answer) -> PlatformError:
    """Return the error of a refusal by one of YouTube's APIs, by its reason rather than its status."""
    error = dig(decoded(answer), "error")
    reason = dig_text(error, "errors", 0, "reason")
    words = MARKUP.sub("", dig_text(error, "message"))
    facts = facts_of("YouTube", answer, words=words, code=reason, is_known=reason in KNOWN)
    return _waiting(answer, reason, words, facts) or _refused(answer, reason, facts)


def _waiting(answer: Answer, reason: str, words: str, facts: dict[str, Any]) -> PlatformError | None:
    """Return the error of a refusal for now. Uploads and all other calls have a quota of the day each."""
    is_too_much = reason in TOO_FAST or answer.status == 429
    if reason in SPENT_FOR_THE_DAY or (is_too_much and OF_THE_DAY in words):
        return RateLimited(retry_after=until_midnight(their_clock(answer)), is_of_a_kind=True, **facts)
    if reason in TOO_MANY_UPLOADS:
        return RateLimited(retry_after=AFTER_TOO_MANY_UPLOADS, is_of_a_kind=True, **facts)
    if is_too_much:
        return RateLimited(retry_after=retry_after(answer), **facts)
    if reason in TRANSIENT or is_unclear(answer.status) or is_a_page(answer):
        return Unavailable(retry_after=retry_after(answer), **facts)
    return None


def _refused(answer: Answer, reason: str, facts: dict[str, Any]) -> PlatformError:
    if reason in NO_CHANNEL:
        return no_channel(status=answer.status, network_code=reason)
    if reason in TOKEN_IS_OVER or answer.status == 401:
        return AuthExpired(**facts)
    if reason in SCOPE_MISSING:
        return not_permitted(**facts | {"message": NOT_TICKED})
    if reason in PERMISSION_MISSING:
        return not_permitted(**facts)
    if reason in APP_IS_STOPPED:
        return app_refused(**facts)
    return Rejected(code=ErrorCode.MEDIA_REJECTED if reason in BAD_MEDIA else None, **facts)


def no_channel(**facts: Any) -> Rejected:
    """Return the error of a Google account without a YouTube channel."""
    message = Phrase("This Google account has no YouTube channel: create one at youtube.com, then connect it again.")
    return Rejected(message, code=ErrorCode.TOKEN_REVOKED, who_acts=WhoActs.ACCOUNT_OWNER, **facts)


def is_unknown(error: PlatformError) -> bool:
    """Whether this is a refusal with an unknown reason, after which an upload cannot continue.

    The upload host also refuses in plain text, which elsewhere would be a proxy's page.
    """
    is_refusal = type(error) is Rejected or (type(error) is Unavailable and not is_unclear(error.status or 0))
    return is_refusal and error.network_code not in KNOWN


def until_midnight(now: datetime) -> float:
    """Return the seconds until the next day of Google's quotas begins."""
    tomorrow = now.astimezone(PACIFIC).date() + timedelta(days=1)
    return (datetime.combine(tomorrow, time.min, tzinfo=PACIFIC).astimezone(UTC) - now).total_seconds()


def given_up(reason: str) -> ProcessingFailed:
    """Return the error of a video that YouTube took but will not show."""
    words = GIVEN_UP.get(
        reason, Phrase("of a reason that it calls {reason!r}", reason=code_to_show(reason) or "nothing")
    )
    facts: dict[str, Any] = {"network_code": reason}
    if reason in ACCOUNT_IS_STOPPED:
        facts |= {"code": ErrorCode.TOKEN_REVOKED, "who_acts": WhoActs.ACCOUNT_OWNER}
    return ProcessingFailed(Phrase("YouTube does not show the video, because {words}.", words=words), **facts)


def removed() -> ProcessingFailed:
    """Return the error of a video that was deleted before it was processed."""
    message = Phrase("The video was deleted on YouTube before it was processed.")
    return ProcessingFailed(message, who_acts=WhoActs.ACCOUNT_OWNER, network_code="deleted")
