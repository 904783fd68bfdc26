"""Waiting for a publish: the request only looks, a worker sends."""

import re
import threading
import time

from django.conf import settings

from posts.models import Post, PostStatus

DEFAULT_SECONDS, MAX_SECONDS = 25, 60
LOOK_EVERY_SECONDS = 0.1
WAIT = re.compile(r"(?:^|,|;)\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|,|;)", re.IGNORECASE)

_places = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 4))
"""Waiting requests never hold more than a quarter of the server's threads."""


def preferred_seconds(header: str) -> int:
    """Return how long a `Prefer` header wants to wait, 0 to 60 s; without one 25 s, 0 if asynchronously."""
    given = WAIT.search(header)
    if given:
        return min(int(given[1]), MAX_SECONDS)
    return 0 if "respond-async" in header.lower() else DEFAULT_SECONDS


def wait_until_settled(pk: str, *, seconds: float) -> None:
    """Return when the post is no longer being published, at the latest after `seconds`, at once when too many wait."""
    if seconds <= 0 or not _places.acquire(blocking=False):
        return
    try:
        deadline = time.monotonic() + seconds
        while _is_publishing(pk) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
    finally:
        _places.release()


def _is_publishing(pk: str) -> bool:
    return Post.objects.filter(pk=pk, status=PostStatus.PUBLISHING).exists()
