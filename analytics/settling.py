"""Store readings: snapshots, totals and the time of the next reading, all in the caller's transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Min, Sum

from accounts import allowance, profiles, readable, tokens
from accounts.models import SocialAccount
from accounts.platforms.errors import PlatformError, RateLimited, Rejected, Unavailable, WhoActs
from accounts.platforms.shapes import AccountNumbers, PostNumbers, Profile
from analytics.gains import COUNTED, gained, merged
from analytics.models import AccountDay, AccountSync, Snapshot, TargetNumbers
from analytics.periods import day_of, hour_of
from analytics.plan import DAILY, HOURLY, QUARTER, after_failures, budget_of, next_reading
from analytics.totals import Gain, add_all
from ouipost import claims
from ouipost.claims import Claim
from ouipost.db.rows import assign, in_parts, insert_each, update_each
from ouipost.events.journal import SYSTEM, entry, record_all
from ouipost.moments import written_in_utc
from posts.models import NUMBERS, REMOTE_ID_LENGTH, Post, Target

FAILURES = 5
"""After so many failures in a row, an account counts as unreadable."""
AT_ONCE = 250
KEPT = (*COUNTED, "own", "most", "read_at", "removed_at", "due_at")
"""The columns that a reading changes."""
OF_ACCOUNT = (*(each.name for each in fields(AccountNumbers)), "read_at")
"""The columns of an account's day."""


@dataclass(kw_only=True)
class Answers:
    """The numbers that a network was asked for in one reading of an account, and those that it has given."""

    asked: list[int] = field(default_factory=list)
    """The ids of the numbers asked for. Those missing in `posts` were refused and are put off, or got no answer and
    stay due."""
    posts: dict[int, PostNumbers | None] = field(default_factory=dict)
    """The numbers of posts by id; None if the network no longer has the post."""
    asked_account: bool = False
    account: AccountNumbers | None = None
    profile: Profile | None = None
    """The account's profile, if it was asked for and given."""
    lacking: int = 0
    """The requests of the next call, if the budget no longer allows it."""

    @property
    def lacks_account(self) -> bool:
        """Return whether the network was asked for the account's own numbers and has not given them."""
        return self.asked_account and self.account is None


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """The result of one claim of an account."""

    claim: Claim
    at: datetime
    answers: Answers
    error: PlatformError | None
    requests: int
    access_token: str = field(repr=False)
    """The account's stored token at the last call."""

    @property
    def failed(self) -> bool:
        """Return whether the account could not be read. Refused posts do not count if others were read."""
        return self.error is not None and not (isinstance(self.error, Rejected) and self.answers.posts)

    @property
    def has_read(self) -> bool:
        """Return whether the network has given any numbers."""
        return bool(self.answers.posts) or self.answers.account is not None


def settle_all(results: Sequence[SyncResult]) -> list[bool]:
    """Store readings, and plan the next ones; returns, for each result, whether its claim was still held.

    The number of statements does not grow with the posts or the results.
    """
    asked = [pk for result in results for pk in result.answers.asked]
    posts = list(Target.objects.filter(numbers__in=asked).values_list("post", flat=True).distinct())
    list(Post.objects.select_for_update().filter(pk__in=posts).order_by("pk").values_list("pk", flat=True))
    held = claims.lock_each(AccountSync, [result.claim for result in results])
    syncs = AccountSync.objects.select_related("account__workspace").in_bulk({claim.pk for claim in held})
    present = {pk: sync for pk, sync in syncs.items() if sync.account.workspace.deleted_at is None}
    ours = [result for result in results if result.claim in held and result.claim.pk in present]
    _keep_numbers(ours, present)
    _keep_accounts(ours, present)
    _note_readable(ours, present)
    _plan(ours, present)
    return [result.claim in held for result in results]


def _keep_numbers(results: Sequence[SyncResult], syncs: Mapping[str, AccountSync]) -> None:
    """Write the numbers of all posts asked for, and add their gains to the sums."""
    asked = {pk: result for result in results for pk in result.answers.asked}
    locked = TargetNumbers.objects.select_for_update().filter(pk__in=asked).order_by("pk")
    rows = {each.pk: each for each in locked}
    snapshots, gains, gone, moved = [], [], [], {}
    for pk, numbers in rows.items():
        result = asked[pk]
        numbers.due_at = _due_at(numbers, result)
        if pk not in result.answers.posts:
            continue
        found = result.answers.posts[pk]
        if found is None:
            gone += [numbers] if numbers.removed_at is None else []
            numbers.removed_at = numbers.removed_at or result.at
            continue
        numbers.removed_at = None
        gain = _take_over(numbers, found, at=result.at, zone=_zone(syncs[result.claim.pk]))
        gains.append(gain)
        snapshots.append(_snapshot(numbers, found, gain, at=result.at))
        if found.published is not None and len(found.published.remote_id) <= REMOTE_ID_LENGTH:
            moved[numbers.target_id] = {"remote_id": found.published.remote_id, "url": found.published.url}
    for new in in_parts(snapshots, AT_ONCE):
        insert_each(new)
    kept = list(rows.values())
    for some in in_parts(kept, AT_ONCE):
        _write(some)
    update_each(Target, moved)
    _keep_posts([each.target_id for each in kept])
    _record_removed(gone)
    add_all(gains)


def _due_at(numbers: TargetNumbers, result: SyncResult) -> datetime | None:
    """Return when a target asked for is read again. If an error stopped the reading, it stays due.

    It then waits with its account, behind the targets that have been due for longer.
    """
    planned = next_reading(numbers.published_at, now=result.at)
    is_over = numbers.pk in result.answers.posts or isinstance(result.error, Rejected)
    return planned if is_over or planned is None else result.at


def _zone(sync: AccountSync) -> str:
    return sync.account.workspace.timezone


def _take_over(numbers: TargetNumbers, found: PostNumbers, *, at: datetime, zone: str) -> Gain:
    """Update the numbers of a target to a reading, and return the gain since the previous one."""
    known, now = numbers.counts, found.after(numbers.own)
    read = {name: getattr(now, name) for name in COUNTED}
    counts = gained(known, read)
    assign(numbers, merged(known, read))
    numbers.own = dict(now.own)
    numbers.most += max(counts["engagement"] or 0, 0)
    numbers.read_at = at
    return Gain(
        numbers_id=numbers.pk,
        workspace_id=numbers.workspace_id,
        platform=numbers.platform,
        day=day_of(at, zone=zone),
        hour=hour_of(at, zone=zone),
        counts=counts,
    )


def _snapshot(numbers: TargetNumbers, found: PostNumbers, gain: Gain, *, at: datetime) -> Snapshot:
    read = {name: getattr(found, name) for name in COUNTED} | dict(found.own)
    return Snapshot(numbers_id=numbers.pk, read_at=at, hour=gain.hour, read=read, **gain.counts)


def _write(rows: Sequence[TargetNumbers]) -> None:
    update_each(TargetNumbers, {each.pk: {name: getattr(each, name) for name in KEPT} for each in rows})
    update_each(
        Target, {each.target_id: {"metrics": _metrics(each)} for each in rows if each.read_at or each.removed_at}
    )


def _metrics(numbers: TargetNumbers) -> dict[str, Any]:
    """Return a target's own copy of its numbers, by which posts are shown without a query here."""
    moments = {"read_at": numbers.read_at, "removed_at": numbers.removed_at}
    return numbers.counts | {name: written_in_utc(at) if at else None for name, at in moments.items()}


def _keep_posts(targets: Collection[str]) -> None:
    """Write the totals of the posts that these targets belong to."""
    posts = Target.objects.filter(pk__in=targets).values("post")
    rows = TargetNumbers.objects.filter(target__post__in=posts).values("target__post").order_by()
    sums = rows.annotate(*map(Sum, NUMBERS)).values_list("target__post", *(f"{name}__sum" for name in NUMBERS))
    found = {
        pk: {name: None if total is None else max(total, 0) for name, total in zip(NUMBERS, totals, strict=True)}
        for pk, *totals in sums
    }
    for some in in_parts(sorted(found), AT_ONCE):
        update_each(Post, {pk: found[pk] for pk in some})


def _record_removed(rows: Sequence[TargetNumbers]) -> None:
    """Record in the journal the posts that were removed at their network; they are never sent again."""
    targets = Target.objects.select_related("post").filter(numbers__in=rows).order_by("pk")
    record_all([entry("removed", each.post, actor=SYSTEM, target=each.pk, platform=each.platform) for each in targets])


def _keep_accounts(results: Sequence[SyncResult], syncs: Mapping[str, AccountSync]) -> None:
    """Write today's numbers of the accounts; what this reading lacks stays as an earlier one of the day gave it."""
    days: list[AccountDay] = []
    known: dict[str, dict[str, Any]] = {}
    shown: dict[str, Profile] = {}
    for result in results:
        sync, found = syncs[result.claim.pk], result.answers.account
        known[sync.pk] = {"last_sync": result.at} if _went_well(result) else {}
        if found is not None:
            days.append(_day(found, account_id=sync.pk, at=result.at, zone=_zone(sync)))
            known[sync.pk] |= {name: value for name, value in _people(found).items() if value is not None}
        if result.answers.profile is not None and _columns(sync.account, result.answers.profile):
            shown[sync.pk] = result.answers.profile
    for account in _lock(shown):
        known[account.pk] |= _columns(account, shown[account.pk])
    _complete(days)
    key = ["account", "day"] if connection.features.supports_update_conflicts_with_target else None
    AccountDay.objects.bulk_create(days, update_conflicts=True, unique_fields=key, update_fields=OF_ACCOUNT)
    update_each(SocialAccount, known)


def _complete(days: Sequence[AccountDay]) -> None:
    """Fill in what these days lack and their stored rows have."""
    accounts, dates = {each.account_id for each in days}, {each.day for each in days}
    stored = {each.pk: each for each in AccountDay.objects.filter(account__in=accounts, day__in=dates)}
    for day in days:
        if (earlier := stored.get(day.pk)) is None:
            continue
        assign(day, {name: getattr(earlier, name) for name in OF_ACCOUNT if getattr(day, name) is None})
        day.demographics = (earlier.demographics or {}) | (day.demographics or {}) or None


def _people(found: AccountNumbers) -> dict[str, int | None]:
    return {"followers": profiles.people(found.followers), "following": profiles.people(found.following)}


def _columns(account: SocialAccount, profile: Profile) -> dict[str, Any]:
    """Return the columns that the profile changes, without those that have the value already."""
    columns = profiles.columns(account, profile)
    return {column: value for column, value in columns.items() if getattr(account, column) != value}


def _lock(pks: Collection[str]) -> list[SocialAccount]:
    """Read these accounts again under lock: a name that somebody has just set by hand must stay."""
    return list(SocialAccount.objects.select_for_update().filter(pk__in=pks).order_by("pk")) if pks else []


def _day(found: AccountNumbers, *, account_id: str, at: datetime, zone: str) -> AccountDay:
    said = {name: shares for name, shares in asdict(found.demographics).items() if shares}
    values = asdict(found) | _people(found) | {"demographics": said or None}
    return AccountDay(account_id=account_id, day=day_of(at, zone=zone), read_at=at, **values)


def _went_well(result: SyncResult) -> bool:
    return result.has_read and not result.failed


def _note_readable(results: Sequence[SyncResult], syncs: Mapping[str, AccountSync]) -> None:
    readable.mark_unreadable(
        {each.claim.pk: tokens.shown(each.error) for each in results if each.error and _is_trouble(each, syncs)}
    )
    readable.mark_readable([each.claim.pk for each in results if _went_well(each)])


def _is_trouble(result: SyncResult, syncs: Mapping[str, AccountSync]) -> bool:
    """Return whether the account counts as unreadable: it was refused, or has failed several times in a row.

    Waiting for a quota does not count, nor does a refusal of tokens that have been replaced since.
    """
    if isinstance(result.error, RateLimited) or result.access_token != syncs[result.claim.pk].account.access_token:
        return False
    is_refused = isinstance(result.error, Rejected) and result.error.who_acts != WhoActs.OPERATOR
    return result.failed and (is_refused or syncs[result.claim.pk].failures + 1 >= FAILURES)


def _plan(results: Sequence[SyncResult], syncs: Mapping[str, AccountSync]) -> None:
    """Release the accounts, each with the time of its next reading."""
    rows = TargetNumbers.objects.filter(account__in=[result.claim.pk for result in results], due_at__isnull=False)
    coming = dict(rows.values_list("account").annotate(first=Min("due_at")).order_by())
    planned = {}
    for result in results:
        sync = syncs[result.claim.pk]
        planned[sync.pk] = result.claim.released | _next(sync, result, coming.get(sync.pk))
    update_each(AccountSync, planned)


def _next(sync: AccountSync, result: SyncResult, target_due_at: datetime | None) -> dict[str, Any]:
    """Return when an account is read next: later after a failure, and never before its budget allows."""
    account_due_at = sync.account_due_at
    if result.answers.asked_account:
        account_due_at = result.at + (HOURLY if result.answers.lacks_account else DAILY)
    due_at = min(account_due_at, target_due_at or account_due_at)
    budget = budget_of(sync.account.platform)
    paced_at = allowance.after(budget, sync.paced_at, count=result.requests, now=result.at)
    due_at = max(due_at, allowance.free_at(budget, paced_at, count=result.answers.lacking, now=result.at))
    failures, error = (0, None) if result.has_read else (sync.failures, sync.error)
    if result.error:
        error = tokens.shown(result.error)
    if result.error and result.failed:
        failures = sync.failures + 1
        due_at = max(due_at, _again(result.error, failures, now=result.at))
    if result.answers.lacks_account and target_due_at is not None and target_due_at <= due_at:
        account_due_at = max(account_due_at, due_at + QUARTER)  # its posts come first, or it might stop them for ever
    return {
        "due_at": due_at,
        "account_due_at": account_due_at,
        "paced_at": paced_at,
        "failures": failures,
        "error": error,
        "read_at": result.at if result.has_read else sync.read_at,
    }


def _again(error: PlatformError, failures: int, *, now: datetime) -> datetime:
    """Return when to try after an error: when the network says, else later after each."""
    if isinstance(error, Unavailable) and error.retry_after is not None:
        return now + timedelta(seconds=error.retry_after)
    return after_failures(failures, now=now)
