"""Which rows a user reaches: those of the workspaces that are theirs, and keys that open no others."""

from typing import Any

from django.db.models import QuerySet

from workspaces.models import ApiKey, ApiKeyQuerySet, Role, User, Workspace


def limited_to(rows: "QuerySet[Any]", user: User, *, lookup: str = "workspace") -> "QuerySet[Any]":
    """Keep the rows of the workspaces of a user; an administrator's query stays as it is."""
    theirs = Workspace.objects.open_to(user)
    return rows if user.role == Role.ADMIN else rows.filter(**{f"{lookup}__in": theirs})


def keys_of(user: User) -> ApiKeyQuerySet:
    """Match the keys that a user looks after: an administrator all, others those for workspaces of theirs alone."""
    present = ApiKey.objects.present()
    if user.role == Role.ADMIN:
        return present
    own = set(Workspace.objects.open_to(user).values_list("pk", flat=True))
    limited = present.exclude(workspace_ids=[]).values_list("pk", "workspace_ids")
    return present.filter(pk__in=[pk for pk, workspace_ids in limited if own.issuperset(workspace_ids)])
