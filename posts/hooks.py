"""Where higher apps hang what must happen when a post goes: they register in their `AppConfig.ready`."""

from collections.abc import Callable

from posts.models import Post

on_delete: list[Callable[[Post], None]] = []
"""Called in the transaction that deletes, while the post and its targets are still there."""
