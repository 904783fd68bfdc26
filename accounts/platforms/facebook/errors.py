"""Refusals of Facebook's own, beside those of all Meta networks: https://developers.facebook.com/docs/video-api"""

from typing import Any

from accounts.platforms.errors import ErrorCode, PlatformError, Rejected, Unavailable, not_permitted
from accounts.platforms.http import Answer, decoded, dig, dig_text, facts_of
from accounts.platforms.meta import errors as meta_errors

NAME = "Facebook"
VIDEO_REFUSED = {"1363040", "1363127", "1363128", "1363129"}
"""A reel's aspect, resolution, duration and frame rate; whether as code or as subcode is not documented."""
TASK_MISSING = "2853006"
"""The person may not do this on the Page: a subcode of code 1, which stands for a temporary error otherwise."""
UPLOAD_BROKE_OFF = {"OffsetInvalidError", "PartialRequestError"}
UPLOAD_REFUSED = "ProcessingFailedError"
UPLOAD_FAILED = {str(code) for code in meta_errors.RETRYABLE_MEDIA}


def classify(answer: Answer) -> PlatformError:
    """Return the error that a refusal of the Graph API, or of the upload host, stands for."""
    broken = dig(decoded(answer), "debug_info")
    if broken:
        return _upload_error(broken, answer)
    error = meta_errors.classify(NAME, answer, known=VIDEO_REFUSED | {TASK_MISSING})
    codes = set(error.network_code.split("/"))
    if TASK_MISSING in codes:
        return not_permitted(**error.facts)
    if type(error) is Rejected and VIDEO_REFUSED & codes:
        return Rejected(code=ErrorCode.MEDIA_REJECTED, who_acts=error.who_acts, **error.facts)
    return error


def _upload_error(broken: Any, answer: Answer) -> PlatformError:
    """Return an error of the upload host, which has its own types; only `UPLOAD_REFUSED` is about the file."""
    kind = dig_text(broken, "type")
    is_known = kind in {*UPLOAD_BROKE_OFF, UPLOAD_REFUSED}
    facts = facts_of(NAME, answer, words=dig(broken, "message"), code=kind, is_known=is_known)
    if kind == UPLOAD_REFUSED or (kind not in UPLOAD_BROKE_OFF and dig(broken, "retriable") is False):
        return Rejected(code=ErrorCode.MEDIA_REJECTED, **facts)
    return Unavailable(**facts)


def is_failed_upload(error: PlatformError) -> bool:
    """Whether Facebook says that an upload failed for a reason that another one may not meet."""
    return error.network_code.partition("/")[0] in UPLOAD_FAILED
