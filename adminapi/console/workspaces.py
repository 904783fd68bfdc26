"""The workspaces of the request's user: nobody sees rows of others."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from ouipost.unicode import apart
from workspaces.models import User, Workspace
from workspaces.reach import is_too_wide, limited_to

MOST_OFFERED = 200
CHOSEN = "workspace"
"""The session's key for the last chosen workspace."""


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


def chosen(request: HttpRequest) -> Workspace | None:
    """Return the workspace that a form or an address names, and keep it as the session's last choice; None if none is
    named. Raises Http404 for one that is not of the request's user."""
    pk = request.POST.get("workspace") or request.GET.get("workspace")
    found = get_object_or_404(workspaces_of(request), pk=pk) if pk else None
    if found and request.session.get(CHOSEN) != found.pk:
        request.session[CHOSEN] = found.pk
    return found


def last_chosen(request: HttpRequest) -> Workspace | None:
    """Return the session's last chosen workspace, if it is still one of the request's user."""
    pk = request.session.get(CHOSEN)
    return workspaces_of(request).filter(pk=pk).first() if pk else None


def at_hand(request: HttpRequest) -> Workspace | None:
    """Return the named workspace, else the last chosen, else the first; None if there is none."""
    return chosen(request) or last_chosen(request) or workspaces_of(request).first()


def ask_for(field: Any, request: HttpRequest, present: Collection[str], *, of_none: Any) -> None:
    """Let a field offer the workspaces of the request's user, and explain an empty choice if the user may make one."""
    assert isinstance(request.user, User)
    first = _("Choose at least one.") if is_too_wide([], request.user) else of_none
    field.choices, field.help_text = _named(request, present), f"{first} {field.help_text}".strip()


def _named(request: HttpRequest, present: Collection[str]) -> list[tuple[str, str]]:
    """Return the ids and names of the workspaces of the request's user, and of those that a row already has."""
    mine = {each.pk: _name(each) for each in workspaces_of(request)}
    others = [pk for pk in present if pk not in mine]
    known = {each.pk: _name(each) for each in Workspace.objects.filter(pk__in=others)} if others else {}
    return [*mine.items(), *((pk, known.get(pk, pk)) for pk in others)]


def _name(workspace: Workspace) -> str:
    return f"{apart(workspace.name)} ({_('sandbox')})" if workspace.is_sandbox else workspace.name


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
    """Keep the rows of the workspaces of the request's user."""
    assert isinstance(request.user, User)
    return limited_to(rows, request.user, lookup=lookup)
