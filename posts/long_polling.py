"""Long polling: a request waits for a post by reading it again and again, while a worker publishes it."""

import re
import time

from ouipost.runtime import shutdown, waiting
from posts.models import Post, PostStatus, Target
from posts.paused import held_up

DEFAULT_SECONDS, MAX_SECONDS = 25, 60
LOOK_EVERY_SECONDS = 0.1
UNUSUAL_SECONDS = 1
"""After this long, look whether a pause holds the post up."""
WAIT = re.compile(r"(?:^|,|;)\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|,|;)", re.IGNORECASE)


def preferred_seconds(header: str) -> int:
    """Return the wait that a `Prefer` header asks for: 0 to 60 s, 25 s without one, 0 for `respond-async`."""
    given = WAIT.search(header)
    if given:
        return min(int(given[1]), MAX_SECONDS)
    return 0 if "respond-async" in header.lower() else DEFAULT_SECONDS


def wait_until_settled(pk: str, *, seconds: float) -> None:
    """Block until the post is no longer being published, for at most `seconds`.

    Returns at once if too many requests wait or this process is to end, and soon if a pause holds up all the rest.
    """
    if seconds <= 0:
        return
    with waiting.place() as may_wait:
        now = time.monotonic()
        if not may_wait or _is_settled(pk, by=now + min(seconds, UNUSUAL_SECONDS)) or _is_paused(pk):
            return
        _is_settled(pk, by=now + seconds)


def _is_settled(pk: str, *, by: float) -> bool:
    while _is_publishing(pk):
        if time.monotonic() >= by or shutdown.is_asked_within(LOOK_EVERY_SECONDS):
            return False
    return True


def _is_paused(pk: str) -> bool:
    """Return whether pauses hold up all of the post's targets that are still due."""
    targets = list(Target.objects.filter(post=pk, due_at__isnull=False).select_related("post"))
    return bool(targets) and len(held_up(targets, workspace_id=targets[0].post.workspace_id)) == len(targets)


def _is_publishing(pk: str) -> bool:
    return Post.objects.filter(pk=pk, status=PostStatus.PUBLISHING).exists()
