"""Registers the console's admin classes of all apps: this app is the one that may import every other."""

from adminapi.console.admins.accounts import SocialAccountAdmin
from adminapi.console.admins.audit import EventAdmin
from adminapi.console.admins.deliveries import DeliveryAdmin
from adminapi.console.admins.keys import ApiKeyAdmin
from adminapi.console.admins.posts import PostAdmin
from adminapi.console.admins.readings import AccountSyncAdmin, TargetNumbersAdmin
from adminapi.console.admins.schedules import ScheduleAdmin
from adminapi.console.admins.targets import TargetAdmin
from adminapi.console.admins.users import UserAdmin
from adminapi.console.admins.webhooks import WebhookAdmin
from adminapi.console.admins.workspaces import WorkspaceAdmin

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
