"""Checks of a post against a network's limits. Every problem is reported, not only the first."""

from collections.abc import Iterator, Mapping
from typing import Any

from accounts.platforms import file_rules, option_rules
from accounts.platforms.limits import Issue, Limits, above
from accounts.platforms.shapes import FEED, Content
from accounts.platforms.text import Span, find_hashtags, find_names, find_whole_links, length
from ouipost.phrases import Phrase, both, either

UNITS = {
    "unicode_characters": Phrase("characters"),
    "utf16_units": Phrase("characters (UTF-16 units)"),
    "utf8_bytes": Phrase("bytes"),
    "graphemes": Phrase("characters"),
    "x_weighted": Phrase("characters by X's own count"),
    "emoji_as_bytes": Phrase("characters (an emoji by its bytes)"),
}


def check(content: Content, limits: Limits, account: Mapping[str, Any] | None = None) -> list[Issue]:
    """Return all issues of this content by these limits; the account's metadata has the choices of its options."""
    return [
        *_text(content, limits),
        *_title(content, limits),
        *_presence(content, limits),
        *file_rules.check(content.media, limits),
        *option_rules.check(content, limits, account or {}),
        *_replies(content, limits),
    ]


def check_type(content: Content, known: tuple[str, ...]) -> Iterator[Issue]:
    """Yield an issue for a `post_type` that the network does not have."""
    if content.post_type not in known:
        names = ", ".join(known)
        yield Issue(
            rule="post_type_unsupported",
            field="options.post_type",
            message=Phrase("This network has no posts of the type {type!r}.", type=content.post_type),
            limit=list(known),
            actual=content.post_type,
            fix=Phrase("Use one of: {taken}.", taken=names) if known != (FEED,) else Phrase("Remove the option."),
        )


def _text(content: Content, limits: Limits) -> Iterator[Issue]:
    yield from _length(content.text, limits, "content", Phrase("The text"))
    if found := sorted(set(limits.forbidden_characters) & set(content.text)):
        yield _forbidden("text_forbidden_characters", "content", Phrase("text"), found)
    for rule, what, found_in, most in (
        ("too_many_hashtags", Phrase("hashtags"), _hashtags, limits.max_hashtags),
        ("too_many_mentions", Phrase("mentions"), _mentions, limits.max_mentions),
        ("too_many_links", Phrase("links"), _distinct_links, limits.max_links),
    ):
        count = len(found_in(content)) if most is not None else 0
        if most is not None and count > most:
            yield above(rule, "content", Phrase("The text has {count} {what}", count=count, what=what), most, count)


def _hashtags(content: Content) -> list[Span]:
    return find_hashtags(content.text)


def _mentions(content: Content) -> list[Span]:
    return find_names(content.text)


def _distinct_links(content: Content) -> list[str]:
    links = [span.value for span in find_whole_links(content.text)]
    return list(dict.fromkeys([*links, *filter(None, [content.link])]))


def _length(text: str, limits: Limits, field: str, what: str) -> Iterator[Issue]:
    count = length(text, limits.characters_counted_as)
    if count > limits.max_characters:
        unit = UNITS[limits.characters_counted_as]
        yield above(
            "text_too_long",
            field,
            Phrase("{what} has {count} {unit}", what=what, count=count, unit=unit),
            limits.max_characters,
            count,
        )
    size = len(text.encode())
    if limits.max_text_bytes is not None and size > limits.max_text_bytes:
        yield above(
            "text_too_many_bytes",
            field,
            Phrase("{what} has {size} bytes", what=what, size=size),
            limits.max_text_bytes,
            size,
        )


def _title(content: Content, limits: Limits) -> Iterator[Issue]:
    if limits.title_required and not content.title.strip():
        yield Issue(
            rule="title_required",
            field="title",
            message=Phrase("This network takes no post of this kind without a title."),
            fix=Phrase("Write a title."),
        )
    unit = "utf16_units" if limits.characters_counted_as == "utf16_units" else "unicode_characters"
    count = length(content.title, unit)
    if limits.max_title_characters is not None and count > limits.max_title_characters:
        message = Phrase("The title has {count} characters", count=count)
        yield above("title_too_long", "title", message, limits.max_title_characters, count)
    if found := sorted(set(limits.forbidden_characters) & set(content.title)):
        yield _forbidden("title_forbidden_characters", "title", Phrase("title"), found)


def _forbidden(rule: str, field: str, what: str, found: list[str]) -> Issue:
    shown = both([repr(each) for each in found])
    return Issue(
        rule=rule,
        field=field,
        message=Phrase("The {what} has {shown}, which this network does not take.", what=what, shown=shown),
        actual="".join(found),
        fix=Phrase("Remove {shown}.", shown=shown),
    )


def _presence(content: Content, limits: Limits) -> Iterator[Issue]:
    if content.media:
        return
    if limits.media_required:
        yield Issue(
            rule="media_required",
            field="media",
            message=Phrase("This network takes no post of this kind without a file."),
            fix=Phrase("Add {what}.", what=_what_it_takes(limits)),
        )
    elif limits.text_required_without_media and not content.text.strip() and not content.link:
        yield Issue(
            rule="text_or_media_required",
            field="content",
            message=Phrase("The post is empty."),
            fix=Phrase("Write a text, or add an image."),
        )


def _what_it_takes(limits: Limits) -> str:
    kinds = (
        (Phrase("an image"), limits.max_images),
        (Phrase("a video"), limits.max_videos),
        (Phrase("a document"), limits.max_documents),
    )
    return either([name for name, most in kinds if most])


def _replies(content: Content, limits: Limits) -> Iterator[Issue]:
    """Yield issues of a thread's parts, which have the limits of the first post; comments have a limit of their own."""
    if "thread" not in {option.name for option in limits.options}:
        return
    for position, reply in enumerate(each for each in content.replies if not each.is_comment):
        field = f"options.thread.{position}"
        yield from _length(reply.text, limits, field, Phrase("This part of the thread"))
