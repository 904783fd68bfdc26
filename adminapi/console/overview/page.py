"""The console's first page: the state of everything that the user may see; users other than administrators see their
own workspaces.

Each block is shown to users whose permissions allow the same data in the admin API. All data come from indexes and
stored sums, in as many queries for a million posts as for one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts.models import AccountStatus, Pause, PauseScope, SocialAccount
from adminapi.console.charts import Chart, Series, shown_time
from adminapi.console.overview import outgoing, states
from adminapi.console.pages import member_of_staff
from adminapi.models import Heartbeat
from adminapi.monitoring import networks
from adminapi.monitoring.figures import Counted, Figures
from adminapi.processes.heartbeats import NODE, SILENCE, WORKER
from adminapi.templatetags.console import network_name
from analytics.periods import A_DAY
from analytics.reports import Report, report
from ouipost.events.models import Delivery, DeliveryStatus, Webhook
from ouipost.ids import least_id
from posts import pausing
from posts.expiring import SOON
from workspaces.keys import usage
from workspaces.models import Mode, Workspace
from workspaces.reach import for_alone

SHOWN, LOOKED = 8, 50
Block = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """The data of the blocks; each is read once, by the first block that needs it."""

    figures: Figures
    granted: frozenset[str]

    def may(self, *permissions: str) -> bool:
        """Return whether the user has one of these permissions."""
        return not self.granted.isdisjoint(permissions)

    @cached_property
    def counted(self) -> Counted:
        return self.figures.waiting()

    @cached_property
    def paused(self) -> list[Pause]:
        return pausing.in_force_for(self.figures.workspace_ids)

    @cached_property
    def report(self) -> Report:
        return report(self.figures.scope, self.figures.last_days(states.DAYS))

    @property
    def published(self) -> dict[date, int]:
        """Return the posts of each day by the stored sums, counted once per network."""
        return {date.fromisoformat(each["date"]): each["posts"] or 0 for each in self.report.timeline}


def overview(request: HttpRequest, context: Block) -> Block:
    """Add the blocks that the user may see to the template's context."""
    user = member_of_staff(request)
    look = Look(Figures.for_user(user), user.granted)
    blocks = {
        name: block(look)
        for name, (block, permissions, always) in BLOCKS.items()
        if look.may(*permissions) and (always or look.counted.total_posts)
    }
    first_steps = _first_steps(look)
    is_bare = not first_steps and "used_keys" not in blocks and not any(blocks.values())
    around = {"title": _("Overview"), "first_steps": first_steps, "is_bare": is_bare, "granted": user.granted}
    return context | blocks | around


def _first_steps(look: Look) -> Block | None:
    """Return the state of the first steps, or None once there is a post."""
    if look.counted.total_posts:
        return None
    works_somewhere = look.figures.workspace_ids != []  # None: everywhere
    return {"works_somewhere": works_somewhere, "has_accounts": bool(sum(look.counted.accounts_by_status.values()))}


def _waiting(look: Look) -> Block:
    counted = look.counted
    return {
        "failed": counted["failed"],
        "failed_lately": counted["failed lately"],
        "needs_review": counted["needs_review"],
        "partially": counted["partially_published"],
        "missed": counted["missed"],
        "outgoing": outgoing.summarize(look.figures, look.paused),
    }


def _states(look: Look) -> states.States:
    return states.summarize(look.figures, look.published)


def _engagement(look: Look) -> Chart:
    timeline = look.report.timeline
    return Chart(
        title=_("Engagement, last 30 days"),
        heading=_("Day"),
        labels=[shown_time(date.fromisoformat(each["date"])) for each in timeline],
        series=[
            Series(name=_("Engagement"), tone="main", numbers=[each["engagement"] for each in timeline]),
        ],
        note=_("Likes, comments, shares and the like, on the day they came in."),
    )


def _by_network(look: Look) -> Chart:
    found = sorted(look.report.by_platform.items(), key=lambda each: (-each[1]["posts"], each[0]))
    return Chart(
        title=_("Published by network, last 30 days"),
        heading=_("Network"),
        labels=[network_name(platform) for platform, _numbers in found],
        series=[Series(name=_("Posts"), tone="good", numbers=[numbers["posts"] for _platform, numbers in found])],
        kind="list",
        note=_("A post that went to three networks is counted at each of them."),
    )


def _pauses(look: Look) -> list[Block]:
    """Return the pauses, with readable names of their subjects."""
    ids = [each.subject_id for each in look.paused if each.scope in (PauseScope.WORKSPACE, PauseScope.ACCOUNT)]
    workspaces = Workspace.objects.filter(pk__in=ids).order_by().values_list("pk", "name")
    accounts = SocialAccount.objects.filter(pk__in=ids).order_by().values_list("pk", "name")
    names = dict(workspaces.union(accounts)) if ids else {}
    return [
        {"pause": each, "name": names.get(each.subject_id) or network_name(each.subject_id)} for each in look.paused
    ]


def _health(look: Look) -> Block:
    now = look.figures.now
    found = networks.measure(now=now)
    alive = Heartbeat.objects.filter(at__gt=now - SILENCE, at__lt=now + SILENCE).values_list("pk", flat=True)
    shown = [{"name": network_name(platform), **each.shown} for platform, each in found.items()]
    quiet = [each for each in shown if each["error_rate_24h"] is None and not each["issues"]]
    told = [each for each in shown if each not in quiet]
    return {
        "networks": told,
        "is_simulated": any(each.mode == Mode.SANDBOX for each in found.values()),
        "quiet": ", ".join(each["name"] for each in quiet),
        "workers": sum(name.partition(":")[0] in (WORKER, NODE) for name in alive),
    }


def _webhooks(look: Look) -> Block:
    """Return the webhooks that fail, were turned off, or lost deliveries in a day, and the number of all lost ones."""
    gone = Delivery.objects.filter(webhook=OuterRef("pk"), status=DeliveryStatus.FAILED, due_at=None)
    gone = gone.filter(pk__gte=least_id("dlv", look.figures.now - A_DAY)).order_by()
    lost = gone.values("webhook").annotate(many=Count("pk")).values("many")
    rows: list[Any] = list(Webhook.objects.present().annotate(lost=Coalesce(Subquery(lost), 0)).order_by("pk"))
    own = look.figures.workspace_ids
    if own is not None:
        theirs = for_alone(own, {each.pk: each.workspace_ids for each in rows})
        rows = [each for each in rows if each.pk in theirs]
    troubled = [each for each in rows if each.disabled_reason or each.failing_since or each.lost]
    return {
        "troubled": troubled[:SHOWN],
        "more": len(troubled) > SHOWN,
        "failed": sum(each.lost for each in rows),
    }


def _accounts(look: Look) -> Block:
    """Return the accounts that must be connected again now, or within a week."""
    rows = SocialAccount.objects.connected().select_related("workspace")
    own = look.figures.workspace_ids
    rows = rows.filter(workspace__deleted_at=None) if own is None else rows.filter(workspace__in=own)
    ending = rows.filter(Q(status=AccountStatus.EXPIRED) | Q(expires_at__lte=look.figures.now + SOON))
    shown = list(ending.order_by("expires_at", "pk")[: SHOWN + 1])
    return {"ending": shown[:SHOWN], "more": len(shown) > SHOWN, "now": look.figures.now}


def _keys(look: Look) -> list[Block]:
    """Return the most used keys among the most recently used ones."""
    keys = look.figures.keys_used_last(LOOKED)
    first = look.figures.today - (states.DAYS - 1) * A_DAY
    used = usage.used_since(first, look.figures.today, key_ids=[key.pk for key in keys])
    busiest = sorted((key for key in keys if used[key.pk].in_all), key=lambda key: -used[key.pk].in_all)
    return [{"key": key, "use": used[key.pk]} for key in busiest[:SHOWN]]


BLOCKS: dict[str, tuple[Callable[[Look], Any], tuple[str, ...], bool]] = {
    "pauses": (_pauses, ("analytics.view", "system.view", "system.manage"), True),
    "health": (_health, ("system.view",), True),
    "waiting": (_waiting, ("posts.manage",), False),
    "states": (_states, ("analytics.view", "posts.manage"), False),
    "engagement": (_engagement, ("analytics.view",), False),
    "by_network": (_by_network, ("analytics.view",), False),
    "webhooks": (_webhooks, ("webhooks.manage",), True),
    "accounts": (_accounts, ("accounts.manage",), True),
    "used_keys": (_keys, ("api_keys.manage",), True),
}
"""The blocks by name: the function, the permissions of which one is enough, and whether it is shown without posts."""
