"""The tables of docs/networks.md, made of what the networks state of themselves.

`python -m tests.networks.tables` writes them anew.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from accounts import platforms
from accounts.platforms.base import Connector, Platform
from accounts.platforms.limits import Limits, Option
from accounts.platforms.shapes import App

PAGE = Path(__file__).resolve().parents[2] / "docs" / "networks.md"
COMMAND = "python -m tests.networks.tables"
NETWORKS = tuple(network(App()) for network in platforms.ALL)
YES, NO = "yes", "-"
JPEG, GIF = "image/jpeg", "image/gif"
UNITS = {
    "unicode_characters": "characters",
    "utf16_units": "UTF-16 units",
    "utf8_bytes": "bytes of UTF-8",
    "graphemes": "graphemes",
    "x_weighted": "by X's weights",
    "emoji_as_bytes": "characters, an emoji by its bytes",
}

Row = Sequence[str]


def rewritten(page: str) -> str:
    """Return the page with all its tables as they are to be; raises ValueError where it has no place for one."""
    for name, make in BLOCKS.items():
        before, opening, rest = page.partition(f"<!-- {name} -->")
        _, closing, after = rest.partition(f"<!-- /{name} -->")
        if not closing:
            raise ValueError(f"The page has no place for the block {name}.")
        page = f"{before}{opening}\n\n{make()}\n\n{closing}{after}"
    return page


def kinds() -> str:
    """Return what can be posted where, and what is read of it afterwards."""
    rows = [[name, *(told(network) for network in NETWORKS)] for name, told in KINDS.items()]
    heads = ["Network", "Accounts", "API version", "Pace of an account", "Fetches from us", "Numbers of a post"]
    tables = [table(["", *(network.name for network in NETWORKS)], rows), table(heads, map(_in_general, NETWORKS))]
    return "\n\n".join(tables)


def limits() -> str:
    """Return what each network takes in posts of each type."""
    types = [(network, kind, network.limits_of(kind)) for network in NETWORKS for kind in network.post_types]
    parts = [
        (f"### {title}", table(["Network", "`post_type`", *columns], _rows(types, make)))
        for title, columns, make in SECTIONS
    ]
    options = [row for network in NETWORKS for row in _options(network)]
    heads = ["Network", "Option", "Kind", "Values", "Required", "`post_type`"]
    return "\n\n".join(each for part in [*parts, ("### Options", table(heads, options))] for each in part)


def table(heads: Row, rows: Iterable[Row]) -> str:
    """Return a table as Markdown writes it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows(types: Iterable[tuple[Platform, str, Limits]], make: Callable[[Limits], Row]) -> Iterator[Row]:
    """Give a row for each type that has something to say here."""
    for network, kind, limits in types:
        if row := make(limits):
            yield [network.name, f"`{kind}`", *row]


def _in_general(network: Platform) -> Row:
    fetched = network.pulls_media if isinstance(network, Connector) else ()
    pace = network.pace
    return [
        network.name,
        ", ".join(network.account_types),
        network.default_version or NO,
        f"{pace.most:,} posts in {_time(pace.seconds)}" if pace else NO,
        ", ".join(f"{kind}s" for kind in fetched) or NO,
        ", ".join(network.metrics),
    ]


def _time(seconds: int) -> str:
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return f"a{'n' if name == 'hour' else ''} {name}" if count == 1 else f"{count} {name}s"
    return f"{seconds} seconds"


def _all_limits(network: Platform) -> list[Limits]:
    return [network.limits_of(kind) for kind in network.post_types]


def _most(network: Platform, count: Callable[[Limits], int]) -> int:
    return max(map(count, _all_limits(network)))


def _yes(is_so: bool) -> str:
    return YES if is_so else NO


def _up_to(count: int) -> str:
    return f"up to {count}" if count > 1 else NO


def _link(network: Platform) -> str:
    """Where a link stands that is no part of the text."""
    if isinstance(network, Connector):
        beside_text = network.link_beside_text and not network.limits.media_required
        if beside_text or network.link_beside_files:
            return YES
    return "option `link`" if "link" in network.option_kinds() else "in the text"


def _animated(network: Platform) -> str:
    types = {each for limits in _all_limits(network) for each in limits.image_mime_types}
    return YES if GIF in types else "its first frame" if JPEG in types else NO


def _of_type(kind: str) -> Callable[[Platform], str]:
    return lambda network: _yes(kind in network.post_types)


def _has_option(name: str) -> Callable[[Platform], str]:
    return lambda network: _yes(name in network.option_kinds())


def _reads(*calls: str) -> Callable[[Platform], str]:
    """Whether a network has one of these calls of its own."""
    return lambda network: _yes(any(getattr(type(network), call) is not getattr(Connector, call) for call in calls))


def _alt_text(network: Platform) -> str:
    known = [each.max_alt_text_characters for each in _all_limits(network) if each.max_alt_text_characters]
    return f"{max(known):,} characters" if known else "see below"


KINDS: dict[str, Callable[[Platform], str]] = {
    "text alone": lambda network: _yes(not network.limits.media_required),
    "link card": _link,
    "one image": lambda network: _yes(_most(network, lambda limits: limits.max_images) > 0),
    "several images": lambda network: _up_to(_most(network, lambda limits: limits.max_images)),
    "GIF that moves": _animated,
    "video": lambda network: _yes(_most(network, lambda limits: limits.max_videos) > 0),
    "several videos": lambda network: _up_to(_most(network, lambda limits: limits.max_videos)),
    "images with videos": lambda network: _yes(any(each.mixes_images_and_videos for each in _all_limits(network))),
    "story": _of_type("story"),
    "reel": _of_type("reel"),
    "short": _of_type("short"),
    "document": lambda network: _yes(_most(network, lambda limits: limits.max_documents) > 0),
    "thread": _has_option("thread"),
    "first comment": _has_option("first_comment"),
    "alt text": _alt_text,
    "numbers of posts": _reads("post_metrics", "numbers_of"),
    "numbers of accounts": _reads("account_metrics"),
}


def _text(limits: Limits) -> Row:
    title = f"{limits.max_title_characters:,}" if limits.max_title_characters else NO
    return [
        f"{limits.max_characters:,} {UNITS[limits.characters_counted_as]}",
        f"{title}{', required' if limits.title_required else ''}",
        "; ".join(_text_rules(limits)) or NO,
    ]


def _text_rules(limits: Limits) -> Iterator[str]:
    if limits.max_photo_post_characters:
        yield f"a text of {limits.max_photo_post_characters:,} with images alone"
    if limits.media_required:
        yield "needs a file"
    if limits.max_text_bytes is not None:
        yield f"{limits.max_text_bytes:,} bytes"
    for what in ("hashtags", "mentions", "links"):
        if (most := getattr(limits, f"max_{what}")) is not None:
            yield f"{most} {what}"
    if limits.forbidden_characters:
        yield f"no {' '.join(f'`{each}`' for each in limits.forbidden_characters)}"
    if limits.max_media is not None:
        yield f"{limits.max_media} file{'s' if limits.max_media > 1 else ''} in all"


def _images(limits: Limits) -> Row:
    if not limits.max_images:
        return []
    sides = [limits.max_image_side_pixels, limits.max_image_short_side_pixels]
    pixels = f"{limits.max_image_pixels:,} in all" if limits.max_image_pixels else "any"
    alone = ", one that moves alone" if limits.animated_image_alone else ""
    return [
        f"{limits.max_images}{alone}",
        _formats(limits.image_mime_types),
        _size(limits.max_image_bytes),
        _between(limits.min_image_ratio, limits.max_image_ratio),
        " by ".join(f"{side:,}" for side in sides if side) or pixels,
        f"{limits.max_alt_text_characters:,}" if limits.max_alt_text_characters else NO,
    ]


def _videos(limits: Limits) -> Row:
    if not limits.max_videos:
        return []
    return [
        str(limits.max_videos),
        _formats(limits.video_mime_types),
        _size(limits.max_video_bytes, least=limits.min_video_bytes),
        _between(limits.min_video_duration_seconds, limits.max_video_duration_seconds),
        _between(limits.min_video_ratio, limits.max_video_ratio),
        _between(limits.min_video_side_pixels, limits.max_video_side_pixels),
        _between(limits.min_video_fps, limits.max_video_fps),
        ", ".join(filter(None, (*limits.video_codecs, *limits.audio_codecs, *_sound(limits), limits.video_chroma)))
        or "any",
    ]


def _sound(limits: Limits) -> Iterator[str]:
    if limits.max_audio_hertz:
        yield f"up to {limits.max_audio_hertz // 1000} kHz"
    if limits.max_audio_channels:
        yield f"{limits.max_audio_channels} audio channels"


def _documents(limits: Limits) -> Row:
    if not limits.max_documents:
        return []
    pages = f"{limits.max_document_pages:,}" if limits.max_document_pages else NO
    return [
        str(limits.max_documents),
        _formats(limits.document_mime_types),
        _size(limits.max_document_bytes),
        pages,
    ]


SECTIONS: tuple[tuple[str, Row, Callable[[Limits], Row]], ...] = (
    ("Text", ("Text", "Title, in characters", "Besides"), _text),
    ("Images", ("How many", "Formats", "Size", "Width by height", "Pixels", "Alt text, in characters"), _images),
    ("Videos", ("How many", "Formats", "Size", "Seconds", "Width by height", "Pixels", "Frames a second", "Codecs"),
     _videos),
    ("Documents", ("How many", "Formats", "Size", "Pages"), _documents),
)  # fmt: skip


def _formats(types: Iterable[str]) -> str:
    return ", ".join(NAMES.get(each, each.partition("/")[2].upper()) for each in types) or "any"


NAMES = {
    "video/quicktime": "MOV",
    "image/webp": "WebP",
    "video/webm": "WebM",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "DOCX",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PPTX",
}


def _size(most: int | None, *, least: int | None = None) -> str:
    if most is None:
        return "any"
    told = f"{least / 1e3:.4g} KB to " if least else ""
    return told + (f"{most / 1e9:.4g} GB" if most >= 1e9 else f"{most / 1e6:.4g} MB")


def _between(least: float | None, most: float | None) -> str:
    match least, most:
        case None, None:
            return "any"
        case None, _:
            return f"up to {_number(most)}"
        case _, None:
            return f"from {_number(least)}"
    return f"{_number(least)} to {_number(most)}"


def _number(value: float | None) -> str:
    return f"{round(value or 0, 4):,}"


def _options(network: Platform) -> Iterator[Row]:
    """Give a row for each option of a network, with the types of posts that take it."""
    if len(network.post_types) > 1:
        yield [network.name, "`post_type`", "text", _code(network.post_types), NO, "all"]
    types: dict[Option, list[str]] = {}
    for kind in network.post_types:
        for option in network.limits_of(kind).options:
            types.setdefault(option, []).append(kind)
    for option, taking in types.items():
        kinds = "all" if len(taking) == len(network.post_types) else _code(taking)
        yield [network.name, f"`{option.name}`", option.kind, _values(option), _yes(option.required), kinds]


def _values(option: Option) -> str:
    told = [_code(option.choices)] if option.choices else []
    told += [f"one of the account's {option.choices_from}"] if option.choices_from else []
    told += [f"{option.max_characters:,} characters"] if option.max_characters else []
    told += [f"{option.max_items} entries"] if option.max_items else []
    return ", ".join(told) or "any"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


BLOCKS = {"kinds": kinds, "limits": limits}


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
