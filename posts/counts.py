"""How many posts each workspace has, kept beside them: to count a hundred thousand takes longer than to list twenty."""

from django.db import IntegrityError, connection, transaction

from posts.models import Post, PostCount


def changed(workspace_id: str, by: int) -> None:
    """Note posts that were added or removed, in the transaction that does it and as late in it as can be.

    The row stays locked until that transaction ends. It is not the workspace's own row: a new post holds a share of
    that one, and two that each hold a share and want the whole wait for each other for ever.
    """
    if _add(workspace_id, by):
        return
    try:
        with transaction.atomic():
            PostCount.objects.create(pk=workspace_id, total=Post.objects.filter(workspace=workspace_id).count())
    except IntegrityError:  # another did so first, without this transaction's posts: they could not be seen
        _add(workspace_id, by)


def _add(workspace_id: str, by: int) -> bool:
    """Return whether there was a number to add to. The ORM needs twice the database's time to say this."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE posts_postcount SET total = total + %s WHERE workspace_id = %s", [by, workspace_id])
        return bool(cursor.rowcount)


def recount() -> int:
    """Count anew wherever a number is kept; returns how many were wrong, as after an older version wrote too."""
    return sum(_recount(pk) for pk in PostCount.objects.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def _recount(workspace_id: str) -> bool:
    """Set one number right: while its row is locked, nobody who adds or removes a post can commit."""
    row = PostCount.objects.select_for_update().filter(pk=workspace_id).first()
    total = Post.objects.filter(workspace=workspace_id).count()
    if row is None or row.total == total:
        return False
    return bool(PostCount.objects.filter(pk=workspace_id).update(total=total))
