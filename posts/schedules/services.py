"""The commands on schedules; each function is one transaction and one line in the journal.

A schedule is locked before its posts. Changing its slots, or putting it on hold, moves the posts in its queue.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms import NAMES
from accounts.platforms.limits import Issue
from ouipost import zones
from ouipost.db.locks import lock_shared
from ouipost.db.rows import assign, in_parts
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import SYSTEM, Actor, changes, entry, record, record_all, record_update
from ouipost.events.models import Event
from ouipost.ids import new_id
from ouipost.isolating import for_each
from ouipost.phrases import Phrase
from posts import destinations
from posts.due import UNSCHEDULED
from posts.following import follow
from posts.models import Post, Schedule, Slot, Target, TargetStatus
from posts.schedules import wall_times
from posts.schedules.queue import (
    Recipient,
    free_coming,
    keep_with_slots,
    lacks,
    moved_by_their_zone,
    next_free,
    queued,
    requeue,
)
from posts.schedules.slots import DAYS
from posts.services import (
    SCHEDULABLE,
    give_time,
    lock_in,
    require_publishable,
)
from posts.status import TOLD_AT_ONCE, snapshot, sync_each
from workspaces.models import Workspace

FIELDS = ("name", "description", "timezone", "is_active")


class ScheduleOnHold(DomainError):
    message = Phrase("The schedule is on hold: activate it first, then its queue goes on.")


@transaction.atomic
def create_schedule(workspace: Workspace, *, values: Mapping[str, Any], actor: Actor, pk: str = "") -> Schedule:
    """Make a schedule with its slots; its zone is the workspace's unless one is given.

    Raises IntegrityError if the given id is taken.
    """
    given = {name: values[name] for name in FIELDS if name in values}
    given = {"timezone": workspace.timezone} | given
    schedule = Schedule.objects.create(pk=pk or new_id("sched"), workspace=workspace, **given)
    _require_connected(values["slots"])
    _add_slots(schedule, values["slots"])
    details = {name: getattr(schedule, name) for name in FIELDS} | {"slots": _slots_of(schedule)}
    record("created", schedule, actor=actor, **details)
    return schedule


@transaction.atomic
def update_schedule(schedule: Schedule, *, values: Mapping[str, Any], actor: Actor, now: datetime) -> list[Post]:
    """Change the given fields; new slots, another zone, a hold or its end move the waiting posts.

    Returns the posts that no slot fits any more; they are drafts now.
    """
    locked = lock(schedule)
    before = assign(locked, {name: values[name] for name in FIELDS if name in values})
    slots = _change_slots(locked, values["slots"]) if "slots" in values else {}
    difference = {side: fields | slots.get(side, {}) for side, fields in changes(before, locked).items()}
    record_update(locked, difference, actor=actor)
    if not difference["after"]:
        return []
    locked.save()
    returned = _move(locked, before, has_new_slots=_are_others(slots), actor=actor, now=now)
    _return_to_draft(returned, actor=actor, now=now)
    return returned


@transaction.atomic
def delete_schedule(schedule: Schedule, *, actor: Actor, now: datetime) -> int:
    """Remove a schedule; the posts of its queue return to draft. Returns how many."""
    locked = lock(schedule)
    posts = queued(locked)
    _return_to_draft(posts, actor=actor, now=now)
    record("deleted", locked, actor=actor, name=locked.name, returned=len(posts))
    locked.delete()
    return len(posts)


@transaction.atomic
def queue_post(post: Post, schedule: Schedule, *, actor: Actor, now: datetime) -> Post:
    """Put a draft, scheduled or missed post into the next free slot that fits it; concurrent calls get different slots.

    Raises ScheduleOnHold, PostNotPublishable with all that any network would refuse and the networks for which there is
    no slot, and InvalidInput if the schedule was just deleted: a 404 would mean the post.
    """
    held = _there(Schedule.objects.select_for_update().filter(pk=schedule.pk))
    if not held.is_active:
        raise ScheduleOnHold
    locked = lock_in(post, SCHEDULABLE)
    found = destinations.of(locked)
    targets = destinations.place(locked, found)
    recipients = [(account.pk, account.platform) for account in found.accounts]
    fitting = [slot for slot in held.slots.all() if not lacks(slot, recipients)]
    require_publishable(locked, found, also=[] if fitting else _missing(held, recipients))
    place = next_free(held, fitting, post=locked, now=now)
    columns = {"schedule_id": held.pk, "slot_id": place.slot_id, "slot_date": place.date, "scheduled_at": place.at}
    columns |= {"scheduled_timezone": held.timezone, "scheduled_local": ""}
    give_time(locked, targets, columns, actor=actor, now=now, schedule=held.pk)
    return locked


def _scheduled(post: Post, before: dict[str, Any], *, actor: Actor) -> Event:
    """Return the journal's entry on a post that got a place in a queue, or another place."""
    details = {"timezone": post.scheduled_timezone, "schedule": post.schedule_id, **changes(before, post)}
    return entry("scheduled", post, actor=actor, scheduled_at=post.scheduled_at, **details)


def find(pk: str, *, workspace_id: str) -> Schedule:
    """Return a schedule of this workspace; raises InvalidInput if there is none with this id."""
    return _there(Schedule.objects.filter(pk=pk, workspace=workspace_id))


def _there(rows: "QuerySet[Schedule]") -> Schedule:
    """Return the first of these schedules; raises InvalidInput if there is none."""
    found = rows.first()
    if found is None:
        raise InvalidInput(schedule_id=[Phrase("There is no such schedule.")])
    return found


def lock(schedule: Schedule) -> Schedule:
    """Return the schedule as it is now, locked until the transaction ends; raises Http404 if it was just deleted."""
    return get_object_or_404(Schedule.objects.select_for_update(), pk=schedule.pk)


def _missing(schedule: Schedule, recipients: Collection[Recipient]) -> list[dict[str, Any]]:
    """Return an issue for each network that the nearest slot lacks."""
    networks = list(dict.fromkeys(network for _, network in recipients))
    nearest = min((lacks(slot, recipients) for slot in schedule.slots.all()), key=len, default=networks)
    return [_no_slot(schedule, network).told_of(network, None) for network in nearest]


def _no_slot(schedule: Schedule, network: str) -> Issue:
    name = NAMES[network]
    return Issue(
        rule="no_slot_fits",
        field="schedule_id",
        message=Phrase(
            "No slot of {name} is for all networks of this post: {network} is missing.",
            name=schedule.name,
            network=name,
        ),
        actual=network,
        fix=Phrase("Add {network} to a slot, or schedule the post by its time.", network=name),
    )


def _add_slots(schedule: Schedule, given: Iterable[Mapping[str, Any]]) -> None:
    Slot.objects.bulk_create(Slot(schedule=schedule, **values) for values in given)


def _require_connected(slots: Iterable[Mapping[str, Any]]) -> None:
    """Raise InvalidInput if one of these slots is for an account that was disconnected since it was chosen.

    Locks the accounts, after their schedule: disconnecting one then waits, and finds the new slots to remove it from.
    """
    named = {
        f"slots.{slot}.platforms.{place}": name
        for slot, values in enumerate(slots)
        for place, name in enumerate(values["platforms"])
        if name not in registry.IDS
    }
    pks = {*named.values()}
    accounts = lock_shared(SocialAccount.objects.filter(pk__in=pks)) if pks else []
    there = {account.pk for account in accounts if account.is_connected}
    gone = {field: [destinations.unknown_destination(each)] for field, each in named.items() if each not in there}
    if gone:
        raise InvalidInput(**gone)


def _slots_of(schedule: Schedule) -> list[dict[str, Any]]:
    """Return the slots in the journal's form."""
    rows = schedule.slots.order_by("day", "time", "pk")
    return [{"day": DAYS[slot.day], "time": slot.time.strftime("%H:%M"), "platforms": slot.platforms} for slot in rows]


def _change_slots(schedule: Schedule, given: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Replace the slots; returns those before and after for the journal, or nothing if they are the same."""
    _require_connected(given)
    before = _slots_of(schedule)
    _replace_slots(schedule, given)
    after = _slots_of(schedule)
    return {"before": {"slots": before}, "after": {"slots": after}} if before != after else {}


def _are_others(slots: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether slots got other times or platforms; the order of platforms does not matter to a queue."""
    before, after = (
        [each | {"platforms": set(each["platforms"])} for each in slots.get(side, {}).get("slots", [])]
        for side in ("before", "after")
    )
    return before != after


def _replace_slots(schedule: Schedule, given: Iterable[Mapping[str, Any]]) -> None:
    """Replace the slots; a slot at the same time of the week keeps its row."""
    present = {(slot.day, slot.time): slot for slot in schedule.slots.all()}
    wanted = {(values["day"], values["time"]): values for values in given}
    gone = [slot.pk for key, slot in present.items() if key not in wanted]
    _free_places(gone)
    Slot.objects.filter(pk__in=gone).delete()
    kept = [present[key] for key in wanted if key in present]
    for slot in kept:
        slot.platforms = wanted[slot.day, slot.time]["platforms"]
    Slot.objects.bulk_update(kept, ["platforms"])
    _add_slots(schedule, [values for key, values in wanted.items() if key not in present])


def _free_places(slots: Collection[str]) -> None:
    """Free the occurrences of these slots, by the posts' primary keys: others lock a post and then change its slot."""
    posts = list(Post.objects.filter(slot__in=slots).values_list("pk", flat=True))
    Post.objects.filter(pk__in=posts, slot__in=slots).update(slot=None, slot_date=None)


def _move(
    schedule: Schedule, before: Mapping[str, Any], *, has_new_slots: bool, actor: Actor, now: datetime
) -> list[Post]:
    """Update the queue to its schedule; returns the posts that no slot fits."""
    was_active, had_zone = before.get("is_active", schedule.is_active), before.get("timezone", schedule.timezone)
    is_new = has_new_slots or had_zone != schedule.timezone or not was_active
    if had_zone != schedule.timezone:
        free_coming(schedule, now=now)
    if schedule.is_active:
        return _deal_out(schedule, queued(schedule), actor=actor, now=now) if is_new else []
    if was_active:
        _hold(schedule)
    return []


def _deal_out(
    schedule: Schedule, posts: Sequence[Post], *, actor: Actor, now: datetime, without: str = ""
) -> list[Post]:
    """Give posts of a queue the first free places, and record the moves; returns the posts that no place fits."""
    before = {post.pk: snapshot(post) for post in posts}
    returned = requeue(schedule, posts, now=now, without=without)
    _record_moved(posts, before, actor=actor)
    return returned


def _record_moved(posts: Iterable[Post], before: Mapping[str, dict[str, Any]], *, actor: Actor) -> None:
    """Record in the journal each of these posts whose time has changed."""
    moved = [post for post in posts if post.scheduled_at != before[post.pk]["scheduled_at"]]
    for some in in_parts(moved, TOLD_AT_ONCE):
        record_all([_scheduled(post, before[post.pk], actor=actor) for post in some])


def _hold(schedule: Schedule) -> None:
    """Put the queue on hold: its posts keep their order, and lose their places."""
    posts = [post.pk for post in queued(schedule)]
    Post.objects.filter(pk__in=posts).update(slot=None, slot_date=None)
    waiting = Target.objects.filter(post__in=posts, status=TargetStatus.SCHEDULED)
    waiting.update(due_at=None, give_up_at=None)


def _return_to_draft(posts: Sequence[Post], *, actor: Actor, now: datetime) -> None:
    for some in in_parts(posts, TOLD_AT_ONCE):
        targets = Target.objects.filter(post__in=some)
        targets.active().update(**UNSCHEDULED)
        follow(some)
        before = {post.pk: snapshot(post) for post in some}
        sync_each(some, targets, now=now)
        record_all([entry("unscheduled", post, actor=actor, **changes(before[post.pk], post)) for post in some])


def _leave_queue(posts: Sequence[Post], *, actor: Actor, now: datetime) -> None:
    """Let posts that have lost their slots go out at their times all the same."""
    for some in in_parts(posts, TOLD_AT_ONCE):
        Post.objects.filter(pk__in=[post.pk for post in some]).update(schedule=None, updated_at=now)
        left = [(post, assign(post, {"schedule_id": None})) for post in some]
        record_all([entry("updated", post, actor=actor, **changes(before, post)) for post, before in left])


def follow_zones(now: datetime, *, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Move posts to their slot's time, or to their given local time, if the zone's rules have changed, until
    `is_ending`; returns how many."""
    moved = moved_by_their_zone(now).items()
    queued_ones = for_each(moved, lambda each: _follow_zone(*each, now=now), is_ending=is_ending)
    return queued_ones + (0 if is_ending() else wall_times.follow(now, is_ending=is_ending))


@transaction.atomic
def _follow_zone(pk: str, posts: list[str], *, now: datetime) -> int:
    schedule = Schedule.objects.select_for_update().filter(pk=pk, is_active=True).first()
    there = [post for post in queued(schedule) if post.pk in posts] if schedule else []
    if not schedule or not there:  # meanwhile they went out, or were taken out of the queue
        return 0
    before = {post.pk: snapshot(post) for post in there}
    keep_with_slots(schedule, there, now=now)
    record("zone_followed", schedule, actor=SYSTEM, posts=[post.pk for post in there])
    _record_moved(there, before, actor=SYSTEM)
    return len(there)


def lock_all(account: SocialAccount) -> list[Schedule]:
    """Lock the schedules of an account's workspace and return them.

    Called before the account itself is locked: queueing a post locks its schedule before the account, too.
    """
    pks = list(Schedule.objects.filter(workspace=account.workspace_id).values_list("pk", flat=True))
    return list(Schedule.objects.select_for_update().filter(pk__in=pks).order_by("pk"))


def leave(account: SocialAccount, actor: Actor, now: datetime) -> None:
    """Take a disconnected account out of all slots. Slots for nobody else are removed, and their posts move.

    A post for others that no slot fits keeps its time, and leaves the queue. Where the zone is unknown, posts stay in
    their queue without a slot until another zone is chosen.
    """
    for schedule in lock_all(account):
        before = _slots_of(schedule)
        is_gone = _forget(schedule, account)
        if before != (after := _slots_of(schedule)):
            record("updated", schedule, actor=actor, before={"slots": before}, after={"slots": after})
        if is_gone and schedule.is_active and zones.is_known(schedule.timezone):
            lost = [post for post in queued(schedule) if post.slot_id is None]  # the others keep their places
            _leave_queue(_deal_out(schedule, lost, actor=actor, now=now, without=account.pk), actor=actor, now=now)


def _forget(schedule: Schedule, account: SocialAccount) -> bool:
    """Take the account out of this schedule's slots; returns whether a slot was removed."""
    is_gone = False
    for slot in schedule.slots.all():
        left = [name for name in slot.platforms if name != account.pk]
        if not left:
            _free_places([slot.pk])
            slot.delete()
            is_gone = True
        elif left != slot.platforms:
            slot.platforms = left
            slot.save(update_fields=["platforms"])
    return is_gone
