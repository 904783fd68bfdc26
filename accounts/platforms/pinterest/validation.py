"""Rules of Pinterest, by its limits and beyond them: https://developers.pinterest.com/docs/api/v5/pins-create"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from accounts.platforms.limits import Issue, Limits, Option, above
from accounts.platforms.pinterest.pins import BOARDS, COVER, SECTIONS
from accounts.platforms.shapes import Content, Media
from ouipost.phrases import Phrase

TRIAL = "trial"
"""The operator's `product` of an app that has only Trial access."""
LONGEST_LINK = 2048
SHOWN_DESCRIPTION = 500
"""The API takes 800 characters; Pinterest's help names 500."""
MAX_IMAGE_BYTES, MAX_IMAGES_BYTES = 5_000_000, 10_000_000
"""Limits of one image and of all together. Pinterest takes 20 MB, but images are sent, a third larger, in the one
visible call, which has half a minute."""
MAX_CAROUSEL_SIDE = 1500
"""Longest side of images that are too heavy together, or of several sizes: as a JPEG, any square of this side fits into
a fifth of MAX_IMAGES_BYTES, so that no image has to be made smaller than the others."""
NOT_IN_A_LINK = re.compile(r"[\s\x00-\x1f\x7f]")
LIMITS = Limits(
    max_characters=800,
    max_title_characters=100,
    media_required=True,
    image_mime_types=("image/jpeg", "image/png"),
    max_images=5,
    max_image_bytes=MAX_IMAGE_BYTES,
    alt_text_for=("image", "video"),
    max_alt_text_characters=500,
    video_mime_types=("video/mp4", "video/quicktime"),
    max_videos=1,
    max_video_bytes=2_000_000_000,
    min_video_duration_seconds=4,
    max_video_duration_seconds=900,
    min_video_ratio=0.5,
    max_video_ratio=1.91,
    video_codecs=("h264", "hevc"),
    options=(
        Option(name="board_id", required=True, choices_from=BOARDS),
        Option(name="board_section_id"),
        Option(name="link", max_characters=LONGEST_LINK),
        Option(name=COVER, kind="integer"),
    ),
)


def limits_for(content: Content, limits: Limits) -> Limits:
    """Return the limits of these images, which share the bytes of one call and must all have the size of the first."""
    count = max(1, len(content.media))
    share = min(limits.max_image_bytes or MAX_IMAGE_BYTES, MAX_IMAGES_BYTES // count)
    limits = replace(limits, max_image_bytes=share)
    sizes = [(each.width, each.height) for each in content.media if each.type == "image" and each.ratio]
    if len(set(sizes)) > 1:
        scale = min(1, MAX_CAROUSEL_SIDE / max(sizes[0]))
        width, height = (max(1, round(side * scale)) for side in sizes[0])
        return replace(limits, image_width_pixels=width, image_height_pixels=height)
    if count > 1 and any(each.size > share for each in content.media):
        return replace(limits, max_image_side_pixels=MAX_CAROUSEL_SIDE)
    return limits


def beside_the_limits(content: Content, account: Mapping[str, Any], *, product: str) -> Iterator[Issue]:
    """Yield issues beyond the limits: an app on trial, and content that Pinterest refuses, or shows differently."""
    if product == TRIAL:
        yield Issue(
            rule="app_on_trial",
            field="platforms",
            message=Phrase("This installation's app has Trial access at Pinterest: only who made a Pin sees it."),
            severity="warning",
            fix=Phrase("Ask the operator to apply for Standard access."),
        )
    yield from _board(content, account)
    yield from _ids(content)
    yield from _section(content, account)
    yield from _link(content)
    yield from _description(content)
    yield from _cover(content)
    yield from _carousel([each for each in content.media if each.type == "image"])


def _board(content: Content, account: Mapping[str, Any]) -> Iterator[Issue]:
    if account.get(BOARDS, [None]) == []:
        yield Issue(
            rule="no_boards",
            field="options.board_id",
            message=Phrase("This account has no board to put the Pin on."),
            actual=content.options.get("board_id"),
            fix=Phrase("Make a board on Pinterest, then refresh the account."),
        )


def _ids(content: Content) -> Iterator[Issue]:
    for name in ("board_id", "board_section_id"):
        value = content.options.get(name)
        if isinstance(value, str) and value.strip() and not (value.isascii() and value.isdigit()):
            yield Issue(
                rule="option_invalid",
                field=f"options.{name}",
                message=Phrase("Pinterest's ids are numbers, written as a text."),
                actual=value,
                fix=Phrase('Write it like "801".'),
            )


def _section(content: Content, account: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield an issue for a section that its board did not have when it was last read."""
    section, board = content.options.get("board_section_id"), content.options.get("board_id")
    listed = next((each.get(SECTIONS) for each in account.get(BOARDS, []) if each["id"] == board), None)
    if listed is None or not isinstance(section, str) or not section.isdigit():
        return
    ids = [each["id"] for each in listed]
    if section not in ids:
        yield Issue(
            rule="option_invalid",
            field="options.board_section_id",
            message=Phrase("The board has no such section."),
            actual=section,
            fix=Phrase("Use one of: {taken}.", taken=", ".join(ids)) if ids else Phrase("Remove the option."),
        )


def _link(content: Content) -> Iterator[Issue]:
    for field, link in (("link", content.link), ("options.link", content.options.get("link"))):
        if not isinstance(link, str) or not link:
            continue
        if field == "link" and len(link) > LONGEST_LINK:
            message = Phrase("The link has {count} characters", count=len(link))
            yield above("link_too_long", field, message, LONGEST_LINK, len(link))
        if not _is_address(link):
            yield Issue(
                rule="link_invalid",
                field=field,
                message=Phrase("Pinterest takes only a whole web address that everybody can open."),
                actual=link,
                fix=Phrase("Write it like https://example.com/page."),
            )


def _is_address(link: str) -> bool:
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "." in host.strip(".") and not NOT_IN_A_LINK.search(link)


def _description(content: Content) -> Iterator[Issue]:
    if len(content.text) > SHOWN_DESCRIPTION:
        yield Issue(
            rule="description_long",
            field="content",
            message=Phrase(
                "Pinterest's help speaks of {most} characters; the rest may not be shown.", most=SHOWN_DESCRIPTION
            ),
            limit=SHOWN_DESCRIPTION,
            actual=len(content.text),
            severity="warning",
            fix=Phrase("Say what matters first."),
        )


def _cover(content: Content) -> Iterator[Issue]:
    time, video = content.options.get(COVER), content.video
    if type(time) is not int or video is None:
        return
    most = int(1000 * video.seconds)
    if time < 0 or (most and time > most):
        yield Issue(
            rule="cover_outside_the_video",
            field=f"options.{COVER}",
            message=Phrase("The cover is taken from the video, which runs {most} milliseconds.", most=most),
            limit=most,
            actual=time,
            fix=Phrase("Use a number from 0 to {most}.", most=most),
        )


def _carousel(images: list[Media]) -> Iterator[Issue]:
    for position, each in enumerate(images):
        if position and each.alt_text:
            yield _no_alt_text(position)


def _no_alt_text(position: int) -> Issue:
    return Issue(
        rule="alt_text_of_the_first_image",
        field=f"media.{position}.alt_text",
        message=Phrase("Pinterest takes one alt text for the whole carousel: that of its first image."),
        severity="warning",
        fix=Phrase("Describe all images in the alt text of the first."),
    )
