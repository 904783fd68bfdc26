"""The payloads of webhook events about posts and their files: ids, statuses and results; the API has the rest."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson

from ouipost.events.catalogue import Payload
from ouipost.events.masking import masked_text
from ouipost.events.models import Event
from posts.models import Media, Post, Target

RESULTS_BYTES, MESSAGE_CHARACTERS = 16_000, 200
"""Limits for the results of a post and for an error's message, so that a body stays below 20 kB."""
POST_FIELDS = ("id", "workspace_id", "status", "platforms", "created_at", "scheduled_at", "published_at")
CALLED = {"destinations": "platforms"}
"""What the API calls columns that have another name here."""
TARGET_FIELDS = ("id", "account_id", "platform", "status", "url", "published_at")


def post_payloads(events: Sequence[Event]) -> dict[str, Payload]:
    """Return by event id how each post stands now, at every network."""
    pks = {event.resource_id for event in events}
    posts = Post.objects.select_related("workspace").in_bulk(pks)
    targets: dict[str, list[Target]] = defaultdict(list)
    for target in Target.objects.placed().filter(post__in=pks).order_by("pk"):
        targets[target.post_id].append(target)
    return {event.pk: _of_post(event, posts.get(event.resource_id), targets[event.resource_id]) for event in events}


def _of_post(event: Event, post: Post | None, targets: Sequence[Target]) -> Payload:
    if post is None:
        return Payload(mode=None, data={"post": {"id": event.resource_id}, "targets": []})
    results = _within_limit([_result(target) for target in targets])
    data: dict[str, Any] = {"post": {name: getattr(post, name) for name in POST_FIELDS}, "targets": results}
    if "after" in event.details:
        data["changed"] = [CALLED.get(name, name) for name in event.details["after"]]
    if len(results) < len(targets):
        data["targets_left_out"] = len(targets) - len(results)
    return Payload(mode=post.workspace.mode, data=data)


def _within_limit(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many of the first results as RESULTS_BYTES allows."""
    sizes = accumulate(len(orjson.dumps(result)) + 1 for result in results)
    return [result for result, size in zip(results, sizes, strict=True) if size <= RESULTS_BYTES]


def _result(target: Target) -> dict[str, Any]:
    shown = {name: getattr(target, name) for name in TARGET_FIELDS}
    return shown | {"url": target.url or None, "post_id": target.remote_id or None, "error": _error(target.error)}


def _error(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an error's code, who has to act, and its message, shortened and with secrets masked."""
    if error is None:
        return None
    return {
        "code": error.get("code"),
        "message": masked_text(str(error.get("message", "")))[:MESSAGE_CHARACTERS],
        "who_acts": error.get("who_acts"),
    }


def media_payloads(events: Sequence[Event]) -> dict[str, Payload]:
    """Return by event id which post each file belongs to, and which network refused it."""
    files = Media.objects.select_related("post__workspace").in_bulk([event.resource_id for event in events])
    return {event.pk: _of_file(event, files.get(event.resource_id)) for event in events}


def _of_file(event: Event, file: Media | None) -> Payload:
    if file is None:
        return Payload(mode=None, data={"media": {"id": event.resource_id}})
    shown = {"id": file.pk, "type": file.type, "filename": file.filename, "mime_type": file.mime_type}
    target = {name: event.details.get(name) for name in ("platform", "account_id")}
    data = {"media": shown, "post": {"id": file.post_id}, "target": target | {"id": event.details.get("target")}}
    return Payload(mode=file.post.workspace.mode, data=data | {"error": _error(event.details.get("error"))})
