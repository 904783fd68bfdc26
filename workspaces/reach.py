"""Which rows a user reaches: those of the workspaces that are theirs."""

from typing import Any

from django.db.models import QuerySet

from workspaces.models import Role, User, Workspace


def limited_to(rows: "QuerySet[Any]", user: User, *, lookup: str = "workspace") -> "QuerySet[Any]":
    """Keep the rows of the workspaces of a user; an administrator's query stays as it is."""
    theirs = Workspace.objects.open_to(user)
    return rows if user.role == Role.ADMIN else rows.filter(**{f"{lookup}__in": theirs})
