"""Hooks for changed and deleted workspaces, which higher apps register in `AppConfig.ready`."""

from collections.abc import Callable, Mapping
from typing import Any

from workspaces.models import Workspace

on_settings: list[Callable[[Workspace, Mapping[str, Any]], list[str]]] = []
"""Called in the transaction that changes settings, with the old settings; each returns warnings about the effects."""

on_delete: list[Callable[[Workspace], None]] = []
"""Called in the transaction that deletes a workspace; each cancels the workspace's pending work."""

on_purge: list[Callable[[Workspace], bool]] = []
"""Called in the background, the last one first, repeatedly until each returns True because its part is gone."""
