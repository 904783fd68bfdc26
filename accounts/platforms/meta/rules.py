"""What Meta's networks refuse beyond what `Limits` can say."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any

from accounts.platforms.base import Content, Issue, Media
from ouipost.phrases import Phrase

MOST_WIDTH = 1920


def as_sent(content: Content) -> Content:
    """Return what is sent of a post: of a story its file alone, so that its text may be as long as it likes."""
    return replace(content, text="") if content.post_type == "story" else content


def video_issues(media: Media, position: int, *, most_megabits: float) -> Iterator[Issue]:
    """Name a video that is wider, or has more data a second, than Meta takes."""
    if media.type != "video" or not media.seconds:
        return
    if media.width > MOST_WIDTH:
        yield _of_video(
            "video_width_too_large",
            position,
            Phrase("The video is {pixels} pixels wide", pixels=media.width),
            MOST_WIDTH,
            media.width,
        )
    megabits = ceil(media.size * 8 / media.seconds / 100_000) / 10  # a little more than the most is too much
    if megabits > most_megabits:
        told = Phrase("The video has {megabits:g} megabits a second", megabits=megabits)
        yield _of_video("video_bit_rate_too_large", position, told, most_megabits, megabits)


def too_long_for_its_place(media: Media, position: int, *, place: str, most: float) -> Iterator[Issue]:
    """Name a video that runs longer than it may in this place."""
    if media.type == "video" and round(media.seconds, 3) > most:
        told = Phrase("The video is {seconds:g} seconds long, in {place}", seconds=media.seconds, place=place)
        yield _of_video("video_duration_too_large", position, told, most, media.seconds)


def _of_video(rule: str, position: int, told: str, limit: float, actual: Any) -> Issue:
    return Issue(
        rule=rule,
        field=f"media.{position}",
        message=Phrase("{told}; this network takes at most {limit:g}.", told=told, limit=limit),
        limit=limit,
        actual=actual,
        fix=Phrase("Edit the video."),
    )
