"""Recognize a file by its first bytes; its name and its declared type are ignored."""

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
VIDEO_TYPES = {
    "video/quicktime": re.compile(rb".{4}(ftypqt  |moov|mdat|wide|free|skip)", re.DOTALL),
    "video/mp4": re.compile(
        rb".{4}ftyp(iso|mp4|avc|M4V|dash|cmf|mmp4|MSNV|XAVC|f4v|3gp|3g2|hvc|hev|av01|CAEP|caqv|niko|pana)", re.DOTALL
    ),
    "video/webm": re.compile(rb"\x1aE\xdf\xa3.{0,64}webm", re.DOTALL),
}
"""Early QuickTime files have no `ftyp`; cameras often write the name of their maker there."""
DOCUMENT_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
DOCUMENTS = {
    "pdf": re.compile(rb"%PDF-"),
    "docx": re.compile(rb"PK\x03\x04.{0,4000}word/", re.DOTALL),
    "pptx": re.compile(rb"PK\x03\x04.{0,4000}ppt/", re.DOTALL),
}


def image_format(head: bytes) -> str:
    """Return the format of the image that starts with these bytes, or an empty string."""
    return _first_match(IMAGES, head)


def video_type(head: bytes) -> str:
    """Return the type of the video that starts with these bytes, or an empty string."""
    return _first_match(VIDEO_TYPES, head)


def document_kind(head: bytes) -> str:
    """Return `pdf`, `docx` or `pptx` for a file that starts as these do, or an empty string."""
    return _first_match(DOCUMENTS, head)


def _first_match(patterns: dict[str, re.Pattern[bytes]], head: bytes) -> str:
    return next((name for name, pattern in patterns.items() if pattern.match(head)), "")
