"""An upload through the API leaves its file and row, or nothing at all."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings
from rest_framework.parsers import MultiPartParser

from ouipost.runtime import waiting
from posts.media import files, images, uploads
from posts.media.images import process_image
from posts.models import Media, Post
from tests.conftest import ApiClient
from tests.contract.world import error_of, upload
from tests.posts.media.pictures import picture
from tests.posts.media.served import stored_files

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_post_that_starts_meanwhile_takes_no_file_and_its_bytes_go_again(
    api: ApiClient, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = files.keep

    def start(*args: Any, **values: Any) -> files.Stored:
        Post.objects.filter(pk=post.pk).update(status="publishing")
        return keep(*args, **values)

    monkeypatch.setattr(files, "keep", start)

    response = upload(api, post, picture())

    assert error_of(response) == (409, "MEDIA_IN_USE")
    assert response.json()["error"]["details"] == {"status": "publishing"}
    assert (Media.objects.count(), stored_files()) == (0, [])


def test_files_that_are_looked_into_leave_threads_for_all_else(
    api: ApiClient, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile = list[Any]()

    def look(given: Any) -> Any:
        meanwhile.append(upload(api, post, picture()))
        return process_image(given)

    monkeypatch.setattr(waiting, "_working", threading.BoundedSemaphore(1))
    monkeypatch.setattr(uploads, "process_image", look)

    first = upload(api, post, picture())
    monkeypatch.setattr(uploads, "process_image", process_image)
    later = [upload(api, post, content) for content in (b"no picture", picture())]

    assert error_of(meanwhile[0]) == (503, "SERVICE_UNAVAILABLE")
    assert meanwhile[0].headers["Retry-After"] == "5"
    assert [each.status_code for each in (first, *later)] == [201, 422, 201]
    assert Media.objects.count() == 2


@pytest.fixture
def no_look_at_names() -> Iterator[None]:
    """The connection breaks whenever somebody looks which row has the bytes of a file."""

    def lose(execute: Any, sql: str, *args: Any) -> Any:
        if re.search(r"^SELECT .* WHERE \S+stored_name. = ", sql):
            raise OperationalError(2013, "Lost connection to server during query")
        return execute(sql, *args)

    with connection.execute_wrapper(lose):
        yield


@pytest.mark.usefixtures("no_look_at_names")
def test_a_file_that_was_added_is_answered_so_even_if_the_connection_breaks_after_that(
    api: ApiClient, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    api.headers["Idempotency-Key"] = "the same"

    added, again = (upload(api, post, picture()) for _ in range(2))

    assert [each.status_code for each in (added, again)] == [201, 201]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (Media.objects.count(), len(stored_files())) == (1, 2)
    assert "left to the sweep" in caplog.text


@pytest.mark.usefixtures("no_look_at_names")
def test_the_bytes_of_a_refused_file_go_with_the_sweep_if_the_connection_breaks_before_they_are_removed(
    api: ApiClient, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **values: Any) -> None:
        raise files.MediaInUse(status="publishing")

    monkeypatch.setattr(files, "attach", refuse)

    refused = upload(api, post, picture())
    left = stored_files()
    for path in left:
        os.utime(path, (0, 0))
    swept = files.sweep(timezone.now())

    assert error_of(refused) == (409, "MEDIA_IN_USE")
    assert (len(left), swept, stored_files()) == (2, 2, [])


def test_a_file_whose_check_was_killed_is_checked_when_it_is_sent_again_with_its_key(
    api: ApiClient, post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "child.py"
    killed.write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    api.headers["Idempotency-Key"] = "the same"

    with monkeypatch.context() as patched:
        patched.setattr(images, "CHILD", killed)
        first = upload(api, post, picture())
    again = upload(api, post, picture())

    assert error_of(first) == (503, "SERVICE_UNAVAILABLE")
    assert first.headers["Retry-After"] == "30"
    assert (again.status_code, Media.objects.count()) == (201, 1)


def test_a_full_storage_is_413(api: ApiClient, post: Post, settings: Settings) -> None:
    settings.STORAGE_LIMIT_MB = 0

    response = upload(api, post, picture())

    assert error_of(response) == (413, "STORAGE_LIMIT_REACHED")
    assert response.json()["error"]["details"] == {"limit_bytes": 0}
    assert stored_files() == []


def test_a_form_has_room_for_the_largest_file_and_is_not_read_where_it_is_announced_as_larger(
    api: ApiClient, post: Post, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = picture(size=(600, 400))
    settings.IMAGE_MAX_BYTES, settings.VIDEO_MAX_BYTES, settings.DOCUMENT_MAX_BYTES = len(content), 100, 10
    monkeypatch.setattr(uploads, "FORM_BYTES", 500)
    largest = upload(api, post, content)
    settings.IMAGE_MAX_BYTES = 10
    monkeypatch.setattr(MultiPartParser, "parse", lambda *_, **__: pytest.fail("It was read."))

    response = upload(api, post, content)

    assert largest.status_code == 201
    assert error_of(response) == (413, "PAYLOAD_TOO_LARGE")
    assert response.json()["error"]["details"] == {"limit_bytes": 100}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("bread.jpg", "bread.jpg"),
        ("bread.JPEG", "bread.JPEG"),
        ("bread", "bread.jpg"),
        ("bread.html", "bread.html.jpg"),
        ("b" * 255, "b" * 251 + ".jpg"),
    ],
    ids=["right", "right too", "none", "wrong", "no room"],
)
def test_a_name_ends_in_what_the_file_is(api: ApiClient, post: Post, given: str, shown: str) -> None:
    form = {"file": SimpleUploadedFile(given, picture())}

    response = api.client.post(f"/api/posts/{post.pk}/media", form, headers=api.headers)

    assert response.json()["data"]["media"]["filename"] == shown


def test_a_name_that_is_too_long_for_a_form_is_told_as_such(api: ApiClient, post: Post) -> None:
    form = {"file": SimpleUploadedFile("b" * 200, picture(), content_type="image/" + "x" * 2000)}

    response = api.client.post(f"/api/posts/{post.pk}/media", form, headers=api.headers)

    assert error_of(response) == (422, "INVALID_MEDIA")
    assert response.json()["error"]["details"] == {"field": "file", "reason": "name"}


def test_a_form_that_cannot_be_read_is_400(api: ApiClient, post: Post) -> None:
    path, kind = f"/api/posts/{post.pk}/media", "multipart/form-data"

    response = api.client.generic("POST", path, b"nothing", kind, headers=api.headers)

    assert error_of(response) == (400, "MALFORMED_JSON")
    assert "let your HTTP client write the Content-Type, with its boundary" in response.json()["error"]["message"]


FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="rye.jpg"\r\n\r\n'
WORDS = b'\r\n--b\r\nContent-Disposition: form-data; name="alt_text"\r\n\r\nA loaf of rye'


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n--b\r\n", WORDS, WORDS + b"\r\n--b-"])
def test_a_form_that_is_cut_short_is_400_and_nothing_of_it_is_kept(api: ApiClient, post: Post, end: bytes) -> None:
    response = send_form(api, post, FILE + picture() + end)

    assert error_of(response) == (400, "MALFORMED_JSON")
    assert "cut short" in response.json()["error"]["message"]
    assert not post.files.exists()


@pytest.mark.parametrize("end", [b"\r\n--b--", b"\r\n--b--\r\n", WORDS + b"\r\n--b--\r\n\r\nnothing more"])
def test_a_form_that_is_whole_may_end_in_every_way_that_forms_end(api: ApiClient, post: Post, end: bytes) -> None:
    assert send_form(api, post, FILE + picture() + end).status_code == 201


def send_form(api: ApiClient, post: Post, form: bytes) -> Any:
    kind = "multipart/form-data; boundary=b"
    return api.client.generic("POST", f"/api/posts/{post.pk}/media", form, kind, headers=api.headers)
