"""The settings that a workspace may have; unknown ones are kept as they are."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.serializers import ValidationError

from ouipost import zones
from ouipost.errors import InvalidInput
from ouipost.phrases import Phrase
from workspaces.hashtags import is_hashtag, normal_hashtags
from workspaces.models import MAX_LATE_MINUTES

MAX_CHARACTERS = 65_536
"""Limit of all settings together: each request and post reads them, and each change is recorded with both states."""


def _is_minutes(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_LATE_MINUTES


KNOWN: dict[str, tuple[Callable[[Any], bool], str]] = {
    "timezone": (
        lambda value: isinstance(value, str) and value in zones.NAMES,
        Phrase("Must be an IANA time zone such as Europe/Paris."),
    ),
    "default_hashtags": (
        lambda value: isinstance(value, list),
        Phrase("Must be a list of hashtags, each of one word."),
    ),
    "auto_hashtags": (lambda value: isinstance(value, bool), Phrase("Must be true or false.")),
    "publish_late_up_to_minutes": (
        _is_minutes,
        Phrase("Must be a number of minutes, 0 to {most}.", most=MAX_LATE_MINUTES),
    ),
}


def check_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as they are stored.

    Raises ValidationError for every known setting with a wrong value, and for every wrong hashtag by its position.
    """
    problems = {
        name: [message]
        for name, (is_right, message) in KNOWN.items()
        if settings.get(name) is not None and not is_right(settings[name])
    }
    tags = settings.get("default_hashtags")
    if isinstance(tags, list):
        problems |= _problems_of(tags)
    if problems:
        raise ValidationError(problems)
    return settings if tags is None else {**settings, "default_hashtags": normal_hashtags(tags)}


def _problems_of(tags: list[Any]) -> dict[str, list[str]]:
    return {
        f"default_hashtags.{place}": [
            Phrase("A hashtag is one word, with or without its #. Change {wrong}.", wrong=repr(tag)[:500])
        ]
        for place, tag in enumerate(tags)
        if not isinstance(tag, str) or not is_hashtag(tag)
    }


def merged(present: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with changes merged key by key, where null removes one; raises InvalidInput for too many."""
    kept = {name: value for name, value in {**present, **given}.items() if value is not None}
    if len(json.dumps(kept)) > MAX_CHARACTERS:
        message = Phrase("All settings together may have {most} characters as JSON. Remove some.", most=MAX_CHARACTERS)
        raise InvalidInput(settings=[message])
    return kept
