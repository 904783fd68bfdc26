"""Rules of Threads: https://developers.facebook.com/docs/threads/overview"""

from collections.abc import Iterator

from accounts.platforms.limits import Issue, Limits, Option
from accounts.platforms.meta.rules import video_issues
from accounts.platforms.shapes import Content
from accounts.platforms.text import find_whole_links
from ouipost.phrases import Phrase, both

MOST_CHARACTERS, MOST_LINKS = 500, 5
MOST_MEGABITS = 100.0
NOT_IN_TAGS = ".&"
TAG, CONTROL = "topic_tag", "reply_control"
CHOICES = (TAG, CONTROL)
"""The options that are sent unchanged, under the same names."""
REPLY_CONTROLS = ("everyone", "accounts_you_follow", "mentioned_only", "parent_post_author_only", "followers_only")

LIMITS = Limits(
    max_characters=MOST_CHARACTERS,
    characters_counted_as="emoji_as_bytes",
    max_links=MOST_LINKS,
    max_media=20,
    image_mime_types=("image/jpeg", "image/png"),
    max_images=20,
    max_image_bytes=8_000_000,
    min_image_ratio=0.1,
    max_image_ratio=10,
    alt_text_for=("image", "video"),
    max_alt_text_characters=1000,
    video_mime_types=("video/mp4", "video/quicktime"),
    max_videos=20,
    max_video_bytes=1_000_000_000,
    max_video_duration_seconds=300,
    min_video_ratio=0.01,
    max_video_ratio=10,
    min_video_fps=23,
    max_video_fps=60,
    video_codecs=("h264", "hevc"),
    audio_codecs=("aac",),
    max_audio_hertz=48_000,
    max_audio_channels=2,  # from memory: the documentation has an error for too many, and no number
    mixes_images_and_videos=True,
    options=(
        Option(name="thread", kind="texts"),
        Option(name="first_comment", max_characters=MOST_CHARACTERS),
        Option(name=TAG, max_characters=50, counted_as="unicode_characters"),
        Option(name=CONTROL, choices=REPLY_CONTROLS),
    ),
)


def beside_the_limits(content: Content) -> Iterator[Issue]:
    """Yield issues of wrong topic tags, too many links in replies, and too wide or too heavy videos."""
    for position, media in enumerate(content.media):
        yield from video_issues(media, position, most_megabits=MOST_MEGABITS)
    yield from _tag(content)
    yield from _links_of_replies(content)


def _tag(content: Content) -> Iterator[Issue]:
    found = sorted(set(NOT_IN_TAGS) & set(str(content.options.get(TAG, ""))))
    if found:
        shown = both([repr(each) for each in found])
        yield Issue(
            rule="topic_tag_forbidden_characters",
            field=f"options.{TAG}",
            message=Phrase("The topic tag has {shown}, which Threads does not take.", shown=shown),
            actual="".join(found),
            fix=Phrase("Remove {shown}.", shown=shown),
        )


def _links_of_replies(content: Content) -> Iterator[Issue]:
    for position, reply in enumerate(content.replies):
        count = len({each.value for each in find_whole_links(reply.text)})
        if count > MOST_LINKS:
            yield Issue(
                rule="too_many_links",
                field="options.first_comment" if reply.is_comment else f"options.thread.{position}",
                message=Phrase(
                    "This reply has {count} links; Threads takes at most {most}.", count=count, most=MOST_LINKS
                ),
                limit=MOST_LINKS,
                actual=count,
                fix=Phrase("Remove at least {number}.", number=count - MOST_LINKS),
            )
