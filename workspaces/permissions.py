"""Permissions of keys and users: one table for the API, the admin API and the console."""

KEY_PERMISSIONS = (
    "workspaces.read",
    "workspaces.write",
    "posts.read",
    "posts.write",
    "schedules.read",
    "schedules.write",
    "accounts.read",
    "accounts.write",
    "analytics.read",
)

ADMIN_PERMISSIONS = (
    "users.manage",
    "api_keys.manage",
    "workspaces.manage",
    "webhooks.manage",
    "posts.manage",
    "accounts.manage",
    "analytics.view",
    "audit.view",
    "system.view",
    "system.manage",
)

ROLE_PERMISSIONS = {
    "admin": ADMIN_PERMISSIONS,
    "editor": ("posts.manage", "accounts.manage", "analytics.view"),
    "viewer": ("analytics.view",),
}

CONSOLE_PERMISSIONS = {
    "workspaces.user": "users.manage",
    "workspaces.apikey": "api_keys.manage",
    "workspaces.workspace": "workspaces.manage",
    "accounts.socialaccount": "accounts.manage",
    "posts.post": "posts.manage",
    "posts.schedule": "posts.manage",
    "posts.target": "posts.manage",
    "posts.attempt": "posts.manage",
    "analytics.accountsync": "analytics.view",
    "analytics.targetnumbers": "analytics.view",
    "events.event": "audit.view",
    "events.webhook": "webhooks.manage",
    "events.delivery": "webhooks.manage",
}


def admin_permission(django_permission: str) -> str | None:
    """Return our permission for Django's `app.action_model`; None if nobody has it."""
    app_label, _, codename = django_permission.partition(".")
    return CONSOLE_PERMISSIONS.get(f"{app_label}.{codename.partition('_')[2]}")


def console_permissions(app_label: str) -> set[str]:
    """Return the permissions that each open some page of this app in the console."""
    return {needed for model, needed in CONSOLE_PERMISSIONS.items() if model.startswith(f"{app_label}.")}
