"""Reading answers, for all connectors: fields that may be missing, words that can be shown, times to wait."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from accounts.platforms.base import Answer, Connector, PlatformError, Session, Unavailable, Unknown, parsed
from ouipost.phrases import Phrase

LONGEST_WAIT = 86_400.0
LONGEST_LIFE = timedelta(days=400)
"""Of a token: the networks give 365 days at most."""
LARGEST_COUNT = 10**13
"""More than anybody has of anything, and than there are milliseconds since 1970; 900,000 of these can be summed."""
LONGEST_MESSAGE = 500
MOST_PAGES = 10
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
"""Control characters, and halves of surrogate pairs, which no database takes."""
_SIGN = r"[\w.|~+-]"
_NAME_OF_A_CALL = r"[a-zA-Z]+\.[A-Z_]+(?:-[a-zA-Z]+)?(?:\.[A-Z_\d]{1,10})?\.?"
"""As LinkedIn names what a token may not do, as in "partnerApiPostsExternal.CREATE.20260901"."""
_WORDS = "(?:[a-z]{1,16}[-_])+[a-z]{1,16}"
"""As TikTok names what it refuses, as in "spam_risk_user_banned_from_posting", and its pages: small letters alone."""
LOOKS_LIKE_A_TOKEN = re.compile(rf"(?<!{_SIGN})(?!(?:{_NAME_OF_A_CALL}|{_WORDS})(?!{_SIGN})){_SIGN}{{32,}}", re.ASCII)


def dig(value: Any, *path: str | int) -> Any:
    """Return what is at this path of a decoded answer, None where the answer has another shape."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def dig_list(value: Any, *path: str | int) -> list[Any]:
    """Return the list at this path, an empty one where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def dig_text(value: Any, *path: str | int) -> str:
    """Return the text (or the number, as text) at this path, an empty one where there is none."""
    found = dig(value, *path)
    if not isinstance(found, str | int) or isinstance(found, bool):
        return ""
    return str(found).encode(errors="replace").decode()  # halves of surrogate pairs no database takes


def dig_count(value: Any, *path: str | int) -> int | None:
    """Return the number at this path, None where the network gave none, or one that makes no sense."""
    return sane_count(dig(value, *path))


def sane_count(found: Any) -> int | None:
    """Return a whole number, None for one that makes no sense, and for what is none."""
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) <= LARGEST_COUNT else None


def moment(text: str) -> datetime | None:
    """Return the time that an ISO 8601 text with an offset names, None where it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def is_since(text: str, since: datetime) -> bool:
    """Whether the time that an ISO 8601 text with an offset names is not before this; not where it names none."""
    named = moment(text)
    return named is not None and named >= since


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries an access token, so that it stays out of addresses and their logs."""
    return {"Authorization": f"Bearer {token}"}


def decoded(answer: Answer) -> Any:
    """Return the decoded body of an answer that may be anything, None where it is not JSON."""
    try:
        return parsed(answer.body)
    except ValueError:
        return None


def said(network: str, message: Any, *, otherwise: str) -> str:
    """Return one line that quotes the network, fit to be stored and shown: nothing unprintable, no tokens."""
    if isinstance(message, Phrase):
        return Phrase("{network} says: {ours}", network=network, ours=message)
    words = fit_to_show(message)[: LONGEST_MESSAGE - len(f"{network} says: ")]
    if words:
        return Phrase("{network} says: {quoted}", network=network, quoted=words)
    return Phrase("{network} {otherwise}", network=network, otherwise=otherwise)


def fit_to_show(message: Any) -> str:
    """Return one line of what a network sent, empty where that is no text."""
    text = UNPRINTABLE.sub(" ", message if isinstance(message, str) else "")
    return LOOKS_LIKE_A_TOKEN.sub("[…]", " ".join(text.split()))


def is_unclear(status: int) -> bool:
    """Whether this status says neither that the call was done nor that it was refused."""
    return not 400 <= status < 500 or status == 408


def is_a_page(answer: Answer) -> bool:
    """Whether a refusal is the page of something before the network, such as a firewall: the next try may pass.

    That a token is over or a file too large is told by the status, in whatever form.
    """
    is_told = is_unclear(answer.status) or answer.status in {401, 413, 429}
    return not is_told and bool(answer.body.strip()) and decoded(answer) is None


def retry_after(answer: Answer) -> float | None:
    """Return the seconds of Retry-After, a number or a date; None where it is missing or makes no sense."""
    value = answer.headers.get("Retry-After", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return sane_wait(seconds)
    try:
        return sane_wait(parsedate_to_datetime(value).timestamp() - their_clock(answer).timestamp())
    except (ValueError, OverflowError):
        return None


def reset_after(answer: Answer, header: str) -> float | None:
    """Return the seconds until the unix time in this header; None where it is missing or makes no sense."""
    reset_at = _number(answer.headers.get(header, ""))
    return None if reset_at is None else sane_wait(reset_at - their_clock(answer).timestamp())


def their_clock(answer: Answer) -> datetime:
    """Return the time at the network, where it tells it: ours may be wrong."""
    return moment_of(answer.headers.get("Date", "")) or datetime.now(UTC)


def moment_of(header: str) -> datetime | None:
    """Return the time in a header such as Date, None where it is missing or makes no sense."""
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def sane_wait(seconds: float) -> float | None:
    """Return a wait of at most a day, None for one that is no time at all."""
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None


def sane_end(ends: datetime, *, now: datetime) -> datetime | None:
    """Return when a token ends, None where that is over already or more than 400 days ahead: it makes no sense."""
    return ends if now < ends <= now + LONGEST_LIFE else None


def call_visible(
    connector: Connector, session: Session, method: str, url: str, *, id_at: Sequence[str], **request: Any
) -> str:
    """Send the one call that makes a post visible and return its id, found at `id_at`.

    Only a definite refusal is raised as what it is. A plain Unavailable would be sent again, but the network may have
    done it: that and an answer without an id are Unknown.
    """
    answer = session.request(method, url, **request)
    if not answer.ok:
        raise unclear_is_unknown(connector.classify(answer))
    remote_id = dig_text(answer.json(), *id_at)
    if not remote_id:
        raise Unknown(Phrase("{network} took the post and gave no id.", network=connector.name), status=answer.status)
    return remote_id


def unclear_is_unknown(error: PlatformError) -> PlatformError:
    """Return what an error of a visible call means: a plain Unavailable leaves open whether it was done."""
    # Subclasses of Unavailable name a cause that rules the act out, like a quota.
    if type(error) is not Unavailable:
        return error
    return Unknown(**error.facts)


def paged(read: Callable[[str], Any], *, cursor_of: Callable[[Any], str], most: int = MOST_PAGES) -> Iterator[Any]:
    """Give a list page by page: `read` takes the cursor that `cursor_of` found on the page before, "" for the first.

    Raises Unknown where the list goes on behind `most` pages: what was not read may be there.
    """
    cursor = ""
    for _ in range(most):
        page = read(cursor)
        yield page
        cursor = cursor_of(page)
        if not cursor:
            return
    raise Unknown(Phrase("The network's list is too long to be read to its end."))


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
