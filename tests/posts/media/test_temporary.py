"""Files on their way in: what a full disk is answered with, and what is left of a process that died over one."""

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from posts.media import images, temporary
from posts.models import Media, Post
from tests.conftest import ApiClient
from tests.console.composing import UPLOAD, an_image, written
from tests.console.conftest import browser_of, member_of
from tests.contract.world import upload
from tests.factories import make_account, make_user
from tests.posts.media.pictures import picture
from tests.posts.media.served import stored_files
from workspaces.models import Role, Workspace

FULL = "/dev/full"
"""Takes nothing, as a full disk does not."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def no_room_for_the_upload(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open(FULL, "r+b"))  # noqa: SIM115 - as it does


def no_room_for_the_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    @contextmanager
    def full() -> Iterator[Path]:
        (tmp_path / "source").symlink_to(FULL)
        yield tmp_path

    monkeypatch.setattr(temporary, "folder", full)


def no_room_for_what_is_made_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(f"import pathlib; pathlib.Path({FULL!r}).write_text('x')")
    monkeypatch.setattr(images, "CHILD", child)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "has", [no_room_for_the_upload, no_room_for_the_copy, no_room_for_what_is_made_of_it], ids=lambda has: has.__name__
)
def test_while_the_disk_is_full_an_upload_is_503_and_leaves_nothing(
    api: ApiClient, post: Post, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: Callable[..., None]
) -> None:
    with monkeypatch.context() as disk:
        has(disk, tmp_path)
        refused = upload(api, post, picture(size=(600, 400)))

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["details"]["component"]) == (
        503,
        "SERVICE_UNAVAILABLE",
        "storage",
    )
    assert refused["Retry-After"] == "10"
    assert (Media.objects.count(), stored_files(), list(folder.iterdir())) == (0, [], [])
    assert upload(api, post, picture(size=(600, 400))).status_code == 201


@pytest.mark.parametrize("address", ["/console/login/", "/console/posts/post/compose/", "/connect/facebook"])
def test_a_file_of_nobody_who_is_logged_in_is_not_even_written(
    db: None, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies["csrftoken"] = "t" * 32
    monkeypatch.setattr(tempfile, "TemporaryFile", pytest.fail)

    answer = stranger.post(address, {"file": SimpleUploadedFile("x.jpg", b"x" * 100_000)})

    assert answer.status_code in (403, 422)


def test_nor_is_one_of_who_may_write_no_posts(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = Client(enforce_csrf_checks=True)
    viewer.force_login(make_user(role=Role.VIEWER))
    viewer.cookies["csrftoken"] = "t" * 32
    monkeypatch.setattr(tempfile, "TemporaryFile", pytest.fail)

    answer = viewer.post("/console/analytics/", {"file": SimpleUploadedFile("x.jpg", b"x" * 100_000)})

    assert answer.status_code == 403


def test_an_upload_has_no_name_on_disk_that_could_outlive_its_process(folder: Path) -> None:
    handler: Any = temporary.NamelessFiles()
    handler.new_file("file", "bread.jpg", "image/jpeg", None, None)
    handler.receive_data_chunk(b"bread", 0)

    found = handler.file_complete(5)

    with found:
        assert (found.read(), found.size, found.name, list(folder.iterdir())) == (b"bread", 5, "bread.jpg", [])


def test_of_a_file_that_is_too_large_no_more_is_written_than_shows_it(
    workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IMAGE_MAX_BYTES = settings.VIDEO_MAX_BYTES = settings.DOCUMENT_MAX_BYTES = 100_000
    editor, kept = browser_of(member_of(workspace)), io.BytesIO()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: kept)
    monkeypatch.setattr(kept, "close", lambda: None)

    answer = editor.post(UPLOAD, written(make_account(workspace), file=an_image(content=picture() + b"x" * 400_000)))

    assert "too large" in str(answer.json()["refused"])
    assert len(kept.getvalue()) == 100_001


def test_what_a_dead_process_left_goes_with_the_next_file_and_what_is_at_work_stays(folder: Path) -> None:
    abandoned, foreign = folder / f"{temporary.PREFIX}abandoned", folder / "foreign"
    for path in (abandoned, foreign):
        path.mkdir()
        (path / "source").write_bytes(b"x")
    opened = len(os.listdir("/proc/self/fd"))

    with temporary.folder() as at_work:
        for path in (abandoned, foreign, at_work):
            os.utime(path, (0, time.time() - 3600))
        with temporary.folder():
            assert [path.exists() for path in (abandoned, foreign, at_work)] == [False, True, True]

    assert len(os.listdir("/proc/self/fd")) == opened
