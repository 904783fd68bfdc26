"""No table grows for ever unless it is meant to: docs/operations/configure.md says how long what is pruned is kept."""

from django.apps import apps
from django.utils import timezone

from adminapi import pruning

MADE = (
    "accounts.Pause accounts.SocialAccount events.Event posts.Attempt posts.Media posts.Post posts.Schedule posts.Slot "
    "posts.Target workspaces.ApiKey workspaces.Membership workspaces.User workspaces.Workspace"
)
"""What people made, and what came of it: it stays until they remove it, and the journal and the pauses beyond that."""
BY_DAY = (
    "analytics.AccountDay analytics.DayTotal analytics.InstallationDay analytics.TargetDay analytics.WorkspaceDay "
    "workspaces.KeyUsage"
)
"""Sums by the day, which stay for ever."""
ONE_EACH = (
    "accounts.Network adminapi.Canary adminapi.Mark analytics.AccountSync analytics.PlatformTotal "
    "analytics.TargetNumbers auth.Permission contenttypes.ContentType events.ChainHead events.EndedDeliveries "
    "posts.MediaBytes posts.PostCount"
)
"""One row, or one for each of something else."""
WITH_OTHERS = "adminapi.JobRow events.DeliveryAttempt"
"""They go with the rows that they belong to."""
BY_WRITERS = "adminapi.Gap adminapi.Heartbeat workspaces.UsageBatch"
"""Whoever adds a row takes the old ones away."""
EMPTY = "admin.LogEntry auth.Group"
"""Django's, of which nothing here makes use."""


def test_each_table_is_pruned_unless_it_is_known_why_not(db: None) -> None:
    models = {model._meta.label for model in apps.get_models() if model._meta.app_label != "simulator"}
    pruned = {kind.rows.model._meta.label for kind in pruning.old(timezone.now())}

    assert models - pruned == set(" ".join([MADE, BY_DAY, ONE_EACH, WITH_OTHERS, BY_WRITERS, EMPTY]).split())
