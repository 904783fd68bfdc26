"""What a file is, by its first bytes; its name and its declared type have no say."""

import re

HEAD_BYTES = 4096

IMAGE_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
"""Pillow's names of the formats that are taken, and the types under which they are served."""

IMAGES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
OTHERS = {
    "video": re.compile(rb".{4}ftyp(iso|mp4|avc|M4V|qt|dash|mmp4|MSNV)|\x1aE\xdf\xa3.{0,64}webm", re.DOTALL),
    "document": re.compile(rb"%PDF-|PK\x03\x04.{0,4000}(\[Content_Types\]\.xml|word/|ppt/)", re.DOTALL),
}


def image_format(head: bytes) -> str:
    """Return the format of the image that starts with these bytes, or an empty string."""
    return _first_match(IMAGES, head)


def other_kind(head: bytes) -> str:
    """Return `video` or `document` for a file of those kinds, or an empty string."""
    return _first_match(OTHERS, head)


def _first_match(patterns: dict[str, re.Pattern[bytes]], head: bytes) -> str:
    return next((name for name, pattern in patterns.items() if pattern.match(head)), "")
