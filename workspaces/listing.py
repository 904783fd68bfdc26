"""Workspaces with their numbers, whatever their size, in one query."""

from django.db.models import Count, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from workspaces.models import Workspace, WorkspaceQuerySet


def with_counts(workspaces: WorkspaceQuerySet) -> WorkspaceQuerySet:
    """Add accounts_count, posts_count and members_count."""
    return workspaces.annotate(
        accounts_count=count("accounts", Q(disconnected_at=None)),
        posts_count=count_posts(),
        members_count=count("memberships"),
    )


def with_stats(workspaces: WorkspaceQuerySet) -> WorkspaceQuerySet:
    """Add the numbers of one workspace's own page."""
    return workspaces.annotate(
        posts_count=count_posts(),
        scheduled_count=count("posts", Q(status="scheduled")),
        published_count=count("posts", Q(status="published")),
    )


def count_posts() -> Coalesce:
    """Take the number of posts that is kept for a workspace; where there is none yet, count them."""
    return Coalesce(F("post_count__total"), count("posts"))


def count(relation: str, condition: Q | None = None) -> Coalesce:
    """Count a workspace's related rows in a subquery, so that several counts do not multiply each other."""
    model = Workspace._meta.get_field(relation).related_model
    assert model is not None
    rows = model._default_manager.filter(condition or Q(), workspace=OuterRef("pk")).order_by()
    counted = rows.values("workspace").annotate(total=Count("pk")).values("total")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
