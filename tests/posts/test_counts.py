"""The number of posts, and of bytes of files, that is kept beside them."""

import random
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum

from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from posts import counts, removal, services
from posts.media import files
from posts.media.intake import Processed
from posts.models import Media, MediaBytes, Post, PostCount
from tests.factories import make_media, make_post, make_workspace
from tests.foundation.threads import at_once
from tests.posts.fakes import ACTOR
from workspaces.models import Workspace

THREADS = 6
EACH = 5


def create(workspace: Workspace) -> Post:
    values: dict[str, Any] = {"content": "Bread", "platforms": ["facebook"]}
    return in_transaction(lambda: services.create_post(workspace, values=values, actor=ACTOR, now=database_now())[0])


def create_and_delete(workspace: Workspace) -> None:
    for _ in range(EACH):
        create(workspace)
        post = create(workspace)
        in_transaction(lambda post=post: services.delete_post(post, actor=ACTOR))  # type: ignore[misc]  # bound early


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [0, 3])
def test_writers_that_meet_leave_the_right_number_the_first_ones_too(before: int) -> None:
    workspace = make_workspace()
    for _ in range(before):
        make_post(workspace)  # without a number beside it

    ended = at_once(*[lambda: create_and_delete(workspace)] * THREADS)

    assert ended == [None] * THREADS
    assert PostCount.objects.get().total == Post.objects.count() == before + THREADS * EACH


def add_file(post: Post, folder: Path, *, size: int) -> Media:
    path = folder / f"{size}"
    path.write_bytes(b"x" * size)
    stored = files.keep(Processed(type="image", path=path, mime_type="image/png", size=size), filename="bread.png")
    return in_transaction(lambda: files.attach(post, stored, alt_text="", actor=ACTOR))


def bytes_of(*workspaces: Workspace) -> dict[str, int]:
    """Count the bytes of each workspace's files, one file after the other."""
    rows = Media.objects.filter(post__workspace__in=workspaces).values_list("post__workspace", "size")
    return {each.pk: sum(size for pk, size in rows if pk == each.pk) for each in workspaces}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(4))
def test_bytes_are_counted_as_files_come_and_go(tmp_path: Path, number: int) -> None:
    generator = random.Random(number)
    workspaces = [make_workspace(), make_workspace()]
    make_media(make_post(workspaces[0]), size=1000)  # as a version wrote it that kept no number
    posts = [make_post(workspace) for workspace in workspaces for _ in range(3)]

    for _ in range(30):
        media = list(Media.objects.filter(post__in=posts))
        match generator.choice(["add", "add", "add", "delete", "delete post"]):
            case "delete" if media:
                files.delete(generator.choice(media), actor=ACTOR)
            case "delete post" if len(posts) > 2:
                services.delete_post(posts.pop(generator.randrange(len(posts))), actor=ACTOR)
            case "add":
                add_file(generator.choice(posts), tmp_path, size=generator.randrange(1, 50))

        kept = dict(MediaBytes.objects.values_list("pk", "total"))
        assert kept == {pk: total for pk, total in bytes_of(*workspaces).items() if pk in kept}

    total = Media.objects.filter(post__workspace__in=kept).aggregate(total=Sum("size"))["total"]
    assert counts.bytes_used() == total
    assert counts.bytes_used([workspaces[1].pk]) == bytes_of(workspaces[1])[workspaces[1].pk]


@pytest.mark.django_db(transaction=True)
def test_files_that_come_and_go_at_once_leave_the_right_number(tmp_path: Path) -> None:
    workspace = make_workspace()
    folders = [tmp_path / str(number) for number in range(THREADS)]

    def come_and_go(folder: Path) -> None:
        folder.mkdir()
        post = make_post(workspace)
        for size in range(1, EACH):
            add_file(post, folder, size=size)
        gone = add_file(post, folder, size=100)
        in_transaction(lambda: files.delete(gone, actor=ACTOR))

    ended = at_once(*[lambda folder=folder: come_and_go(folder) for folder in folders])

    assert ended == [None] * THREADS
    assert counts.bytes_used() == THREADS * sum(range(1, EACH)) == bytes_of(workspace)[workspace.pk]


@pytest.mark.django_db(transaction=True)
def test_a_workspace_that_goes_gives_back_its_bytes_post_by_post(tmp_path: Path) -> None:
    workspace, other = make_workspace(), make_workspace()
    for each in (workspace, workspace, other):
        add_file(make_post(each), tmp_path, size=7)

    removal.purge(workspace)

    assert dict(MediaBytes.objects.values_list("pk", "total")) == {workspace.pk: 0, other.pk: 7}


@pytest.mark.django_db(transaction=True)
@pytest.mark.on_servers
def test_two_workers_at_the_same_workspace_that_goes_give_back_its_bytes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, remove_all, purged = make_workspace(), files.remove_all, list[Any]()
    add_file(make_post(workspace), tmp_path, size=7)

    def while_another_worker_is_there(post: Post) -> int:
        freed = remove_all(post)
        if not purged:
            purged.append(None)
            purged.extend(at_once(lambda: removal.purge(workspace)))
        return freed

    monkeypatch.setattr(files, "remove_all", while_another_worker_is_there)
    removal.purge(workspace)

    assert MediaBytes.objects.get().total == 0
    assert Post.objects.count() == 0
