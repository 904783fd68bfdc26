"""The entries of the calendar: posts, free slots, drafts and clock changes, all in local times of one zone."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts import pauses
from accounts.models import SocialAccount
from adminapi.templatetags.console import STATES, TONES, network_name
from posts.models import UNSETTLED, Post, PostStatus, Schedule, Slot, Target
from posts.schedules import queue
from posts.schedules.slots import ClockChange, clock_changes, comes_twice, offset
from posts.services import SCHEDULABLE
from workspaces.models import Workspace

MOST_POSTS, MOST_FREE, MOST_DRAFTS = 2000, 500, 20
LONGEST_TEXT = 140
INSTANT = timedelta(microseconds=1)
ICONS = {
    "scheduled": "schedule",
    "publishing": "sync",
    "published": "check_circle",
    "partially_published": "rule",
    "failed": "error",
    "needs_review": "help",
    "missed": "event_busy",
}
"""A sign beside each state's colour."""
Shown = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Span:
    """The visible part: a workspace, between two instants."""

    workspace: Workspace
    start: datetime
    end: datetime
    now: datetime

    @property
    def clocks(self) -> ZoneInfo:
        return ZoneInfo(self.workspace.timezone)


def shown_posts(posts: "QuerySet[Post]", span: Span) -> tuple[list[Shown], bool]:
    """Return the posts that have a time, and whether there are more of them than are shown."""
    timed = posts.filter(workspace=span.workspace).exclude(status=PostStatus.DRAFT)
    rows = list(timed.select_related("schedule").order_by("moment", "pk")[: MOST_POSTS + 1])
    shown = rows[:MOST_POSTS]
    paused = _paused(shown)
    return [tile(post, span.clocks) | {"paused": post.pk in paused} for post in shown], len(rows) > MOST_POSTS


def _paused(posts: Sequence[Post]) -> set[str]:
    """Return the posts whose unsent targets all wait for the end of a pause."""
    if not (paused := pauses.in_force()):
        return set()
    open_ones = [post.pk for post in posts if post.status in UNSETTLED]
    unsettled = Target.objects.filter(post__in=open_ones, status__in=UNSETTLED)
    going = unsettled.filter(~pauses.rows_held_up(paused) | Q(outcome_unknown=True) | Q(due_at=None))
    return set(unsettled.values_list("post", flat=True)) - set(going.values_list("post", flat=True))


def shown_drafts(posts: "QuerySet[Post]", span: Span) -> tuple[list[Shown], bool]:
    """Return the newest drafts, which have no time yet, and whether there are more."""
    drafts = posts.filter(workspace=span.workspace, status=PostStatus.DRAFT).order_by("-moment", "-pk")
    rows = list(drafts[: MOST_DRAFTS + 1])
    return [tile(post, span.clocks) for post in rows[:MOST_DRAFTS]], len(rows) > MOST_DRAFTS


def tile(post: Post, clocks: ZoneInfo) -> Shown:
    """Return the calendar's entry of a post, in the local time of these clocks."""
    text = " ".join((post.content or post.title).split()) or _("(no text)")
    local = post.moment.astimezone(clocks)
    return {
        "id": post.pk,
        "text": text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…",
        "start": wall_clock(local),
        "offset": offset(local) if comes_twice(local) else "",
        "state": post.status,
        "networks": [{"mark": mark(name), "name": network_name(name)} for name in post.platforms],
        "movable": post.status in SCHEDULABLE,
        "schedule": post.schedule.name if post.schedule and post.status == PostStatus.SCHEDULED else "",
        "held": post.is_on_hold and post.status == PostStatus.SCHEDULED,
    }


def mark(platform: str) -> str:
    """Return the short letters of a network, for small spaces."""
    return network_name(platform)[:2].strip("/ ")


def free_slots(span: Span, recipients: Sequence[queue.Recipient]) -> tuple[list[Shown], bool]:
    """Return the coming times of the active schedules that no post has taken, and whether more times follow.

    With recipients, only times for one of them.
    """
    schedules = Schedule.objects.filter(workspace=span.workspace, is_active=True).prefetch_related("slots")
    wanted = [[slot for slot in each.slots.all() if _is_for(slot, recipients)] for each in schedules]
    times = [_between(each, slots, span) for each, slots in zip(schedules, wanted, strict=True)]
    coming = list(islice(heapq.merge(*times), MOST_FREE + 1))
    slots = {slot.pk: slot for part in wanted for slot in part}
    taken, first = _taken(coming), coming[:MOST_FREE]
    free = [_free(each, slots[each.slot_id], span) for each in first if (each.slot_id, each.date) not in taken]
    return free, len(coming) > MOST_FREE


def _is_for(slot: Slot, recipients: Sequence[queue.Recipient]) -> bool:
    return not recipients or any(not queue.lacks(slot, [recipient]) for recipient in recipients)


def _between(schedule: Schedule, slots: Sequence[Slot], span: Span) -> Iterator[queue.Occurrence]:
    after = max(span.start - INSTANT, span.now)
    return takewhile(lambda each: each.at < span.end, queue.occurrences(schedule, slots, after=after))


def _taken(coming: Sequence[queue.Occurrence]) -> set[tuple[str, date]]:
    if not coming:
        return set()
    slots, dates = {each.slot_id for each in coming}, {each.date for each in coming}
    rows = Post.objects.filter(slot__in=slots, slot_date__in=dates).values_list("slot_id", "slot_date")
    return {(slot, day) for slot, day in rows if slot and day}


def _free(each: queue.Occurrence, slot: Slot, span: Span) -> Shown:
    start = wall_clock(each.at.astimezone(span.clocks))
    return {"id": f"{slot.pk}-{each.date}", "start": start, "schedule": slot.schedule.name}


def compose_address(workspace: Workspace) -> str:
    """Return the address for composing a new post; `&at=` and a local time may be appended."""
    return f"{reverse('console_compose')}?{urlencode({'workspace': workspace.pk})}"


def shown_changes(span: Span) -> list[Shown]:
    """Return the clock changes in words, with their days."""
    earlier = span.start - INSTANT  # if the clocks jump over midnight, the day begins at the change
    first, last = (moment.astimezone(span.clocks).date() for moment in (span.start, span.end - INSTANT))
    changes = clock_changes(earlier, span.end, zone=span.workspace.timezone)
    return [_change(each) for each in changes if first <= each.day <= last]


def _change(change: ClockChange) -> Shown:
    day = date_format(change.day, "l j F Y")
    first, last = sorted([change.before, change.after])
    times = {"day": day, "first": f"{first:%H:%M}", "last": f"{last:%H:%M}"}
    if change.is_forward:
        title = _("Clocks go forward")
        message = _("On %(day)s the clocks go forward: after %(first)s comes %(last)s. Times between do not exist.")
    else:
        title = _("Clocks go back")
        message = _("On %(day)s the clocks go back: after %(last)s comes %(first)s again. Times between happen twice.")
    span = {"first": wall_clock(first), "last": wall_clock(last)}
    return {"day": f"{change.day}", "title": title, "text": message % times} | span


def wall_clock(local: datetime) -> str:
    """Write a local time for the calendar, without a zone, as the page has only one."""
    return local.replace(tzinfo=None, microsecond=0).isoformat()


def legend() -> list[Shown]:
    """Return the states that a post in the calendar may have, with their signs and tones."""
    states = [state for state in PostStatus.values if state != PostStatus.DRAFT]
    return [{"id": state, "name": STATES[state], "tone": TONES[state], "icon": ICONS[state]} for state in states]


def accounts_of(workspace: Workspace) -> "QuerySet[SocialAccount]":
    """Return the connected accounts of a workspace, by network and name."""
    return SocialAccount.objects.connected().filter(workspace=workspace).order_by("platform", "name", "pk")
