"""A network's rules as data: the limits that the validator applies, and the issues that it reports."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ouipost.phrases import Phrase

ONE_OF = {"image": Phrase("image"), "video": Phrase("video"), "document": Phrase("document")}
KINDS = {"image": Phrase("images"), "video": Phrase("videos"), "document": Phrase("documents")}
"""Names of one file, and of several, of a type."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """Content that a network would refuse (`severity` error) or change (warning), with a way to fix it."""

    rule: str
    field: str
    message: str
    limit: Any = None
    actual: Any = None
    severity: str = "error"
    fix: str = ""

    def told_of(self, platform: str, account_id: str | None) -> dict[str, Any]:
        """Return the issue as responses show it: about an account of this network, or about the network."""
        return asdict(self) | {"platform": platform, "account_id": account_id}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One key of `platform_content.<network>.options`."""

    name: str
    kind: str = "text"
    """text, texts (a list of them), flag, integer."""
    choices: tuple[str, ...] = ()
    """The allowed values; empty: any of its kind."""
    required: bool = False
    max_characters: int | None = None
    """Limit of a text, or of each text of a list."""
    counted_as: str = ""
    """The unit of `max_characters`, if it differs from that of posts."""
    max_items: int | None = None
    choices_from: str = ""
    """The key of the account's metadata with the allowed values: `[value, …]` or `[{id, name}, …]`."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The rules that the validator applies, in numbers; None: no such limit, 0: not supported."""

    max_characters: int
    characters_counted_as: str = "unicode_characters"
    """unicode_characters, utf16_units, utf8_bytes, graphemes, x_weighted (X's own weights), or emoji_as_bytes."""
    max_photo_post_characters: int | None = None
    """Limit of the text of images without a video, if it is another."""
    max_text_bytes: int | None = None
    max_hashtags: int | None = None
    max_mentions: int | None = None
    max_links: int | None = None
    forbidden_characters: str = ""
    """Forbidden in text and title."""
    title_required: bool = False
    max_title_characters: int | None = None
    text_required_without_media: bool = True
    media_required: bool = False
    min_media: int | None = None
    max_media: int | None = None
    """Limit of all files, if it is less than the limits of the kinds together."""
    image_mime_types: tuple[str, ...] = ()
    max_images: int = 0
    max_image_bytes: int | None = None
    min_image_ratio: float | None = None
    """Width by height. Images beyond the ratios get bars at their sides; nothing is cut off."""
    max_image_ratio: float | None = None
    max_image_side_pixels: int | None = None
    """Larger images are made smaller."""
    max_image_short_side_pixels: int | None = None
    max_image_pixels: int | None = None
    """Width times height; larger images are made smaller."""
    image_width_pixels: int | None = None
    """With `image_height_pixels` the size of all images of a post: they are made smaller, and get bars."""
    image_height_pixels: int | None = None
    max_animated_image_bytes: int | None = None
    """Limit of animated GIFs, if they may be larger than other images."""
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
    """Limit of a video that is not alone, if it is lower."""
    max_unverified_video_duration_seconds: float | None = None
    """Limit of an account without a verified phone number, if it is lower; longer videos get a warning."""
    min_video_ratio: float | None = None
    max_video_ratio: float | None = None
    min_video_side_pixels: int | None = None
    max_video_side_pixels: int | None = None
    min_video_fps: float | None = None
    max_video_fps: float | None = None
    video_codecs: tuple[str, ...] = ()
    """Allowed codecs; empty: any."""
    audio_codecs: tuple[str, ...] = ()
    max_audio_hertz: int | None = None
    """Limit of the sample rate."""
    max_audio_channels: int | None = None
    video_chroma: str = ""
    """The allowed chroma subsampling; empty: any."""
    mixes_images_and_videos: bool = False
    document_mime_types: tuple[str, ...] = ()
    max_documents: int = 0
    max_document_bytes: int | None = None
    max_document_pages: int | None = None
    options: tuple[Option, ...] = ()
    """The options of posts besides `post_type`, which all have."""


NUMBERS = {each.name: each.type for each in fields(Limits) if each.type in (int, int | None, float | None)}
"""The fields that hold a number, each with its type."""


def with_number(named: Mapping[str, Limits], key: str, number: float) -> dict[str, Limits]:
    """Return limits, by name, with another number: `max_images` for all that have it, `reel.max_images` for one.

    The name of an option stands for the length of its text. Raises KeyError if there is no such limit, ValueError if
    the number is not positive and finite.
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
    """The number of posts, or of requests, of an account in a moving window of `seconds`."""

    most: int
    seconds: int


def above(rule: str, field: str, message: str, limit: int, actual: int) -> Issue:
    """Return the issue of a count that is too large."""
    return Issue(
        rule=rule,
        field=field,
        message=Phrase("{told}; this network takes at most {limit}.", told=message, limit=limit),
        limit=limit,
        actual=actual,
        fix=Phrase("Remove at least {number}.", number=actual - limit),
    )
