"""Reading of answers, for all connectors: fields that may be missing, texts fit to be shown, times to wait."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from accounts.platforms.errors import LONGEST_CODE, PlatformError, Unavailable, Unknown
from ouipost.phrases import Phrase

HALVES = re.compile(r"[\ud800-\udfff]")
"""Halves of surrogate pairs."""
DEEPEST = 24
"""MariaDB takes JSON of 32 levels, and a stored part of an answer is nested in levels of ours."""
LONGEST_WAIT = 86_400.0
LONGEST_LIFE = timedelta(days=400)
"""Longest life of a token; networks give 365 days at most."""
LARGEST_COUNT = 10**13
"""Larger than any real count, and than the milliseconds since 1970; 900,000 such numbers can be summed."""
LONGEST_MESSAGE = 500
MOST_PAGES = 10
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
"""Control characters, and halves of surrogate pairs, which no database takes."""
_SIGN = r"[\w.|~+-]"
_NAME_OF_A_CALL = r"[a-zA-Z]+\.[A-Z_]+(?:-[a-zA-Z]+)?(?:\.[A-Z_\d]{1,10})?\.?"
"""LinkedIn's name of a call that a token may not make, as in "partnerApiPostsExternal.CREATE.20260901"."""
_WORDS = "(?:[a-z]{1,16}[-_])+[a-z]{1,16}"
"""TikTok's name of a refusal, as in "spam_risk_user_banned_from_posting", or of a page: only lower-case letters."""
LOOKS_LIKE_A_TOKEN = re.compile(rf"(?<!{_SIGN})(?!(?:{_NAME_OF_A_CALL}|{_WORDS})(?!{_SIGN})){_SIGN}{{32,}}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    """Headers, looked up without regard to case."""
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the decoded body; raises Unknown if it cannot be read, since the outcome is unknown then."""
        try:
            return parsed(self.body)
        except ValueError as error:
            raise Unknown(Phrase("The network's answer cannot be read."), status=self.status) from error


def parsed(text: str | bytes) -> Any:
    """Return the value of JSON from a network, in a form that databases take.

    Halves of surrogate pairs, as of an emoji that was cut in two, become question marks, whole numbers of more than 64
    bits become texts, and NaN and infinities become None. Raises ValueError for malformed JSON, or too deep nesting.
    """
    try:
        found = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
        is_too_deep = _depth(found) > DEEPEST
    except RecursionError:
        is_too_deep = True
    if is_too_deep:
        raise ValueError("This is nested too deep.")
    written = json.dumps(found, ensure_ascii=False)
    return json.loads(written.encode(errors="replace")) if HALVES.search(written) else found


def _depth(value: Any) -> int:
    """Return the depth of nested objects and lists in decoded JSON."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _whole(digits: str) -> int | str:
    number = int(digits)
    return number if abs(number) < 2**63 else digits


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def dig(value: Any, *path: str | int) -> Any:
    """Return the value at this path of a decoded answer, None if the answer has another shape."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def dig_list(value: Any, *path: str | int) -> list[Any]:
    """Return the list at this path, an empty one if there is none."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def dig_text(value: Any, *path: str | int) -> str:
    """Return the text (or the number, as text) at this path, an empty one if there is none."""
    found = dig(value, *path)
    if not isinstance(found, str | int) or isinstance(found, bool):
        return ""
    return str(found).encode(errors="replace").decode()  # no database takes halves of surrogate pairs


def dig_count(value: Any, *path: str | int) -> int | None:
    """Return the number at this path, None if the network gave none or an impossible one."""
    return sane_count(dig(value, *path))


def sane_count(found: Any) -> int | None:
    """Return a whole number, None for an impossible one and for any other value."""
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) <= LARGEST_COUNT else None


def moment(text: str) -> datetime | None:
    """Return the time of an ISO 8601 text with an offset, None for any other text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries an access token, so that it stays out of addresses and their logs."""
    return {"Authorization": f"Bearer {token}"}


def decoded(answer: Answer) -> Any:
    """Return the decoded body of any answer, None if it is not JSON."""
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


def facts_of(network: str, answer: Answer, *, words: Any, code: str, is_known: bool = True) -> dict[str, Any]:
    """Return the fields of a refusal's error: a line for people, status and code.

    The line has the network's words, or else its status and code. A code that is not in our tables is always shown.
    """
    status, shown = answer.status, code_to_show(code)
    otherwise = Phrase("answered with status {status}.", status=status)
    if shown:
        otherwise = Phrase("answered with status {status} and the code {code}.", status=status, code=shown)
    message = said(network, words, otherwise=otherwise)
    if shown and not is_known and fit_to_show(words):
        message = Phrase("{message} (unknown code {code})", message=message, code=shown)
    return {"message": message, "status": status, "network_code": code}


def fit_to_show(message: Any) -> str:
    """Return a network's text as one line without tokens, empty if it is not a text."""
    text = UNPRINTABLE.sub(" ", message if isinstance(message, str) else "")
    return LOOKS_LIKE_A_TOKEN.sub("[…]", " ".join(text.split()))


def code_to_show(code: Any) -> str:
    """Return a network's code as one line, cut to the length that is stored; empty if it is not a text."""
    return fit_to_show(code)[:LONGEST_CODE]


def is_unclear(status: int) -> bool:
    """Whether this status means neither that the call was done nor that it was refused."""
    return not 400 <= status < 500 or status == 408


def is_a_page(answer: Answer) -> bool:
    """Whether a refusal is the page of a firewall or proxy before the network, so that the next try may pass.

    A status for an expired token, a file too large or a rate limit counts whatever the form of the body.
    """
    is_told = is_unclear(answer.status) or answer.status in {401, 413, 429}
    return not is_told and bool(answer.body.strip()) and decoded(answer) is None


def retry_after(answer: Answer) -> float | None:
    """Return the seconds of Retry-After, a number or a date; None if it is missing or makes no sense."""
    value = answer.headers.get("Retry-After", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return sane_wait(seconds)
    try:
        return sane_wait(parsedate_to_datetime(value).timestamp() - their_clock(answer).timestamp())
    except (ValueError, OverflowError):
        return None


def reset_after(answer: Answer, header: str) -> float | None:
    """Return the seconds until the unix time in this header; None if it is missing or makes no sense."""
    reset_at = _number(answer.headers.get(header, ""))
    return None if reset_at is None else sane_wait(reset_at - their_clock(answer).timestamp())


def their_clock(answer: Answer) -> datetime:
    """Return the network's time, if the answer has it, since ours may be wrong."""
    return moment_of(answer.headers.get("Date", "")) or datetime.now(UTC)


def moment_of(header: str) -> datetime | None:
    """Return the time in a header such as Date, None if it is missing or makes no sense."""
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def sane_wait(seconds: float) -> float | None:
    """Return a wait of at most a day, None for one that is not positive."""
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None


def sane_end(ends: datetime, *, now: datetime) -> datetime | None:
    """Return the end of a token, None if it is in the past or more than 400 days ahead, which makes no sense."""
    return ends if now < ends <= now + LONGEST_LIFE else None


def unclear_is_unknown(error: PlatformError) -> PlatformError:
    """Return an error of a visible call, but Unknown for a plain Unavailable, which may have been done."""
    # Subclasses of Unavailable have a cause, such as a quota, that excludes that the call was done.
    if type(error) is not Unavailable:
        return error
    return Unknown(**error.facts)


def listed(answer: Any, *path: str) -> list[Any]:
    """Return the list at this path; raises Unknown if there is none, since its content is unknown then."""
    found = dig(answer, *path)
    if not isinstance(found, list):
        raise Unknown(Phrase("The network answered without the list that was asked for."))
    return found


def pages(
    read: Callable[..., Any], *, at: str, cursor: str, cursor_of: Callable[[Any], str], most: int = MOST_PAGES
) -> Iterator[list[Any]]:
    """Yield the entries of a list page by page; a page has its entries in the field `at`.

    `read` returns a page. For all but the first, its parameter named by `cursor` is the value that `cursor_of` found on
    the page before, which is empty at the end. Raises Unknown if a page has no list, or if there are more than `most`
    pages, since the entry sought may be on the others.
    """
    following = ""
    for _ in range(most):
        page = read(**({cursor: following} if following else {}))
        yield listed(page, at)
        following = cursor_of(page)
        if not following:
            return
    raise Unknown(Phrase("The network's list is too long to be read to its end."))


def recent(found: Iterable[list[Any]], *, since: datetime, dated: Callable[[Any], float | None]) -> Iterator[Any]:
    """Yield the entries since this time of a list that mostly has the newest first.

    `dated` returns the unix time of an entry, None if it has none. Pages are read until all entries of one are older,
    since an older entry may precede newer ones, for example if it is pinned or was dated by a program.
    """
    start = since.timestamp()
    for page in found:
        times = [dated(each) for each in page]
        yield from (each for each, at in zip(page, times, strict=True) if at is not None and at >= start)
        if page and all(at is not None and at < start for at in times):
            return


def text_at(*path: str | int) -> Callable[[Any], str]:
    """Return a function that reads the text at this path of an answer."""
    return lambda value: dig_text(value, *path)


def time_at(*path: str | int) -> Callable[[Any], float | None]:
    """Return a function that reads the time at this path, an ISO 8601 text with an offset, as a unix time."""

    def read(value: Any) -> float | None:
        named = moment(dig_text(value, *path))
        return named.timestamp() if named else None

    return read


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
