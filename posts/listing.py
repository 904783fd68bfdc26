"""Read posts by statements that the ORM compiles once and that are then run as they are.

The list reads one flat row per post and shows it as `PostSerializer` would, at a fifth of the cost. A single post
comes with its targets as with a prefetch, at half the cost.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, QuerySet, Subquery

from ouipost.api.pagination import pagination
from ouipost.db.prepared import fetch, statement
from ouipost.db.rows import remember
from ouipost.db.stored_json import JsonColumn
from posts.media.signing import signer
from posts.models import NUMBERS, Post, PostCount, Target
from posts.serializers import PostSerializer
from posts.status import derive
from workspaces.models import ApiKey, Workspace

COLUMNS = (*(name for name in PostSerializer.Meta.fields if name != "analytics"), *NUMBERS)
FIELDS = {name: Post._meta.get_field(name) for name in COLUMNS}
JSON = {name: field for name, field in FIELDS.items() if isinstance(field, JsonColumn)}
MOMENTS = [name for name, field in FIELDS.items() if isinstance(field, DateTimeField)]
Answer = dict[str, Any]
Signer = Callable[[str], str]


def newest(key: ApiKey, workspace_id: str, *, page: int, limit: int) -> Answer | None:
    """Return a page of all posts of the workspace, in one query.

    Returns None for an empty page: there are no more posts, or this key may not see the workspace.
    """
    sql, parameters = statement(_all_posts, key.mode, tuple(key.workspace_ids), workspace=workspace_id)
    rows = _fetch(sql, parameters, page=page, limit=limit)
    if not rows:
        return None
    kept = rows[0][-1]
    total = Post.objects.filter(workspace=workspace_id).count() if kept is None else kept
    return _answer(rows, pagination(page=page, limit=limit, total=total))


def filtered(posts: QuerySet[Post], *, page: int, limit: int) -> Answer:
    """Return a page of these posts, in the order that they have."""
    total = posts.count()
    columns = posts.values_list(*COLUMNS).query
    rows = _fetch(*columns.sql_with_params(), page=page, limit=limit) if (page - 1) * limit < total else []
    return _answer(rows, pagination(page=page, limit=limit, total=total))


def one(key: ApiKey, workspace_id: str, post_id: str) -> Post | None:
    """Return a post of the workspace with its targets, in two queries, or None if this key can see no such post.

    If the post's status does not fit its targets', a worker wrote between the two queries, and both are read again.
    """
    found = _one(key, workspace_id, post_id)
    if found is None or found.status == derive([target.status for target in found.targets.all()]):
        return found
    return _one(key, workspace_id, post_id)


def _one(key: ApiKey, workspace_id: str, post_id: str) -> Post | None:
    found = fetch(_visible, key.mode, tuple(key.workspace_ids), workspace=workspace_id, pk=post_id)
    if not found:
        return None
    remember(found[0], "targets", fetch(_targets, post=post_id))
    return found[0]


def _targets(**matching: Any) -> QuerySet[Target]:
    return Target.objects.filter(**matching).order_by("pk")


def _all_posts(mode: str, workspace_ids: Sequence[str], *, workspace: Any) -> "QuerySet[Post, Any]":
    posts = _visible(mode, workspace_ids, workspace=workspace).order_by("-moment", "-pk")
    total = Subquery(PostCount.objects.filter(pk=workspace).values("total"))
    return posts.annotate(total=total).values_list(*COLUMNS, "total")


def _visible(mode: str, workspace_ids: Sequence[str], *, workspace: Any, **matching: Any) -> QuerySet[Post]:
    """Match the posts of the workspace that a key with this mode and these workspaces may see."""
    visible = Workspace.objects.seen_with(mode, workspace_ids).filter(pk=workspace)
    return Post.objects.filter(workspace__in=visible, **matching)


def _fetch(sql: str, parameters: Sequence[Any], *, page: int, limit: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} LIMIT %s OFFSET %s", [*parameters, limit, (page - 1) * limit])
        return list(cursor.fetchall())


def _answer(rows: list[tuple[Any, ...]], pages: Mapping[str, int]) -> Answer:
    sign = signer(seconds=settings.MEDIA_URL_SECONDS)
    return {"posts": [_shown(sign, row) for row in rows], "pagination": pages}


def _shown(sign: Signer, row: Sequence[Any]) -> Answer:
    """Return a row as the API shows it. A malformed column of one post does not break the list."""
    post = dict(zip(COLUMNS, row, strict=False))  # the total of all posts may stand behind them
    for name, column in JSON.items():
        post[name] = column.formed(orjson.loads(post[name]))
    for name in MOMENTS:
        post[name] = _moment(post[name])
    post["media"] = [_file(sign, each) for each in post["media"]]
    numbers = {name: post.pop(name) for name in NUMBERS}
    return post | {"analytics": numbers if post["published_at"] else None}


def _file(sign: Signer, media: Mapping[str, str]) -> Answer:
    thumbnail = media["thumbnail"]
    return {
        "id": media["id"],
        "type": media["type"],
        "url": sign(media["name"]),
        "thumbnail_url": sign(thumbnail) if thumbnail else None,
    }


def _moment(value: Any) -> str | None:
    """Write a moment from a row: MariaDB gives naive UTC datetimes, SQLite their text."""
    text = str(value)
    return None if value is None else f"{text[:10]}T{text[11:19]}Z"
