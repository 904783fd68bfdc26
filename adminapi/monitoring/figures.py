"""The numbers of the whole installation, or of a user's workspaces: read from indexes and stored sums alone, in as many
queries for a million posts as for one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Concat, TruncDate
from django.utils.functional import cached_property

from accounts.models import AccountStatus, SocialAccount
from analytics.periods import A_DAY, Period, day_of, midnight
from analytics.reports import Scope
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts import counts
from posts.models import Post, PostCount, PostStatus
from workspaces.keys import usage
from workspaces.models import ApiKey, Role, User, Workspace
from workspaces.reach import for_alone

UTC = "UTC"
DAYS = {"7d": 7, "30d": 30, "90d": 90, "1y": 365}
"""The lengths of the periods that are offered, by name."""
USUAL = "30d"
UNPUBLISHED = [status for status in PostStatus if status != PostStatus.PUBLISHED]
"""Posts of these statuses are counted by the index. The published ones, which are most posts and take longest to count,
are the rest of all."""
WAITS_FOR_PEOPLE = (
    PostStatus.FAILED,
    PostStatus.NEEDS_REVIEW,
    PostStatus.PARTIALLY_PUBLISHED,
    PostStatus.MISSED,
)
FEW = 500
"""Up to this many workspaces are named by their ids in a query of posts."""
Rows = QuerySet[Any, Any]
ByDay = dict[tuple[date, str], int]
"""Counts by day and status."""


class Counted(Counter[str]):
    """Counts by name."""

    @property
    def total_posts(self) -> int:
        return self["kept"] + self["not kept"]

    @property
    def posts_by_status(self) -> dict[str, int]:
        others = {status.value: self[status] for status in UNPUBLISHED}
        published = self.total_posts - sum(others.values())
        return {status.value: others.get(status, published) for status in PostStatus}

    @property
    def accounts_by_status(self) -> dict[str, int]:
        return {status.value: self[f"account {status}"] for status in AccountStatus}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Numbers of all workspaces, or of these; days are days in UTC."""

    now: datetime
    own: Mapping[str, str] | None = None
    """The names of these workspaces by their ids; None means all workspaces."""

    @classmethod
    def for_user(cls, user: User) -> "Figures":
        """Return an administrator's figures, or those of a user's own workspaces."""
        now = database_now()
        if user.role == Role.ADMIN:
            return cls(now=now)
        own = Workspace.objects.open_to(user)
        return cls(now=now, own=dict(own.values_list("pk", "name")))

    @cached_property
    def workspace_ids(self) -> list[str] | None:
        return None if self.own is None else list(self.own)

    @property
    def names(self) -> Mapping[str, str]:
        """Return the names of the workspaces by their ids."""
        return dict(self.workspaces.values_list("pk", "name")) if self.own is None else self.own

    @property
    def today(self) -> date:
        return day_of(self.now, zone=UTC)

    @property
    def workspaces(self) -> QuerySet[Workspace]:
        """Match the workspaces."""
        present = Workspace.objects.present()
        return present if self.workspace_ids is None else present.filter(pk__in=self.workspace_ids)

    @property
    def scope(self) -> Scope:
        """Return these workspaces as a scope of the analytics."""
        return Scope(workspace_ids=self.workspace_ids)

    def last_days(self, days: int) -> Period:
        """Return a period of so many days, up to the newest day with numbers of these workspaces."""
        last = self.scope.last_day(self.today)
        return Period(first=last - (days - 1) * A_DAY, last=last, zone=UTC)

    def activity(self) -> Counted:
        """Return the totals and the current activity, as of one moment: in one statement."""
        return _counted(
            _count("workspaces", self.workspaces),
            _count("users", self._users),
            _count("keys", self._active_keys),
            self._accounts,
            *self._all_posts,
            *self._present_posts,
        )

    def statuses(self) -> Counted:
        """Return accounts and posts by status, as of one moment: in one statement."""
        by_status = (_count(status, self._posts.filter(status=status)) for status in UNPUBLISHED)
        return _counted(self._accounts, *self._all_posts, *by_status)

    def waiting(self) -> Counted:
        """Return the counts of work that waits for people, and of all accounts and posts, in one statement."""
        failed = _count("failed lately", self._failed_since(self.now - A_DAY))
        by_status = (_count(status, self._posts.filter(status=status)) for status in WAITS_FOR_PEOPLE)
        return _counted(self._accounts, *self._all_posts, *by_status, failed)

    @cached_property
    def few_workspaces(self) -> list[str] | None:
        """Return the ids of the workspaces if they are few, else None."""
        found = self.workspace_ids
        if found is None:
            found = list(self.workspaces.values_list("pk", flat=True)[: FEW + 1])
        return found if len(found) <= FEW else None

    def posts_by_day(self, first: date, *, statuses: Sequence[PostStatus]) -> ByDay:
        """Return the number of posts of these statuses from this day until now, by day and status."""
        if self.few_workspaces is not None:
            return _by_day(self._since(first, self._posts.filter(status__in=statuses)))
        return _by_day(*(self._since(first, self._posts.filter(status=status)) for status in statuses))

    def _since(self, first: date, rows: QuerySet[Post]) -> QuerySet[Post]:
        return rows.filter(moment__range=(midnight(first, zone=UTC), self.now)).order_by()

    def keys_used_last(self, many: int) -> list[ApiKey]:
        """Return the most recently used keys; a user sees those for their own workspaces only."""
        if self.own_keys is None:
            return list(ApiKey.objects.order_by(F("last_used_at").desc(nulls_last=True), "pk")[:many])
        never = datetime.min.replace(tzinfo=ZoneInfo(UTC))
        return sorted(self.own_keys.values(), key=lambda key: (key.last_used_at or never, key.pk), reverse=True)[:many]

    def requests(self, first: date, last: date) -> dict[date, int]:
        """Return the requests of each of these days; a user sees those of keys for their own workspaces only."""
        return usage.requests_by_day(first, last, key_ids=self._key_ids)

    def requests_this_month(self) -> dict[date, int]:
        """Return the requests of each day of this month until today."""
        return self.requests(self.today.replace(day=1), self.today)

    @property
    def bytes_used(self) -> int:
        return counts.bytes_used(self.workspace_ids)

    @property
    def _users(self) -> QuerySet[User]:
        if self.workspace_ids is None:
            return User.objects.all()
        return User.objects.filter(memberships__workspace__in=self.workspace_ids)

    @cached_property
    def own_keys(self) -> dict[str, ApiKey] | None:
        """Return the keys for these workspaces and no others, including revoked ones; None means all keys."""
        if self.workspace_ids is None:
            return None
        rows = ApiKey.objects.exclude(workspace_ids=[]).only("name", "workspace_ids", "revoked_at", "last_used_at")
        limited = {key.pk: key for key in rows}
        own = for_alone(self.workspace_ids, {pk: key.workspace_ids for pk, key in limited.items()})
        return {pk: limited[pk] for pk in own}

    @property
    def _key_ids(self) -> list[str] | None:
        return None if self.own_keys is None else list(self.own_keys)

    @property
    def _active_keys(self) -> QuerySet[ApiKey]:
        active = ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=self.now), is_active=True)
        return active if self._key_ids is None else active.filter(pk__in=self._key_ids)

    @property
    def _accounts(self) -> Rows:
        rows = SocialAccount.objects.connected().filter(self._inside()).order_by()
        return _named(rows, Concat(Value("account "), F("status")), Count("pk"))

    @property
    def _all_posts(self) -> list[Rows]:
        return [
            _named(PostCount.objects.filter(self._inside()), Value("kept"), Sum("total")),
            _count("not kept", Post.objects.filter(self._inside(), workspace__post_count=None)),
        ]

    @property
    def _posts(self) -> QuerySet[Post]:
        """Match the posts, by the ids of their workspaces if these are few: then the index leads to one status and some
        days only. With a join, MariaDB would read all days, and MySQL all statuses, of each workspace."""
        few = self.few_workspaces
        return Post.objects.filter(self._inside() if few is None else Q(workspace__in=few))

    @property
    def _present_posts(self) -> list[Rows]:
        posts, monday = self._posts, self.today - timedelta(days=self.today.weekday())
        this_week = midnight(monday, zone=UTC)
        return [
            _count("scheduled", posts.filter(status=PostStatus.SCHEDULED)),
            _count("today", self._created_since(midnight(self.today, zone=UTC))),
            _count("this week", self._created_since(this_week)),
            _count("failed this week", self._failed_since(this_week)),
        ]

    def _failed_since(self, moment: datetime) -> QuerySet[Post]:
        """Match the posts that failed since then and are still failed, by the journal's times: `moment` of a draft that
        was sent at once is the time of its writing."""
        failures = Event.objects.filter(type="post.failed", created_at__gte=moment)
        return self._posts.filter(status=PostStatus.FAILED, pk__in=failures.values("resource_id"))

    def _created_since(self, moment: datetime) -> QuerySet[Post]:
        """Match the posts since then, without a join to workspaces, for which MariaDB would read all posts of each."""
        rows = Post.objects.filter(created_at__gte=moment)
        if self.workspace_ids is not None:
            return rows.filter(self._inside())
        return rows.exclude(workspace__in=Workspace.objects.exclude(deleted_at=None))

    def _inside(self) -> Q:
        """Match rows of these workspaces, of which none is deleted."""
        return Q(workspace__deleted_at=None) if self.workspace_ids is None else Q(workspace__in=self.workspace_ids)


def _counted(*parts: Rows) -> Counted:
    found = dict(parts[0].union(*parts[1:], all=True))
    return Counted({name: int(count or 0) for name, count in found.items()})


def _by_day(*parts: QuerySet[Post]) -> ByDay:
    days = [
        rows.annotate(day=TruncDate("moment", tzinfo=ZoneInfo(UTC)))
        .values_list("day", "status")
        .annotate(counted=Count("pk"))
        for rows in parts
    ]
    found = days[0].union(*days[1:], all=True) if len(days) > 1 else days[0]
    return {(day, status): count for day, status, count in found}


def _count(name: str, rows: QuerySet[Any]) -> Rows:
    return _named(rows.order_by(), Value(name), Count("pk", distinct=True) if rows.model is User else Count("pk"))


def _named(rows: QuerySet[Any], name: Any, count: Any) -> Rows:
    """Return a query of one row for each name, with its count."""
    found: Rows = rows.annotate(named=name).values("named").annotate(counted=count).values_list("named", "counted")
    return found
