"""What may go out now: an account's pace, a network's share, and breakers that leave alone what does not answer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Concat

from accounts import platforms
from accounts.models import Guarded, Network, SocialAccount
from accounts.platforms.base import Pace, PlatformError, RateLimited, StillWorking, Unavailable, Unknown, WhoActs
from ouipost.claims import engine_time
from ouipost.db.locks import lock_free
from ouipost.db.rows import update_each
from workspaces.models import Mode

LEAST_CALLS = 10
MOST_CALLS = 20
WINDOW_SECONDS = 300
BROKEN_SHARE = 0.7
OPEN_SECONDS = 30
ANSWERED, FAILED = "+", "-"
SANDBOX = "sandbox:"
"""The simulated networks are others than the true ones: neither holds up the other."""
TROUBLED = Q(held_until__isnull=False) | ~Q(recent_calls="")
SANDBOXED = SocialAccount.objects.filter(workspace__mode=Mode.SANDBOX)
NETWORK = Case(
    When(Exists(SANDBOXED.filter(pk=OuterRef("account"))), then=Concat(Value(SANDBOX), F("platform"))),
    default=F("platform"),
)
"""The network of a row that has an account and a platform, by the key of its health."""


def key_of(platform: str, mode: str) -> str:
    """Return the key of the health of a network, as workspaces of this mode have it."""
    return f"{SANDBOX if mode == Mode.SANDBOX else ''}{platform}"


def parts_of(network: str) -> tuple[str, Mode]:
    """Return the platform and the mode of such a key."""
    return network.removeprefix(SANDBOX), Mode.SANDBOX if network.startswith(SANDBOX) else Mode.LIVE


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call to a network, by how it ended: `ANSWERED` or `FAILED`."""

    account_id: str
    platform: str
    mark: str


def mark(outcome: object) -> str:
    """Return what an outcome says about the network's health; nothing for quotas and for failures of our own."""
    if not isinstance(outcome, PlatformError) or isinstance(outcome, StillWorking):
        return ANSWERED
    if isinstance(outcome, RateLimited) or outcome.acts == WhoActs.OPERATOR:
        return ""
    return FAILED if isinstance(outcome, Unavailable | Unknown) else ANSWERED


def note(calls: Sequence[Call], *, now: datetime) -> dict[str, datetime]:
    """Store how calls ended, in the caller's transaction; returns, by account to leave alone from now on, until when.

    Success costs two queries and no lock: a row is written only while something has failed lately.
    """
    held = _note(SocialAccount.objects.all(), [(call.account_id, call.mark) for call in calls], now=now)
    if any(call.mark == FAILED for call in calls) or Network.objects.filter(TROUBLED).exists():
        _note(Network.objects.all(), _of_networks(calls), now=now)
    return held


def _of_networks(calls: Sequence[Call]) -> list[tuple[str, str]]:
    """Return each call's network and mark, and make the rows of networks that fail for the first time.

    Calls to self-hosted servers are left out: whoever runs one must not hold up the rest of the network.
    """
    rows = SocialAccount.objects.filter(pk__in=[call.account_id for call in calls])
    known = {pk: (mode, metadata) for pk, mode, metadata in rows.values_list("pk", "workspace__mode", "metadata")}
    marked = []
    for call in calls:
        mode, metadata = known.get(call.account_id, (Mode.LIVE, {}))
        if not platforms.BY_ID[call.platform].server_of(metadata):
            marked.append((key_of(call.platform, mode), call.mark))
    failed = {pk for pk, mark in marked if mark == FAILED}
    present = set(Network.objects.filter(pk__in=failed).values_list("pk", flat=True))
    # Only what is missing: to insert what is there locks it, and two that do so would wait for each other.
    missing = [Network(pk=pk) for pk in sorted(failed - present)]
    Network.objects.bulk_create(missing, ignore_conflicts=True)
    return marked


def _note(
    rows: "models.QuerySet[Any, Any]", marked: Sequence[tuple[str, str]], *, now: datetime
) -> dict[str, datetime]:
    marks: dict[str, str] = {}
    for pk, mark in marked:
        marks[pk] = marks.get(pk, "") + mark
    failed = [pk for pk, told in marks.items() if FAILED in told]
    watched = rows.filter(Q(pk__in=failed) | Q(pk__in=marks) & TROUBLED)
    pks = list(watched.values_list("pk", flat=True))
    changed = {
        row.pk: columns
        for row in rows.filter(pk__in=pks).select_for_update().order_by("pk")
        if (columns := after_calls(row, marks[row.pk], now=now))
    }
    update_each(rows.model, changed)
    return {pk: columns["held_until"] for pk, columns in changed.items() if columns["held_until"]}


def after_calls(guarded: Guarded, marks: str, *, now: datetime) -> dict[str, Any]:
    """Return the columns after these calls; none where they change nothing.

    Ten calls or more of the last twenty, with no pause of five minutes between them, of which 70 % failed, open the
    breaker for half a minute. The first call after that closes it, or opens it again.
    """
    if not marks or (guarded.held_until is not None and guarded.held_until > now):
        return {}
    if guarded.held_until is not None:
        return _columns(held_until=_opened(now) if marks[0] == FAILED else None)
    is_old = guarded.recent_at is None or guarded.recent_at < now - engine_time(WINDOW_SECONDS)
    recent = (("" if is_old else guarded.recent_calls) + marks)[-MOST_CALLS:]
    if len(recent) >= LEAST_CALLS and recent.count(FAILED) >= BROKEN_SHARE * len(recent):
        return _columns(held_until=_opened(now))
    return _columns(recent_calls=recent, recent_at=now) if FAILED in recent else _columns()


def _columns(
    *, held_until: datetime | None = None, recent_calls: str = "", recent_at: datetime | None = None
) -> dict[str, Any]:
    return {"held_until": held_until, "recent_calls": recent_calls, "recent_at": recent_at}


def _opened(now: datetime) -> datetime:
    return now + engine_time(OPEN_SECONDS)


def hold(account_id: str, *, until: datetime, since: datetime | None) -> None:
    """Leave an account alone for a quota; `since` is given where the time is our own guess."""
    SocialAccount.objects.filter(pk=account_id).update(held_until=until, recent_at=since)


def guessed_waits(account_ids: Collection[str], *, now: datetime) -> dict[str, timedelta]:
    """Return how long accounts waited, by our own guess, for a quota whose end nobody told: nothing went well since."""
    rows = SocialAccount.objects.filter(pk__in=account_ids, held_until__lte=now)
    times = rows.values_list("pk", "held_until", "recent_at")
    return {pk: until - since for pk, until, since in times if until and since}


def shares(now: datetime, *, at_length: Sequence[str] = ()) -> dict[str, int]:
    """Return how many calls each network may have at once: none while its breaker is open, one to try it again.

    `at_length` has the network of each call that takes longer than a try, such as an upload: it does not count as one,
    or the network would be left alone as long as it takes, or as its lease, where its worker died over it. Whoever
    tries a network again holds its row until the caller's transaction ends: no two try at once.
    """
    limits = settings.NETWORK_MAX_IN_FLIGHT
    shares = {key_of(platform, mode): share for platform, share in limits.items() for mode in Mode}
    held = Network.objects.exclude(held_until=None)
    resting = list(held.values_list("pk", flat=True))
    tried = held.filter(pk__in=resting, held_until__lte=now)
    ours = lock_free(tried.order_by("pk")).values_list("pk", flat=True)
    return shares | dict.fromkeys(resting, 0) | {pk: 1 + at_length.count(pk) for pk in ours}


def servers(accounts: Mapping[str, str]) -> dict[str, str]:
    """Return the key of the server of each account that is on somebody's own; `accounts` has the network of each."""
    pks = [pk for pk, network in accounts.items() if platforms.BY_ID[parts_of(network)[0]].has_servers]
    rows = SocialAccount.objects.filter(pk__in=pks).values_list("pk", "platform", "metadata")
    hosts = {pk: platforms.BY_ID[platform].server_of(metadata) for pk, platform, metadata in rows}
    return {pk: f"{accounts[pk]}@{host}" for pk, host in hosts.items() if host}


def share_of_server(key: str) -> int:
    """Return how many calls one server may have at once: one that hangs must leave its network to the others."""
    platform, _mode = parts_of(key.partition("@")[0])
    return max(1, settings.NETWORK_MAX_IN_FLIGHT[platform] // 4)


class Pacing(NamedTuple):
    """What an account's next post depends on."""

    platform: str
    held_until: datetime | None
    paced_at: datetime | None


def wait(account: Pacing | SocialAccount, *, sends: bool, now: datetime) -> datetime | None:
    """Return when the account may send again, or, where nothing new is sent, may be asked again; None: now."""
    if account.held_until is not None and account.held_until > now:
        return account.held_until
    pace = pace_of(account.platform)
    if not sends or pace is None:
        return None
    free = _next_place(pace, account.paced_at, now=now)
    return free if free > now else None


def has_one_place(account: Pacing, *, now: datetime) -> bool:
    """Whether an account that may send has to wait after that: it is the turn of whoever waits for it longest."""
    pace = pace_of(account.platform)
    return pace is not None and _next_place(pace, account.paced_at, now=now) + interval(pace) > now


def _next_place(pace: Pace, paced_at: datetime | None, *, now: datetime) -> datetime:
    return _paced_at(pace, paced_at, now=now) - (_burst(pace) - 1) * interval(pace)


def spent(platform: str, paced_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return an account's `paced_at` after one more post; None where its network has no pace."""
    pace = pace_of(platform)
    return _paced_at(pace, paced_at, now=now) + interval(pace) if pace else None


def _paced_at(pace: Pace, paced_at: datetime | None, *, now: datetime) -> datetime:
    """Return until when the posts of an account use up its pace, now at the earliest.

    No more than a burst can have been used up: what lies further ahead is from before the clock was set back.
    """
    return paced_at if paced_at and now < paced_at <= now + _burst(pace) * interval(pace) else now


def interval(pace: Pace) -> timedelta:
    """Return the time between two posts of an account whose burst is used up.

    Half of what a window allows may go at once, the other half is spread over it: no window ever has more.
    """
    return engine_time(pace.seconds / max(1, pace.posts - _burst(pace)))


def _burst(pace: Pace) -> int:
    return (pace.posts + 1) // 2


def pace_of(platform_id: str) -> Pace | None:
    """Return how fast an account of this network may post; None: as fast as it takes them."""
    return settings.NETWORK_PACE.get(platform_id)
