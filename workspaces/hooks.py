"""What higher apps must do when a workspace is deleted: they register it here in their `AppConfig.ready`."""

from collections.abc import Callable

from workspaces.models import Workspace

on_delete: list[Callable[[Workspace], None]] = []
"""Called in the transaction that deletes: nothing that was still to happen in the workspace may happen."""

on_purge: list[Callable[[Workspace], bool]] = []
"""Called in the background, the last one first, again and again until each returns True: its part is gone."""
