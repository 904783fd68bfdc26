"""Sweep stored files that no row names, unless they may be of another state of the database, or of another database."""

import logging
from collections.abc import Callable
from datetime import datetime

from adminapi.models import Mark
from adminapi.processes import restored
from posts.media import files

logger = logging.getLogger(__name__)


def sweep(now: datetime, *, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Do `files.sweep`; nothing is removed for a while after a restore, or in a new database.

    What is older than the database is never removed, unless an operator has had it released. Raises StorageUnavailable.
    """
    restored.pause_if_restored()  # the next heartbeat is seconds away, and what is removed by then is gone
    mark = Mark.objects.get(pk=1)
    keeps_all = mark.files_kept_until is not None and mark.files_kept_until > now
    if keeps_all:
        logger.info("No stored file is removed before %s: the database may be a copy, or new", mark.files_kept_until)
    oldest = now - mark.files_since if mark.files_since else None
    return files.sweep(now, keeps_all=keeps_all, oldest=oldest, is_ending=is_ending)


def release() -> None:
    """Let the next sweep remove all that no row names. A pause for a restored copy keeps everything nevertheless."""
    Mark.objects.update(files_kept_until=None, files_since=None)
