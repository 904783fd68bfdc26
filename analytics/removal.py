"""Removing the numbers of deleted posts and workspaces, also from the sums."""

from django.db import transaction
from django.db.models import QuerySet

from analytics.models import (
    AccountDay,
    DayTotal,
    HourTotal,
    PlatformTotal,
    Snapshot,
    TargetDay,
    TargetNumbers,
    WorkspaceDay,
)
from analytics.totals import NOTHING, add_days, add_hours, add_installation, negative
from posts.models import Post
from workspaces.models import Workspace

AT_ONCE = 500


def forget_post(post: Post) -> None:
    """Take all that the targets of a post gained out of the sums; their own rows go with them."""
    numbers = list(TargetNumbers.objects.select_for_update().filter(target__post=post).order_by("pk"))
    snapshots = Snapshot.objects.filter(numbers__in=numbers).select_related("numbers")
    hours = [(each.numbers.platform, each.hour, {"posts": 0, **each.counts}) for each in snapshots]
    hours += [(each.platform, each.published_hour, {**NOTHING, "posts": 1}) for each in numbers]
    add_hours((post.workspace_id, hour, platform, negative(counted)) for platform, hour, counted in hours)
    shares = TargetDay.objects.filter(numbers__in=numbers).select_related("total")
    add_days((each.total.workspace_id, each.total.day, each.total.platform, negative(each.summed)) for each in shares)


def purge(workspace: Workspace) -> bool:
    """Remove the numbers of a deleted workspace, some at a time; returns True when none is left."""
    if _purge_days(workspace) or _delete_some(TargetNumbers.objects.filter(workspace=workspace)):
        return False
    HourTotal.objects.filter(workspace=workspace).delete()
    for model in (WorkspaceDay, PlatformTotal):
        model._default_manager.filter(workspace=workspace).delete()
    return not _delete_some(AccountDay.objects.filter(account__workspace=workspace))


@transaction.atomic
def _purge_days(workspace: Workspace) -> bool:
    """Subtract some of its days from the installation's, and return whether there were any."""
    days = list(DayTotal.objects.select_for_update().filter(workspace=workspace).order_by("pk")[:AT_ONCE])
    add_installation((each.day, each.platform, negative(each.summed)) for each in days)
    return bool(DayTotal.objects.filter(pk__in=[each.pk for each in days]).delete()[0])


def _delete_some(rows: "QuerySet[AccountDay] | QuerySet[TargetNumbers]") -> bool:
    pks = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    return bool(rows.model._default_manager.filter(pk__in=pks).delete()[0])
