"""The stored numbers of posts and file bytes per workspace, as counting them each time takes far longer."""

from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from posts.models import Media, MediaBytes, Post, PostCount

Kept = type[PostCount] | type[MediaBytes]


def add_posts(workspace_id: str, by: int) -> None:
    """Add posts that were made (or subtract those removed), in the same transaction and as late in it as possible.

    The row stays locked until that transaction ends. The count has a row of its own, as each new post holds a shared
    lock on the workspace's row: two that then want it exclusively would deadlock.
    """
    _add(PostCount, workspace_id, by)


def add_bytes(workspace_id: str, by: int) -> None:
    """Add bytes of files that were stored (or subtract those removed), in the same way."""
    _add(MediaBytes, workspace_id, by)


def posts_of(workspace_id: str) -> int:
    """Return how many posts a workspace has: the stored number if there is one, else counted."""
    kept = PostCount.objects.filter(pk=workspace_id).first()
    return _counted(PostCount, workspace_id) if kept is None else kept.total


def bytes_used(workspace_ids: "list[str] | None" = None) -> int:
    """Return how many bytes the files of all workspaces have, or those of some."""
    kept = MediaBytes.objects.all() if workspace_ids is None else MediaBytes.objects.filter(pk__in=workspace_ids)
    return int(kept.aggregate(used=Sum("total"))["used"] or 0)


def _add(model: Kept, workspace_id: str, by: int) -> None:
    if _add_to_kept(model, workspace_id, by):
        return
    try:
        with transaction.atomic():
            model._default_manager.create(pk=workspace_id, total=_counted(model, workspace_id))
    except IntegrityError:  # another process counted first, and could not see this transaction's rows
        _add_to_kept(model, workspace_id, by)


def _counted(model: Kept, workspace_id: str) -> int:
    if model is PostCount:
        return Post.objects.filter(workspace=workspace_id).count()
    return int(Media.objects.filter(post__workspace=workspace_id).aggregate(used=Sum("size"))["used"] or 0)


def _add_to_kept(model: Kept, workspace_id: str, by: int) -> bool:
    """Return whether there was a number to add to. The ORM needs twice the database's time to say this."""
    statement = f"UPDATE {model._meta.db_table} SET total = total + %s WHERE workspace_id = %s"  # noqa: S608 (ours)
    with connection.cursor() as cursor:
        cursor.execute(statement, [by, workspace_id])
        return bool(cursor.rowcount)
