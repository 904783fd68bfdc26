"""Rules of LinkedIn: the limits in numbers, and rules beyond them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from accounts.platforms.limits import Issue, Limits, Option, above
from accounts.platforms.linkedin.people import COMMUNITY
from accounts.platforms.linkedin.posts import title
from accounts.platforms.shapes import Content
from ouipost.phrases import Phrase

MAY_POST_VIDEOS = {"ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER"}
"""As others report; LinkedIn does not document it."""
MOST_GIF_FRAMES = 250
IMAGE = Phrase("The image")
DOCUMENT_TYPES = (
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
)
LIMITS = Limits(
    max_characters=3000,
    characters_counted_as="utf16_units",
    max_title_characters=400,
    image_mime_types=("image/jpeg", "image/png", "image/gif"),
    max_images=20,
    max_image_bytes=5_000_000,
    max_image_pixels=36_152_319,
    max_alt_text_characters=4086,
    video_mime_types=("video/mp4",),
    max_videos=1,
    min_video_bytes=76_800,
    max_video_bytes=500_000_000,
    min_video_duration_seconds=3,
    max_video_duration_seconds=1800,
    min_video_ratio=1 / 2.4,
    max_video_ratio=2.4,
    document_mime_types=DOCUMENT_TYPES,
    max_documents=1,
    max_document_bytes=100_000_000,
    max_document_pages=300,
    options=(
        Option(name="visibility", choices=("PUBLIC", "CONNECTIONS", "LOGGED_IN")),
        Option(name="first_comment", max_characters=1250),
    ),
)

DOCUMENT_LIMITS = replace(LIMITS, media_required=True, max_images=0, max_videos=0)


def beside_the_limits(content: Content, account: Mapping[str, Any], *, product: str) -> Iterator[Issue]:
    """Yield issues of the files, and of actions that this account, or the app that connected it, cannot do."""
    yield from _of_files(content)
    yield from _of_account(content, account, product=product)


def _of_files(content: Content) -> Iterator[Issue]:
    for position, media in enumerate(content.media):
        if media.mime_type == "image/gif" and media.frames > MOST_GIF_FRAMES:
            message = Phrase("{what} is {actual:g} {unit}", what=IMAGE, actual=media.frames, unit=Phrase("frames long"))
            yield above("gif_frames_too_large", f"media.{position}", message, MOST_GIF_FRAMES, media.frames)
    if any(each.type == "document" for each in content.media) and not title(content).strip():
        yield Issue(
            rule="title_required",
            field="title",
            message=Phrase("LinkedIn takes no document without a title."),
            fix=Phrase("Write a title, or give the file a name."),
        )


def _of_account(content: Content, account: Mapping[str, Any], *, product: str) -> Iterator[Issue]:
    is_page = account.get("kind") == "organization"
    if "first_comment" in content.options and product != COMMUNITY:
        yield Issue(
            rule="first_comment_unsupported",
            field="options.first_comment",
            message=Phrase("LinkedIn lets an app comment only with its product Community Management."),
            fix=Phrase("Remove the first comment, or connect the account with an app that has the product."),
        )
    if content.options.get("visibility") == "CONNECTIONS" and is_page:
        yield Issue(
            rule="option_invalid",
            field="options.visibility",
            message=Phrase("An organization has no connections that a post could be for."),
            limit=["PUBLIC", "LOGGED_IN"],
            actual="CONNECTIONS",
            fix=Phrase("Use one of: PUBLIC, LOGGED_IN."),
        )
    if content.video and is_page and MAY_POST_VIDEOS.isdisjoint(account.get("roles", MAY_POST_VIDEOS)):
        yield Issue(
            rule="video_may_need_another_role",
            field="media",
            message=Phrase(
                "LinkedIn may refuse a video from somebody who is not an administrator of the organization."
            ),
            severity="warning",
            fix=Phrase("Connect the organization as one of its administrators."),
        )
