"""What a network accepts, as data: the limits that the validator applies, and the issues that it reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ouipost.phrases import Phrase

ONE_OF = {"image": Phrase("image"), "video": Phrase("video"), "document": Phrase("document")}
KINDS = {"image": Phrase("images"), "video": Phrase("videos"), "document": Phrase("documents")}
"""What people call one file, and several, of a type."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """What a network would refuse (`severity` error) or change (warning), and how to fix it."""

    rule: str
    field: str
    message: str
    limit: Any = None
    actual: Any = None
    severity: str = "error"
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One key of `platform_content.<network>.options`."""

    name: str
    kind: str = "text"
    """text, texts (a list of them), flag, integer."""
    choices: tuple[str, ...] = ()
    """All values that it takes; empty: any of its kind."""
    required: bool = False
    max_characters: int | None = None
    """Of a text, or of each of several."""
    counted_as: str = ""
    """The unit of `max_characters`, where it is another than that of posts."""
    max_items: int | None = None
    choices_from: str = ""
    """The key of the account's metadata that lists the values that it takes: `[value, …]` or `[{id, name}, …]`."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The rules that the validator applies, in numbers; None: no such limit, 0: not supported."""

    max_characters: int
    characters_counted_as: str = "unicode_characters"
    """unicode_characters, utf16_units, utf8_bytes, graphemes, x_weighted (X's own weights), or emoji_as_bytes."""
    max_text_bytes: int | None = None
    max_hashtags: int | None = None
    max_mentions: int | None = None
    max_links: int | None = None
    forbidden_characters: str = ""
    """In text and title."""
    title_required: bool = False
    max_title_characters: int | None = None
    text_required_without_media: bool = True
    media_required: bool = False
    min_media: int | None = None
    max_media: int | None = None
    """Files in all, where that is less than the kinds together."""
    image_mime_types: tuple[str, ...] = ()
    max_images: int = 0
    max_image_bytes: int | None = None
    min_image_ratio: float | None = None
    """Width by height. Images beyond get bars at their sides; nothing is cut off."""
    max_image_ratio: float | None = None
    max_image_side_pixels: int | None = None
    """Larger images are made smaller."""
    max_image_short_side_pixels: int | None = None
    max_image_pixels: int | None = None
    """Width times height; larger images are made smaller."""
    max_animated_image_bytes: int | None = None
    """Where GIFs that move may be heavier than other images."""
    animated_image_alone: bool = False
    alt_text_for: tuple[str, ...] = ("image",)
    """The types of files whose alt text is sent."""
    max_alt_text_characters: int | None = None
    video_mime_types: tuple[str, ...] = ()
    max_videos: int = 0
    min_video_bytes: int | None = None
    max_video_bytes: int | None = None
    min_video_duration_seconds: float | None = None
    max_video_duration_seconds: float | None = None
    max_carousel_video_duration_seconds: float | None = None
    """Of a video that is not alone, where that is less."""
    min_video_ratio: float | None = None
    max_video_ratio: float | None = None
    min_video_side_pixels: int | None = None
    max_video_side_pixels: int | None = None
    min_video_fps: float | None = None
    max_video_fps: float | None = None
    video_codecs: tuple[str, ...] = ()
    """Empty: any."""
    audio_codecs: tuple[str, ...] = ()
    max_audio_hertz: int | None = None
    """Of the sample rate."""
    max_audio_channels: int | None = None
    video_chroma: str = ""
    """How finely a video may keep its colours; empty: as it likes."""
    mixes_images_and_videos: bool = False
    document_mime_types: tuple[str, ...] = ()
    max_documents: int = 0
    max_document_bytes: int | None = None
    max_document_pages: int | None = None
    options: tuple[Option, ...] = ()
    """What it takes besides; `post_type` is always there."""


NUMBERS = {each.name: each.type for each in fields(Limits) if each.type in (int, int | None, float | None)}
"""The fields that hold a number, each with its type."""


def with_number(named: Mapping[str, Limits], key: str, number: float) -> dict[str, Limits]:
    """Return limits, by name, with another number: `max_images` of all that have one, `reel.max_images` of one alone.

    The name of an option stands for the length of its text. Raises KeyError where there is no such limit, ValueError
    where the number is none.
    """
    if not 0 < number < math.inf:
        raise ValueError(number)
    only, _, name = key.rpartition(".")
    chosen = {only: named[only]} if only else {each: limits for each, limits in named.items() if _has(limits, name)}
    if not any(name in NUMBERS or _has(limits, name) for limits in chosen.values()):
        raise KeyError(key)
    return dict(named) | {each: _with(limits, name, number) for each, limits in chosen.items()}


def _has(limits: Limits, name: str) -> bool:
    if name in NUMBERS:
        return bool(getattr(limits, name))
    return any(option.name == name and option.max_characters for option in limits.options)


def _with(limits: Limits, name: str, number: float) -> Limits:
    if name in NUMBERS:
        values: dict[str, Any] = {name: number if NUMBERS[name] == float | None else int(number)}
        return replace(limits, **values)
    options = [replace(each, max_characters=int(number)) if each.name == name else each for each in limits.options]
    return replace(limits, options=tuple(options))


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How much an account may do in a moving window of `seconds`."""

    most: int
    seconds: int


def above(rule: str, field: str, told: str, limit: int, actual: int) -> Issue:
    """Return the issue of a count that is too large."""
    return Issue(
        rule=rule,
        field=field,
        message=Phrase("{told}; this network takes at most {limit}.", told=told, limit=limit),
        limit=limit,
        actual=actual,
        fix=Phrase("Remove at least {number}.", number=actual - limit),
    )
