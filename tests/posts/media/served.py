"""What is stored of files, and what is answered at their addresses."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client


def fetch(url: str, method: str = "GET", **headers: str) -> Any:
    parts = urlsplit(url)
    return Client(enforce_csrf_checks=True).generic(method, f"{parts.path}?{parts.query}", headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def stored_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
