"""What higher apps must do when a workspace is changed or deleted: they register it here in `AppConfig.ready`."""

from collections.abc import Callable, Mapping
from typing import Any

from workspaces.models import Workspace

on_settings: list[Callable[[Workspace, Mapping[str, Any]], list[str]]] = []
"""Called in the transaction that changes settings, with those before; each returns warnings about what comes of it."""

on_delete: list[Callable[[Workspace], None]] = []
"""Called in the transaction that deletes: nothing that was still to happen in the workspace may happen."""

on_purge: list[Callable[[Workspace], bool]] = []
"""Called in the background, the last one first, again and again until each returns True: its part is gone."""
