"""The filters of the console's long lists: only by indexes, and within bounds."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import platforms
from accounts.models import SocialAccount
from adminapi.console.workspaces import offer, workspaces_of
from adminapi.templatetags.console import STATES
from posts.models import PostStatus, Target
from workspaces.models import Workspace

MOST_CHOICES = 100
MOST_ASKED = 100_000
MOST_DAYS = 366
YEARS = range(2000, 3000)
NEVER = date(YEARS.start, 1, 1)
Rows = QuerySet[Any, Any]


class OneWorkspace(admin.SimpleListFilter):
    """Rows of one workspace; the choices are the first workspaces, and the chosen one."""

    title = _("workspace")
    parameter_name = "workspace"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = workspaces_of(request).filter(pk=self.value()).first() if self.value() else None
        return [(each.pk, each.name) for each in offer(request, chosen).rows]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(workspace=self.value()) if self.value() else queryset


class OneOf(admin.SimpleListFilter):
    """Rows with one of these values in the field that the parameter names."""

    offered: ClassVar[Sequence[tuple[str, Any]]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return self.offered

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        is_offered = self.value() in dict(self.lookup_choices)
        return queryset.filter(**{str(self.parameter_name): self.value()}) if is_offered else queryset


def one_of(name: str, called: Any, choices: Sequence[tuple[str, Any]]) -> type[OneOf]:
    """Narrow a list down by a field's value, under a title in the reader's language."""

    class OneOfThese(OneOf):
        title, parameter_name, offered = called, f"{name}__exact", choices

    return OneOfThese


class State(OneOf):
    """Rows in one state, shown in plain words."""

    title = _("state")
    parameter_name = "status__exact"
    states: ClassVar[list[str]] = []

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, STATES.get(name, name)) for name in self.states]


YES_NO = (("1", _("yes")), ("0", _("no")))


class PostState(State):
    """Posts in one state: by the index of workspace and state, except where most posts are anyway."""

    states = PostStatus.values

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        found = super().queryset(request, queryset)
        return by_index(found) if self.value() and self.value() != PostStatus.PUBLISHED else found


class OneNetwork(OneOf):
    """Rows of one network."""

    title = _("network")
    parameter_name = "platform__exact"
    offered = tuple(platforms.NAMES.items())


class PostNetwork(OneNetwork):
    """Posts with a target at one network, among as many posts as can be checked one by one."""

    title = _("network (of the newest 100,000)")

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        targets = Target.objects.active().filter(post=OuterRef("pk"), platform=self.value())
        return newest(queryset, MOST_ASKED).filter(Exists(targets)) if self.value() else queryset


class PostAccount(admin.SimpleListFilter):
    """Posts for one account; the choices are the accounts of the chosen workspace."""

    title = _("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        workspace = request.GET.get("workspace", "")
        rows = SocialAccount.objects.connected().filter(workspace__in=workspaces_of(request).filter(pk=workspace))
        found = rows.order_by("platform", "name", "pk")[:MOST_CHOICES] if workspace else []
        return [(account.pk, str(account)) for account in found]

    def has_output(self) -> bool:
        return bool(self.lookup_choices or self.value())

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        targets = Target.objects.placed().filter(account=self.value())
        return queryset.filter(pk__in=targets.values("post")) if self.value() else queryset


class TargetAccount(PostAccount):
    """Targets of one account."""

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(account=self.value()) if self.value() else queryset


class Typed(admin.ListFilter):
    """A filter of typed values; its fields have the names of the address's parameters."""

    names: ClassVar[Collection[str]] = ()

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.used_parameters = {name: params.pop(name)[-1] for name in self.names if name in params}

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)


class PostDays(Typed):
    """Posts whose moment is between two days in UTC, both included, at most a year apart.

    A post's moment is its publishing time, else its planned time, else its creation time.
    """

    title = _("days")
    template = "console/filter_days.html"
    names = ("from", "to")

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.others = [(name, value) for name, value in request.GET.items() if name not in (*self.names, "p")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, last = (self.used_parameters.get(name, "") for name in self.names)
        yield {"first": first, "last": last, "others": self.others, "selected": False}

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        first, last = (_day(str(self.used_parameters.get(name, ""))) for name in self.names)
        if not first and not last:
            return queryset
        year = timedelta(days=MOST_DAYS)
        last = last or (first or NEVER) + year
        first = max(first, last - year) if first else last - year
        end = datetime.combine(last, time.max, tzinfo=UTC)
        return by_index(queryset.filter(moment__gte=datetime.combine(first, time.min, tzinfo=UTC), moment__lte=end))


def by_index(posts: Rows) -> Rows:
    """Name the workspaces, so that the database can read the index that begins with them."""
    return posts.filter(workspace__in=Workspace.objects.order_by().values("pk"))


def newest(rows: Rows, most: int) -> Rows:
    """Keep the newest so many of these rows, by their ids, so that the work per row is bounded."""
    floor = rows.order_by("-pk").values_list("pk", flat=True)[most - 1 : most]
    return rows.filter(pk__gte=first) if (first := next(iter(floor), None)) else rows


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None
