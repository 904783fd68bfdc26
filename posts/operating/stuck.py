"""Find stuck targets: late, in doubt, failed until the operator acts, or without an account.

Every search only reads, by an index. It lists up to a hundred rows, and counts up to ten thousand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery

from accounts import pauses, registry
from accounts.models import AccountStatus, Network, Pause, SocialAccount
from accounts.platforms.errors import WhoActs
from ouipost.db.pages import MOST
from ouipost.events.models import Event
from posts import obstacles
from posts.models import UNSETTLED, PostStatus, Target, TargetQuerySet, TargetStatus
from posts.operating import findings
from posts.operating.findings import Finding, Scene

TOLD = 100
LONGEST_WAIT = timedelta(days=2)
"""The engine lets no target wait longer: one that is due later than this has not been late yet."""
FAILURES_OF = timedelta(days=7)
DOUBTFUL_POSTS = (PostStatus.NEEDS_REVIEW, PostStatus.PUBLISHING)
"""The statuses of a post with a target in doubt; they lead to such targets by the index of posts."""
UNPUBLISHED = Target.objects.filter(published_at=None, post__workspace__deleted_at=None)
"""`published_at=None` is redundant but needed: without it MariaDB reads all targets of each account, not by posts."""


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """The findings, and the number of further ones, counted up to ten thousand per search."""

    findings: list[Finding]
    more: int = 0


def in_doubt() -> TargetQuerySet:
    """Match the targets that may or may not be out."""
    return UNPUBLISHED.filter(status=TargetStatus.NEEDS_REVIEW, post__status__in=DOUBTFUL_POSTS)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search for trouble that is older than `cutoff`, in one workspace or in all."""

    now: datetime
    cutoff: datetime
    workspace_id: str = ""

    def run(self) -> Stuck:
        """Return all stuck targets and accounts: first those that workers should have taken, last those for people."""
        resting = obstacles.resting(now=self.now)
        paused = pauses.in_force()
        parts = [
            _read(self._late(), lambda target: findings.late(target, self._scene(target, resting, paused))),
            _read(self._of_targets(in_doubt()).prefetch_related("post__files"), findings.doubtful),
            _read(self._failed(), findings.failed),
            _read(self._disconnected(), findings.disconnected),
            _read(self._expired(), _expired_account),
        ]
        return Stuck(findings=[each for part in parts for each in part.findings], more=sum(part.more for part in parts))

    def _late(self) -> TargetQuerySet:
        """Match targets that should have been out before the cutoff; a held one counts once its time is over."""
        is_held = Q(lease_until__gt=self.now) & (Q(give_up_at=None) | Q(give_up_at__gt=self.cutoff))
        late = Target.objects.filter(
            ~is_held, due_at__lte=self.now + LONGEST_WAIT, scheduled_at__lte=self.cutoff, status__in=UNSETTLED
        )
        others = Target.objects.filter(in_flight=OuterRef("account_id")).exclude(pk=OuterRef("pk"))
        return self._of_targets(late.annotate(is_behind=Exists(others)))

    def _scene(self, target: Any, resting: Mapping[str, Network], paused: list[Pause]) -> Scene:
        return Scene(
            now=self.now,
            cutoff=self.cutoff,
            network=resting.get(registry.network_of(target.platform, target.account.workspace)),
            is_behind=target.is_behind,
            pauses=pauses.all_holding(paused, target.account_id, target.platform, target.account.workspace_id),
        )

    def _failed(self) -> TargetQuerySet:
        """Match the failures of a week that only the operator can mend; older ones have been reported long enough."""
        posts = (PostStatus.FAILED, PostStatus.PARTIALLY_PUBLISHED, *DOUBTFUL_POSTS)
        found = UNPUBLISHED.filter(status=TargetStatus.FAILED, post__status__in=posts)
        ours = found.filter(error__who_acts=WhoActs.OPERATOR, scheduled_at__gt=self.now - FAILURES_OF)
        return self._of_targets(ours)

    def _disconnected(self) -> TargetQuerySet:
        """Match targets for disconnected accounts that are not late yet."""
        gone = Target.objects.filter(account__disconnected_at__lte=self.cutoff, published_at=None)
        return self._of_targets(gone.filter(due_at__isnull=False, scheduled_at__gt=self.cutoff))

    def _of_targets(self, targets: TargetQuerySet) -> TargetQuerySet:
        if self.workspace_id:
            targets = targets.filter(post__workspace=self.workspace_id)
        return targets.select_related("post", "account__workspace").order_by("due_at", "pk")

    def _expired(self) -> "QuerySet[SocialAccount]":
        """Match expired accounts with scheduled targets."""
        coming = Q(targets__published_at=None, targets__due_at__isnull=False)  # by the index of an account's targets
        expired = SocialAccount.objects.connected().filter(workspace__deleted_at=None, status=AccountStatus.EXPIRED)
        expired = expired.filter(coming)
        if self.workspace_id:
            expired = expired.filter(workspace=self.workspace_id)
        expirations = Event.objects.filter(resource_id=OuterRef("pk"), type="account.expired").order_by("-created_at")
        counted = expired.annotate(posts=Count("targets"), first=Min("targets__scheduled_at"))
        return counted.annotate(since=Subquery(expirations.values("created_at")[:1])).order_by("first", "pk")


def _read(rows: "QuerySet[Any]", tell: Callable[[Any], Finding]) -> Stuck:
    found = [tell(row) for row in rows[:TOLD]]
    return Stuck(findings=found, more=rows[TOLD:MOST].count() if len(found) == TOLD else 0)


def _expired_account(account: Any) -> Finding:
    since = account.since or account.connected_at
    return findings.expired(account, since=since, posts=account.posts, first=account.first)
