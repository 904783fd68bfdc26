"""Rows with counts of their related rows, in one query."""

from django.db.models import Count, F, ForeignObjectRel, IntegerField, Model, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from workspaces.models import Workspace, WorkspaceQuerySet


def with_counts(workspaces: WorkspaceQuerySet) -> WorkspaceQuerySet:
    """Add accounts_count, posts_count and members_count."""
    return workspaces.annotate(
        accounts_count=count_related(Workspace, "accounts", Q(disconnected_at=None)),
        posts_count=count_posts(),
        members_count=count_related(Workspace, "memberships"),
    )


def with_stats(workspaces: WorkspaceQuerySet) -> WorkspaceQuerySet:
    """Add the numbers on a workspace's own page."""
    return workspaces.annotate(
        posts_count=count_posts(),
        scheduled_count=count_related(Workspace, "posts", Q(status="scheduled")),
        published_count=count_related(Workspace, "posts", Q(status="published")),
    )


def count_posts() -> Coalesce:
    """Return an expression for a workspace's posts: the stored number, or a count if none is stored yet."""
    return Coalesce(F("post_count__total"), count_related(Workspace, "posts"))


def count_related(model: type[Model], relation: str, condition: Q | None = None) -> Coalesce:
    """Count a row's related rows in a subquery, so that several counts do not multiply each other."""
    relates = model._meta.get_field(relation)
    assert isinstance(relates, ForeignObjectRel)
    name = relates.remote_field.name
    rows = relates.related_model._default_manager.filter(condition or Q(), **{name: OuterRef("pk")}).order_by()
    counted = rows.values(name).annotate(total=Count("*")).values("total")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
