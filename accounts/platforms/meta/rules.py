"""Rules of Meta's networks that `Limits` cannot express."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any

from accounts.platforms.limits import Issue
from accounts.platforms.shapes import Content, Media
from ouipost.phrases import Phrase

MOST_WIDTH = 1920


def as_sent(content: Content) -> Content:
    """Return the content as it is sent: a story without its text, which may therefore have any length."""
    return replace(content, text="") if content.post_type == "story" else content


def video_issues(media: Media, position: int, *, most_megabits: float) -> Iterator[Issue]:
    """Yield issues of a video that is wider, or has a higher bit rate, than Meta takes."""
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
    megabits = ceil(media.size * 8 / media.seconds / 100_000) / 10  # rounded up, so that slightly too much counts
    if megabits > most_megabits:
        message = Phrase("The video has {megabits:g} megabits a second", megabits=megabits)
        yield _of_video("video_bit_rate_too_large", position, message, most_megabits, megabits)


def too_long_for_its_place(media: Media, position: int, *, place: str, most: float) -> Iterator[Issue]:
    """Yield an issue of a video that is longer than allowed in this place."""
    if media.type == "video" and round(media.seconds, 3) > most:
        message = Phrase("The video is {seconds:g} seconds long, in {place}", seconds=media.seconds, place=place)
        yield _of_video("video_duration_too_large", position, message, most, media.seconds)


def _of_video(rule: str, position: int, message: str, limit: float, actual: Any) -> Issue:
    return Issue(
        rule=rule,
        field=f"media.{position}",
        message=Phrase("{told}; this network takes at most {limit:g}.", told=message, limit=limit),
        limit=limit,
        actual=actual,
        fix=Phrase("Edit the video."),
    )
