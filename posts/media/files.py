"""The files of a post: rows, bytes, and the flat copy on the post that lists read."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.db import Error, transaction
from django.db.models import Max
from django.shortcuts import get_object_or_404

from accounts import pauses
from accounts.models import SocialAccount
from accounts.platforms import shapes
from ouipost.db.rows import assign
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import Actor, record, save_update
from ouipost.ids import new_id
from ouipost.phrases import Phrase
from posts import counts, rules
from posts.media import storage
from posts.media.intake import Processed
from posts.media.signing import signed_url
from posts.models import LAST_POSITION, Media, MediaType, Post, PostStatus, Target

logger = logging.getLogger(__name__)

MOST_TOLD = 100
NOT_OUT = [status for status in PostStatus if status != PostStatus.PUBLISHED]
"""The statuses of a post that may still be sent, at least by a retry, to one of its accounts."""


class MediaInUse(DomainError):
    code = "MEDIA_IN_USE"
    status = 409
    message = Phrase("Media can be added, changed or removed only while the post is a draft or scheduled.")


class StorageLimitReached(DomainError):
    code = "STORAGE_LIMIT_REACHED"
    status = 413
    message = Phrase("The installation's storage is full: remove media, or ask the operator for more.")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A processed file whose bytes are stored, but which has no row yet."""

    file: Processed
    filename: str
    name: str
    thumbnail_name: str


def require_open(post: Post) -> None:
    """Raise MediaInUse unless the files of the post may be changed."""
    if not post.is_editable:
        raise MediaInUse(status=post.status)


def require_place(post: Post) -> None:
    """Raise MediaInUse or InvalidInput unless the post takes another file."""
    require_open(post)
    most = settings.POST_MAX_FILES
    if post.files.count() >= most:
        raise InvalidInput(file=[Phrase("A post takes at most {most} files.", most=most)])


def keep(file: Processed, *, filename: str) -> Stored:
    """Store the bytes, before the transaction that creates the row.

    Raises StorageLimitReached, and StorageUnavailable; then nothing is kept.
    """
    _require_room(file.size)
    name, thumbnail = storage.new_names(file.mime_type, file.thumbnail_mime_type)
    storage.store(file.path, name)
    if file.thumbnail_path:
        try:
            storage.store(file.thumbnail_path, thumbnail)
        except BaseException:
            storage.remove(name)
            raise
    return Stored(file=file, filename=filename, name=name, thumbnail_name=thumbnail)


def _require_room(more: int = 0) -> None:
    if counts.bytes_used() + more > settings.STORAGE_LIMIT_MB * 1_000_000:
        raise StorageLimitReached(limit_bytes=settings.STORAGE_LIMIT_MB * 1_000_000)


def discard_unused(stored: Stored) -> None:
    """Remove the bytes of an upload that got no row.

    If the answer to the commit was lost, the server may still be committing; the locking read waits for that. If the
    database cannot tell, they are left to the sweep: what came of the upload is answered all the same.
    """
    try:
        with transaction.atomic():
            rows = list(Media.objects.select_for_update().filter(stored_name=stored.name).values_list("pk"))
    except Error:
        logger.warning("Stored file %s was left to the sweep, with or without a row", stored.name, exc_info=True)
        return
    if not rows:
        storage.remove(stored.name, stored.thumbnail_name)


@transaction.atomic
def attach(post: Post, stored: Stored, *, alt_text: str, actor: Actor, pk: str = "") -> Media:
    """Add a stored file to a draft or scheduled post, as its last file; return the present one if it has this id.

    Raises PostNotPublishable if the file keeps a scheduled post from going out, and StorageLimitReached if others took
    the room since the bytes were stored.
    """
    locked = _lock(post)
    if pk and (present := locked.files.filter(pk=pk).first()):
        return present
    require_place(locked)
    before = _of_scheduled(locked)
    last = locked.files.aggregate(last=Max("position"))["last"] or 0
    media = Media.objects.create(
        pk=pk or new_id("media"),
        post=locked,
        type=stored.file.type,
        filename=stored.filename,
        size=stored.file.size,
        mime_type=stored.file.mime_type,
        width=stored.file.width,
        height=stored.file.height,
        facts=stored.file.facts,
        stored_name=stored.name,
        thumbnail_name=stored.thumbnail_name,
        alt_text=alt_text,
        position=min(last + 1, LAST_POSITION),
    )
    _copy_to(locked)
    _check(locked, before)
    record("added", media, actor=actor, workspace_id=locked.workspace_id, post=locked.pk, filename=media.filename)
    counts.add_bytes(locked.workspace_id, media.size)
    _require_room()
    return media


@transaction.atomic
def update(media: Media, *, values: dict[str, Any], actor: Actor, more_follows: bool = False) -> Media:
    """Change alt text or position; files with the same position keep the order of their upload.

    Raises PostNotPublishable if that keeps a scheduled post from going out. With `more_follows` the caller makes
    further changes in the same transaction, and checks the result itself.
    """
    locked = _lock(media.post)
    files_before = _of_scheduled(locked)
    changed = get_object_or_404(Media, pk=media.pk)
    before = assign(changed, values)
    if save_update(changed, before, actor=actor, workspace_id=locked.workspace_id):
        _copy_to(locked)
        if not more_follows:
            _check(locked, files_before)
    return changed


@transaction.atomic
def delete(media: Media, *, actor: Actor, more_follows: bool = False) -> None:
    """Remove a file of a draft or scheduled post, row and bytes.

    Raises PostNotPublishable if that keeps a scheduled post from going out. With `more_follows` the caller makes
    further changes in the same transaction, and checks the result itself.
    """
    locked = _lock(media.post)
    before = _of_scheduled(locked)
    if not Media.objects.filter(pk=media.pk).delete()[0]:
        return  # another call was first
    _remove_bytes([media])
    _copy_to(locked)
    if not more_follows:
        _check(locked, before)
    record("deleted", media, actor=actor, workspace_id=locked.workspace_id, post=locked.pk, filename=media.filename)
    counts.add_bytes(locked.workspace_id, -media.size)


def remove_all(post: Post) -> int:
    """Remove the files of a post that is being deleted, after the commit; returns the number of bytes freed."""
    rows = list(post.files.all())
    _remove_bytes(rows)
    return sum(media.size for media in rows)


def as_content(post: Post) -> list[shapes.Media]:
    """Return the files as connectors take them, in the order of the post."""
    return as_contents([post])[post.pk]


def as_contents(posts: Iterable[Post]) -> dict[str, list[shapes.Media]]:
    """Return the files of each of these posts as connectors take them, in the order of the post."""
    contents: dict[str, list[shapes.Media]] = {post.pk: [] for post in posts}
    for media in Media.objects.filter(post__in=contents).order_by("position", "pk"):
        contents[media.post_id].append(_as_content(media))
    return contents


def read_with(post: Post) -> list[shapes.Media]:
    """Return the same as `as_content`, but without a query if the post's `files` are prefetched."""
    return [_as_content(each) for each in sorted(post.files.all(), key=lambda media: (media.position, media.pk))]


def _as_content(media: Media) -> shapes.Media:
    return shapes.Media(
        id=media.pk,
        type=media.type,
        mime_type=media.mime_type,
        size=media.size,
        width=media.width or 0,
        height=media.height or 0,
        seconds=media.facts.get("seconds") or 0,
        fps=media.facts.get("fps") or 0,
        video_codec=media.facts.get("video_codec") or "",
        audio_codec=media.facts.get("audio_codec") or "",
        sample_rate=media.facts.get("sample_rate") or 0,
        channels=media.facts.get("channels") or 0,
        chroma=media.facts.get("chroma") or "",
        pages=media.facts.get("pages") or 0,
        frames=media.facts.get("frames") or 1,
        alt_text=media.alt_text,
        filename=media.filename,
        open=partial(_open, media.stored_name, media.size),
        pull_url=partial(_pull_url, media.stored_name, media.size),
    )


def _open(name: str, size: int) -> BinaryIO:
    """Open a file to send it; one that is missing, or there in part, may come back, as from a backup."""
    try:
        file = storage.open_stored(name)
    except FileNotFoundError as error:
        raise _missing(name) from error
    if file.size != size:
        file.close()
        raise _missing(name)
    return cast("BinaryIO", file)


def _pull_url(name: str, size: int) -> str:
    """Return the address where a network fetches a file, which must be whole: networks may drop a post without a
    reason. Raises StorageUnavailable.
    """
    try:
        there = storage.size_of(name)
    except FileNotFoundError as error:
        raise _missing(name) from error
    if there != size:
        raise _missing(name)
    return signed_url(name, seconds=settings.MEDIA_PULL_URL_SECONDS)


def _missing(name: str) -> storage.StorageUnavailable:
    return storage.StorageUnavailable(reason=f"{name} is not there, or not whole.")


def sweep(
    now: datetime,
    *,
    keeps_all: bool = False,
    oldest: timedelta | None = None,
    is_ending: Callable[[], bool] = lambda: False,
) -> int:
    """Remove stored files without a row, an hour after they came, and log rows whose file is missing.

    Returns the number of removed files; once `is_ending`, the rest is left to the next sweep. Files older than `oldest`
    are left alone. Nothing is removed if it `keeps_all`, or while everything is paused for a restored copy: if it was
    the wrong copy, the right one still needs its files. Raises StorageUnavailable.
    """
    removed = 0
    if not keeps_all and not pauses.is_after_restore():
        removed = storage.sweep_orphans(_known, oldest=oldest, is_ending=is_ending)
    _log_lost(now - storage.YOUNG, is_ending)
    return removed


def _log_lost(before: datetime, is_ending: Callable[[], bool]) -> None:
    """Log files that are older than this, may still go out, if only by a retry, and are no longer in the storage."""
    open_ones = Media.objects.filter(post__status__in=NOT_OUT, created_at__lt=before).order_by("stored_name")
    names = open_ones.values_list("stored_name", flat=True).iterator()
    missed = list(islice(storage.absent(names, is_ending=is_ending), MOST_TOLD))
    gone = [name for name in missed if not storage.exists(name)]  # the others were stored or deleted while we looked
    lost = dict(open_ones.filter(stored_name__in=gone).values_list("stored_name", "post_id"))
    if lost:
        told = ", ".join(f"{name} of {post}" for name, post in lost.items())
        logger.error("%s files of posts are not in the storage; bring them back from a backup: %s", len(lost), told)


def _known(names: list[str]) -> set[str]:
    """Return the names that some row has; each column has an index of its own."""
    files = Media.objects.filter(stored_name__in=names).values_list("stored_name", flat=True)
    thumbnails = Media.objects.filter(thumbnail_name__in=names).values_list("thumbnail_name", flat=True)
    return {*files, *thumbnails}


def _lock(post: Post) -> Post:
    locked = get_object_or_404(Post.objects.select_for_update(), pk=post.pk)
    require_open(locked)
    return locked


def _of_scheduled(post: Post) -> list[shapes.Media]:
    """Return the files of a scheduled post before a change; a draft needs no comparison."""
    return as_content(post) if post.status == PostStatus.SCHEDULED else []


def _check(post: Post, before: Sequence[shapes.Media]) -> None:
    """Raise PostNotPublishable if a scheduled post could go out with the previous files, and cannot with these.

    See `rules.check_change`.
    """
    if post.status != PostStatus.SCHEDULED:
        return
    targets = Target.objects.active().filter(post=post)
    rows = SocialAccount.objects.filter(pk__in=targets.values("account")).select_related("workspace")
    accounts = list(rows.order_by("pk"))
    was = rules.Before(post=post, media=before, accounts=[account.pk for account in accounts])
    rules.check_change(post, accounts, as_content(post), before=was)


def _copy_to(post: Post) -> None:
    """Copy to the post the facts of its files that lists show; addresses are signed when they are shown."""
    post.media = [
        {"id": media.pk, "type": media.type, "name": media.stored_name, "thumbnail": media.thumbnail_name}
        for media in Media.objects.filter(post=post).order_by("position", "pk")
    ]
    post.save(update_fields=["media", "updated_at"])
    Target.objects.filter(post=post).forget()


def _remove_bytes(rows: list[Media]) -> None:
    names = [name for media in rows for name in (media.stored_name, media.thumbnail_name) if name]
    images = [media.pk for media in rows if media.type == MediaType.IMAGE]

    def remove() -> None:
        storage.remove(*names)
        storage.remove_renditions(images)

    transaction.on_commit(remove)
