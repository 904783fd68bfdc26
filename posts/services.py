"""The commands on posts; each function is one transaction and one line in the journal.

Every function locks the post before it looks at anything, and so do the engine's claim and settlement: a change either
comes before a publish starts, or is refused.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms import NAMES
from accounts.platforms.shapes import Content, Media
from ouipost.db.rows import assign, insert_each, remember
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import Actor, changes, record, record_update
from ouipost.moments import written_in_utc
from ouipost.phrases import Phrase, State, either
from posts import counts, destinations, doorbell, hooks, rules
from posts.content import compose
from posts.due import UNSCHEDULED, are_due, send_now, set_due
from posts.following import follow
from posts.media import files
from posts.models import WORKED_ON, Post, PostStatus, Target, TargetQuerySet, TargetStatus
from posts.paused import why_paused
from posts.places import is_in_line
from posts.schedules.queue import lacks
from posts.schedules.slots import instant, kept_local
from posts.status import TIMELESS, record_outcome, snapshot, sync
from workspaces.hashtags import normal_hashtags
from workspaces.models import Workspace

PAST_TOLERANCE = timedelta(seconds=60)
TEXTS = ("content", "title", "link", "hashtags", "platform_content")
CALLED = {"destinations": "platforms"}
"""What the API calls columns that have another name here."""

DRAFT, SCHEDULED, MISSED = PostStatus.DRAFT, PostStatus.SCHEDULED, PostStatus.MISSED
FAILED, PARTIAL = PostStatus.FAILED, PostStatus.PARTIALLY_PUBLISHED
SCHEDULABLE = frozenset({DRAFT, SCHEDULED, MISSED})
"""May get a time or a slot, or be sent at once."""
UNSCHEDULABLE = frozenset({SCHEDULED, MISSED, FAILED})
RETRYABLE = frozenset({FAILED, PARTIAL})
ADDED = frozenset({TargetStatus.DRAFT, TargetStatus.CANCELLED})
"""Targets at accounts that a change gives a post: new ones, and ones that were called off."""


class PostNotEditable(DomainError):
    code = "POST_NOT_EDITABLE"
    status = 409
    message = Phrase("Only draft and scheduled posts can be changed.")


BACK_TO_DRAFT = Phrase("Only draft and scheduled posts can be changed. Unschedule this one first: it is a draft then.")


class WrongStatus(DomainError):
    message = Phrase("The post's present status does not allow this.")


def lock(post: Post) -> Post:
    """Return the post as it is now, locked until the transaction ends; raises Http404 if it was just deleted."""
    return get_object_or_404(Post.objects.select_for_update(), pk=post.pk)


def lock_in(post: Post, allowed: Collection[str]) -> Post:
    """Lock a post that must have one of these statuses; raises WrongStatus."""
    locked = lock(post)
    if locked.status not in allowed:
        message = Phrase(
            "The state of the post is {status}; this is possible only if it is {allowed}.",
            status=State(locked.status),
            allowed=either([State(each) for each in sorted(allowed)]),
        )
        raise WrongStatus(why_paused(locked) or message, status=locked.status)
    return locked


def lock_editable(post: Post) -> Post:
    """Lock a post that may still be changed; raises PostNotEditable."""
    locked = lock(post)
    if not locked.is_editable:
        message = BACK_TO_DRAFT if locked.status in UNSCHEDULABLE else why_paused(locked)
        raise PostNotEditable(message, status=locked.status)
    return locked


@transaction.atomic(savepoint=False)  # a refusal also ends the transaction of a caller
def create_post(
    workspace: Workspace,
    *,
    values: dict[str, Any],
    actor: Actor,
    now: datetime,
    scheduled_at: datetime | None = None,
    zone: str = "",
    pk: str = "",
) -> tuple[Post, list[str]]:
    """Create a draft, or a scheduled post when a time is given, and return it with warnings.

    A time without an offset is local time in the zone, as in `schedule_post`. Raises IntegrityError if the given id is
    taken.
    """
    found = destinations.resolve(workspace, values["platforms"], overrides=values.get("platform_content"))
    post = unsaved_post(workspace, values=values, now=now)
    post.pk = pk or post.pk
    post.destinations, post.platforms = values["platforms"], found.platforms
    insert_each([post])
    targets = destinations.place_new(post, found.accounts)
    record("created", post, actor=actor, platforms=post.platforms)
    if scheduled_at is None:
        destinations.require_standing(post, targets)
        remember(post, "targets", targets)  # nothing has changed them since
    else:
        _schedule(post, targets, found, scheduled_at=scheduled_at, zone=zone, actor=actor, now=now)
    counts.add_posts(workspace.pk, +1)
    return post, found.warnings(post) + found.unused(post, [])


def unsaved_post(workspace: Workspace, *, values: dict[str, Any], now: datetime) -> Post:
    """Return a new draft that says this; it goes nowhere yet, and is not stored."""
    texts = {name: values[name] for name in TEXTS if name in values}
    return Post(workspace=workspace, created_at=now, moment=now, **_normal(texts))


@transaction.atomic
def update_post(
    post: Post, *, values: dict[str, Any], actor: Actor, now: datetime, had: Sequence[Media] | None = None
) -> tuple[Post, list[str]]:
    """Change the given fields. A scheduled post stays scheduled; a change that makes it unpublishable is refused.

    `platforms` that name only networks, as answers show them, mean the post's present accounts there; if they are other
    networks than before, one where the post goes to no account means its default account. `destinations`, and
    `platforms` that name an account, mean what they mean for a new post. So an account that was disconnected, and
    therefore lost the post, gets it back if it is connected again. `had` are the post's files before the caller's own
    change of them in the same transaction.
    """
    locked = lock_editable(post)
    media, went_to = files.as_content(locked), _recipients(locked)
    was = rules.Before(post=copy(locked), media=media if had is None else had, accounts=went_to)
    texts = _normal({name: values[name] for name in TEXTS if name in values})
    before = assign(locked, texts) | {"destinations": locked.destinations}
    found = _direct(locked, values, overrides=new_overrides(values, present=before.get("platform_content", {})))
    locked.platforms = found.platforms
    difference = _as_called(changes(before, locked))
    if difference["after"].keys() & set(TEXTS):
        _forget_changed(locked, media, was=was.post)
    targets = destinations.place(locked, found)
    if locked.status == DRAFT and follow([locked]):  # the accounts have changed since they were looked up
        found = destinations.of(locked)
    if locked.status == SCHEDULED:
        destinations.require_all(found)
        _add_to_schedule(locked, [target for target in targets if target.status in ADDED], now=now)
        rules.check_change(locked, found.accounts, media, before=was)
    if not difference["after"] and (goes_to := _recipients(locked)) != went_to:  # the default account has changed
        difference = {"before": {"targets": went_to}, "after": {"targets": goes_to}}
    changed = sync(locked) if difference["after"] else None
    record_update(locked, difference, actor=actor)
    record_outcome(locked, changed)
    unused = found.unused(locked, media)
    return locked, found.warnings(locked) + unused + _strays(locked, found)


def _as_called(changed: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return changes with the API's names of their columns."""
    return {side: {CALLED.get(name, name): value for name, value in values.items()} for side, values in changed.items()}


def _forget_changed(post: Post, media: Sequence[Media], *, was: Post) -> None:
    """Forget what was prepared for, or sent to, the accounts for which a change of these texts gives other content."""
    begun = Target.objects.filter(WORKED_ON, post=post).select_related("account__workspace")
    changed = [each.pk for each in begun if _shown(was, each.account, media) != _shown(post, each.account, media)]
    Target.objects.filter(pk__in=changed).forget()


def _shown(post: Post, account: SocialAccount, media: Sequence[Media]) -> Content:
    """Return what an account's network gets of a post beside its files."""
    platform = registry.of(account)
    content = compose(post, account, platform, media)
    title = content.title if platform.shows_title(content) else ""
    return replace(content, title=title, media=())


def _recipients(post: Post) -> list[str]:
    """Return the accounts that a post goes to."""
    return sorted(Target.objects.active().filter(post=post).values_list("account", flat=True))


def _strays(post: Post, found: destinations.Destinations) -> list[str]:
    """Warn of each network that the slot of a queued post is not for."""
    if post.schedule is None or post.slot is None:
        return []
    missing = lacks(post.slot, [(account.pk, account.platform) for account in found.accounts])
    return [
        Phrase(
            "The post keeps its slot in {name}, which is not for {network}: queue it again, or give it a time.",
            name=post.schedule.name,
            network=NAMES[network],
        )
        for network in missing
    ]


def _add_to_schedule(post: Post, new: Sequence[Target], *, now: datetime) -> None:
    """Make the new targets of a scheduled post due at its time, or now if that is over.

    The others keep theirs: they may be held up, or have failed.
    """
    set_due(new, scheduled_at=post.scheduled_at or now, now=now)
    if post.is_on_hold:
        Target.objects.filter(pk__in=[target.pk for target in new]).update(due_at=None, give_up_at=None)


def _direct(post: Post, values: dict[str, Any], *, overrides: dict[str, Any]) -> destinations.Destinations:
    """Set the destinations of a changed post, and return them resolved."""
    given = values.get("destinations", values.get("platforms", []))
    if _is_as_new(values):
        post.destinations = given
        return destinations.resolve(post.workspace, given, overrides=overrides)
    anew: frozenset[str] = frozenset()
    if given:
        anew = destinations.meant_anew(post, given)
        post.destinations = destinations.kept(post, given, anew=anew)
    return destinations.going_to(post, overrides=overrides, anew=anew)


def _is_as_new(values: dict[str, Any]) -> bool:
    """Return whether a change names destinations as a new post does, by accounts."""
    return "destinations" in values or destinations.names_accounts(values.get("platforms", []))


def new_overrides(values: dict[str, Any], *, present: dict[str, Any]) -> dict[str, Any]:
    """Return the overrides that are new or changed; the account of an unchanged one may be gone."""
    return {key: entry for key, entry in values.get("platform_content", {}).items() if present.get(key) != entry}


def _normal(texts: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a post, or of an override, as they are stored: hashtags with one `#` each."""
    normal: dict[str, Any] = {}
    if "hashtags" in texts:
        normal["hashtags"] = normal_hashtags(texts["hashtags"])
    if "platform_content" in texts:
        normal["platform_content"] = {key: _normal(entry) for key, entry in texts["platform_content"].items()}
    return {**texts, **normal}


@transaction.atomic
def delete_post(post: Post, *, actor: Actor) -> None:
    """Remove a post and its files from here; what is published stays at the networks."""
    locked = lock(post)
    if locked.status == PostStatus.PUBLISHING:
        message = why_paused(locked) or Phrase("The post is being published: wait for the outcome.")
        raise WrongStatus(message, status=locked.status)
    for hook in hooks.on_delete:
        hook(locked)
    freed = files.remove_all(locked)
    record("deleted", locked, actor=actor, status=locked.status, content=str(locked))
    locked.delete()
    counts.add_posts(locked.workspace_id, -1)  # before bytes, as where a post is made with its files
    counts.add_bytes(locked.workspace_id, -freed)


@transaction.atomic
def schedule_post(post: Post, *, scheduled_at: datetime, zone: str, actor: Actor, now: datetime) -> Post:
    """Set the time of a draft, scheduled or missed post; raises when any network would refuse it.

    A time without an offset is local time in the zone, and follows when the zone's rules change.
    """
    locked = lock_in(post, SCHEDULABLE)
    found = destinations.of(locked)
    targets = destinations.place(locked, found)
    _schedule(locked, targets, found, scheduled_at=scheduled_at, zone=zone, actor=actor, now=now)
    return locked


def _schedule(
    post: Post,
    targets: list[Target],
    found: destinations.Destinations,
    *,
    scheduled_at: datetime,
    zone: str,
    actor: Actor,
    now: datetime,
) -> None:
    at = instant(scheduled_at, zone=zone)
    require_future(at, now=now)
    require_publishable(post, found)
    columns = TIMELESS | {
        "scheduled_at": at,
        "scheduled_timezone": zone,
        "scheduled_local": kept_local(scheduled_at, at=at),
    }
    give_time(post, targets, columns, actor=actor, now=now)
    if at <= now:
        transaction.on_commit(doorbell.ring, robust=True)


def give_time(
    post: Post, targets: Sequence[Target], columns: Mapping[str, Any], *, actor: Actor, now: datetime, **details: Any
) -> None:
    """Make a locked post due at the `scheduled_at` of these columns. If it is so already, only write the audit log."""
    at, zone, before = columns["scheduled_at"], columns["scheduled_timezone"], snapshot(post)
    if all(getattr(post, name) == value for name, value in columns.items()) and are_due(targets, at=at, now=now):
        record_update(post, changes({}, post), actor=actor)
        return
    set_due(targets, scheduled_at=at, now=now)
    assign(post, columns)
    sync(post)
    record("scheduled", post, actor=actor, scheduled_at=at, timezone=zone, **details, **changes(before, post))


class TimeIsPast(InvalidInput):
    """Something is to go out at a `moment` that is over."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        super().__init__(scheduled_at=[self.says(written_in_utc(moment))])

    @staticmethod
    def says(moment: str) -> str:
        """Return the message for a moment in the form that its reader sees."""
        return Phrase("The time {moment} is in the past.", moment=moment)


def require_future(scheduled_at: datetime, *, now: datetime) -> None:
    """Raise TimeIsPast for a time that is more than a minute ago."""
    if scheduled_at < now - PAST_TOLERANCE:
        raise TimeIsPast(scheduled_at)


def require_publishable(post: Post, found: destinations.Destinations, *, also: Iterable[dict[str, Any]] = ()) -> None:
    """Raise what keeps a post from going out: AccountNotConnected, Overtaken or PostNotPublishable.

    The last one tells these further issues, too.
    """
    destinations.require_all(found)
    rules.check(post, found.accounts, files.as_content(post), also=also)


@transaction.atomic
def unschedule_post(post: Post, *, actor: Actor) -> Post:
    """Return a post to draft; a failed one only while nothing of it is, or may be, at a network."""
    locked = lock_in(post, UNSCHEDULABLE)
    before = snapshot(locked)
    Target.objects.active().filter(post=locked).update(**UNSCHEDULED)
    follow([locked])
    sync(locked)
    record("unscheduled", locked, actor=actor, **changes(before, locked))
    return locked


@transaction.atomic
def publish_post(post: Post, *, actor: Actor, now: datetime) -> Post:
    """Make a draft, scheduled or missed post due now; any other is returned as it stands, and nothing is sent twice.

    So is a post that is due and waits for its account's pace: it keeps its place. What has a time goes now to whom it
    would go then: not to an account that was disconnected meanwhile, and is connected again.
    """
    locked = lock(post)
    if locked.status not in SCHEDULABLE or is_in_line(locked, now=now):
        return locked
    found = destinations.going_to(locked)
    targets = destinations.place(locked, found)
    require_publishable(locked, found)
    before = snapshot(locked)
    send_now(targets, now=now)
    assign(locked, TIMELESS)  # or lists would show it among the posts to come
    sync(locked)
    record("publish_requested", locked, actor=actor, **changes(before, locked))
    return locked


@transaction.atomic
def retry_post(post: Post, *, actor: Actor, now: datetime) -> Post:
    """Send the failed targets again, and those missed beside them, and no others.

    One whose account was disconnected is left as it is; raises AccountNotConnected where all of them were.
    """
    locked = lock_in(post, RETRYABLE)
    failed = Target.objects.filter(post=locked, status__in=[TargetStatus.FAILED, TargetStatus.MISSED])
    connected = _connected(failed)
    rules.check(locked, connected, files.as_content(locked))
    before = snapshot(locked)
    send_now(failed.filter(account__in=connected).only("armed_at"), now=now)
    sync(locked)
    record("retried", locked, actor=actor, **changes(before, locked))
    return locked


def _connected(targets: TargetQuerySet) -> list[SocialAccount]:
    """Return the accounts of these targets that can get something; raises AccountNotConnected where all are gone."""
    accounts = SocialAccount.objects.filter(pk__in=targets.values("account")).select_related("workspace")
    connected = [account for account in accounts if account.is_connected]
    if accounts and not connected:
        lost = [account.pk for account in accounts]
        raise destinations.AccountNotConnected(Phrase("The account was disconnected."), accounts=lost)
    return connected
