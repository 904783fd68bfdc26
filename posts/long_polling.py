"""Long polling: a request waits for a post to be published by only looking again; a worker sends."""

import re
import threading
import time

from django.conf import settings

from ouipost.runtime import shutdown
from posts.models import Post, PostStatus, Target
from posts.paused import held_up

DEFAULT_SECONDS, MAX_SECONDS = 25, 60
LOOK_EVERY_SECONDS = 0.1
UNUSUAL_SECONDS = 1
"""What is not out by then may be paused."""
WAIT = re.compile(r"(?:^|,|;)\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|,|;)", re.IGNORECASE)

_places = threading.BoundedSemaphore(settings.WEB_THREADS // 4)
"""Waiting requests never hold more than a quarter of the server's threads: none of fewer than four."""


def preferred_seconds(header: str) -> int:
    """Return how long a `Prefer` header wants to wait, 0 to 60 s; without one 25 s, 0 if asynchronously."""
    given = WAIT.search(header)
    if given:
        return min(int(given[1]), MAX_SECONDS)
    return 0 if "respond-async" in header.lower() else DEFAULT_SECONDS


def wait_until_settled(pk: str, *, seconds: float) -> None:
    """Return when the post is no longer being published, at the latest after `seconds`.

    At once when too many wait or this process is to end, and soon when all that is left of it is paused.
    """
    if seconds <= 0 or not _places.acquire(blocking=False):
        return
    try:
        now = time.monotonic()
        if _is_settled(pk, by=now + min(seconds, UNUSUAL_SECONDS)) or _is_paused(pk):
            return
        _is_settled(pk, by=now + seconds)
    finally:
        _places.release()


def _is_settled(pk: str, *, by: float) -> bool:
    while _is_publishing(pk):
        if time.monotonic() >= by or shutdown.is_asked_within(LOOK_EVERY_SECONDS):
            return False
    return True


def _is_paused(pk: str) -> bool:
    """Whether nothing more can come of the post before an operator ends a pause."""
    targets = list(Target.objects.filter(post=pk, due_at__isnull=False).select_related("post"))
    return bool(targets) and len(held_up(targets, workspace_id=targets[0].post.workspace_id)) == len(targets)


def _is_publishing(pk: str) -> bool:
    return Post.objects.filter(pk=pk, status=PostStatus.PUBLISHING).exists()
