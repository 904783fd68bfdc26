"""Hooks for the deletion of a post; higher apps register theirs in `AppConfig.ready`."""

from collections.abc import Callable

from posts.models import Post

on_delete: list[Callable[[Post], None]] = []
"""Called in the transaction that deletes, while the post and its targets are still there."""
