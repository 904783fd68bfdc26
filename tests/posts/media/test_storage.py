"""Stored files are there whole or not at all, and none stays that no row knows: on disk, and in a store alike."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django import Settings

from ouipost.outbound import Client
from posts.media import storage
from posts.media.storage import (
    StorageUnavailable,
    mime_type_of,
    new_names,
    open_stored,
    remove,
    store,
    sweep_orphans,
    try_out,
)
from tests.outbound.servers import Server, answering
from tests.stores import Folder, Kept

HOUR = timedelta(hours=1)
NAME = "media/ab/abcdef0123456789abcdef0123456789.jpg"
THUMBNAIL = "thumbs/cd/cdcdef0123456789abcdef0123456789.png"


@pytest.fixture
def root(settings: Settings, tmp_path: Path) -> Path:
    """The folder of a storage on disk."""
    settings.STORAGES = settings.STORAGES | {"default": Folder.setting}
    settings.MEDIA_ROOT = tmp_path / "stored"
    return tmp_path / "stored"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"picture" * 19_000)  # its end is smaller than what Python writes at once
    return path


def test_a_stored_file_is_read_back_whole(kept: Kept, source: Path) -> None:
    store(source, NAME)

    with open_stored(NAME) as file:
        assert (file.size, file.read()) == (source.stat().st_size, source.read_bytes())
    assert kept.names() == [NAME]


def test_a_stored_file_is_read_from_anywhere(kept: Kept, source: Path) -> None:
    store(source, NAME)
    content = source.read_bytes()

    with open_stored(NAME) as file:
        found = [file.seek(100_000) and file.read(7), file.seek(3) and file.read(300), file.tell(), file.read(10)]
        file.seek(-5, os.SEEK_END)
        found += [file.read(), file.read()]

    assert found == [content[100_000:100_007], content[3:303], 303, content[303:313], content[-5:], b""]


def test_only_the_products_own_user_can_read_it(root: Path, source: Path) -> None:
    store(source, NAME)

    written = (root / NAME, root / "media/ab", root / "media", root)
    assert [path.stat().st_mode & 0o777 for path in written] == [0o600, 0o700, 0o700, 0o700]


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root gives away what it makes.")
def test_a_trial_by_root_leaves_no_folder_that_the_products_own_user_cannot_write_to(root: Path) -> None:
    root.mkdir()
    os.chown(root, 65534, 65533)

    try_out(b"trial")

    left = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in root.rglob("*")}
    assert left == {"health": (65534, 65533)}


def test_names_are_random_and_say_nothing_but_the_type() -> None:
    names = {new_names("image/jpeg", "image/png") for _ in range(100)}

    assert len(names) == 100
    media, thumbnail = names.pop()
    assert default_storage.generate_filename(media) == media
    assert [mime_type_of(media), mime_type_of(thumbnail)] == ["image/jpeg", "image/png"]
    folder, shard, file = media.split("/")
    assert (folder, len(file), file.startswith(shard), thumbnail.split("/")[0]) == ("media", 36, True, "thumbs")


def test_an_unknown_ending_is_served_as_bytes() -> None:
    assert mime_type_of("media/ab/x.html") == "application/octet-stream"


def test_bytes_and_name_are_on_disk_before_the_file_counts_as_stored(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(source, THUMBNAIL)
    store(source, NAME.replace("abcdef", "abffff"))
    steps, opened = list[str](), len(os.listdir("/proc/self/fd"))
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        steps.append("sync folder" if path.is_dir() else f"sync {path.stat().st_size} bytes")
        fsync(handle)

    def watched_replace(old: str, new: Path) -> None:
        steps.append("rename" if Path(old).parent == new.parent else "rename from elsewhere")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)

    store(source, NAME)

    assert steps == ["sync 133000 bytes", "rename", "sync folder"]
    assert len(os.listdir("/proc/self/fd")) == opened


def test_new_folders_are_on_disk_too(root: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))

    store(source, NAME)

    for folder in (root.parent, root, root / "media", root / "media/ab"):
        assert str(folder) in synced


def test_a_folder_that_another_upload_makes_meanwhile_is_in_nobodys_way(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_dir = Path.is_dir

    def look_and_be_overtaken(path: Path) -> bool:
        was_there = is_dir(path)
        if not was_there and is_dir(path.parent):
            path.mkdir()
        return was_there

    root.mkdir()
    monkeypatch.setattr(Path, "is_dir", look_and_be_overtaken)

    store(source, "media/of-two.jpg")

    assert Folder(root).names() == ["media/of-two.jpg"]


class Broken(ContentFile):  # type: ignore[type-arg]
    """A source that fails after its first bytes."""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError


def test_a_write_that_breaks_off_leaves_nothing(root: Path) -> None:
    with pytest.raises(ConnectionResetError):
        default_storage.save(NAME, Broken(b""))

    assert Folder(root).names() == []


def test_a_name_that_is_taken_is_not_written_over(kept: Kept, source: Path, tmp_path: Path) -> None:
    store(source, NAME)
    other = tmp_path / "other"
    other.write_bytes(b"other")

    with pytest.raises(FileExistsError, match="abcdef"):
        store(other, NAME)
    with other.open("rb") as content:
        storage.store_bytes(content, NAME)  # what is made for a network is the same whoever was faster

    assert kept.names() == [NAME]
    with open_stored(NAME) as file:
        assert file.read() == source.read_bytes()


@pytest.mark.parametrize("name", ["../outside.jpg", "media/../../outside.jpg", "/etc/outside.jpg"])
def test_nothing_is_written_outside_of_the_storage(name: str, kept: Kept, source: Path) -> None:
    with pytest.raises(Exception, match=r"outside|traversal|path"):
        store(source, name)

    assert (kept.names(), list(source.parent.rglob("outside*"))) == ([], [])


def fail_to_read(file: Any, root: Path) -> None:
    """Let each read of an open file fail, as on a broken disk: it is a folder from now on."""
    folder = os.open(root, os.O_RDONLY)
    os.dup2(folder, file.fileno())
    os.close(folder)


@pytest.mark.parametrize("most", [-1, 10])
def test_a_disk_that_fails_while_a_file_is_read_is_the_storage_that_fails(root: Path, source: Path, most: int) -> None:
    store(source, NAME)

    with open_stored(NAME) as file:
        fail_to_read(file, root)
        with pytest.raises(StorageUnavailable):
            file.read(most)


@pytest.mark.parametrize("is_form", [False, True])
def test_a_disk_that_fails_while_a_network_is_sent_a_file_is_no_failure_of_the_network(
    root: Path, source: Path, settings: Settings, is_form: bool
) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    store(source, NAME)
    server = Server(answering())

    with open_stored(NAME) as file:
        given: Any = {"files": {"photo": ("a.jpg", file, "image/jpeg")}} if is_form else {"data": file}
        fail_to_read(file, root)
        with pytest.raises(StorageUnavailable):
            Client().request("POST", server.url, **given)

    server.close()


def test_a_missing_file_cannot_be_opened(kept: Kept) -> None:
    with pytest.raises(FileNotFoundError):
        open_stored(NAME)


def test_files_are_removed_and_missing_ones_do_not_matter(kept: Kept, source: Path) -> None:
    store(source, NAME)
    store(source, THUMBNAIL)

    remove(NAME, "", "media/ab/missing.jpg", THUMBNAIL)

    assert kept.names() == []


def test_a_storage_that_fails_says_so_and_tells_the_log_why(
    kept: Kept, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store(source, NAME)
    kept.fail()

    for act in (lambda: store(source, THUMBNAIL), lambda: open_stored(NAME), lambda: try_out(b"x")):
        caplog.clear()
        with pytest.raises(StorageUnavailable) as raised:
            act()
        assert raised.value.reason in caplog.text
        assert raised.value.reason not in raised.value.message
    remove(NAME, THUMBNAIL)


def test_a_file_that_cannot_be_removed_keeps_no_other_from_it(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store(source, NAME)
    store(source, THUMBNAIL)
    unlink = os.remove

    def stubborn(path: str) -> None:
        if path.endswith(".jpg"):
            raise PermissionError(path)
        unlink(path)

    monkeypatch.setattr(os, "remove", stubborn)

    remove(NAME, THUMBNAIL)

    assert Folder(root).names() == [NAME]
    assert NAME in caplog.text


def test_the_sweep_removes_old_files_that_no_row_knows_and_no_others(kept: Kept) -> None:
    now = timezone.now()
    kept.put("media/aa/known.jpg", age=2 * HOUR, now=now)
    kept.put("media/aa/unknown.jpg", age=2 * HOUR, now=now)
    kept.put("media/aa/.incoming-cut-short", age=2 * HOUR, now=now)
    kept.put("media/bb/young.jpg", age=HOUR / 2, now=now)
    kept.put("thumbs/cc/unknown.png", age=2 * HOUR, now=now)
    kept.put("renditions/dd/young.jpg", age=2 * HOUR, now=now)
    kept.put("renditions/dd/old.jpg", age=49 * HOUR, now=now)
    kept.put("health/left-behind", age=49 * HOUR, now=now)
    kept.put("elsewhere/file", age=200 * HOUR, now=now)

    removed = sweep_orphans(lambda names: {"media/aa/known.jpg"} & set(names))

    assert removed == 5
    left = ["elsewhere/file", "media/aa/known.jpg", "media/bb/young.jpg", "renditions/dd/young.jpg"]
    assert kept.names() == left


def test_the_sweep_asks_about_few_names_at_a_time(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "SWEEP_BATCH", 4)
    now = timezone.now()
    for number in range(10):
        kept.put(f"media/{number % 3}/{number}.jpg", age=2 * HOUR, now=now)
    asked: list[int] = []

    def known(names: list[str]) -> set[str]:
        asked.append(len(names))
        return set(names)

    assert sweep_orphans(known) == 0
    assert asked == [4, 4, 2]
    assert len(kept.names()) == 10


def test_a_sweep_ends_with_its_worker_after_a_whole_batch(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "SWEEP_BATCH", 4)
    now = timezone.now()
    for number in range(10):
        kept.put(f"media/{number % 3}/{number}.jpg", age=2 * HOUR, now=now)
    batches: list[list[str]] = []

    def known(names: list[str]) -> set[str]:
        batches.append(names)
        return set()

    removed = sweep_orphans(known, is_ending=lambda: len(batches) == 2)

    assert (removed, len(batches), len(kept.names())) == (8, 2, 2)


def test_the_sweep_passes_over_a_file_that_goes_meanwhile(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Folder(root).put("media/aa/a.jpg", age=2 * HOUR, now=timezone.now())
    monkeypatch.setattr(storage.DurableFileStorage, "listdir", lambda self, folder: ([], ["gone.jpg"]))

    assert sweep_orphans(lambda names: set()) == 0


@pytest.mark.parametrize("wrong", [-6 * HOUR, 6 * HOUR])
def test_the_sweep_goes_by_the_time_of_the_storage(root: Path, wrong: timedelta) -> None:
    now, folder = timezone.now(), Folder(root)
    folder.put("media/aa/young.jpg", age=HOUR / 2, now=now)
    folder.put("media/aa/old.jpg", age=2 * HOUR, now=now)

    with time_machine.travel(now + wrong):
        removed = sweep_orphans(lambda names: set())

    assert (removed, folder.names()) == (1, ["media/aa/young.jpg"])


def test_the_storage_is_asked_for_its_time_and_nothing_stays_of_that(kept: Kept) -> None:
    assert abs(storage.clock() - timezone.now()) < timedelta(seconds=10)
    assert kept.names() == []


def test_a_storage_that_is_away_tells_no_time(kept: Kept) -> None:
    kept.put(NAME, age=HOUR, now=timezone.now())
    kept.fail()

    with pytest.raises(StorageUnavailable):
        storage.clock()


def test_files_are_given_in_the_order_of_their_names(kept: Kept) -> None:
    names = [f"media/{each[0]}/{each}.jpg" for each in (uuid4().hex for _ in range(40))]
    for name in names:
        kept.put(name, age=HOUR, now=timezone.now())

    assert [name for name, _ in storage._store().walk("media")] == sorted(names)


def test_an_empty_storage_has_no_orphans(kept: Kept) -> None:
    assert sweep_orphans(lambda names: set()) == 0


def test_names_without_a_file_are_told_from_those_with_one(kept: Kept) -> None:
    for letter in "abdeg":
        kept.put(f"media/x/{letter}.jpg", age=HOUR, now=timezone.now())

    absent = storage.absent(f"media/x/{letter}.jpg" for letter in "bcdfghi")

    assert [name[-5] for name in absent] == ["c", "f", "h", "i"]


def test_who_ends_meanwhile_is_told_of_no_name_that_was_not_looked_for(kept: Kept) -> None:
    for letter in "abdeg":
        kept.put(f"media/x/{letter}.jpg", age=HOUR, now=timezone.now())
    ending: list[str] = []

    absent = storage.absent((f"media/x/{letter}.jpg" for letter in "cfg"), is_ending=lambda: bool(ending))
    found = next(absent)
    ending.append("now")

    assert (found, list(absent)) == ("media/x/c.jpg", [])


def test_what_comes_back_otherwise_than_it_was_tried_out_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.DurableFileStorage, "_open", lambda *_: ContentFile(b"ill"))

    with pytest.raises(StorageUnavailable):
        try_out(b"well?")


def test_what_was_tried_out_is_gone_again(kept: Kept) -> None:
    try_out(b"well?")

    assert kept.names() == []
