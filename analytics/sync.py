"""Syncing: claim accounts with due readings, and read their numbers; any number of syncers may run."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import pauses
from accounts.models import AccountStatus, Network, Pause, SocialAccount
from accounts.platforms.errors import ErrorCode
from accounts.shares import key_of, parts_of, servers
from analytics.discovery import discover
from analytics.models import AccountSync, TargetNumbers
from analytics.plan import DAILY, HOURLY
from analytics.reading import LEASE_SECONDS, read
from analytics.settling import SyncResult
from ouipost import claims
from ouipost.claims import Claim, engine_time
from ouipost.engine import Engine
from ouipost.writer import Runs
from posts.models import Target

LOOK_AHEAD = 4
LOOKS = 4
SERVERS_PART = 4
"""One self-hosted server may have this part of its network's share: one that hangs must leave places to the others."""
BEFORE_POSTS = engine_time(3 * 3600)
AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class ClaimedAccount:
    """A claimed account."""

    claim: Claim
    network: str
    server: str = ""
    """The key of its self-hosted server, if it is on one."""

    @property
    def keys(self) -> list[str]:
        """Return what it takes a place of."""
        return [self.network, *filter(None, [self.server])]


class Syncer(Engine[ClaimedAccount]):
    """One process's share of the syncing; at most half of its threads wait for the same network, and an eighth for
    the same self-hosted server.

    `workspace_id` limits it to one workspace; `tell` is called with the result of each account read.
    """

    name = "sync"
    tick_seconds = 2.0
    last_seconds = LEASE_SECONDS
    must_end = True
    """A reading may renew a token, which a network gives only once."""

    def __init__(
        self,
        threads: int,
        *,
        workspace_id: str = "",
        tell: Callable[[SyncResult], None] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        super().__init__(threads, stopping=stopping)
        self._workspace_id = workspace_id
        self._tell = tell

    def claim(self, free: int, running: Collection[ClaimedAccount]) -> list[ClaimedAccount]:
        discover(now=claims.database_now())
        return claim_accounts(
            free,
            share=max(1, self._threads // 2),
            busy=Counter(key for job in running for key in job.keys),
            workspace_id=self._workspace_id,
        )

    def ids(self, job: ClaimedAccount) -> dict[str, str | int]:
        return {"account_id": job.claim.pk, "network": job.network}

    def work(self, job: ClaimedAccount, writer: Runs) -> None:
        result = read(job.claim, writer=writer, is_ending=self._stopping.is_set)
        if result is not None and self._tell is not None:
            self._tell(result)


def claim_accounts(limit: int, *, share: int, busy: Counter[str], workspace_id: str) -> list[ClaimedAccount]:
    """Claim up to `limit` accounts with something due, the longest due first.

    No network gets more than its share, and no self-hosted server more than a quarter of that, or one place; `busy` has
    those of the accounts that are being read already.
    """
    due = due_accounts(claims.database_now(), workspace_id=workspace_id).order_by("due_at", "pk")
    places = _choose(due, limit=limit, share=share, taken=Counter(busy))
    held = claims.claim_chosen(AccountSync.objects.all(), list(places), lease=engine_time(LEASE_SECONDS))
    return [ClaimedAccount(claim=claim, network=places[claim.pk][0], server=places[claim.pk][1]) for claim in held]


def _choose(due: QuerySet[AccountSync], *, limit: int, share: int, taken: Counter[str]) -> dict[str, tuple[str, str]]:
    """Return accounts with their networks and servers; if one of these fills the candidates, the search goes on
    without it.
    """
    chosen = dict[str, tuple[str, str]]()
    known, of_server = dict[str, str](), max(1, share // SERVERS_PART)
    for _ in range(LOOKS):
        full = [network for network, count in taken.items() if count >= share]
        crowded = [pk for pk, server in known.items() if taken[server] >= of_server]
        size = limit * LOOK_AHEAD + 2 * len(crowded)  # a crowded server may have many more accounts
        rows = _without(due, full).exclude(pk__in=[*chosen, *crowded])[:size]
        columns = rows.values_list("pk", "account__platform", "account__workspace__mode")
        found = {pk: key_of(platform, mode) for pk, platform, mode in columns}
        known |= servers(found)
        for pk, network in found.items():
            server = known.get(pk, "")
            if taken[network] < share and taken[server] < of_server and len(chosen) < limit:
                chosen[pk] = network, server
                taken.update(filter(None, chosen[pk]))
        if len(chosen) == limit or len(found) < size:
            break
    return chosen


@transaction.atomic
def read_soon(syncs: QuerySet[AccountSync], *, now: datetime) -> int:
    """Make all readings of these accounts due, except accounts being read now; returns the number of accounts that are
    read at once. Where a network has said how long to wait, the readings wait for that.
    """
    free = syncs.filter(claims.is_free(now))
    pks = list(free.select_for_update().order_by("pk").values_list("pk", flat=True))
    TargetNumbers.objects.filter(account__in=pks, due_at__gt=now).update(due_at=now)
    rows = AccountSync.objects.filter(pk__in=pks)
    waiting = list(limited(rows, now=now).values_list("pk", flat=True))
    rows.update(account_due_at=now)
    return rows.exclude(pk__in=waiting).update(due_at=now)


def begin_anew(account: SocialAccount, now: datetime) -> None:
    """Forget the failures of an account that was signed in to again, and make it due; a network's limit still holds.

    This happens after the commit: a sign-in has locked the account, and who settles a reading locks that last.
    """
    transaction.on_commit(partial(_forget_failures, account.pk, now=now), robust=True)


def _forget_failures(account_id: str, *, now: datetime) -> None:
    failed = AccountSync.objects.filter(pk=account_id, failures__gt=0)
    if not limited(failed, now=now).exists():
        failed.update(failures=0, error=None, due_at=now, account_due_at=now)


def limited(rows: QuerySet[AccountSync], *, now: datetime) -> QuerySet[AccountSync]:
    """Match accounts whose network has said that it takes no more requests before they are due."""
    return rows.filter(due_at__gt=now, failures__gt=0, error__code=ErrorCode.RATE_LIMITED_BY_PLATFORM)


def read_before_posts(now: datetime) -> int:
    """Make accounts due that have a post within the next three hours, were not read in the last three, and are not due
    within one; returns the number. A revoked access then shows while there is time to sign in again.
    """
    soon = Target.objects.filter(due_at__gt=now, due_at__lte=now + BEFORE_POSTS)
    quiet = readable_accounts().filter(failures=0, due_at__gt=now + HOURLY)
    idle = quiet.filter(account_due_at__lte=now + DAILY - BEFORE_POSTS, pk__in=soon.values("account"))
    pks = list(idle.order_by("due_at", "pk").values_list("pk", flat=True)[:AT_ONCE])
    return AccountSync.objects.filter(pk__in=pks).update(due_at=now, account_due_at=now)


def check_soon(account_ids: Collection[str], now: datetime) -> None:
    """Make the reading of accounts themselves due, without their posts; a refused token expires them."""
    rows = readable_accounts().filter(claims.is_free(now), failures=0, pk__in=account_ids)
    pks = list(rows.order_by("pk").values_list("pk", flat=True))
    AccountSync.objects.filter(pk__in=pks).update(due_at=now, account_due_at=now)


def due_accounts(now: datetime, *, workspace_id: str = "") -> QuerySet[AccountSync]:
    """Match accounts that can be read now: connected, and neither they nor their network are left alone."""
    return unheld(readable_accounts(workspace_id).filter(claims.is_due(now)), now=now)


def unheld(rows: QuerySet[AccountSync], *, now: datetime) -> QuerySet[AccountSync]:
    """Leave out accounts that are left alone or paused, or whose network is."""
    resting = Network.objects.filter(held_until__gt=now).values_list("pk", flat=True)
    return _unheld(rows, now=now, resting=resting, paused=pauses.in_force())


def due_unless_held(now: datetime, *, resting: Iterable[str], paused: Sequence[Pause]) -> QuerySet[AccountSync]:
    """Match accounts that can be read now, given the networks to leave alone and the pauses in force."""
    return _unheld(readable_accounts().filter(claims.is_due(now)), now=now, resting=resting, paused=paused)


def _unheld(
    rows: QuerySet[AccountSync], *, now: datetime, resting: Iterable[str], paused: Sequence[Pause]
) -> QuerySet[AccountSync]:
    # A pause of a network or of an account also stops reading; any other pause stops publishing only.
    rows = _without(rows, resting)
    networks, accounts = pauses.left_alone(paused)
    rows = rows.exclude(account__platform__in=networks).exclude(pk__in=accounts)
    return rows.filter(Q(account__held_until=None) | Q(account__held_until__lte=now))


def _without(rows: QuerySet[AccountSync], networks: Iterable[str]) -> QuerySet[AccountSync]:
    """Leave out networks, by the key of their health."""
    for network in networks:
        platform, mode = parts_of(network)
        rows = rows.exclude(account__platform=platform, account__workspace__mode=mode)
    return rows


def readable_accounts(workspace_id: str = "") -> QuerySet[AccountSync]:
    """Match accounts that a network lets us read, of one workspace or of all."""
    rows = AccountSync.objects.filter(account__disconnected_at=None, account__workspace__deleted_at=None)
    rows = rows.exclude(account__status=AccountStatus.EXPIRED)
    return rows.filter(account__workspace=workspace_id) if workspace_id else rows
