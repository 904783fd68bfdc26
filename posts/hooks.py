"""What higher apps must do when a post is deleted: they register it here in their `AppConfig.ready`."""

from collections.abc import Callable

from posts.models import Post

on_delete: list[Callable[[Post], None]] = []
"""Called in the transaction that deletes, while the post and its targets are still there."""
