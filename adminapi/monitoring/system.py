"""Describe the running system, as the answering process sees it."""

import platform
import time
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.urls import resolve

from accounts import registry
from adminapi.apps import STARTED
from adminapi.viewsets import UnknownAdminAddress
from ouipost import __version__
from ouipost.api.unknown import UnknownAddress

CGROUP = Path("/sys/fs/cgroup")
MEMORY_FILES = (("memory.current", "memory.max"), ("memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes"))
"""Files of the used and the allowed memory, in version 2 of control groups and in version 1."""
MACHINE = Path("/proc/meminfo")
MEBIBYTE = 1024 * 1024
FEATURES = {
    "scheduling": "/api/schedules",
    "analytics": "/api/analytics",
    "webhooks": "/admin/webhooks",
    "media_upload": "/api/posts/post_00000000-0000-7000-8000-000000000000/media",
}
"""A feature is available if its address exists."""


def describe() -> dict[str, Any]:
    """Return the body of `/admin/system`; asks the database for its version, once per connection."""
    used, limit = memory()
    return {
        "version": __version__,
        "environment": settings.ENVIRONMENT,
        "php_version": None,
        "python_version": platform.python_version(),
        "django_version": django.get_version(),
        "database_version": database_version(),
        "uptime_seconds": int(time.monotonic() - STARTED),
        "memory": {"used_mb": used // MEBIBYTE, "limit_mb": limit // MEBIBYTE},
        "features": {"multi_platform": len(registry.IDS) > 1}
        | {name: _is_there(address) for name, address in FEATURES.items()},
    }


def database_version() -> str:
    """Return the database's name and version, such as `MariaDB 11.8.6`."""
    return f"{connection.display_name} {'.'.join(map(str, connection.get_database_version()))}"


def memory() -> tuple[int, int]:
    """Return the bytes in use and in total: of our control group if it has a limit, else of the machine.

    Both are 0 if the system does not show them.
    """
    for used, limit in MEMORY_FILES:
        try:
            found = int((CGROUP / used).read_text()), int((CGROUP / limit).read_text())
        except (OSError, ValueError):  # there is no such file, or it says `max`
            continue
        if found[1] < 1 << 60:  # the first version's way of saying that there is no limit
            return found
    return _of_machine()


def _of_machine() -> tuple[int, int]:
    try:
        lines = dict(line.split(":") for line in MACHINE.read_text().splitlines())
        total, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return 0, 0
    return total - free, total


def _is_there(address: str) -> bool:
    view = resolve(address).func
    return getattr(view, "view_class", None) not in (UnknownAddress, UnknownAdminAddress)
