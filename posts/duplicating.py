"""Duplicating a post as a new draft: the same words, the same accounts, copies of its files."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from django.db import IntegrityError

from ouipost.db.locks import in_transaction
from ouipost.events.journal import Actor
from ouipost.phrases import Phrase
from posts import destinations, services
from posts.media import files, storage, temporary
from posts.media.intake import InvalidMedia, Processed
from posts.models import Media, Post


def duplicate_once(post: Post, *, pk: str, actor: Actor, now: datetime, and_then: Callable[[Post], object]) -> Post:
    """Duplicate a post as the draft with this id, or return that draft if the workspace has it already.

    `and_then` is called with the draft: in the transaction that makes it, or at once if it is there already.
    """
    made = _made(post, pk)
    if made is None:
        try:
            return duplicate_post(post, actor=actor, now=now, pk=pk, and_then=and_then)
        except IntegrityError:
            made = _made(post, pk)
            if made is None:
                raise
    and_then(made)
    return made


def _made(post: Post, pk: str) -> Post | None:
    return Post.objects.filter(workspace=post.workspace_id, pk=pk).first()


def duplicate_post(post: Post, *, pk: str, actor: Actor, now: datetime, and_then: Callable[[Post], object]) -> Post:
    """Make a draft with this id and the post's content, overrides, destinations and files; nothing of it is scheduled.

    Destinations that have gone since are left out. The files are copied ahead of the transaction, and removed again
    where that comes to nothing; `and_then` is called at its end with the draft. Raises StorageLimitReached, and
    InvalidMedia where a stored file is not there any more; IntegrityError where the id is taken.
    """
    with ExitStack() as stack:
        rows = post.files.order_by("position", "pk")
        copies = [(media, stack.enter_context(_copied(media))) for media in rows]  # each is kept once a row knows it

        def write() -> Post:
            made = _write(post, copies, actor=actor, now=now, pk=pk)
            and_then(made)
            return made

        return in_transaction(write)


def _write(post: Post, copies: list[tuple[Media, files.Stored]], *, actor: Actor, now: datetime, pk: str) -> Post:
    gone = destinations.resolve(post.workspace, post.destinations, kept=True).missing
    kept = [name for name in post.destinations if name not in gone or name == gone[name]]
    unknown = _unknown_overrides(post)
    values = {name: getattr(post, name) for name in services.TEXTS} | {
        "platforms": kept,
        "platform_content": {key: value for key, value in post.platform_content.items() if key not in unknown},
    }
    made, _ = services.create_post(post.workspace, values=values, actor=actor, now=now, pk=pk)
    for media, stored in copies:
        files.attach(made, stored, alt_text=media.alt_text, actor=actor)
    return made


def _unknown_overrides(post: Post) -> set[str]:
    """Return the accounts with an override that no longer exist."""
    problems = destinations.override_problems(post.workspace, post.platform_content)
    return {name.split(".")[1] for name in problems}


@contextmanager
def _copied(media: Media) -> Iterator[files.Stored]:
    """Copy the bytes of a file under a new name; they are removed again at the end unless a row has them."""
    with temporary.folder() as folder:
        path, thumbnail = folder / "file", folder / "thumbnail"
        _fetch(media.stored_name, path)
        if media.thumbnail_name:
            _fetch(media.thumbnail_name, thumbnail)
        copy = Processed(
            type=media.type,
            path=path,
            mime_type=media.mime_type,
            size=media.size,
            width=media.width,
            height=media.height,
            facts=media.facts,
            thumbnail_path=thumbnail if media.thumbnail_name else None,
            thumbnail_mime_type=storage.mime_type_of(media.thumbnail_name) if media.thumbnail_name else "",
        )
        stored = files.keep(copy, filename=media.filename)
    try:
        yield stored
    finally:
        files.discard_unused(stored)


def _fetch(name: str, path: Path) -> None:
    try:
        with storage.answering(), storage.open_stored(name) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
    except FileNotFoundError as error:
        raise InvalidMedia(Phrase("A file of the post is not in the storage any more."), reason="gone") from error
