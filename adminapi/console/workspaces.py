"""The workspaces of whoever looks at a page: nobody sees rows of others."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from workspaces.models import User, Workspace
from workspaces.reach import limited_to

MOST_OFFERED = 200


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The workspaces that a page offers in a list of choices, by name, and the chosen one."""

    rows: "list[Workspace]"
    chosen: Workspace | None
    has_more: bool


def workspaces_of(request: HttpRequest) -> "QuerySet[Workspace]":
    """Return the workspaces of the request's user, by name."""
    assert isinstance(request.user, User)
    return Workspace.objects.open_to(request.user).order_by("name", "pk")


def named(request: HttpRequest, present: Collection[str]) -> list[tuple[str, str]]:
    """Return the ids and names of the workspaces of the request's user, and of those that a row has already."""
    mine = {each.pk: _name(each) for each in workspaces_of(request)}
    others = [pk for pk in present if pk not in mine]
    known = {each.pk: _name(each) for each in Workspace.objects.filter(pk__in=others)} if others else {}
    return [*mine.items(), *((pk, known.get(pk, pk)) for pk in others)]


def _name(workspace: Workspace) -> str:
    return f"{workspace.name} ({_('sandbox')})" if workspace.is_sandbox else workspace.name


def only_one(request: HttpRequest) -> Workspace | None:
    """Return the workspace of the request's user if it is the only one."""
    found = list(workspaces_of(request)[:2])
    return found[0] if len(found) == 1 else None


def offer(request: HttpRequest, chosen: Workspace | None = None) -> Offer:
    """Return the workspaces of the request's user, as many as a list of choices can hold."""
    rows = list(workspaces_of(request)[: MOST_OFFERED + 1])
    first = rows[:MOST_OFFERED]
    listed = first if chosen is None or chosen in first else [chosen, *first]
    return Offer(rows=listed, chosen=chosen, has_more=len(rows) > MOST_OFFERED)


def limited(rows: "QuerySet[Any]", request: HttpRequest, *, lookup: str = "workspace") -> "QuerySet[Any]":
    """Keep the rows of the workspaces of the request's user; an administrator's query stays as it is."""
    assert isinstance(request.user, User)
    return limited_to(rows, request.user, lookup=lookup)
