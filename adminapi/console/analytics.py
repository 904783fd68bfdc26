"""The analytics page: the gains of one or all workspaces in a period; as charts, as tables, and as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import registry
from adminapi.console.charts import Chart, Series, shown_time
from adminapi.console.pages import member_of_staff, page, show
from adminapi.console.workspaces import offer, only_one, workspaces_of
from adminapi.monitoring.figures import DAYS, USUAL, UTC, Figures
from adminapi.templatetags.console import network_name
from analytics.audience import audience
from analytics.periods import A_DAY, Granularity, Period, day_of
from analytics.queries import ENDS_FIRST, read_period
from analytics.reports import Report, Scope, by_workspace, report, table
from analytics.top import top_posts
from analytics.totals import SUMMED
from ouipost.api.csv import CSV, csv_answer
from ouipost.db.replica import on_replica
from ouipost.errors import InvalidInput
from ouipost.translating import translated
from workspaces.models import Role, Workspace

CUSTOM = "custom"
RANKED = 20
MOST_DAYS, MOST_WEEKS = 120, 800
"""Periods are shown by days up to the first number of days, by weeks up to the second, and by months beyond."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The request of a viewer, and its errors."""

    workspace: Workspace | None
    platform: str
    preset: str
    first: str
    last: str
    period: Period
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def address(self, **other: str) -> str:
        """Return the query of this page with these values replaced."""
        asked = {"workspace": self.workspace.pk if self.workspace else "", "network": self.platform}
        days = {"from": self.first, "to": self.last} if self.preset == CUSTOM else {"period": self.preset}
        given = asked | ({} if "period" in other else days) | other
        return "?" + urlencode({name: value for name, value in given.items() if value})


@page("analytics.view")
def analytics(request: HttpRequest) -> HttpResponseBase:
    """Show the gains, or answer their table as a file."""
    asked = read(request)
    scope = _scope(request, asked)
    if request.GET.get("format") == CSV and not asked.problems:
        rows = table(scope, asked.period)
        return csv_answer(rows, columns=("date", "platform", *SUMMED), filename="analytics.csv")
    status = 400 if asked.problems else 200
    return show(
        request, "console/analytics.html", title=_("Analytics"), status=status, **_context(request, asked, scope)
    )


def read(request: HttpRequest) -> Asked:
    """Return the request in the address, or the default days with the errors if it is invalid. 404 for a workspace of
    others."""
    asked = request.GET
    workspace = _workspace(request, asked.get("workspace", ""))
    first, last, platform = (asked.get(name, "").strip() for name in ("from", "to", "network"))
    preset = CUSTOM if first or last else asked.get("period", USUAL)
    problems: Mapping[str, Sequence[str]] = {}
    try:
        period = _period(request, workspace, preset, {"from": first, "to": last, "platform": platform})
    except InvalidInput as error:
        problems = {name: [*map(_worded, texts)] for name, texts in error.details["fields"].items()}
        period = _last_days(request, workspace, DAYS[USUAL])
    named = {"platform": "" if "platform" in problems else platform, "first": first, "last": last}
    return Asked(workspace=workspace, preset=preset, period=period, problems=problems, **named)


def _worded(problem: str) -> str:
    """Return an error in the words of the page, which names `to` differently from the API."""
    return _("Must not be after the last day.") if problem == ENDS_FIRST else translated(problem)


def _workspace(request: HttpRequest, pk: str) -> Workspace | None:
    """Return the requested workspace, else the only one; None means all."""
    if pk:
        return get_object_or_404(workspaces_of(request), pk=pk)
    return only_one(request)


def _period(request: HttpRequest, workspace: Workspace | None, preset: str, given: Mapping[str, str]) -> Period:
    """Return the requested days, with a granularity for charts; raises InvalidInput."""
    zone = workspace.timezone if workspace else UTC
    days = {name: value for name, value in given.items() if value}
    if preset != CUSTOM and preset not in DAYS:
        raise InvalidInput(period=[_("Choose one of the periods.")])
    period = read_period(days | {"granularity": Granularity.MONTH}, zone=zone, now=timezone.now())
    if preset != CUSTOM:
        period = _last_days(request, workspace, DAYS[preset])
    return _cut(period)


def _last_days(request: HttpRequest, workspace: Workspace | None, days: int) -> Period:
    """Return so many days until today by a workspace's clock, or for all workspaces by the clock furthest ahead."""
    if workspace is None:
        return Figures.for_user(member_of_staff(request)).last_days(days)
    today = day_of(timezone.now(), zone=workspace.timezone)
    return Period(first=today - (days - 1) * A_DAY, last=today, zone=workspace.timezone)


def _cut(period: Period) -> Period:
    span = period.last - period.first
    if span < timedelta(days=MOST_DAYS):
        return replace(period, granularity=Granularity.DAY)
    return replace(period, granularity=Granularity.WEEK if span < timedelta(days=MOST_WEEKS) else Granularity.MONTH)


def _scope(request: HttpRequest, asked: Asked) -> Scope:
    """Return the scope: one workspace, the installation for administrators, else the user's own workspaces."""
    if asked.workspace is not None:
        return Scope(workspace=asked.workspace, platform=asked.platform)
    if member_of_staff(request).role == Role.ADMIN:
        return Scope(platform=asked.platform)
    ids = list(workspaces_of(request).values_list("pk", flat=True))
    return Scope(workspace_ids=ids, platform=asked.platform)


@on_replica
def _context(request: HttpRequest, asked: Asked, scope: Scope) -> dict[str, Any]:
    found, rows = report(scope, asked.period), table(scope, asked.period)
    workspace = asked.workspace
    return {
        "asked": asked,
        "workspaces": offer(request, workspace),
        "networks": [(each, network_name(each)) for each in registry.IDS],
        "presets": [(name, label, asked.address(period=name)) for name, label in _presets()],
        "csv": asked.address(format=CSV),
        "summary": found.summary,
        "best": network_name(found.summary["best_performing_platform"] or ""),
        "charts": _over_time(found, asked.period),
        "by_network": _by_network(found),
        "platforms": [(network_name(name), numbers) for name, numbers in found.by_platform.items()],
        "rows": [row | {"network": network_name(row["platform"])} for row in rows],
        "as_of": scope.as_of(),
        "may_open_posts": "posts.manage" in member_of_staff(request).granted,
    } | (_of_one(workspace, asked, scope) if workspace else {"ranking": _ranked(request, asked)})


def _presets() -> list[tuple[str, str]]:
    names = {"7d": _("7 days"), "30d": _("30 days"), "90d": _("90 days"), "1y": _("1 year")}
    return [(name, names[name]) for name in DAYS]


def _of_one(workspace: Workspace, asked: Asked, scope: Scope) -> dict[str, Any]:
    """Return the parts for a single workspace only: its best posts, and its followers."""
    follows = audience(scope, asked.period)
    ages = follows["demographics"]["age_groups"]
    series = Series(name=_("Percent"), tone="main", numbers=list(ages.values()))
    drawn = Chart(title=_("Age groups"), heading=_("Age"), labels=list(ages), series=[series], kind="bar")
    top = top_posts(workspace, asked.period, platform=asked.platform)
    return {"top": top, "audience": follows, "ages": drawn if ages else None}


def _ranked(request: HttpRequest, asked: Asked) -> list[dict[str, Any]]:
    """Return the gains of the most engaged workspaces, each with the address of its page for the same days."""
    names = dict(workspaces_of(request).values_list("pk", "name"))
    rows = by_workspace(names, asked.period)[:RANKED]
    return [row | {"address": asked.address(workspace=row["id"])} for row in rows]


def _over_time(found: Report, period: Period) -> list[Chart]:
    """Return a chart of each number by day, week or month."""
    names = {"impressions": _("Impressions"), "engagement": _("Engagement"), "posts": _("Posts")}
    tones = {"impressions": "info", "engagement": "main", "posts": "good"}
    labels = [shown_time(date.fromisoformat(each["date"]), period.granularity) for each in found.timeline]
    headings = {Granularity.WEEK: _("Week of"), Granularity.MONTH: _("Month")}
    return [
        Chart(
            title=_("%(number)s over time") % {"number": label},
            heading=headings.get(period.granularity, _("Day")),
            labels=labels,
            series=[Series(name=label, tone=tones[name], numbers=[each[name] for each in found.timeline])],
            kind="bar" if name == "posts" else "line",
        )
        for name, label in names.items()
    ]


def _by_network(found: Report) -> Chart:
    numbers = found.by_platform
    return Chart(
        title=_("Engagement by network"),
        heading=_("Network"),
        labels=[network_name(name) for name in numbers],
        series=[Series(name=_("Engagement"), tone="main", numbers=[each["engagement"] for each in numbers.values()])],
        kind="list",
    )
