"""What a network would refuse, read off its limits alone. Every problem is named, not only the first."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from accounts.platforms import file_rules, option_rules
from accounts.platforms.limits import Issue, Limits, above
from accounts.platforms.shapes import FEED, Content
from accounts.platforms.text import find_hashtags, find_links, find_names, length

UNITS = {
    "unicode_characters": "characters",
    "utf16_units": "characters (UTF-16 units)",
    "utf8_bytes": "bytes",
    "graphemes": "characters",
    "x_weighted": "characters by X's own count",
    "emoji_as_bytes": "characters, an emoji counted by its bytes,",
}


def check(content: Content, limits: Limits, account: Mapping[str, Any] | None = None) -> list[Issue]:
    """Return all that these limits refuse in this content; the account's metadata has what its options choose from."""
    return [
        *_text(content, limits),
        *_title(content, limits),
        *_presence(content, limits),
        *file_rules.check(content.media, limits),
        *option_rules.check(content, limits, account or {}),
        *_replies(content, limits),
    ]


def check_type(content: Content, known: tuple[str, ...]) -> Iterator[Issue]:
    """Name a `post_type` that the network does not have."""
    if content.post_type not in known:
        told = ", ".join(known)
        yield Issue(
            rule="post_type_unsupported",
            field="options.post_type",
            message=f"This network has no posts of the type {content.post_type!r}.",
            limit=list(known),
            actual=content.post_type,
            fix=f"Use one of: {told}." if known != (FEED,) else "Remove the option.",
        )


def _text(content: Content, limits: Limits) -> Iterator[Issue]:
    yield from _length(content.text, limits, "content", "The text")
    if found := sorted(set(limits.forbidden_characters) & set(content.text)):
        yield _forbidden("content", "text", found)
    for rule, field, spans, most in (
        ("too_many_hashtags", "hashtags", find_hashtags(content.text), limits.max_hashtags),
        ("too_many_mentions", "mentions", find_names(content.text), limits.max_mentions),
        ("too_many_links", "links", _distinct_links(content), limits.max_links),
    ):
        if most is not None and len(spans) > most:
            yield above(rule, "content", f"The text has {len(spans)} {field}", most, len(spans))


def _distinct_links(content: Content) -> list[str]:
    links = [span.value for span in find_links(content.text)]
    return list(dict.fromkeys([*links, *filter(None, [content.link])]))


def _length(text: str, limits: Limits, field: str, what: str) -> Iterator[Issue]:
    count = length(text, limits.characters_counted_as)
    if count > limits.max_characters:
        unit = UNITS[limits.characters_counted_as]
        yield above("text_too_long", field, f"{what} has {count} {unit}", limits.max_characters, count)
    size = len(text.encode())
    if limits.max_text_bytes is not None and size > limits.max_text_bytes:
        yield above("text_too_many_bytes", field, f"{what} has {size} bytes", limits.max_text_bytes, size)


def _title(content: Content, limits: Limits) -> Iterator[Issue]:
    if limits.title_required and not content.title.strip():
        yield Issue(
            rule="title_required",
            field="title",
            message="This network takes no post of this kind without a title.",
            fix="Write a title.",
        )
    unit = "utf16_units" if limits.characters_counted_as == "utf16_units" else "unicode_characters"
    count = length(content.title, unit)
    if limits.max_title_characters is not None and count > limits.max_title_characters:
        told = f"The title has {count} characters"
        yield above("title_too_long", "title", told, limits.max_title_characters, count)
    if found := sorted(set(limits.forbidden_characters) & set(content.title)):
        yield _forbidden("title", "title", found)


def _forbidden(field: str, what: str, found: list[str]) -> Issue:
    shown = " and ".join(found)
    return Issue(
        rule=f"{what}_forbidden_characters",
        field=field,
        message=f"The {what} has {shown}, which this network does not take.",
        actual="".join(found),
        fix=f"Remove {shown}.",
    )


def _presence(content: Content, limits: Limits) -> Iterator[Issue]:
    if content.media:
        return
    if limits.media_required:
        yield Issue(
            rule="media_required",
            field="media",
            message="This network takes no post of this kind without a file.",
            fix=f"Add {_what_it_takes(limits)}.",
        )
    elif limits.text_required_without_media and not content.text.strip() and not content.link:
        yield Issue(
            rule="text_or_media_required",
            field="content",
            message="The post is empty.",
            fix="Write a text, or add an image.",
        )


def _what_it_takes(limits: Limits) -> str:
    kinds = Counter(an_image=limits.max_images, a_video=limits.max_videos, a_document=limits.max_documents)
    return " or ".join(name.replace("_", " ") for name, most in kinds.items() if most)


def _replies(content: Content, limits: Limits) -> Iterator[Issue]:
    """The parts of a thread are posts like the first; a comment has a limit of its own where the network has one."""
    if "thread" not in {option.name for option in limits.options}:
        return
    for position, reply in enumerate(each for each in content.replies if not each.is_comment):
        field = f"options.thread.{position}"
        yield from _length(reply.text, limits, field, "This part of the thread")
