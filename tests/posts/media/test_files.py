"""The files of a post: rows, bytes, and the copy on the post, always in step."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import PauseScope
from accounts.platforms.limits import Limits
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts import counts, pausing, services
from posts.media import files, storage
from posts.media.files import StorageLimitReached, Stored
from posts.media.fitting import fit
from posts.media.intake import Processed
from posts.media.storage import StorageUnavailable
from posts.models import Media, Post, PostStatus
from tests.factories import NOW, make_media, make_post
from tests.posts.fakes import ACTOR, told
from tests.posts.media.pictures import picture
from tests.stores import Kept
from workspaces.models import Workspace


@pytest.fixture
def image(tmp_path: Path) -> Processed:
    path, thumbnail = tmp_path / "image", tmp_path / "thumbnail"
    path.write_bytes(b"picture")
    thumbnail.write_bytes(b"small")
    return Processed(
        type="image",
        path=path,
        mime_type="image/png",
        size=7,
        width=30,
        height=20,
        thumbnail_path=thumbnail,
        thumbnail_mime_type="image/jpeg",
    )


def add(post: Post, image: Processed, **values: Any) -> Media:
    kept = files.keep(image, filename=values.get("filename", "bread.png"))
    return files.attach(post, kept, alt_text=values.get("alt_text", ""), actor=ACTOR)


def stored_files() -> list[str]:
    root = Path(django_settings.MEDIA_ROOT)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def copy_on(post: Post) -> list[str]:
    return [each["id"] for each in Post.objects.get(pk=post.pk).media]


def test_an_image_is_attached_with_all_that_is_known_of_it(post: Post, image: Processed) -> None:
    media = add(post, image, alt_text="Bread")

    stored = Media.objects.get()
    assert (stored.pk, stored.post_id, stored.type, stored.filename) == (media.pk, post.pk, "image", "bread.png")
    assert (stored.size, stored.mime_type, stored.width, stored.height) == (7, "image/png", 30, 20)
    assert (stored.alt_text, stored.position) == ("Bread", 1)
    assert stored_files() == sorted([stored.stored_name, stored.thumbnail_name])
    assert Post.objects.get(pk=post.pk).media == [
        {"id": media.pk, "type": "image", "name": stored.stored_name, "thumbnail": stored.thumbnail_name}
    ]
    assert (told(), Event.objects.get().details) == (["media.added"], {"post": post.pk, "filename": "bread.png"})


def test_files_come_in_the_order_of_their_upload_until_moved(post: Post, image: Processed) -> None:
    first, second, third = (add(post, image) for _ in range(3))
    uploaded = copy_on(post)

    files.update(third, values={"position": 1}, actor=ACTOR)
    equal, sent = copy_on(post), [each.id for each in files.as_content(post)]
    files.update(third, values={"position": 0}, actor=ACTOR)

    assert uploaded == [first.pk, second.pk, third.pk]
    assert equal == sent == [first.pk, third.pk, second.pk]
    assert copy_on(post) == [third.pk, first.pk, second.pk]
    assert [each.id for each in files.as_content(post)] == [third.pk, first.pk, second.pk]


def test_a_file_that_is_added_after_a_move_is_still_the_last(post: Post, image: Processed) -> None:
    first = add(post, image)
    files.update(first, values={"position": 9}, actor=ACTOR)

    second = add(post, image)

    assert copy_on(post) == [first.pk, second.pk]


def test_a_change_tells_what_it_was_and_is(post: Post, image: Processed) -> None:
    media = add(post, image, alt_text="Bread")

    changed = files.update(media, values={"alt_text": "Rolls", "position": 1}, actor=ACTOR)

    event = Event.objects.get(type="media.updated")
    assert (changed.alt_text, Media.objects.get().alt_text) == ("Rolls", "Rolls")
    assert event.details == {"before": {"alt_text": "Bread"}, "after": {"alt_text": "Rolls"}}
    assert event.workspace_id == post.workspace_id


def test_connectors_get_the_bytes_and_an_address_for_networks_that_pull(post: Post, image: Processed) -> None:
    media = add(post, image, alt_text="Bread")

    [content] = files.as_content(post)

    assert (content.id, content.read(), content.alt_text, content.width) == (media.pk, b"picture", "Bread", 30)
    assert content.pull_url().startswith("http://testserver/")
    assert media.stored_name in content.pull_url()


@pytest.mark.parametrize("kept", ["local", "s3"], indirect=True)
def test_networks_get_nothing_of_a_file_that_is_lost_or_there_in_part(kept: Kept, post: Post) -> None:
    media = make_media(post, stored_name="media/aa/rye.jpg", size=7)
    [content] = files.as_content(post)
    for lay in (None, kept.put):
        if lay:
            lay(media.stored_name, age=timedelta(0), now=timezone.now())
        for give in (content.open, content.pull_url):
            with pytest.raises(StorageUnavailable, match="stored nor read"):
                give()
    Media.objects.update(size=1)

    [whole] = files.as_content(post)

    assert (whole.read(), whole.pull_url().partition("media/")[0]) == (b"x", "http://testserver/")


def test_an_address_for_networks_that_pull_is_good_for_a_day(post: Post, image: Processed) -> None:
    add(post, image)
    [content] = files.as_content(post)

    with time_machine.travel(NOW, tick=False):
        address = content.pull_url()

    assert f"?expires={int((NOW + timedelta(days=1)).timestamp())}&" in address


def test_deleting_removes_row_copy_and_bytes(
    post: Post, image: Processed, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    gone, stays = add(post, image), add(post, image)

    with django_capture_on_commit_callbacks(execute=True):
        for each in (gone, Media.objects.get(pk=gone.pk)):  # two calls that have read it, one after the other
            files.delete(each, actor=ACTOR)

    assert (copy_on(post), Media.objects.get().pk) == ([stays.pk], stays.pk)
    assert stored_files() == sorted([stays.stored_name, stays.thumbnail_name])
    assert (told()[-1], told().count("media.deleted")) == ("media.deleted", 1)


@pytest.mark.django_db(transaction=True)
def test_a_delete_that_is_rolled_back_removes_no_bytes(post: Post, image: Processed) -> None:
    pk = add(post, image).pk

    with transaction.atomic():
        files.delete(Media.objects.get(pk=pk), actor=ACTOR)
        transaction.set_rollback(True)

    assert copy_on(post) == [pk]
    assert default_storage.exists(Media.objects.get(pk=pk).stored_name)


@pytest.mark.django_db(transaction=True)
def test_what_was_made_of_a_file_for_networks_goes_with_it(post: Post, image: Processed) -> None:
    gone, stays = add(post, image), add(post, image)
    for each in (gone, stays):
        (Path(django_settings.MEDIA_ROOT) / each.stored_name).write_bytes(picture())
    Media.objects.update(size=len(picture()))
    small = Limits(max_characters=1, image_mime_types=("image/jpeg",), max_images=1, max_image_side_pixels=16)
    for content in files.as_content(post):
        for limits in (small, replace(small, max_image_side_pixels=8)):
            fit(content, limits).pull_url()
    made = set(stored_files()) - {name for each in (gone, stays) for name in (each.stored_name, each.thumbnail_name)}
    beside = storage.rendition_name(gone.pk, "any").rpartition("/")[0] + "/another.jpg"
    kept = Path(django_settings.MEDIA_ROOT) / beside
    kept.write_bytes(picture())

    files.delete(gone, actor=ACTOR)

    assert kept.exists()
    left = set(stored_files()) - {beside}
    assert (len(made), len(left & made)) == (4, 2)
    assert {stays.stored_name, stays.thumbnail_name} == left - made


@pytest.mark.django_db(transaction=True)
def test_the_bytes_of_a_deleted_post_go_with_it(post: Post, image: Processed) -> None:
    add(post, image)

    services.delete_post(post, actor=ACTOR)

    assert (Media.objects.count(), stored_files()) == (0, [])


def test_the_bytes_of_an_upload_that_got_no_row_go_again(post: Post, image: Processed) -> None:
    unused, used = files.keep(image, filename="a.png"), files.keep(image, filename="b.png")
    files.attach(post, used, alt_text="", actor=ACTOR)

    for stored in (unused, used):
        files.discard_unused(stored)

    assert stored_files() == sorted([used.name, used.thumbnail_name])


def test_the_storage_has_an_end(workspace: Workspace, image: Processed, settings: Settings) -> None:
    settings.STORAGE_LIMIT_MB = 1
    make_media(make_post(workspace), size=999_993)
    counts.add_bytes(workspace.pk, 0)
    fits = files.keep(image, filename="fits.png")
    counts.add_bytes(workspace.pk, 1)

    with pytest.raises(StorageLimitReached) as refused:
        files.keep(image, filename="too much.png")

    assert refused.value.details == {"limit_bytes": 1_000_000}
    assert (refused.value.code, refused.value.status) == ("STORAGE_LIMIT_REACHED", 413)
    assert isinstance(fits, Stored)


def test_of_uploads_at_once_those_get_a_row_that_the_storage_has_room_for(
    post: Post, image: Processed, settings: Settings
) -> None:
    settings.STORAGE_LIMIT_MB = 1
    make_media(make_post(post.workspace), size=999_990)
    first, second = (files.keep(image, filename=name) for name in ("first.png", "second.png"))
    files.attach(post, first, alt_text="", actor=ACTOR)

    with pytest.raises(StorageLimitReached):
        files.attach(post, second, alt_text="", actor=ACTOR)

    assert (counts.bytes_used(), [media.filename for media in post.files.all()]) == (999_997, ["first.png"])


def test_what_no_row_knows_is_swept_up_but_for_a_restored_copy_and_the_rest_stays(
    post: Post, image: Processed, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, orphan = add(post, image), files.keep(image, filename="orphan.png")
    asked: list[str] = []

    def sweep_orphans(known: Any, **_: Any) -> int:
        asked.extend([media.stored_name, media.thumbnail_name, orphan.name, orphan.thumbnail_name])
        return len(set(asked) - known(asked))

    monkeypatch.setattr(storage, "sweep_orphans", sweep_orphans)
    now = database_now()

    pausing.pause(PauseScope.ALL, reason="An old copy.", actor=ACTOR, now=now, after_restore=True)
    while_restored = files.sweep(now)
    pausing.resume(PauseScope.ALL, actor=ACTOR, now=now)

    assert (while_restored, files.sweep(now)) == (0, 2)


@pytest.mark.parametrize("kept", ["local", "s3"], indirect=True)
def test_a_file_that_is_lost_is_told_of_while_its_post_has_not_gone_out(
    kept: Kept, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    posts = {status: make_post(workspace) for status in ("scheduled", "published", "draft")}
    names = {status: f"media/{shard}/of.jpg" for status, shard in zip(posts, ("bb", "cc", "dd"), strict=True)}
    for status, post in posts.items():
        make_media(post, stored_name=names[status], thumbnail_name="")
    young = make_media(posts["draft"], stored_name="media/aa/young.jpg", thumbnail_name="")
    for status, post in posts.items():
        Post.objects.filter(pk=post.pk).update(status=status)
    Media.objects.exclude(pk=young.pk).update(created_at=timezone.now() - timedelta(hours=2))
    for name in ("media/aa/other.jpg", names["draft"], "media/ee/other.jpg"):
        kept.put(name, age=timedelta(minutes=5), now=timezone.now())

    files.sweep(database_now())
    [told] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    kept.put(names["scheduled"], age=timedelta(0), now=timezone.now())
    caplog.clear()
    files.sweep(database_now())

    assert told.endswith(f": {names['scheduled']} of {posts['scheduled'].pk}")
    assert not caplog.records


@pytest.mark.parametrize("status", [status for status in PostStatus if status != PostStatus.PUBLISHED])
def test_a_lost_file_is_told_of_in_each_status_from_which_its_post_may_be_sent(
    post: Post, caplog: pytest.LogCaptureFixture, status: str
) -> None:
    make_media(post, stored_name="media/aa/lost.jpg", thumbnail_name="")
    Media.objects.update(created_at=timezone.now() - timedelta(hours=2))
    Post.objects.update(status=status)

    files.sweep(database_now())

    assert f"media/aa/lost.jpg of {post.pk}" in caplog.text


def test_a_file_or_post_that_was_just_deleted_is_not_found(post: Post, image: Processed) -> None:
    media, kept = add(post, image), files.keep(image, filename="late.png")
    Media.objects.all().delete()

    with pytest.raises(Http404):
        files.update(media, values={"position": 5}, actor=ACTOR)

    Post.objects.filter(pk=post.pk).delete()
    with pytest.raises(Http404):
        files.attach(post, kept, alt_text="", actor=ACTOR)
    with pytest.raises(Http404):
        services.delete_post(post, actor=ACTOR)
