"""The meaning of Instagram's refusals and failures, by their subcodes:

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
"""

import re
from typing import Any

from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    ErrorCode,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    Unavailable,
    WhoActs,
)
from accounts.platforms.http import Answer, decoded, dig_text, facts_of
from accounts.platforms.meta import errors as meta_errors
from accounts.platforms.meta.containers import QUOTA_WAIT
from accounts.platforms.meta.failures import MakeAgain, NotFetched, NotReady
from ouipost.phrases import Phrase

NAME = "Instagram"
NOT_READY_WAIT = 30.0
NOT_READY = {"2207027", "2207008", "2207020"}
MADE_AGAIN = {"2207053", "2207076", "2207077", "2207082"}
NOT_FETCHED = {"2207003", "2207052"}
TRANSIENT = {"2207001", "2207032", "2207085"}
DAY_IS_FULL = "2207042"
OWNER_ACTS = {"2207050", "2207081"}
BAD_MEDIA = {"2207004", "2207005", "2207009", "2207026", "2207083"}
REFUSED = {"2207006", "2207010", "2207023", "2207028", "2207040", "2207057"}
PUBLISHED_AGAIN = "2207006"
"""The answer for a container that is published a second time: it is not found."""
DISGUISED = "-1/2207001"
"""An error of the server, with which Instagram sometimes also blocks spam (other connectors)."""
TRANSIENT_CODES = {"-1", "-2"}
ALONE = {
    "9": DAY_IS_FULL,
    "25": "2207050",
    "352": "2207026",
    "9004": "2207052",
    "9007": "2207027",
    "36000": "2207004",
    "36001": "2207005",
    "36003": "2207009",
    "36004": "2207010",
}
"""The subcodes of codes with one meaning, for an answer that has no subcode."""
KNOWN = {
    *(NOT_READY | NOT_FETCHED | MADE_AGAIN | TRANSIENT | {DAY_IS_FULL} | OWNER_ACTS | BAD_MEDIA | REFUSED),
    *(TRANSIENT_CODES | set(ALONE)),
}

SUBCODE = re.compile(r"\b22\d{5}\b")
WORDS = {
    "2207001": Phrase("it had an error of its own"),
    "2207003": Phrase("it took too long to fetch the file"),
    "2207026": Phrase("it cannot play a video of this format"),
    "2207052": Phrase("it could not fetch the file from this installation's public address"),
}


def classify(answer: Answer) -> PlatformError:
    """Return the error of a refusal, by Instagram's own subcode, else by the code shared by all Meta networks."""
    error = meta_errors.classify(NAME, answer, known=KNOWN)
    codes = error.network_code.split("/")
    subcode = ALONE.get(error.network_code, codes[-1])
    specific = _waiting(subcode, error.facts) or _refused(subcode, error.facts)
    if specific is None and codes[0] in TRANSIENT_CODES:
        return Unavailable(**error.facts)
    return specific or error


def _waiting(subcode: str, facts: dict[str, Any]) -> PlatformError | None:
    if subcode in NOT_READY:
        return NotReady(retry_after=NOT_READY_WAIT, **facts)
    if subcode in NOT_FETCHED:
        return NotFetched(**facts)
    if subcode in MADE_AGAIN:
        return MakeAgain(**facts)
    if subcode in TRANSIENT:
        return Unavailable(**facts)
    if subcode == DAY_IS_FULL:
        return RateLimited(retry_after=QUOTA_WAIT, is_for_posting=True, **facts)
    return None


def _refused(subcode: str, facts: dict[str, Any]) -> PlatformError | None:
    if subcode in OWNER_ACTS:
        return Rejected(who_acts=WhoActs.ACCOUNT_OWNER, **facts)
    if subcode in BAD_MEDIA:
        return Rejected(code=ErrorCode.MEDIA_REJECTED, **facts)
    if subcode in REFUSED:
        return Rejected(**facts)
    return None


def failure(reason: str) -> PlatformError:
    """Return the error of a failed container, whose subcode is in the text of its status."""
    found = SUBCODE.search(reason)
    subcode = found[0] if found else ""
    words = WORDS.get(subcode, Phrase("it says: {quoted}", quoted=reason) if reason else Phrase("it does not say why"))
    message = Phrase("{network} could not use the file: {words}.", network=NAME, words=words)
    if subcode in NOT_FETCHED:
        return NotFetched(message, network_code=subcode)
    kind = MakeAgain if subcode in MADE_AGAIN | TRANSIENT | NOT_READY else ProcessingFailed
    return kind(message, network_code=subcode, code=ErrorCode.MEDIA_REJECTED)


def of_sign_in(answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError | None:
    """Return the error of api.instagram.com, which has a format of its own; None for any other answer."""
    body = decoded(answer)
    words = dig_text(body, "error_message")
    if not words or not 400 <= answer.status < 429:
        return None
    facts = facts_of(NAME, answer, words=words, code=dig_text(body, "code"))
    if meta_errors.is_about_the_app(words):
        return AppStopped(**facts)
    return refusal(code=ErrorCode.TOKEN_REVOKED, who_acts=WhoActs.ACCOUNT_OWNER, **facts)
