"""The console's sidebar: the pages that a user may open, grouped under headings."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from workspaces.models import User

Entry = dict[str, Any]


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: isinstance(request.user, User) and permission in request.user.granted


def _entry(title: Any, icon: str, address: str, permission: str | None = None) -> Entry:
    entry: Entry = {"title": title, "icon": icon, "link": reverse_lazy(address)}
    return entry | ({"permission": _may(permission)} if permission else {})


def _model(title: Any, icon: str, model: str, permission: str) -> Entry:
    return _entry(title, icon, f"admin:{model}_changelist", permission)


def titled(request: HttpRequest, address: str) -> list[tuple[str, str]]:
    """Return the address with its title in the sidebar; empty if the sidebar does not have it."""
    items = [item for group in sidebar(request) for item in group["items"]]
    return [(str(each["title"]), address) for each in items if str(each["link"]) == address]


def sidebar(request: HttpRequest) -> list[Entry]:
    """Return the groups of the sidebar."""
    return [
        {
            "title": _("Publishing"),
            "separator": True,
            "items": [
                _entry(_("Overview"), "space_dashboard", "admin:index"),
                _entry(_("Calendar"), "calendar_month", "console_calendar", "posts.manage"),
                _entry(_("New post"), "edit_square", "console_compose", "posts.manage"),
                _model(_("Posts"), "article", "posts_post", "posts.manage"),
                _model(_("Schedules"), "schedule", "posts_schedule", "posts.manage"),
                _model(_("Accounts"), "share", "accounts_socialaccount", "accounts.manage"),
                _entry(_("Analytics"), "monitoring", "console_analytics", "analytics.view"),
                _entry(_("Background work"), "pending_actions", "console_jobs"),
            ],
        },
        {
            "title": _("Installation"),
            "separator": True,
            "items": [
                _model(_("Workspaces"), "workspaces", "workspaces_workspace", "workspaces.manage"),
                _model(_("Users"), "group", "workspaces_user", "users.manage"),
                _model(capfirst(_("API keys")), "key", "workspaces_apikey", "api_keys.manage"),
                _model(_("Webhooks"), "webhook", "events_webhook", "webhooks.manage"),
                _model(_("Deliveries"), "outbox", "events_delivery", "webhooks.manage"),
                _entry(_("Pauses"), "pause_circle", "console_pauses", "system.manage"),
                _entry(_("Old data"), "auto_delete", "console_old_data", "system.manage"),
                _model(_("Audit log"), "history", "events_event", "audit.view"),
            ],
        },
    ]
