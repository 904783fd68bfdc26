"""An installation that is drawn at random, and a plain record of what was made in it and what has become of that."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts.models import AccountStatus, SocialAccount
from ouipost.events.models import Delivery, DeliveryStatus, Event, Replay, Webhook
from posts.models import Post, Schedule, Target, TargetStatus
from posts.status import sync
from tests.factories import (
    make_account,
    make_delivery,
    make_key,
    make_post,
    make_schedule,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.models import ApiKey, Membership, Role, User, Workspace

NETWORKS = ("facebook", "twitter", "linkedin", "threads", "bluesky")
DAYS = (
    *(("Europe/Paris", date(2026, 3, 29)), ("Europe/Paris", date(2026, 10, 25))),
    *(("America/Santiago", date(2026, 9, 6)), ("America/Santiago", date(2026, 4, 5))),
    *(("America/Havana", date(2026, 11, 1)), ("Africa/Cairo", date(2026, 4, 24))),
    *(("Australia/Lord_Howe", date(2026, 10, 4)), ("America/Nuuk", date(2026, 3, 28))),
    *(("Asia/Kathmandu", date(2026, 5, 31)), ("Pacific/Auckland", date(2026, 4, 5)), ("UTC", date(2026, 2, 28))),
)
"""Zones, each with a day on which its clocks are changed, or a month ends."""
TEXTS = (
    *("Fresh bread", "fresh bread", "Frêsh bréad", "Fresh bread ", "100 % rye_bread", "'; DROP TABLE posts; --"),
    *('"quoted" \\ back', "=1+1", "Brötchen 🥐🥐", "العربية עברית", "e\u0301", "<b>&amp;</b>", "line\nbreak\ttab", "ß"),
    *("x" * 270, "null", "0", "👩\u200d👩\u200d👧", "-", "@"),
)
KINDS = ("post.created", "post.failed", "api_key.created", "Post.created", "post.créated", "post_created", "a%b", "😀")
AGENTS = ("", "curl/8", "=HYPERLINK(1)", 'quote " , and ; comma', "line\nbreak", "🥐")


@dataclass(kw_only=True)
class Sent:
    """A post at one account."""

    account: str
    platform: str
    status: str
    published_at: datetime | None = None


@dataclass(kw_only=True)
class Written:
    """A post."""

    id: str
    workspace: str
    content: str
    platforms: list[str]
    created_at: datetime
    scheduled_at: datetime | None = None
    targets: list[Sent] = field(default_factory=list)

    @property
    def status(self) -> str:
        counted = [each.status for each in self.targets if each.status != "cancelled"]
        for found, told in (("publishing", "publishing"), ("needs_review", "needs_review")):
            if found in counted:
                return told
        if "published" in counted:
            return "published" if set(counted) == {"published"} else "partially_published"
        return next((each for each in ("scheduled", "failed", "missed") if each in counted), "draft")

    @property
    def published_at(self) -> datetime | None:
        return max((each.published_at for each in self.targets if each.published_at), default=None)

    @property
    def moment(self) -> datetime:
        return self.published_at or self.scheduled_at or self.created_at

    def goes_to(self, platform: str) -> bool:
        return platform in self.platforms


@dataclass(kw_only=True)
class Logged:
    """An entry of the audit log."""

    id: str
    action: str
    resource_type: str
    resource_id: str
    workspace_id: str
    user_id: str
    key_id: str
    created_at: datetime


@dataclass(kw_only=True)
class Delivered:
    """A delivery, in the order in which the events happened."""

    id: str
    webhook: str
    event: str
    status: str
    workspace: str
    created_at: datetime


class Installation:
    """Several workspaces with all that is in them, and whoever works there; rows of Django are kept for their ids."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.zone, self.day = chance.choice(DAYS)
        self.posts: list[Written] = []
        self.logged: list[Logged] = []
        self.deliveries: list[Delivered] = []
        self.accounts: list[SocialAccount] = []
        self.moments = [self._near_a_change() for _ in range(8)]

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def beginning(self) -> datetime:
        """Return when all begins: at noon of the day after the clocks were changed."""
        return datetime.combine(self.day + timedelta(days=1), time(12), UTC)

    def settle(self) -> None:
        """Make everything."""
        zones = [self.zone, self.zone, self.chance.choice(DAYS)[0]]
        self.workspaces = [self._workspace(zone, number) for number, zone in enumerate(zones)]
        self.users = [make_user(email="boss@example.com", name="Boss"), *map(self._user, range(4))]
        self.admin = self.users[0]
        self.secrets = [self._key(number) for number in range(5)]
        for number in range(self.chance.randint(4, 9)):
            self.accounts.append(self._account(number))
        self.schedules = [
            self.schedule_in(self.chance.choice(self.workspaces[:2])) for _ in range(self.chance.randint(1, 4))
        ]
        self.webhooks = [self._webhook() for _ in range(self.chance.randint(2, 5))]
        for _ in range(self.chance.randint(10, 45)):
            self._post()
        self._log(self.chance.randint(10, 60))
        for _ in range(self.chance.randint(5, 30)):
            self._delivery()
        self.replays = [self._replay(number) for number in range(self.chance.randint(4, 12))]

    def _near_a_change(self) -> datetime:
        """Return a moment at which a day, an hour or a second begins or ends."""
        day = self.day + timedelta(days=self.chance.choice((-1, 0, 0, 0, 1)))
        clock = self.chance.choice([time(0), time(1, 30), time(2, 30), time(23, 30), time(12)])
        local = datetime.combine(day, clock, ZoneInfo(self.chance.choice([self.zone, "UTC"])))
        near = local.replace(fold=self.chance.randrange(2)).astimezone(UTC)
        return near + timedelta(microseconds=self.chance.choice((0, 0, 0, 1, -1, 999_999, 1_000_000, -1_000_000)))

    def moment(self) -> datetime:
        """Return one of a few moments, so that much has the same one."""
        return self.chance.choice(self.moments)

    def text(self) -> str:
        return self.chance.choice(TEXTS)

    # Making

    def _workspace(self, zone: str, number: int) -> Workspace:
        mode = self.chance.choice(["sandbox", "live"]) if number else "sandbox"
        made = make_workspace(name=self.text()[:100], mode=mode, settings={"timezone": zone})
        Workspace.objects.filter(pk=made.pk).update(created_at=self.moment())
        made.refresh_from_db()
        return made

    def _some_workspaces(self, least: int) -> list[str]:
        some = self.chance.sample(self.workspaces, self.chance.randint(least, len(self.workspaces)))
        return [each.pk for each in some]

    def _user(self, number: int) -> User:
        role = self.chance.choice([Role.EDITOR, Role.VIEWER, Role.ADMIN])
        named = ["audit.view", "api_keys.manage", "webhooks.manage", "analytics.view"]
        user = make_user(email=f"user{number}@example.com", name=self.text()[:150], role=role, permissions=named)
        for pk in self._some_workspaces(0):
            Membership.objects.create(workspace_id=pk, user=user)
        User.objects.filter(pk=user.pk).update(created_at=self.moment())
        user.refresh_from_db()
        return user

    def _key(self, number: int) -> tuple[ApiKey, str]:
        workspaces = self._some_workspaces(1) if number > 1 else []
        mode = "test" if number in (1, 4) else "live"
        if mode == "test":
            workspaces = [each.pk for each in self.workspaces if each.pk in workspaces and each.mode == "sandbox"]
        key, secret = make_key(name=self.text()[:100], workspace_ids=workspaces, mode=mode)
        ApiKey.objects.filter(pk=key.pk).update(created_at=self.moment())
        key.refresh_from_db()
        return key, secret

    def _account(self, number: int) -> SocialAccount:
        workspace, platform = (
            self.chance.choice([*self.workspaces[:2], self.workspaces[0]]),
            self.chance.choice(NETWORKS),
        )
        family = [each for each in self.accounts if (each.workspace_id, each.platform) == (workspace.pk, platform)]
        return make_account(
            workspace,
            platform=platform,
            remote_id=f"at-{number}",
            name=self.text()[:100],
            username=f"user{number}",
            connected_at=self.moment(),
            status=self.chance.choice(AccountStatus.values),
            default_of=None if family else platform,
        )

    def schedule_in(self, workspace: Workspace) -> Schedule:
        """Make a schedule of a night hour, which the clocks may skip, and a morning hour."""
        days = range(0, 7, self.chance.randint(1, 3))
        slots = [(day, f"{hour:02}:30", list(NETWORKS)) for day in days for hour in (2, 9)]
        named = {"name": self.text()[:100], "timezone": self.zone}
        return make_schedule(workspace, slots=slots, **named)

    def _webhook(self) -> Webhook:
        hook = make_webhook(workspace_ids=self._some_workspaces(0), events=["media.failed"])
        Webhook.objects.filter(pk=hook.pk).update(created_at=self.moment())
        hook.refresh_from_db()
        return hook

    def _post(self) -> None:
        workspace = self.chance.choice([*self.workspaces, *self.workspaces[:1] * 3])
        here = [each for each in self.accounts if each.workspace_id == workspace.pk]
        chosen = self.chance.sample(here, self.chance.randint(0, len(here)))
        content, created_at = self.text(), min(self.moment(), self.now)
        written = Written(id="", workspace=workspace.pk, content=content, platforms=[], created_at=created_at)
        if self.chance.random() < 0.7:
            written.targets = self._targets(chosen)
        status = written.status
        written.platforms = list(dict.fromkeys(each.platform for each in chosen))
        is_timed = status == "scheduled" or (status != "draft" and self.chance.random() < 0.7)
        written.scheduled_at = self.moment() if is_timed else None
        post = make_post(workspace, content=content, created_at=created_at, moment=created_at)
        columns = {"platforms": written.platforms, "destinations": written.platforms}
        Post.objects.filter(pk=post.pk).update(scheduled_at=written.scheduled_at, **columns)
        for each in written.targets:
            named = {"platform": each.platform, "status": each.status, "published_at": each.published_at}
            Target.objects.create(post=post, account_id=each.account, scheduled_at=written.scheduled_at, **named)
        sync(Post.objects.get(pk=post.pk))
        written.id = post.pk
        self.posts.append(written)

    def _targets(self, accounts: Iterable[SocialAccount]) -> list[Sent]:
        usual = self.chance.choice(TargetStatus.values)
        found = []
        for account in accounts:
            status = usual if self.chance.random() < 0.4 else self.chance.choice(TargetStatus.values)
            sent = Sent(account=account.pk, platform=account.platform, status=status)
            sent.published_at = min(self.moment(), self.now - timedelta(minutes=1)) if status == "published" else None
            found.append(sent)
        return found

    def _log(self, count: int) -> None:
        """Write what the product has not written itself, also with words that it does not use."""
        workspaces = ["", "ws_nowhere", *[each.pk for each in self.workspaces]]
        users, keys = ["", *[each.pk for each in self.users]], ["", *[key.pk for key, _ in self.secrets]]
        rows = [
            Event(
                type=self.chance.choice(KINDS),
                resource_type=self.chance.choice(["post", "Post", "api_key"]),
                resource_id=self.chance.choice([post.id for post in self.posts]),
                workspace_id=self.chance.choice(workspaces),
                user_id=self.chance.choice(users),
                key_id=self.chance.choice(keys),
                user_agent=self.chance.choice(AGENTS),
                details={"text": self.text(), "=1": [None, 1.5]},
                created_at=self.moment(),
            )
            for _ in range(count)
        ]
        Event.objects.bulk_create(rows)

    def _delivery(self) -> None:
        webhook = self.chance.choice(self.webhooks)
        kind, status = (
            self.chance.choice(["media.failed", "account.expired"]),
            self.chance.choice(DeliveryStatus.values),
        )
        workspace, at = self.chance.choice(["", *[each.pk for each in self.workspaces]]), self.moment()
        made: Delivery = make_delivery(webhook, type=kind, at=at, workspace_id=workspace, status=status)
        named = {"webhook": webhook.pk, "event": kind, "status": status, "workspace": workspace}
        self.deliveries.append(Delivered(id=made.pk, created_at=at, **named))

    def _replay(self, number: int) -> Replay:
        webhook, times = self.chance.choice(self.webhooks), {"since": self.moment(), "until": self.now}
        made = {"key": f"again {number}", "total": number, "created_at": self.moment()}
        return Replay.objects.create(webhook=webhook, **times, **made)

    # Reading

    def journal(self) -> list[Logged]:
        """Return all that is in the audit log, in no order."""
        columns = ("pk", "type", "resource_type", "resource_id", "workspace_id", "user_id", "key_id", "created_at")
        names = ("id", "action", "resource_type", "resource_id", "workspace_id", "user_id", "key_id", "created_at")
        rows = Event.objects.order_by("pk").values_list(*columns)
        return [Logged(**dict(zip(names, (f"log_{pk}", *rest), strict=True))) for pk, *rest in rows]

    def places_of(self, user: User) -> list[str]:
        """Return the workspaces in which a user works."""
        if user.role == Role.ADMIN:
            return [each.pk for each in self.workspaces]
        found = set(Membership.objects.filter(user=user).values_list("workspace", flat=True))
        return [each.pk for each in self.workspaces if each.pk in found]

    def is_theirs(self, named: Sequence[str], user: User) -> bool:
        """Whether what is for these workspaces is for nothing else than workspaces of a user."""
        if user.role == Role.ADMIN:
            return True
        present = {each.pk for each in self.workspaces} & set(named)
        return bool(present) and present <= set(self.places_of(user))
