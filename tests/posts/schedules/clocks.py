"""What the clocks of a zone show, reckoned from nothing but how far it is from UTC around a time."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def offsets_around(local: datetime, zone: str) -> list[timedelta]:
    """Return how far the zone is from UTC well before and well after it may show this time."""
    middle = local.replace(tzinfo=UTC)
    around = [(middle + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).utcoffset() for hours in (-26, 26)]
    return sorted({each for each in around if each is not None})


def offsets_in_turn(local: datetime, zone: str) -> list[timedelta]:
    """Return these in the order in which the zone has them."""
    before = (local.replace(tzinfo=UTC) - timedelta(hours=26)).astimezone(ZoneInfo(zone)).utcoffset()
    return sorted(offsets_around(local, zone), key=lambda each: each != before)


def readings(local: datetime, zone: str) -> list[datetime]:
    """Return what a local time may mean: the instant by each offset that the zone has around it."""
    return sorted(local.replace(tzinfo=UTC) - offset for offset in offsets_around(local, zone))


def shown_at(local: datetime, zone: str) -> list[datetime]:
    """Return the instants at which the clocks of a zone show this: none, one or two."""
    return [at for at in readings(local, zone) if clock(at, zone) == local]


def comes_at(local: datetime, zone: str) -> datetime:
    """Return when a slot's time comes: the first of two; one that is skipped is later by what was skipped."""
    return (shown_at(local, zone) or readings(local, zone)[-1:])[0]


def clock(at: datetime, zone: str) -> datetime:
    """Return what the clocks of a zone show."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def next_doubt(now: datetime, zone: str) -> datetime:
    """Return the first local time that a zone's clocks will skip, or show twice; the present where there is none."""
    at = now.replace(minute=0, second=0, microsecond=0)
    for _ in range(370 * 48):
        following = at + timedelta(minutes=30)
        before, after = clock(at, zone) - clock(at, "UTC"), clock(following, zone) - clock(following, "UTC")
        if before != after:
            return following.replace(tzinfo=None) + min(before, after)
        at = following
    return clock(now, zone).replace(second=0, microsecond=0)


def told_in(at: datetime, zone: str) -> str:
    """Return an instant with the offset that the zone has then, in whole seconds."""
    return at.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")


def told(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def begins(day: date, zone: str) -> datetime:
    """Return when a day begins in a zone."""
    return comes_at(datetime.combine(day, time()), zone)


def changes_between(first: date, last: date, zone: str) -> list[str]:
    """Return the days on which the clocks of a zone change."""
    found, step = [], timedelta(minutes=30)
    at = datetime.combine(first - DAY, time(), UTC)
    while at < datetime.combine(last + 2 * DAY, time(), UTC):
        before, after = (each.astimezone(ZoneInfo(zone)).utcoffset() or timedelta() for each in (at - step, at))
        day = (at + min(before, after)).date()
        if before != after and first <= day <= last:
            found.append(f"{day}")
        at += step
    return found
