"""Registers the console's admin classes of all apps: this app is the one that may import every other."""

from adminapi.console.account_admin import SocialAccountAdmin
from adminapi.console.audit_admin import EventAdmin
from adminapi.console.deliveries_admin import DeliveryAdmin
from adminapi.console.key_admin import ApiKeyAdmin
from adminapi.console.posts_admin import PostAdmin
from adminapi.console.readings_admin import AccountSyncAdmin, TargetNumbersAdmin
from adminapi.console.schedules_admin import ScheduleAdmin
from adminapi.console.targets_admin import TargetAdmin
from adminapi.console.user_admin import UserAdmin
from adminapi.console.webhooks_admin import WebhookAdmin
from adminapi.console.workspace_admin import WorkspaceAdmin

__all__ = [
    "AccountSyncAdmin",
    "ApiKeyAdmin",
    "DeliveryAdmin",
    "EventAdmin",
    "PostAdmin",
    "ScheduleAdmin",
    "SocialAccountAdmin",
    "TargetAdmin",
    "TargetNumbersAdmin",
    "UserAdmin",
    "WebhookAdmin",
    "WorkspaceAdmin",
]
