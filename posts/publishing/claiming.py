"""Taking due targets: at most one per account at a time, the longest due first, nothing too late or paused."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import Error, IntegrityError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q

from accounts import allowance, breakers, pacing, pauses
from accounts.models import Pause, SocialAccount
from accounts.pacing import Pacing
from accounts.pauses import Span
from accounts.platforms.errors import ErrorCode, WhoActs
from accounts.shares import NETWORK, key_of
from ouipost import claims
from ouipost.claims import Claim, LostClaim
from ouipost.db.locks import is_lock_error, lock_free
from ouipost.db.rows import update_each
from ouipost.phrases import Phrase
from posts.advice import INTERNAL_ERROR, failure
from posts.lateness import GIVE_UP_AFTER, LEASE_SECONDS, LEAST_TRYING, is_too_late
from posts.models import TAKEN_FROM_WORKERS, Post, PostStatus, Target, TargetQuerySet, TargetStatus
from posts.places import needs_place
from posts.publishing.adopting import adopt_and_sync
from posts.publishing.capacity import Room, in_flight
from posts.publishing.holding import hold_account, is_line_due, pace_account, put_back
from posts.removal import call_off
from workspaces.models import Workspace

logger = logging.getLogger(__name__)

LOOK_AHEAD = 2
LOOKS = 4
ROUNDS = 4
MAX_UNSETTLED_CLAIMS = 5
MOST_NAMED = 500
"""Most accounts named in one statement: from 1,000 on MariaDB builds a table of them, and reads every row."""
BEGUN = ~Q(attempts=0, in_flight=None, remote_id="") | Q(sent_at__gte=F("scheduled_at"))
"""Targets that a worker has tried since they were scheduled, or is trying."""
PROMPT = timedelta(minutes=1)
"""Targets that go out this soon need no look-up of past pauses: no pause took much of their time for trying."""


class Ready(NamedTuple):
    """A target that can be claimed, as it is under its locks."""

    pk: str
    post_id: str
    account_id: str
    platform: str
    status: str
    scheduled_at: datetime | None
    due_at: datetime
    give_up_at: datetime | None
    claim_count: int
    attempts: int
    sends: int
    sent_at: datetime | None
    fence: int
    outcome_unknown: bool
    in_flight: str | None
    remote_id: str
    waits_for: str
    error: dict[str, Any] | None

    @property
    def may_be_out(self) -> bool:
        return self.outcome_unknown or bool(self.remote_id)

    @property
    def is_new(self) -> bool:
        """Return whether it has never been put off."""
        return needs_place(self) and self.scheduled_at is not None and self.due_at <= self.scheduled_at

    @property
    def is_next(self) -> bool:
        """Return whether its post is being published, and it has not been tried since it was scheduled."""
        was_sent = self.sent_at is not None and self.scheduled_at is not None and self.sent_at >= self.scheduled_at
        return self.status == TargetStatus.PUBLISHING and not (self.attempts or self.in_flight or was_sent)

    @property
    def is_first(self) -> bool:
        """Return whether this is its first try since it was scheduled; a first try may come late."""
        return not (self.attempts or self.in_flight or self.waits_for or self.error)


class Candidate(NamedTuple):
    """The columns by which targets are chosen."""

    pk: str
    post_id: str
    account_id: str
    network: str
    claim_count: int


def claim_targets(limit: int, *, suspects: bool) -> list[Claim]:
    """Claim up to `limit` due targets for this worker; none when others are faster.

    A suspect is a target whose previous claim was never settled. At most one suspect is claimed, and none without
    `suspects`: two never run side by side in a worker, so a target that crashes workers is identified. A target that
    meets an error of ours does not keep others from going out.
    """
    try:
        return _claim_together(limit, suspects=suspects)
    except Error:
        raise
    except Exception:  # any error: one row of many may be broken
        logger.exception("Targets could not be claimed together: each is claimed by itself")
        return _claim_one_by_one(limit, suspects=suspects)


def _claim_together(limit: int, *, suspects: bool, among: Sequence[str] | None = None) -> list[Claim]:
    try:
        for _ in range(ROUNDS):
            with transaction.atomic():
                held = _claim(limit, suspects=suspects, among=among)
            if held is not None:
                return held
    except (IntegrityError, LostClaim):
        pass  # another worker took a target of one of these accounts; the next tick sees that
    except OperationalError as error:
        if not is_lock_error(error):
            raise
    return []


def _claim_one_by_one(limit: int, *, suspects: bool) -> list[Claim]:
    """Claim each target by itself, and end those that cannot be claimed while others can."""
    due = _due(claims.database_now(), suspects=suspects, paused=pauses.in_force())
    held, failing = list[Claim](), list[str]()
    for pk in list(due.values_list("pk", flat=True)[: limit * LOOK_AHEAD]):
        if len(held) == limit:
            break
        try:
            held += _claim_together(1, suspects=suspects and not held, among=[pk])
        except Error:
            logger.exception("No more could be claimed")
            break
        except Exception:  # any error: this row is the broken one
            logger.exception("Target %s cannot be claimed", pk)
            failing.append(pk)
    for pk in failing if held else []:  # if none can be claimed, the rows are hardly at fault
        try:
            _end(pk)
        except Exception:  # any error: the others are claimed and must be worked on
            logger.exception("Target %s cannot be ended", pk)
    return held


@transaction.atomic
def _end(pk: str) -> None:
    """End a target that this worker cannot claim; one that may be out is left to a person, unless a late answer has
    named its post.

    If two versions run side by side, the other may understand the row: a target that it has claimed is left alone.
    """
    now = claims.database_now()
    post = Post.objects.select_for_update().filter(targets=pk).first()
    target = Target.objects.select_for_update().filter(claims.is_due(now), pk=pk).first()
    if post is None or target is None:
        return
    status = TargetStatus.NEEDS_REVIEW if target.may_be_out else TargetStatus.FAILED
    error = failure(ErrorCode.PLATFORM_UNAVAILABLE, INTERNAL_ERROR, retryable=True, who_acts=WhoActs.OPERATOR)
    Target.objects.filter(pk=pk).update(status=status, error=error, **TAKEN_FROM_WORKERS)
    adopt_and_sync([post.pk], now=now)


def _claim(limit: int, *, suspects: bool, among: Sequence[str] | None = None) -> list[Claim] | None:
    """Claim the targets that may go now; None if all found were put off or given up, and more may be behind them."""
    now = claims.database_now()
    flying = in_flight(now)
    due = _due(now, suspects=suspects, paused=pauses.in_force(), busy=[each.account_id for each in flying])
    if among is not None:
        due = due.filter(pk__in=among)
    if not due.exists():
        return []
    chosen = _choose(due, limit=limit, room=Room(flying, now=now))
    posts = _lock_posts([candidate.post_id for candidate in chosen])
    accounts = _lock_accounts([candidate.account_id for candidate in chosen if candidate.post_id in posts])
    _call_off_of_deleted(posts)
    ready = _as_locked(due, chosen, posts, accounts)
    history = _look_back(ready, posts, accounts, now=now)
    missed = _missed(ready, history, now=now)
    crashing = [target for target in ready if target.claim_count >= MAX_UNSETTLED_CLAIMS and target not in missed]
    _miss(missed, now=now)
    _park(crashing)
    sound = [target for target in ready if target not in missed and target not in crashing]
    held = _take(_let_wait(sound, accounts, now=now), now=now)
    taken = {claim.pk for claim in held}
    _give_longer([target for target in sound if target.pk in taken], history, now=now)
    if ended := {target.post_id for target in [*missed, *crashing]}:
        adopt_and_sync(ended, now=now)
    return held if held or not ready else None


def _due(now: datetime, *, suspects: bool, paused: Sequence[Pause], busy: Sequence[str] = ()) -> TargetQuerySet:
    """Match due targets whose account has nothing else in flight, the longest due first.

    Paused targets are left out, except those in doubt, as asking about an earlier send publishes nothing, and threads
    that end where they are, as their account was disconnected while a worker had them. `busy` are accounts known to
    have something in flight. The index of due targets contains the account, so thousands of targets that wait for one
    are skipped without reading their rows.
    """
    other = Target.objects.filter(in_flight=OuterRef("account_id")).exclude(pk=OuterRef("pk"))
    due = Target.objects.filter(claims.is_due(now), ~Exists(other)).order_by("due_at", "pk")
    if busy:
        due = due.exclude(account__in=busy[:MOST_NAMED])
    if paused:
        gone = SocialAccount.objects.filter(pk=OuterRef("account_id"), disconnected_at__isnull=False)
        ends = ~Q(remote_id="") & Exists(gone)
        due = due.filter(~pauses.rows_held_up(paused) | Q(outcome_unknown=True) | ends)
    return due if suspects else due.filter(claim_count=0)


def _choose(due: TargetQuerySet, *, limit: int, room: Room) -> list[Candidate]:
    """Return the first target of each account, as far as its network has room, with at most one suspect.

    If the due targets of one account, server or network fill the rows read, the next rows are read without them.
    """
    chosen: dict[str, Candidate] = {}
    looked = due.annotate(network=NETWORK)
    for _ in range(LOOKS):
        crowded = room.crowded()
        rows = looked.exclude(account__in=[*chosen, *crowded]).exclude(network__in=room.full_networks())
        size = limit * LOOK_AHEAD + 2 * len(crowded)  # the number of rows of a crowded account is unknown
        found = [Candidate(*row) for row in rows.values_list(*Candidate._fields)[:size]]
        room.learn({each.account_id: each.network for each in found})
        for candidate in found:
            is_second_suspect = candidate.claim_count and any(each.claim_count for each in chosen.values())
            is_taken = candidate.account_id in chosen or room.is_full(candidate.account_id, candidate.network)
            if is_taken or is_second_suspect:
                continue
            chosen[candidate.account_id] = candidate
            room.take(candidate.account_id, candidate.network)
            if len(chosen) == limit:
                return list(chosen.values())
        if len(found) < size:
            break
        if any(each.claim_count for each in chosen.values()):
            looked = looked.filter(claim_count=0)
    return list(chosen.values())


def _lock_posts(pks: Sequence[str]) -> dict[str, Workspace]:
    """Lock the posts before their targets, as every change of a post does; returns the workspace of each.

    Posts that another transaction has locked are skipped until the next claim.
    """
    locked = lock_free(Post.objects.filter(pk__in=pks).order_by("pk"))
    rows = dict(locked.values_list("pk", "workspace_id"))
    workspaces = Workspace.objects.in_bulk(set(rows.values()))
    return {pk: workspaces[workspace_id] for pk, workspace_id in rows.items()}


def _call_off_of_deleted(posts: Mapping[str, Workspace]) -> None:
    """Cancel targets that were made due while their workspace was being deleted."""
    deleted = [pk for pk, workspace in posts.items() if workspace.deleted_at is not None]
    if deleted:
        call_off(Target.objects.filter(post__in=deleted))


def _lock_accounts(pks: Sequence[str]) -> dict[str, Pacing]:
    """Lock the accounts, so that each has one target in flight; an account is skipped while its tokens are renewed."""
    locked = lock_free(SocialAccount.objects.filter(pk__in=pks).order_by("pk"))
    return {pk: Pacing(*columns) for pk, *columns in locked.values_list("pk", *Pacing._fields)}


def _as_locked(
    due: TargetQuerySet, chosen: Sequence[Candidate], posts: Collection[str], accounts: Collection[str]
) -> list[Ready]:
    """Read the chosen targets again, now that their locks keep others from changing them."""
    still = due.filter(pk__in=[each.pk for each in chosen], post__in=posts, account__in=accounts)
    return [Ready(*row) for row in still.order_by().values_list(*Ready._fields)]


def _let_wait(targets: Sequence[Ready], accounts: Mapping[str, Pacing], *, now: datetime) -> list[Ready]:
    """Put off the targets that their account may not send yet, and return the others."""
    free, put_off = list[Ready](), list[str]()
    for target in targets:
        account = accounts[target.account_id]
        until = pacing.wait(account, sends=needs_place(target), now=now)
        pace = pacing.pace_of(account.platform)
        if until is None and target.is_new and pacing.has_one_place(account, now=now):
            until = target.due_at if is_line_due(target.account_id, now=now) else None  # waiting targets come first
        if until is None:
            free.append(target)
        elif until == account.held_until or pace is None:
            hold_account(target.account_id, until=until, now=now)
        else:
            put_off += pace_account(target.account_id, until=until, spacing=allowance.interval(pace), now=now)
    put_back(put_off, now=now)
    return free


def _take(targets: Sequence[Ready], *, now: datetime) -> list[Claim]:
    """Claim the targets and start their posts."""
    lease = claims.engine_time(LEASE_SECONDS)
    pks = [target.pk for target in targets]
    values = {"in_flight": F("account_id"), "status": TargetStatus.PUBLISHING}
    held = claims.claim(Target.objects.all(), pks, lease=lease, **values)
    claimed = {claim.pk for claim in held}
    _start({target.post_id for target in targets if target.pk in claimed}, now=now)
    return held


def _start(posts: set[str], *, now: datetime) -> None:
    """Start publishing posts with all their due targets, so that none of these counts as too late any more."""
    due = Target.objects.filter(post__in=posts, status=TargetStatus.SCHEDULED, scheduled_at__lte=now)
    due.update(status=TargetStatus.PUBLISHING)
    Post.objects.filter(pk__in=posts).exclude(status=PostStatus.PUBLISHING).update(status=PostStatus.PUBLISHING)


class History(NamedTuple):
    """What held up some targets since their scheduled times, with the workspaces and accounts of these."""

    pauses: Sequence[Pause]
    rests: Mapping[str, Span]
    posts: Mapping[str, Workspace]
    accounts: Mapping[str, Pacing]

    def of(self, target: Ready) -> list[Pause]:
        """Return the pauses that held the target up."""
        if not self.pauses:
            return []
        goes_to = (target.account_id, self.accounts[target.account_id].platform, self.posts[target.post_id].pk)
        return [pause for pause in self.pauses if pause.covers(*goes_to)]

    def rests_of(self, target: Ready) -> list[Span]:
        """Return the last rest of the target's network, if it was one of these."""
        network = key_of(target.platform, self.posts[target.post_id].mode)
        return [self.rests[network]] if network in self.rests else []


def _look_back(
    targets: Sequence[Ready], posts: Mapping[str, Workspace], accounts: Mapping[str, Pacing], *, now: datetime
) -> History:
    """Return what held up the targets; without a query if all go out in time.

    Pauses also make the time for trying longer. Rests of networks are read only for what looks too late.
    """
    late = [each for each in targets if is_too_late(each.due_at, [], workspace=posts[each.post_id], now=now)]
    times = [at for each in targets if (at := each.scheduled_at) and (each in late or at < now - PROMPT)]
    paused = pauses.after(min(times)) if times else []
    rests = breakers.rests(since=min(each.due_at for each in late)) if late else {}
    return History(paused, rests, posts, accounts)


def _missed(targets: Sequence[Ready], history: History, *, now: datetime) -> list[Ready]:
    """Return the targets that are later than their workspace allows, as nothing could run when they were due.

    A target that may be out goes on however late it is. So does an untried one of a post that has begun to go out.
    """
    late = [target for target in targets if not target.may_be_out and _is_late(target, history, now=now)]
    asked = [target.post_id for target in late if target.is_next]
    begun = set(Target.objects.filter(BEGUN, post__in=asked).values_list("post_id", flat=True)) if asked else set()
    return [target for target in late if not (target.is_next and target.post_id in begun)]


def _is_late(target: Ready, history: History, *, now: datetime) -> bool:
    """Return whether a target is later than its workspace allows.

    A target that is tried again, or had to wait for its account, has a new due time, and is late relative to that.
    """
    held_up_by, rests = history.of(target), history.rests_of(target)
    workspace = history.posts[target.post_id]
    return is_too_late(target.due_at, held_up_by, workspace=workspace, now=now, rests=rests)


def _give_longer(targets: Iterable[Ready], history: History, *, now: datetime) -> None:
    """Extend the time for trying by the time under pauses, and to the least time after the first try.

    Targets in doubt are left out: pauses do not hold them up, and their time may be over on purpose.
    """
    longer = {}
    for target in targets:
        if target.outcome_unknown or target.scheduled_at is None or target.give_up_at is None:
            continue
        paused = pauses.time_paused(history.of(target), since=target.scheduled_at, until=now)
        ends = [target.give_up_at]
        if paused:
            ends.append(target.scheduled_at + GIVE_UP_AFTER + paused)
        if target.is_first:
            ends.append(now + LEAST_TRYING)
        if max(ends) > target.give_up_at:
            longer[target.pk] = {"give_up_at": max(ends)}
    update_each(Target, longer)


def _miss(targets: list[Ready], *, now: datetime) -> None:
    message = Phrase("It was due while nothing could run, and is too late now.")
    error = failure(ErrorCode.MISSED_WINDOW, message, retryable=True)
    due = Target.objects.filter(claims.is_due(now), pk__in=[target.pk for target in targets])
    due.update(status=TargetStatus.MISSED, error=error, **TAKEN_FROM_WORKERS)


def _park(targets: list[Ready]) -> None:
    """Stop trying a target that has crashed its worker again and again."""
    for target in targets:
        logger.error("Target %s was claimed %s times and never settled", target.pk, target.claim_count)
        error = failure(ErrorCode.WORKER_CRASH_LOOP, Phrase("It stopped the worker again and again."))
        held = Target.objects.filter(pk=target.pk, fence=target.fence)
        held.update(status=TargetStatus.NEEDS_REVIEW, error=error, **TAKEN_FROM_WORKERS)
