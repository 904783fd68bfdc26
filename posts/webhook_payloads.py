"""The payloads of webhook events about posts and their files: ids, statuses and results; the API has the rest."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson
from rest_framework import serializers

from accounts import registry
from accounts.platforms.errors import WhoActs
from ouipost.events.catalogue import Payload, shown
from ouipost.events.models import Event
from ouipost.masking import masked_text
from posts.models import Media, MediaType, Post, PostStatus, Target, TargetStatus

RESULTS_BYTES, MESSAGE_CHARACTERS = 16_000, 200
"""Limits for the results of a post and for an error's message, so that a body stays below 20 kB."""


class EventErrorSerializer(serializers.Serializer[Any]):
    """Why a post is not out, in short."""

    code = serializers.CharField()
    message = serializers.CharField()
    who_acts = serializers.ChoiceField(choices=[str(each) for each in WhoActs])


class EventPostSerializer(serializers.Serializer[Any]):
    """A post's state at the time of the event."""

    id = serializers.CharField()
    workspace_id = serializers.CharField()
    status = serializers.ChoiceField(choices=PostStatus.choices)
    platforms = serializers.ListField(child=serializers.ChoiceField(choices=registry.IDS))
    created_at = serializers.DateTimeField()
    scheduled_at = serializers.DateTimeField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)


class EventTargetSerializer(serializers.Serializer[Any]):
    """The state of its target at one account."""

    id = serializers.CharField()
    account_id = serializers.CharField()
    platform = serializers.ChoiceField(choices=registry.IDS)
    status = serializers.ChoiceField(choices=TargetStatus.choices)
    url = serializers.CharField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    post_id = serializers.CharField(allow_null=True)
    error = EventErrorSerializer(allow_null=True)


class PostEventDataSerializer(serializers.Serializer[Any]):
    """A post; `changed` are its fields that got other values."""

    post = EventPostSerializer()
    targets = EventTargetSerializer(many=True)
    changed = serializers.ListField(child=serializers.CharField(), required=False)
    targets_left_out = serializers.IntegerField(required=False, help_text="How many targets did not fit into 20 kB.")


class EventMediaSerializer(serializers.Serializer[Any]):
    """A file."""

    id = serializers.CharField()
    type = serializers.ChoiceField(choices=MediaType.choices)
    filename = serializers.CharField()
    mime_type = serializers.CharField()


class ReferenceSerializer(serializers.Serializer[Any]):
    """A reference by id."""

    id = serializers.CharField()


class RefusingTargetSerializer(ReferenceSerializer):
    """The account that a file was for."""

    platform = serializers.ChoiceField(choices=registry.IDS)
    account_id = serializers.CharField()


class MediaEventDataSerializer(serializers.Serializer[Any]):
    """The first of the files, with its post, its target and the error."""

    media = EventMediaSerializer()
    post = ReferenceSerializer()
    target = RefusingTargetSerializer()
    error = EventErrorSerializer(allow_null=True)


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
    data: dict[str, Any] = {"post": shown(post, EventPostSerializer), "targets": results}
    if "after" in event.details:
        data["changed"] = list(event.details["after"])
    if len(results) < len(targets):
        data["targets_left_out"] = len(targets) - len(results)
    return Payload(mode=post.workspace.mode, data=data)


def _within_limit(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many of the first results as RESULTS_BYTES allows."""
    sizes = accumulate(len(orjson.dumps(result)) + 1 for result in results)
    return [result for result, size in zip(results, sizes, strict=True) if size <= RESULTS_BYTES]


def _result(target: Target) -> dict[str, Any]:
    where = {"url": target.url or None, "post_id": target.remote_id or None}
    return shown(target, EventTargetSerializer, **where, error=_error(target.error))


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
    target = {name: event.details.get(name) for name in ("platform", "account_id")}
    target["id"] = event.details.get("target")
    about = {"media": shown(file, EventMediaSerializer), "post": {"id": file.post_id}, "target": target}
    return Payload(mode=file.post.workspace.mode, data=about | {"error": _error(event.details.get("error"))})
