"""What webhooks are told of posts and their files: ids, states and results; the API has the rest."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson

from ouipost.events.catalogue import Told
from ouipost.events.masking import masked_text
from ouipost.events.models import Event
from posts.models import Media, Post, Target

ROOM, MESSAGE = 16_000, 200
"""How many bytes the results of a post have at most, and how many characters an error: a body stays below 20 kB."""
OF_POST = ("id", "workspace_id", "status", "platforms", "created_at", "scheduled_at", "published_at")
OF_TARGET = ("id", "account_id", "platform", "status", "url", "published_at")


def of_posts(events: Sequence[Event]) -> dict[str, Told]:
    """Tell how each post stands, at every network."""
    pks = {event.resource_id for event in events}
    posts = Post.objects.select_related("workspace").in_bulk(pks)
    targets: dict[str, list[Target]] = defaultdict(list)
    for target in Target.objects.filter(post__in=pks).order_by("pk"):
        targets[target.post_id].append(target)
    return {event.pk: _of_post(event, posts.get(event.resource_id), targets[event.resource_id]) for event in events}


def _of_post(event: Event, post: Post | None, targets: Sequence[Target]) -> Told:
    if post is None:
        return Told(mode=None, data={"post": {"id": event.resource_id}, "targets": []})
    results = _that_fit([_result(target) for target in targets])
    data: dict[str, Any] = {"post": {name: getattr(post, name) for name in OF_POST}, "targets": results}
    if "after" in event.details:
        data["changed"] = list(event.details["after"])
    if len(results) < len(targets):
        data["targets_left_out"] = len(targets) - len(results)
    return Told(mode=post.workspace.mode, data=data)


def _that_fit(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first of these results, as many as there is room for."""
    sizes = accumulate(len(orjson.dumps(result)) + 1 for result in results)
    return [result for result, size in zip(results, sizes, strict=True) if size <= ROOM]


def _result(target: Target) -> dict[str, Any]:
    shown = {name: getattr(target, name) for name in OF_TARGET}
    return shown | {"url": target.url or None, "post_id": target.remote_id or None, "error": _cut(target.error)}


def _cut(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what went wrong and who has to act, with the beginning of the message, which may repeat a secret."""
    if error is None:
        return None
    return {
        "code": error.get("code"),
        "message": masked_text(str(error.get("message", "")))[:MESSAGE],
        "who_acts": error.get("who_acts"),
    }


def of_media(events: Sequence[Event]) -> dict[str, Told]:
    """Tell of each file to which post it belongs, and which network refused it."""
    files = Media.objects.select_related("post__workspace").in_bulk([event.resource_id for event in events])
    return {event.pk: _of_file(event, files.get(event.resource_id)) for event in events}


def _of_file(event: Event, file: Media | None) -> Told:
    if file is None:
        return Told(mode=None, data={"media": {"id": event.resource_id}})
    shown = {"id": file.pk, "type": file.type, "filename": file.filename, "mime_type": file.mime_type}
    told = {name: event.details.get(name) for name in ("platform", "account_id")}
    data = {"media": shown, "post": {"id": file.post_id}, "target": told | {"id": event.details.get("target")}}
    return Told(mode=file.post.workspace.mode, data=data | {"error": _cut(event.details.get("error"))})
