"""The queues of schedules: each waiting post takes one occurrence of a slot.

An occurrence is a slot on a local date. The post that takes it has both on its row, and no two posts can have the same.
Code that changes a queue locks its schedule first, and then posts.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from ouipost import zones
from ouipost.db.rows import in_parts, update_each
from posts.lateness import GIVE_UP_AFTER
from posts.models import Post, PostStatus, Schedule, Slot, Target, TargetStatus
from posts.schedules.slots import WEEK, dates, first_date, occurs_at

BATCH = 500
Recipient = tuple[str, str]
"""An account's id, and its network's."""


@dataclass(frozen=True, kw_only=True, order=True)
class Occurrence:
    """A slot on one of its dates; occurrences sort by time."""

    at: datetime
    slot_id: str
    date: date


def lacks(slot: Slot, recipients: Iterable[Recipient]) -> list[str]:
    """Return the networks of those that a slot is not for, each once."""
    missing = [network for account, network in recipients if not {account, network} & set(slot.platforms)]
    return list(dict.fromkeys(missing))


def next_free(schedule: Schedule, slots: Sequence[Slot], *, post: Post, now: datetime) -> Occurrence:
    """Return the first occurrence of these slots that no other post has taken; the schedule must be locked.

    If a slot is taken without a gap, as usual, one count shows that.
    """
    starts = _starts(schedule, slots, now=now)
    others = Post.objects.exclude(pk=post.pk)
    later = others.filter(_from(starts)).order_by()
    taken = later.values_list("slot").annotate(count=Count("pk"), last=Max("slot_date"))
    runs = {pk: (count, last) for pk, count, last in taken}
    days = {slot: _first_free(others.filter(slot=slot), starts[slot.pk], runs.get(slot.pk)) for slot in slots}
    return min(_occurrence(schedule, slot, day) for slot, day in days.items())


def free_coming(schedule: Schedule, *, now: datetime) -> None:
    """Free the coming occurrences of a locked schedule whose zone has changed: also those of posts that are out, whose
    slots come again if the zone has moved west.

    Posts are updated by primary key: others lock a post and then change its slot.
    """
    if starts := _starts(schedule, schedule.slots.all(), now=now):
        posts = list(Post.objects.filter(_from(starts)).values_list("pk", flat=True))
        for some in in_parts(posts, BATCH):
            Post.objects.filter(_from(starts), pk__in=some).update(slot=None, slot_date=None)


def _starts(schedule: Schedule, slots: Iterable[Slot], *, now: datetime) -> dict[str, date]:
    """Return the first coming date of each slot."""
    return {slot.pk: first_date(slot.day, slot.time, zone=schedule.timezone, after=now) for slot in slots}


def _from(starts: Mapping[str, date]) -> Q:
    """Match the posts that have taken these slots on these dates or later; all posts if there are no slots."""
    later = Q()
    for pk, start in starts.items():
        later |= Q(slot=pk, slot_date__gte=start)
    return later


def _first_free(others: "QuerySet[Post]", start: date, run: tuple[int, date] | None) -> date:
    if run is None:
        return start
    count, last = run
    return last + WEEK if last - start == (count - 1) * WEEK else _hole(others, start)


def _occurrence(schedule: Schedule, slot: Slot, day: date) -> Occurrence:
    return Occurrence(at=occurs_at(day, slot.time, zone=schedule.timezone), slot_id=slot.pk, date=day)


def _hole(others: "QuerySet[Post]", start: date) -> date:
    taken = set(others.filter(slot_date__gte=start).values_list("slot_date", flat=True))
    day = start
    while day in taken:
        day += WEEK
    return day


def occurrences(schedule: Schedule, slots: Iterable[Slot], *, after: datetime) -> Iterator[Occurrence]:
    """Give the occurrences of these slots, taken or not, in order of time and without end.

    A schedule whose zone this machine does not know has none.
    """
    if not zones.is_known(schedule.timezone):
        return iter(())
    return heapq.merge(*[_of_slot(schedule, slot, after=after) for slot in slots])


def _of_slot(schedule: Schedule, slot: Slot, *, after: datetime) -> Iterator[Occurrence]:
    for day in dates(slot.day, slot.time, zone=schedule.timezone, after=after):
        yield _occurrence(schedule, slot, day)


def queued(schedule: Schedule) -> list[Post]:
    """Return the posts that wait in a schedule's queue, in their order, locked.

    They are locked by primary key: a search would lock index entries that another transaction changes when it takes a
    post, which it has locked, out of the queue.
    """
    pks = list(Post.objects.filter(schedule=schedule, status=PostStatus.SCHEDULED).values_list("pk", flat=True))
    present = (post for post in _locked(sorted(pks)) if post.schedule_id == schedule.pk)
    waiting = [post for post in present if post.status == PostStatus.SCHEDULED]
    return sorted(waiting, key=lambda post: (post.scheduled_at or post.created_at, post.pk))


def _locked(pks: Sequence[str]) -> Iterator[Post]:
    for some in in_parts(pks, BATCH):
        yield from Post.objects.select_for_update().filter(pk__in=some).order_by("pk")


def requeue(schedule: Schedule, posts: Sequence[Post], *, now: datetime, without: str) -> list[Post]:
    """Give these locked posts, in order, the first free occurrences that fit them; returns the posts that got none.

    Moved posts in `posts` get their new places, too. `without` is an account that is about to be removed, or empty. The
    number of statements does not grow with the posts.
    """
    Post.objects.filter(pk__in=[post.pk for post in posts]).update(slot=None, slot_date=None)
    slots = list(schedule.slots.all()) if posts else []
    recipients = _recipients_of(posts, without=without)
    placed = _placed(schedule, slots, posts, recipients, now=now)
    _write(schedule, posts, placed, now=now)
    return [post for post in posts if recipients[post.pk] and post.pk not in placed]


def _recipients_of(posts: Collection[Post], *, without: str) -> dict[str, list[Recipient]]:
    """Return for each of these posts the accounts that it goes to."""
    found: dict[str, list[Recipient]] = {post.pk: [] for post in posts}
    rows = Target.objects.active().filter(post__in=found).exclude(account=without).order_by("pk")
    for post_id, account, network in rows.values_list("post_id", "account_id", "platform"):
        found[post_id].append((account, network))
    return found


def _placed(
    schedule: Schedule,
    slots: Sequence[Slot],
    posts: Sequence[Post],
    recipients: Mapping[str, Sequence[Recipient]],
    *,
    now: datetime,
) -> dict[str, Occurrence]:
    """Assign the free occurrences: the first post takes the first that fits it, and so on."""
    rows = Post.objects.filter(slot__in=[slot.pk for slot in slots], slot_date__gte=now.date() - timedelta(days=2))
    taken = {(slot_id, day) for slot_id, day in rows.values_list("slot_id", "slot_date") if slot_id and day}
    coming = {slot.pk: _free(schedule, slot, taken, after=now) for slot in slots}
    heads = {pk: next(iterator) for pk, iterator in coming.items()}
    placed = {}
    for post in posts:
        fitting = [heads[slot.pk] for slot in slots if not lacks(slot, recipients[post.pk])]
        if fitting and recipients[post.pk]:
            placed[post.pk] = chosen = min(fitting)
            heads[chosen.slot_id] = next(coming[chosen.slot_id])
    return placed


def _free(
    schedule: Schedule, slot: Slot, taken: Collection[tuple[str, date]], *, after: datetime
) -> Iterator[Occurrence]:
    return (each for each in _of_slot(schedule, slot, after=after) if (each.slot_id, each.date) not in taken)


def _write(schedule: Schedule, posts: Iterable[Post], placed: Mapping[str, Occurrence], *, now: datetime) -> None:
    zone = {"scheduled_timezone": schedule.timezone, "updated_at": now}
    move(posts, {pk: _columns(each) | zone for pk, each in placed.items()}, now=now)


def move(posts: Iterable[Post], columns: Mapping[str, dict[str, Any]], *, now: datetime) -> None:
    """Write these columns of locked posts and make their targets due at `scheduled_at`, or now if that is over: a time
    that a new rule of a zone moves into the past is not late."""
    for some in in_parts(list(columns), BATCH):
        update_each(Post, {pk: columns[pk] for pk in some})
        targets = Target.objects.filter(post__in=some, status=TargetStatus.SCHEDULED).values_list("pk", "post_id")
        update_each(Target, {pk: _due(columns[post_id]["scheduled_at"], now=now) for pk, post_id in targets})
    for post in posts:
        for name, value in columns.get(post.pk, {}).items():
            setattr(post, name, value)


def _columns(place: Occurrence) -> dict[str, Any]:
    return {"slot_id": place.slot_id, "slot_date": place.date, "scheduled_at": place.at, "moment": place.at}


def _due(at: datetime, *, now: datetime) -> dict[str, Any]:
    due_at = max(at, now)
    return {"scheduled_at": at, "due_at": due_at, "give_up_at": due_at + GIVE_UP_AFTER}


def moved_by_their_zone(now: datetime) -> dict[str, list[str]]:
    """Return, by schedule, the future posts whose time differs from their slot's since a zone's rules changed."""
    rows = Post.objects.filter(status=PostStatus.SCHEDULED, slot__isnull=False, schedule__is_active=True)
    rows = rows.filter(scheduled_at__gt=now)
    columns = ("pk", "schedule_id", "scheduled_at", "slot_date", "slot__time", "schedule__timezone")
    found: dict[str, list[str]] = {}
    for pk, schedule, scheduled_at, day, at, zone in rows.values_list(*columns).iterator():
        if zones.is_known(zone) and occurs_at(day, at, zone=zone) != scheduled_at:
            found.setdefault(schedule, []).append(pk)
    return found


def keep_with_slots(schedule: Schedule, posts: Sequence[Post], *, now: datetime) -> None:
    """Give locked posts of a queue the time that their own slot has on their date, by the zone's present rules."""
    slots = {slot.pk: slot for slot in schedule.slots.all()}
    placed = {
        post.pk: _occurrence(schedule, slots[post.slot_id], post.slot_date)
        for post in posts
        if post.slot_id in slots and post.slot_date
    }
    _write(schedule, posts, placed, now=now)
