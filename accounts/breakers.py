"""Circuit breakers of accounts and networks: calls to one that fails stop for a while, then one call tries again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q

from accounts import platforms
from accounts.models import Guarded, Network, SocialAccount
from accounts.platforms.errors import (
    AppStopped,
    NotConnected,
    PlatformError,
    RateLimited,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.shares import key_of
from ouipost.claims import engine_time
from ouipost.db.rows import update_each
from workspaces.models import Mode

LEAST_CALLS = 10
MOST_CALLS = 20
WINDOW_SECONDS = 300
BROKEN_SHARE = 0.7
OPEN_SECONDS = 30
ANSWERED, FAILED, STOPPED = "+", "-", "!"
TROUBLED = Q(held_until__isnull=False) | ~Q(recent_calls="")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call to a network, with its result: `ANSWERED`, `FAILED`, or `STOPPED`, which is the app's fault."""

    account_id: str
    platform: str
    mark: str


def mark(outcome: object, *, is_look: bool = False) -> str:
    """Return the mark of an outcome for the network's health.

    The mark is empty for quotas, for failures of our own, and if the network was not called. It is also empty if the
    network does not let the app look for posts, as it may take posts nevertheless.
    """
    if not isinstance(outcome, PlatformError) or isinstance(outcome, StillWorking):
        return ANSWERED
    if isinstance(outcome, AppStopped):
        return "" if is_look else STOPPED
    if isinstance(outcome, RateLimited | NotConnected) or outcome.who_acts == WhoActs.OPERATOR:
        return ""
    return FAILED if isinstance(outcome, Unavailable | Unknown) else ANSWERED


def note(calls: Sequence[Call], *, now: datetime) -> dict[str, datetime]:
    """Store the results of calls, in the caller's transaction; returns the accounts to leave alone, with the end times.

    If the network refuses the app, the whole network is left alone, since all its accounts use that app. Success costs
    two queries and no lock: a row is written only while something has failed lately.
    """
    of_accounts = [(call.account_id, call.mark.replace(STOPPED, "")) for call in calls]
    held = _note(SocialAccount.objects.all(), of_accounts, now=now)
    if any(_failures(call.mark) for call in calls) or Network.objects.filter(TROUBLED).exists():
        _note(Network.objects.all(), _of_networks(calls), now=now)
    return held


def _of_networks(calls: Sequence[Call]) -> list[tuple[str, str]]:
    """Return each call's network and mark, and create the rows of networks that fail for the first time.

    Calls to self-hosted servers are left out: one failing server must not hold up the rest of the network.
    """
    rows = SocialAccount.objects.filter(pk__in=[call.account_id for call in calls])
    known = {pk: (mode, metadata) for pk, mode, metadata in rows.values_list("pk", "workspace__mode", "metadata")}
    marked = []
    for call in calls:
        mode, metadata = known.get(call.account_id, (Mode.LIVE, {}))
        if not platforms.BY_ID[call.platform].server_of(metadata):
            marked.append((key_of(call.platform, mode), call.mark))
    failed = {pk for pk, mark in marked if _failures(mark)}
    present = set(Network.objects.filter(pk__in=failed).values_list("pk", flat=True))
    # Only missing rows: inserting a present row locks it, and two such inserts would wait for each other.
    missing = [Network(pk=pk) for pk in sorted(failed - present)]
    Network.objects.bulk_create(missing, ignore_conflicts=True)
    return marked


def _note(
    rows: "models.QuerySet[Any, Any]", marked: Sequence[tuple[str, str]], *, now: datetime
) -> dict[str, datetime]:
    marks: dict[str, str] = {}
    for pk, mark in marked:
        marks[pk] = marks.get(pk, "") + mark
    failed = [pk for pk, results in marks.items() if _failures(results)]
    watched = rows.filter(Q(pk__in=failed) | Q(pk__in=marks) & TROUBLED)
    pks = list(watched.values_list("pk", flat=True))
    changed = {
        row.pk: columns | _rest(row, columns["held_until"], now=now)
        for row in rows.filter(pk__in=pks).select_for_update().order_by("pk")
        if (columns := after_calls(row, marks[row.pk], now=now))
    }
    update_each(rows.model, changed)
    return {pk: columns["held_until"] for pk, columns in changed.items() if columns["held_until"]}


def after_calls(guarded: Guarded, marks: str, *, now: datetime) -> dict[str, Any]:
    """Return the columns after these calls; none if the calls change nothing.

    The breaker opens for half a minute if 70 % of the last twenty calls failed, of at least ten and without a gap of
    five minutes between them. The first call after that closes it, or opens it again. The calls that opened it stay.
    """
    if not marks or (guarded.held_until is not None and guarded.held_until > now):
        return {}
    if guarded.held_until is not None:
        return _opened(marks, now=now) if _failures(marks[0]) else _columns()
    is_old = guarded.recent_at is None or guarded.recent_at < now - engine_time(WINDOW_SECONDS)
    recent = (("" if is_old else guarded.recent_calls) + marks)[-MOST_CALLS:]
    if len(recent) >= LEAST_CALLS and _failures(recent) >= BROKEN_SHARE * len(recent):
        return _opened(recent, now=now)
    return _columns(recent_calls=recent, recent_at=now) if _failures(recent) else _columns()


def _rest(guarded: Guarded, until: datetime | None, *, now: datetime) -> dict[str, datetime | None]:
    """Return the columns of a network's rest if its breaker, which holds it until then, opens or closes.

    It goes on until a call tries the network, for five minutes at most. A rest that follows soon is the same one.
    """
    if not isinstance(guarded, Network):
        return {}
    ended = guarded.rested_until
    if until is not None:
        window = engine_time(WINDOW_SECONDS)
        is_same = ended is not None and ended >= now - window
        return {"rested_from": guarded.rested_from if is_same else now, "rested_until": until + window}
    return {"rested_until": min(ended, now)} if guarded.held_until is not None and ended is not None else {}


def rests(*, since: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Return when the last rest of each network began and ends, for those that ended after this or go on."""
    rows = Network.objects.filter(rested_until__gt=since).values_list("pk", "rested_from", "rested_until")
    return {pk: (begun, ended) for pk, begun, ended in rows if begun and ended}


def _failures(marks: str) -> int:
    return marks.count(FAILED) + marks.count(STOPPED)


def is_stopped(network: Network) -> bool:
    """Whether the network refused this installation's app, whatever the account."""
    return STOPPED in network.recent_calls


def _columns(
    *, held_until: datetime | None = None, recent_calls: str = "", recent_at: datetime | None = None
) -> dict[str, Any]:
    return {"held_until": held_until, "recent_calls": recent_calls, "recent_at": recent_at}


def _opened(marks: str, *, now: datetime) -> dict[str, Any]:
    return _columns(held_until=now + engine_time(OPEN_SECONDS), recent_calls=marks[-MOST_CALLS:])


def hold(account_id: str, *, until: datetime, since: datetime | None) -> None:
    """Leave an account alone for a quota; `since` is given if the time is our own guess."""
    SocialAccount.objects.filter(pk=account_id).update(held_until=until, recent_at=since)


def guessed_waits(account_ids: Collection[str], *, now: datetime) -> dict[str, timedelta]:
    """Return how long accounts waited, by our guess, for a quota of unknown end; they have had no success since."""
    rows = SocialAccount.objects.filter(pk__in=account_ids, held_until__lte=now)
    times = rows.values_list("pk", "held_until", "recent_at")
    return {pk: until - since for pk, until, since in times if until and since}
