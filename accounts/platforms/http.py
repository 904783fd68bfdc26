"""Reading answers, for all connectors: fields that may be missing, words that can be shown, times to wait."""

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
"""Of surrogate pairs."""
DEEPEST = 24
"""MariaDB takes JSON of 32 levels, and what is kept of an answer stands within something of ours."""
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


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the decoded body; raises Unknown where it cannot be read, since then it says nothing."""
        try:
            return parsed(self.body)
        except ValueError as error:
            raise Unknown(Phrase("The network's answer cannot be read."), status=self.status) from error


def parsed(text: str | bytes) -> Any:
    """Return what JSON from a network says, as databases take it: halves of surrogate pairs, as of an emoji that was
    cut in two, become question marks, whole numbers of more than 64 bits texts, and what is no number nothing.

    Raises ValueError where it is none, or nested too deep.
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
    """Return how many objects and lists stand within each other in decoded JSON."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _whole(digits: str) -> int | str:
    number = int(digits)
    return number if abs(number) < 2**63 else digits


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


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


def facts_of(network: str, answer: Answer, *, words: Any, code: str, is_known: bool = True) -> dict[str, Any]:
    """Return what a refusal says, as the fields of the error that it becomes: a line for people, status and code.

    The line has the network's words, or else its status and code; and a code that is not in our tables in any case.
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
    """Return one line of what a network sent, empty where that is no text."""
    text = UNPRINTABLE.sub(" ", message if isinstance(message, str) else "")
    return LOOKS_LIKE_A_TOKEN.sub("[…]", " ".join(text.split()))


def code_to_show(code: Any) -> str:
    """Return what a network calls its reason as one line, no longer than is kept of it; empty where that is no text."""
    return fit_to_show(code)[:LONGEST_CODE]


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


def unclear_is_unknown(error: PlatformError) -> PlatformError:
    """Return what an error of a visible call means: a plain Unavailable leaves open whether it was done."""
    # Subclasses of Unavailable name a cause that rules the act out, like a quota.
    if type(error) is not Unavailable:
        return error
    return Unknown(**error.facts)


def listed(answer: Any, *path: str) -> list[Any]:
    """Return the list at this path; raises Unknown where there is none, since then it is not known what is in it."""
    found = dig(answer, *path)
    if not isinstance(found, list):
        raise Unknown(Phrase("The network answered without the list that was asked for."))
    return found


def pages(
    read: Callable[..., Any], *, at: str, cursor: str, cursor_of: Callable[[Any], str], most: int = MOST_PAGES
) -> Iterator[list[Any]]:
    """Give the entries of a list page by page, each of which has its own `at` this name.

    `read` returns a page. For all but the first it gets, as its parameter `cursor`, what `cursor_of` found on the page
    before; that is empty at the end. Raises Unknown where a page has no list, or where there are more than `most`:
    what was not read may be there.
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
    """Give the entries from this time on of a list that has, on the whole, the newest first.

    `dated` returns the unix time of an entry, None where it has none. Pages are read until one is older as a whole: an
    older entry may stand above newer ones, as where it was pinned there, or dated by a program.
    """
    start = since.timestamp()
    for page in found:
        times = [dated(each) for each in page]
        yield from (each for each, at in zip(page, times, strict=True) if at is not None and at >= start)
        if page and all(at is not None and at < start for at in times):
            return


def text_at(*path: str | int) -> Callable[[Any], str]:
    """Return what reads the text at this path of an answer."""
    return lambda value: dig_text(value, *path)


def time_at(*path: str | int) -> Callable[[Any], float | None]:
    """Return what reads the time at this path, an ISO 8601 text with an offset, as a unix time."""

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
