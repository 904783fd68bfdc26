"""The meaning of Threads' refusals and failures: https://developers.facebook.com/docs/threads/troubleshooting"""

from accounts.platforms.errors import ErrorCode, PlatformError, ProcessingFailed, Rejected, WhoActs
from accounts.platforms.http import Answer
from accounts.platforms.meta import errors as meta_errors
from accounts.platforms.meta.failures import NotFetched, NotReady, Unexplained
from ouipost.phrases import Phrase

NAME = "Threads"
NOT_READY_WAIT = 30.0
NOT_READY = "24"
RESTRICTED = "4279013"
NOT_FETCHED = "FAILED_DOWNLOADING_VIDEO"
IMAGE_NOT_FETCHED = "2207052"
"""Refused at once with the code of a temporary error."""
UNKNOWN = "UNKNOWN"
WORDS = {
    NOT_FETCHED: Phrase("it could not fetch the file from this installation's public address"),
    "FAILED_PROCESSING_AUDIO": Phrase("it cannot play its sound"),
    "FAILED_PROCESSING_VIDEO": Phrase("it cannot play a video of this format"),
    "INVALID_ASPEC_RATIO": Phrase("it does not take its shape"),
    "INVALID_BIT_RATE": Phrase("it has too much data a second"),
    "INVALID_DURATION": Phrase("it is too long or too short"),
    "INVALID_FRAME_RATE": Phrase("it has too many or too few frames a second"),
    "INVALID_AUDIO_CHANNELS": Phrase("it does not take its number of audio channels"),
    "INVALID_AUDIO_CHANNEL_LAYOUT": Phrase("it does not take its layout of audio channels"),
    UNKNOWN: Phrase("it does not say why"),
}


def classify(answer: Answer) -> PlatformError:
    """Return the error of a refusal, by Threads' own codes, else by those shared by all Meta networks."""
    error = meta_errors.classify(NAME, answer, known={NOT_READY, RESTRICTED, IMAGE_NOT_FETCHED})
    codes = error.network_code.split("/")
    if codes[0] == NOT_READY:
        return NotReady(retry_after=NOT_READY_WAIT, **error.facts)
    if IMAGE_NOT_FETCHED in codes:
        return NotFetched(**error.facts)
    if RESTRICTED in codes:
        return Rejected(who_acts=WhoActs.ACCOUNT_OWNER, **error.facts)
    return error


def failure(reason: str) -> PlatformError:
    """Return the error of a container that failed for this reason."""
    words = WORDS.get(reason or UNKNOWN, Phrase("it says: {quoted}", quoted=reason))
    message = Phrase("Threads could not use the file: {words}.", words=words)
    if reason == NOT_FETCHED:
        return NotFetched(message, network_code=reason)
    kind = Unexplained if reason in ("", UNKNOWN) else ProcessingFailed
    return kind(message, network_code=reason, code=ErrorCode.MEDIA_REJECTED)
