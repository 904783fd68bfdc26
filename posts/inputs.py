"""The bodies that write posts."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop as _
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, extend_schema_serializer
from rest_framework import serializers

from accounts import platforms, registry
from accounts.platforms import option_rules
from ouipost.api.inputs import (
    WHOLE,
    Choice,
    InstantOrLocal,
    Items,
    JsonObject,
    StrictInput,
    StringList,
    Text,
    ZoneName,
)
from ouipost.api.vocabulary import TEXT, Schema
from ouipost.claims import database_now
from ouipost.errors import problems_in
from ouipost.ids import PATTERN
from ouipost.phrases import Phrase
from posts import destinations, services
from posts.models import PostStatus
from posts.schedules import services as schedules
from posts.schedules.slots import instant
from workspaces.hashtags import is_hashtag, not_a_hashtag

ACCOUNT_ID = re.compile(f"acc_{PATTERN}")
OPTIONS = {platform.id: platform.option_kinds() for platform in platforms.ALL}
MAX_CONTENT = 100_000
ANY_TEXT = Text(allow_blank=True)
ANY_LIST = Items(max_length=250)
"""The longest list that a network takes: YouTube's tags, of one character each. A thread costs one call per item."""
LOCAL = "With an offset or Z it is an instant; without one it is local time in `timezone`, or else in the workspace's."
MAX_DESTINATIONS = 100
MAX_OPTIONS = 100
"""More than any network has."""


class Link(Text):
    """An http or https address, or an empty string for none."""

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if value and not is_web_address(value):
            raise serializers.ValidationError(Phrase("Must be an http or https address."))
        return value


def is_web_address(value: str) -> bool:
    """Return whether this is an absolute http or https address without spaces, visible or invisible."""
    try:
        parts = urlsplit(value)
        has_place = bool(parts.hostname) and parts.port != 0  # raises for a port that cannot be
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and has_place and not re.search(r"[\s\ufeff]", value)


class Hashtag(Text):
    """One word, with or without its sign."""

    def to_internal_value(self, data: Any) -> str:
        tag = super().to_internal_value(data)
        if not is_hashtag(tag):
            raise serializers.ValidationError(not_a_hashtag(tag))
        return tag


class BesideContent(StrictInput):
    """The fields beside the content that a post and each of its overrides have."""

    title = Text(required=False, allow_blank=True, max_length=1000)
    link = Link(required=False, allow_blank=True, max_length=2000)
    hashtags = StringList(child=Hashtag(), required=False, max_length=100)


@extend_schema_serializer(component_name="Override")
class OverrideInput(BesideContent):
    """The fields that one network or account gets instead of the post's."""

    default_error_messages = {"invalid": _("Must be a string or an object.")}
    content = Text(required=False, allow_blank=True, max_length=MAX_CONTENT)
    options = JsonObject(required=False, help_text="See `post_types` of GET /api/platforms.")

    def validate_options(self, value: dict[str, Any]) -> dict[str, Any]:
        if len(value) > MAX_OPTIONS:
            raise serializers.ValidationError(Phrase("At most {most} options can be given.", most=MAX_OPTIONS))
        if len(json.dumps(value, ensure_ascii=False)) > MAX_CONTENT:
            message = Phrase("All options together may have {most} characters as JSON. Remove some.", most=MAX_CONTENT)
            raise serializers.ValidationError(message)
        cleaned: dict[str, Any] = {}
        problems: dict[str, Any] = {}
        for name, given in value.items():
            cleaned[name] = _cleaned(given, name, problems)
        if (known := self.context["options"]) is not None:
            formed = {name: given for name, given in value.items() if name not in problems}
            problems |= option_rules.unreadable(formed, known)
        if problems:
            raise serializers.ValidationError(problems)
        return cleaned


def _cleaned(value: Any, path: str, problems: dict[str, Any]) -> Any:
    """Return an option with its texts cleaned as all others are. Adds errors to `problems`, by their paths."""
    try:
        if isinstance(value, list):
            entries = enumerate(ANY_LIST.run_validation(value))
            return [_cleaned(each, f"{path}.{place}", problems) for place, each in entries]
        return ANY_TEXT.run_validation(value) if isinstance(value, str) else value
    except serializers.ValidationError as error:
        problems[path] = error.detail
        return value


class Overrides(JsonObject):
    """Overrides by the id of a network or account; a plain text is short for `{"content": …}`."""


class OverridesSchema(OpenApiSerializerFieldExtension):
    """Describe `Overrides` in the OpenAPI schema."""

    target_class = Overrides

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        override = auto_schema.resolve_serializer(OverrideInput, direction).ref
        either = {"oneOf": [TEXT, override]}
        return {"type": "object", "additionalProperties": either, "maxProperties": MAX_DESTINATIONS}


class Destination(Text):
    """The id of a network, or one in the form of an account's."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if not _is_destination(name):
            raise serializers.ValidationError(destinations.unknown_destination(name))
        return name


class PostInput(BesideContent):
    """The body that changes a post."""

    shown = (
        "id",
        "media",
        "targets",
        "published_at",
        "created_at",
        "updated_at",
        "platform_posts",
        "analytics",
    )
    guarded = {
        "status": "POST /api/posts/{id}/schedule, unschedule or publish",
        "scheduled_at": "POST /api/posts/{id}/schedule or unschedule",
        "scheduled_timezone": "POST /api/posts/{id}/schedule",
        "schedule_id": "POST /api/posts/{id}/schedule or unschedule",
        "timezone": "POST /api/posts/{id}/schedule",
    }
    content = Text(max_length=MAX_CONTENT, allow_blank=True)
    platforms = StringList(child=Destination(), min_length=1, max_length=MAX_DESTINATIONS)
    platform_content = Overrides(required=False)

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        view, post = self.context.get("view"), self.context.get("instance")
        if view is None:
            return {}  # the console offers what there is
        present = post.platform_content if post else {}
        readable = values if "platform_content" in values else {"platform_content": self._readable_overrides()}
        overrides = services.new_overrides(readable, present=present)
        given = values.get("platforms", [])
        return problems_in(lambda: destinations.resolve(view.workspace, given, overrides=overrides))

    def _readable_overrides(self) -> dict[str, Any]:
        """Return the overrides for further checks even if some are wrong; of the wrong ones, only the options."""
        given = self.initial_data.get("platform_content")
        known = [key for key in given if _is_destination(key)] if isinstance(given, dict) else []
        entries = {key: _override(key, given[key]) for key in known[:MAX_DESTINATIONS]}
        return {key: entry.validated_data if entry.is_valid() else _readable(entry) for key, entry in entries.items()}

    def validate_platform_content(self, value: dict[str, Any]) -> dict[str, Any]:
        if len(value) > MAX_DESTINATIONS:
            raise serializers.ValidationError(
                Phrase("At most {most} platforms and accounts can be named.", most=MAX_DESTINATIONS)
            )
        entries = {key: _override(key, entry) for key, entry in value.items()}
        problems: dict[str, Any] = {key: entry.errors for key, entry in entries.items() if not entry.is_valid()}
        for key in value:
            if not _is_destination(key):
                within = problems.get(key, {})
                problems[key] = {**within, WHOLE: [_unknown_override(key), *within.get(WHOLE, [])]}
        if problems:
            raise serializers.ValidationError(problems)
        return {key: entry.validated_data for key, entry in entries.items()}


def _override(key: str, entry: Any) -> OverrideInput:
    given = {"content": entry} if isinstance(entry, str) else entry
    data = [] if given is None else given  # neither is an object, but a serializer takes null for nothing to validate
    return OverrideInput(data=data, context={"options": OPTIONS.get(key)})


def _readable(entry: OverrideInput) -> dict[str, Any]:
    """Return the options of a wrong override that are in form."""
    given = entry.initial_data.get("options") if isinstance(entry.initial_data, dict) else None
    wrong = entry.errors.get("options", {})
    if not isinstance(given, dict) or not isinstance(wrong, dict):
        return {}
    return {"options": {name: value for name, value in given.items() if name not in wrong}}


def _is_destination(key: str) -> bool:
    return key in registry.IDS or ACCOUNT_ID.fullmatch(key) is not None


def _unknown_override(key: str) -> str:
    """Return the error for this key; a malformed account id counts as one that does not exist."""
    if key.casefold().startswith("acc_"):
        return Phrase("No such connected account.")
    return Phrase("Neither a platform nor a connected account.")


class NewPostInput(PostInput):
    """The body that creates a post, and schedules it where a time is given."""

    guarded = {
        "status": "POST /api/posts/{id}/schedule or publish",
        "scheduled_timezone": "`timezone` with `scheduled_at`",
        "schedule_id": "POST /api/posts/{id}/schedule",
    }
    scheduled_at = InstantOrLocal(required=False, allow_null=True, help_text=LOCAL)
    timezone = ZoneName(required=False)

    def present(self, name: str, given: Mapping[str, Any]) -> Any:
        if name == "schedule_id":
            return None
        if given.get("scheduled_at") is None:
            return {"status": PostStatus.DRAFT, "scheduled_timezone": ""}[name]
        return {"status": PostStatus.SCHEDULED, "scheduled_timezone": given.get("timezone")}[name]

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        return super().service_problems(values) | _moment_problems(self, values)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if _moment_problems(self, attrs):
            raise serializers.ValidationError(self.service_problems(attrs))
        return attrs


class ScheduleInput(StrictInput):
    """The body that schedules a post: at a time, or into the next free slot of a schedule."""

    scheduled_at = InstantOrLocal(required=False, help_text=LOCAL)
    timezone = ZoneName(required=False)
    schedule_id = Text(required=False, max_length=50)

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        view = self.context.get("view")
        if view is None or "schedule_id" not in values:
            return _moment_problems(self, values)
        return problems_in(lambda: schedules.find(values["schedule_id"], workspace_id=view.workspace_id))

    def field_conflicts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if "schedule_id" in given:
            others = [name for name in ("scheduled_at", "timezone") if name in given]
            return {name: [Phrase("Not together with schedule_id.")] for name in others}
        return {} if "scheduled_at" in given else {"scheduled_at": [Phrase("This field is required, or schedule_id.")]}


def _moment_problems(given: StrictInput, values: Mapping[str, Any]) -> dict[str, Any]:
    moment, view = values.get("scheduled_at"), given.context.get("view")
    if moment is None or view is None:
        return {}
    if moment.tzinfo is None and "timezone" in given.initial_data and "timezone" not in values:
        return {}  # nobody knows whose local time it is
    zone = values.get("timezone", view.workspace.timezone)
    return problems_in(lambda: services.require_future(instant(moment, zone=zone), now=database_now()))


RESOLUTIONS = ("published", "not_published")


class ResolveInput(StrictInput):
    """A person's answer to an unknown outcome."""

    outcome = Choice(choices=RESOLUTIONS)
    url = Link(required=False)

    def field_conflicts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        outcome, url = given.get("outcome"), given.get("url")
        if outcome == "published" and not url:
            return {"url": [Phrase("The post's address is required.")]}
        if outcome == "not_published" and url:
            return {"url": [Phrase("Leave the address out, or say that it is published.")]}
        return {}
