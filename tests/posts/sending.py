"""Uploads over the API, and what comes back of files."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from posts.models import Post
from tests.conftest import ApiClient


def fetch(url: str, method: str = "GET", **headers: str) -> Any:
    parts = urlsplit(url)
    return Client(enforce_csrf_checks=True).generic(method, f"{parts.path}?{parts.query}", headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def upload(api: ApiClient, post: Post, content: bytes, **values: str) -> Any:
    form = {"file": SimpleUploadedFile("bread.jpg", content, content_type="image/jpeg")} | values
    return api.client.post(f"/api/posts/{post.pk}/media", form, headers=api.headers)


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def stored_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
