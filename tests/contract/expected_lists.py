"""The answers of a list by the contract: computed by hand from the rows, independently of the product."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

A_SECOND, AN_INSTANT = timedelta(seconds=1), timedelta(microseconds=1)
LIMITS = ("1", "2", "3", "7", "20", "99", "100")
BAD_PAGES = ("0", "-1", "1000001", "1.0", "one", "%2B1", "0x1", "%D9%A1", "", "%20", "99999999999999999999")
BAD_LIMITS = ("0", "-1", "101", "1e1", "all", "", "%00", "1,2", "%D9%A3")
BAD_BOUNDS = (
    *("yesterday", "2026", "2026-13-01", "2026-02-30", "2026-02-01T25:00", "2026-02-01T10", "20260201", "2026-W05"),
    *("1999-12-31", "2101-01-01", "2026-02-01T10:00:00+25:00", "2026-02-01 10:00:00 +0100", "", "%20", "%00", "😀"),
    *("2026-02-01T10:00:00.1234567890Z", "%EF%BC%92026-02-01", "1767225600", "2026-02-01T24:00:01Z"),
)
UNKNOWN = ("cursor", "per_page", "sort", "order", "search", "q", "Status", "page[]", "offset", "a%00b", "%F0%9F%98%80")
Row = Any
Keeps = Callable[[Row], bool]


@dataclass(frozen=True, kw_only=True)
class Given:
    """One parameter of a query, and the rows that it keeps; None if it is refused."""

    text: str
    keeps: Keeps | None
    at: datetime | None = None
    """The first, or the last, moment that a bound includes."""


@dataclass(kw_only=True)
class ExpectedList:
    """A list of one caller: its address, its expected rows in order, and its filters."""

    path: str
    name: str
    rows: Sequence[Row]
    told: Callable[[Row], Mapping[str, Any]]
    """The fields that a row must have, at least its id; it may have more."""
    others: Sequence[str] = ()
    """Ids of existing rows that this caller must not see here."""
    words: Mapping[str, Callable[[random.Random], Given]] = field(default_factory=dict)
    moment: Callable[[Row], datetime] | None = None
    """The moment that `from` and `to` compare with, if the list takes them."""
    zone: str = "UTC"
    is_whole: bool = False
    """True if the list is complete without `page` and `limit`."""
    is_bounded: bool = False
    has_singles: bool = True
    has_csv: bool = False


def choice(name: str, values: Sequence[str], keeps: Callable[[Row, str], bool]) -> Callable[[random.Random], Given]:
    """Return a function that draws a parameter with one of these words, or a wrong one."""
    wrong = ("", "%20", "null", "None", "*", "%25", f"{values[0]}%20", values[0].upper(), values[0][:-1], "😀", "%00")

    def draw(chance: random.Random) -> Given:
        if chance.random() < 0.15:
            return Given(text=chance.choice(wrong), keeps=None)
        value = chance.choice(values)
        return Given(text=value, keeps=lambda row: keeps(row, value))

    return draw


def word(column: str, values: Sequence[str]) -> Callable[[random.Random], Given]:
    """Return a function that draws a parameter of any text, which keeps rows with exactly this text."""
    found = [value for value in values if value] or ["nothing"]

    def draw(chance: random.Random) -> Given:
        if chance.random() < 0.05:
            return Given(text=chance.choice(("", "%20", "%00", "a%00b")), keeps=None)
        value = chance.choice(found)
        if chance.random() < 0.25:
            value = chance.choice(odd_forms_of(value))
        return Given(text=quote(value, safe=""), keeps=lambda row: getattr(row, column) == value)

    return draw


def odd_forms_of(value: str) -> list[str]:
    """Return texts that some databases take for equal, or for a pattern, and ones that fit no column."""
    doubled = value.replace("s", "ß").replace("e", "é")
    return [
        *(value.upper(), value.swapcase(), doubled, f"{value}\u0301", value[:-1] + "%", value[:-1] + "_", "%", "_"),
        *(f"{value}'", f'{value}"; --', f"{value}\\", value[:-1], value * 300, f"{value}😀", "null", "None", "0"),
    ]


# Bounds


def draw_bound(chance: random.Random, moments: Sequence[datetime], *, zone: str, end: bool, of: Any) -> Given:
    """Draw a bound near one of these moments, in an accepted form, or in one that is refused."""
    if chance.random() < 0.12:
        return Given(text=quote(chance.choice(BAD_BOUNDS), safe="%"), keeps=None)
    twice = [each for each in moments if _comes_twice(each.astimezone(ZoneInfo(zone)))]
    if twice and chance.random() < 0.4:
        return _local(chance.choice(twice).astimezone(ZoneInfo(zone)), chance, end=end, of=of)
    near = chance.choice(moments) + chance.choice((0, 0, -1, 1, 3600, -3600, 86400)) * A_SECOND
    match chance.randrange(5):
        case 0:
            return _whole_day(near.astimezone(ZoneInfo(zone)).date(), zone=zone, end=end, of=of)
        case 1:
            return _local(near.astimezone(ZoneInfo(zone)), chance, end=end, of=of)
        case _:
            return _instant(near, chance, end=end, of=of)


def _comes_twice(local: datetime) -> bool:
    """Return whether the clocks show this time twice."""
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def _whole_day(day: date, *, zone: str, end: bool, of: Any) -> Given:
    def keeps(row: Row) -> bool:
        local = of(row).astimezone(ZoneInfo(zone)).date()
        return bool(local <= day) if end else bool(local >= day)

    midnight = datetime.combine(day + timedelta(days=end), datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    return Given(text=day.isoformat(), keeps=keeps, at=midnight - end * AN_INSTANT)


def _local(near: datetime, chance: random.Random, *, end: bool, of: Any) -> Given:
    """Return a bound without an offset; if the clocks show it twice, it covers all from the first to the second."""
    local = near.replace(microsecond=0, second=0) if chance.random() < 0.5 else near.replace(microsecond=0)
    text = f"{local:%Y-%m-%dT%H:%M}" if not local.second and chance.random() < 0.5 else f"{local:%Y-%m-%d %H:%M:%S}"
    both = [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    return _bounded(quote(text), max(both) + A_SECOND - AN_INSTANT if end else min(both), end=end, of=of)


def _instant(near: datetime, chance: random.Random, *, end: bool, of: Any) -> Given:
    offset = chance.choice(("Z", "+00:00", "+02:00", "-0330", "+14", "+05:45"))
    minutes = {"Z": 0, "+00:00": 0, "+02:00": 120, "-0330": -210, "+14": 840, "+05:45": 345}[offset]
    shown = near.astimezone(UTC) + timedelta(minutes=minutes)
    if chance.random() < 0.5:
        text, at = f"{shown:%Y-%m-%dT%H:%M:%S.%f}{offset}", near
    else:
        text, at = f"{shown:%Y-%m-%dT%H:%M:%S}{offset}", near.replace(microsecond=0)
        at += A_SECOND - AN_INSTANT if end else timedelta()
    return _bounded(quote(text), at, end=end, of=of)


def _bounded(text: str, at: datetime, *, end: bool, of: Any) -> Given:
    return Given(text=text, at=at, keeps=lambda row: of(row) <= at if end else of(row) >= at)


# Queries


@dataclass(kw_only=True)
class Query:
    """A request for a list, and its expected answer."""

    listing: ExpectedList
    given: dict[str, Given]
    refused: set[str]
    """The parameters that are named in a 400."""
    pairs: list[tuple[str, str]]
    is_csv: bool = False

    @property
    def address(self) -> str:
        query = "&".join(f"{name}={text}" for name, text in self.pairs)
        return f"{self.listing.path}?{query}" if query else self.listing.path

    @property
    def kept(self) -> list[Row]:
        """Return the requested rows of all pages."""
        keep = [each.keeps for each in self.given.values() if each.keeps]
        return [row for row in self.listing.rows if all(keeps(row) for keeps in keep)]

    @property
    def page(self) -> tuple[int, int] | None:
        """Return page and limit; None if the answer has all rows."""
        texts = dict(self.pairs)
        if self.is_csv or (self.listing.is_whole and not {"page", "limit"} & set(texts)):
            return None
        return int(texts.get("page", "1")), int(texts.get("limit", "20"))

    @property
    def shown(self) -> list[Row]:
        """Return the rows of the answer."""
        if self.page is None:
            return self.kept if self.is_csv else self.kept[:500]
        page, limit = self.page
        return self.kept[(page - 1) * limit :][:limit]

    @property
    def pagination(self) -> dict[str, Any] | None:
        if self.page is None:
            return None
        (page, limit), total = self.page, len(self.kept)
        pages = max(1, (total + limit - 1) // limit)
        numbers = {"current_page": page, "total_pages": pages, "total_items": total, "per_page": limit}
        return numbers | ({"total_is_exact": True} if self.listing.is_bounded else {})


def draw_query(listing: ExpectedList, chance: random.Random) -> Query:
    """Draw a query with some valid parameters, and sometimes invalid ones."""
    given = {name: draw(chance) for name, draw in listing.words.items() if chance.random() < 0.7 / len(listing.words)}
    if listing.moment is not None:
        given |= _draw_bounds(listing, listing.moment, chance)
    pairs = [(name, each.text) for name, each in given.items()]
    refused = {name for name, each in given.items() if each.keeps is None}
    bounds = [given[name].at for name in ("from", "to") if name in given]
    if len(bounds) == 2 and bounds[0] and bounds[1] and bounds[0] > bounds[1]:
        refused.add("from")
    is_csv = listing.has_csv and chance.random() < 0.25
    for name, good, bad in (("page", _pages(listing), BAD_PAGES), ("limit", LIMITS, BAD_LIMITS)):
        if chance.random() < (0.05 if is_csv else 0.5):
            is_bad = chance.random() < 0.1
            pairs.append((name, chance.choice(bad if is_bad else good)))
            refused |= {name} if is_bad or is_csv else set()
    if is_csv:
        pairs.append(("format", "csv"))
    _spoil(pairs, refused, chance)
    chance.shuffle(pairs)
    return Query(listing=listing, given=given, refused=refused, pairs=pairs, is_csv=is_csv)


def _pages(listing: ExpectedList) -> Sequence[str]:
    return ("1", "2", "3", "1000000", str(len(listing.rows) // 3 + 1))


def _draw_bounds(listing: ExpectedList, of: Callable[[Row], datetime], chance: random.Random) -> dict[str, Given]:
    moments = [of(row) for row in listing.rows] or [datetime(2026, 3, 1, tzinfo=UTC)]
    return {
        name: draw_bound(chance, moments, zone=listing.zone, end=name == "to", of=of)
        for name in ("from", "to")
        if chance.random() < 0.2
    }


def _spoil(pairs: list[tuple[str, str]], refused: set[str], chance: random.Random) -> None:
    """Sometimes add an unknown parameter, or repeat one."""
    if chance.random() < 0.05:
        name = chance.choice(UNKNOWN)
        pairs.append((name, "1"))
        refused.add(unquote(name))
    if pairs and chance.random() < 0.05:
        twice = chance.choice(pairs)
        pairs.append(twice)
        refused.add(unquote(twice[0]))
