"""Notice that the database was restored from a copy, and pause everything before anything is published again.

Every ten seconds each process with heartbeats writes the time into the database, and then the same time into a file on
its machine. So the file is never ahead, unless the database has gone back. A machine without the file cannot notice
that and advances the database's time. It stores the skipped gap, by which a machine whose file names a time within it
notices later. A clock that was ahead and is right again is behind the written time until it has caught up. That time
advances nevertheless, and the database also keeps what the clock showed.
"""

import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import Error, connections, transaction

from accounts import pauses
from accounts.models import AFTER_RESTORE, Pause, PauseScope
from adminapi import keyring
from adminapi.management.unusable import remedy
from adminapi.models import Gap, Mark
from ouipost import folders
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM
from ouipost.phrases import Phrase
from posts import pausing
from posts.models import Target
from posts.operating import restoring

logger = logging.getLogger(__name__)

GAP = timedelta(seconds=30)
"""Marks that are further apart leave a gap: while any worker runs, the next mark comes sooner."""
FILES_KEPT, FILES_KEPT_IN_DOUBT, FILES_KEPT_AT_FIRST = timedelta(days=7), timedelta(hours=1), timedelta(days=1)
"""For how long no stored file is swept: after a restore, after a gap, as another machine may yet notice that it was a
restore, and in a new database, as it may be the wrong one for these files."""
STEP = timedelta(microseconds=1)
GAPS_KEPT = timedelta(days=90)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
AGAIN_SECONDS = 1.0
TELL_SECONDS = 60


def check_first(is_ending: Callable[[], bool] = lambda: False) -> None:
    """Call `pause_if_restored` before this process begins any work; waits for a database that is away or not migrated.

    Ends the process if TOKEN_KEYS does not decrypt the stored secrets, as this may be another installation's database.
    Returns without having checked only if the process is ending.
    """
    told: dict[str, float] = {}
    while not is_ending():
        try:
            keyring.examine()
            pause_if_restored()
        except Error as error:
            _tell(remedy(error) or str(error), told)
        else:
            return
        connections.close_all()  # a connection to a replaced SQLite file would keep reading the old one
        time.sleep(AGAIN_SECONDS)


def _tell(why: str, told: dict[str, float]) -> None:
    """Log why nothing begins: at once, and again every minute, as whoever looks later sees only the last lines."""
    now = time.monotonic()
    if now - told.get(why, -math.inf) >= TELL_SECONDS:
        logger.warning("Nothing begins before the database says whether it was restored from a copy. %s", why)
        told[why] = now


def pause_if_restored() -> Pause | None:
    """Note the time that the database has reached; if it has gone back, pause everything and return the pause."""
    pause, mark = _compare()
    _note(mark)
    return pause


@transaction.atomic
def _compare() -> tuple[Pause | None, Mark]:
    """Advance the database's mark; returns it, to be noted once this is committed, and the pause of a copy."""
    first = database_now()
    begun = {"at": first, "files_since": first, "files_kept_until": first + FILES_KEPT_AT_FIRST}
    Mark.objects.get_or_create(pk=1, defaults=begun)
    mark = Mark.objects.select_for_update().get(pk=1)
    now = database_now()  # not before: while this one waited, another may have advanced it
    noted = _noted(mark.database)
    copied_at = _went_back_to(mark, noted) if noted else None
    reached = max(_advanced(mark, now=now), noted or mark.at)
    if not copied_at and reached - mark.at > GAP:
        _keep_gap(mark, until=reached, now=now)
    mark.at, mark.written_at = reached, now
    mark.copied_at = _least_known(mark, copied_at if copied_at and copied_at <= now else None)
    if copied_at or pauses.is_after_restore():
        mark.keep_files(until=now + FILES_KEPT)
    mark.save()
    if copied_at and Target.objects.filter(due_at__isnull=False).exists():
        return _pause(mark.copied_at or copied_at, now=now), mark
    return None, mark


def _advanced(mark: Mark, *, now: datetime) -> datetime:
    """Return the next mark, which is later than the last one, whatever the clock shows.

    While the clock is behind the mark, this advances as little as possible, so that the clock catches up. Only a time
    without marks is added in full: if this is a copy, no file names a later time than that.
    """
    elapsed = now - mark.clock
    return max(now, mark.at + (elapsed if elapsed > GAP else STEP))


def _went_back_to(mark: Mark, noted: datetime) -> datetime | None:
    """Return what the clock showed when the copy was made that the database went back to; None if it did not go back.

    Example: this machine noted 12:10, and the database was restored from a copy of 12:00. Then a machine without a file
    advanced it to 12:30 and stored the gap from 12:00 to 12:30. As 12:10 lies in the gap, the database went back to
    12:00. The gap is then deleted, so that machines that check later do not pause everything once more.
    """
    if mark.at < noted:
        return mark.clock
    gap = Gap.objects.filter(since__lt=noted, until__gt=noted).first()
    if gap is None:
        return None
    gap.delete()
    return gap.began_at or gap.since


def _least_known(mark: Mark, copied_at: datetime | None) -> datetime | None:
    """Return the time since which a copy lacks publications; None if no restore was noticed, or it is settled.

    A copy that was made while everything was paused for an earlier copy lacks those since that earlier copy, too.
    """
    earlier = mark.copied_at if pauses.is_after_restore() else None
    return min((at for at in (earlier, copied_at) if at), default=None)


@transaction.atomic
def forget_settled() -> None:
    """Forget when an earlier copy was made, unless everything is still paused for it.

    A worker's next mark does that, too, but somebody may pause everything for a later copy before it comes.
    """
    for mark in Mark.objects.select_for_update():
        mark.copied_at = _least_known(mark, None)
        mark.save(update_fields=["copied_at"])


def _keep_gap(mark: Mark, *, until: datetime, now: datetime) -> None:
    Gap.objects.filter(until__lt=until - GAPS_KEPT).delete()
    Gap.objects.create(since=mark.at, until=until, began_at=mark.clock)
    mark.keep_files(until=now + FILES_KEPT_IN_DOUBT)


def _pause(copied_at: datetime, *, now: datetime) -> Pause:
    logger.error("The database was restored from a copy: everything is paused")
    reason = Phrase(
        "The database was restored from a copy of {moment}, and does not know what was published since. Before this "
        "pause is ended, do again what people deleted, edited, disconnected or revoked since, as "
        "docs/operations/backup.md says; then run `{command}`.",
        moment=f"{copied_at:%Y-%m-%d %H:%M:%S} UTC",
        command=AFTER_RESTORE,
    )
    return pausing.pause(PauseScope.ALL, reason=reason, actor=SYSTEM, now=now, after_restore=True)


def copied_at() -> datetime | None:
    """Return when the copy was made for which everything is paused; None if it is not, if nobody noticed it, or if the
    clock was ahead when the copy was made, and is right again."""
    mark = Mark.objects.filter(pk=1).first()
    return _least_known(mark, None) if mark else None


def unasked() -> int:
    """Return the number of targets still to be asked about while everything is paused for a restored copy, else 0.

    If only the operator noticed the restore, the age of the copy is unknown, and all due targets count.
    """
    if not pauses.is_after_restore():
        return 0
    return restoring.overdue(database_now(), since=copied_at() or LONG_AGO).count()


def path(database: str) -> Path:
    """Return the file with the time that this database had reached; it must not be part of a backup."""
    return Path(settings.OUIPOST_HOME) / f"{database}.mark"


def unreadable() -> dict[Path, str]:
    """Return why files with such times cannot be read on this machine, for each."""
    found = {}
    for file in sorted(Path(settings.OUIPOST_HOME).glob("*.mark")):
        try:
            _read(file)
        except (OSError, ValueError) as error:
            found[file] = str(error)
    return found


def _noted(database: str) -> datetime | None:
    file = path(database)
    try:
        return _read(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read, so whether the database was restored is not known here: %s", file, error)
        return None


def _read(file: Path) -> datetime:
    noted = datetime.fromisoformat(file.read_text())
    if noted.tzinfo is None:
        raise ValueError(f"There is no time zone: {noted.isoformat()}")
    return noted


def _note(mark: Mark) -> None:
    """Write the file; a machine that keeps no files notices no restore."""
    try:
        folders.replace_file(path(mark.database), mark.at.isoformat())
    except OSError as error:
        logger.warning("A restore of the database would not be noticed: how far it is could not be noted: %s", error)
