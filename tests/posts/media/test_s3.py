"""A store that speaks S3: what only it can do, how it fails, and what the product makes of that."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.response import StreamingBody
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django import Settings

from adminapi.monitoring import probes
from posts.media import s3 as backend
from posts.media import storage
from posts.media.s3 import BUFFER_BYTES, PART_BYTES, Reader
from posts.media.signing import signed_url
from posts.media.storage import StorageUnavailable, open_stored, store, sweep_orphans
from posts.models import Media
from tests.conftest import ApiClient
from tests.contract.world import error_of, upload
from tests.factories import make_account, make_media, make_post
from tests.posts.fakes import ScriptedNetwork, bring_forward, make_due, publish
from tests.posts.media.pictures import picture
from tests.posts.media.served import body, fetch
from tests.stores import Bucket, held
from workspaces.models import Workspace

pytestmark = [pytest.mark.any_database, pytest.mark.thorough]
NAME = "media/ab/abcdef0123456789abcdef0123456789.mp4"
HOUR = timedelta(hours=1)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of several parts."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1024) * (20 * 1024))
    return path


class Watched(io.FileIO):
    """Remembers how much is read of it at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(-1 if size is None else size) or b""
        self.most = max(self.most, len(found))
        return found


def test_a_large_file_goes_up_and_comes_back_piece_by_piece(
    bucket: Bucket, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    read = StreamingBody.read

    def watched(body: StreamingBody, amt: int | None = None) -> bytes:
        given.append(amt or 10**9)
        return read(body, amt)

    monkeypatch.setattr(StreamingBody, "read", watched)

    with Watched(large) as source:
        storage.store_bytes(source, NAME)
    with open_stored(NAME) as file:
        pieces = [file.read(100_000) for _ in range(210)]

    head = bucket.client.head_object(Bucket=bucket.name, Key=NAME)
    assert head["ETag"].strip('"').endswith("-3")
    assert (head["ContentLength"], head["ContentType"]) == (20 * 1024 * 1024, "video/mp4")
    assert b"".join(pieces) == large.read_bytes()
    assert (source.most, max(given)) == (PART_BYTES, BUFFER_BYTES)


def test_an_upload_that_breaks_off_leaves_no_file_and_no_parts(
    bucket: Bucket, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.FileIO):
        def readinto(self, buffer: Any) -> int:
            if self.tell() >= PART_BYTES:
                raise OSError("The disk is broken.")
            return super().readinto(buffer) or 0

    with pytest.raises(StorageUnavailable), Broken(large) as raw, io.BufferedReader(raw) as source:
        storage.store_bytes(source, NAME)

    assert (bucket.names(), bucket.uploads()) == ([], [])


def test_the_sweep_discards_uploads_that_a_dead_process_left_and_none_that_goes_on(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (NAME, "elsewhere/file"):
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=name)
    now, entries = timezone.now(), backend.S3Files._entries

    def dated(self: Any, *of: str) -> Iterator[Any]:
        yield from (entry | {"Initiated": now} for entry in entries(self, *of))  # the server says 2010 of each

    with monkeypatch.context() as patch:
        patch.setattr(backend.S3Files, "_entries", dated)
        patch.setattr(storage, "clock", lambda: now + HOUR / 2)
        sweep_orphans(lambda names: set())
        assert bucket.uploads() == ["elsewhere/file", NAME]
        patch.setattr(storage, "clock", lambda: now + 2 * HOUR)
        sweep_orphans(lambda names: set())

    assert bucket.uploads() == ["elsewhere/file"]


def test_everything_stays_below_the_location(
    bucket: Bucket, settings: Settings, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = bucket.setting["OPTIONS"] | {"location": "ouipost"}
    settings.STORAGES = settings.STORAGES | {"default": bucket.setting | {"OPTIONS": options}}
    bucket.put("media/aa/of-another.jpg", age=9 * HOUR, now=timezone.now())
    store(large, NAME)
    asked: list[str] = []

    def known(names: list[str]) -> set[str]:
        asked.extend(names)
        return set()

    monkeypatch.setattr(storage, "clock", lambda: timezone.now() + 2 * HOUR)
    removed = sweep_orphans(known)

    assert (removed, asked, bucket.names()) == (1, [NAME], ["media/aa/of-another.jpg"])


@pytest.mark.django_db
def test_a_signed_address_gives_a_video_in_ranges_as_a_file_of_ours(bucket: Bucket, large: Path) -> None:
    store(large, NAME)
    url, content = signed_url(NAME, seconds=60), large.read_bytes()

    whole, piece, head = fetch(url), fetch(url, Range="bytes=9000000-17000000"), fetch(url, "HEAD")

    assert (whole.status_code, whole["Content-Length"], body(whole) == content) == (200, str(len(content)), True)
    assert (piece.status_code, body(piece) == content[9_000_000:17_000_001]) == (206, True)
    assert piece["Content-Range"] == f"bytes 9000000-17000000/{len(content)}"
    assert (head.status_code, head["Content-Length"]) == (200, str(len(content)))
    for answer in (whole, piece, head):
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert (answer["X-Content-Type-Options"], answer["Content-Disposition"]) == ("nosniff", "attachment")


@pytest.mark.django_db
def test_what_is_gone_is_404_and_a_bucket_that_is_gone_503(bucket: Bucket, large: Path) -> None:
    url = signed_url(NAME, seconds=60)

    gone = fetch(url)
    bucket.fail()
    away = fetch(url)

    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert (away.status_code, away["Retry-After"], away["Cache-Control"]) == (503, "10", "no-store")
    assert away.json()["error"] == {
        "code": "SERVICE_UNAVAILABLE",
        "message": "Files can be neither stored nor read at the moment. Try again.",
        "details": {"component": "storage", "retry_after": 10},
    }


class Dripping:
    """A body that breaks off after so many bytes, as often as it is told to."""

    content = bytes(range(256)) * 4

    def __init__(self, breaks: int) -> None:
        self.breaks = breaks
        self.asked: list[int] = []

    def fetch(self, start: int) -> Any:
        self.asked.append(start)
        breaking, self.breaks = self.breaks > 0, self.breaks - 1
        return Body(self.content[start:], 100 if breaking else 10_000)


class Body(io.BytesIO):
    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self.most:
            raise IncompleteReadError(actual_bytes=self.tell(), expected_bytes=9999)
        return super().read(min(size or 0, self.most - self.tell()))


@pytest.mark.parametrize(("breaks", "asked"), [(0, [0]), (1, [0, 100]), (3, [0, 100, 200, 300])])
def test_a_connection_that_breaks_off_is_gone_on_with_where_it_stopped(breaks: int, asked: list[int]) -> None:
    store = Dripping(breaks)

    with io.BufferedReader(Reader(store.fetch, len(store.content), nullcontext), 64) as file:
        assert file.read() == store.content
    assert store.asked == asked


def test_a_store_that_gives_no_more_at_all_is_given_up() -> None:
    class Dry(Dripping):
        def fetch(self, start: int) -> Any:
            return Body(self.content[start:], 0)

    with Reader(Dry(0).fetch, 1024, backend.S3Files().calling) as file, pytest.raises(StorageUnavailable):
        file.read(10)


@pytest.mark.parametrize("answers", [True, False], ids=["refusing", "hanging"])
@pytest.mark.django_db(transaction=True)
def test_while_the_store_is_away_an_upload_is_503_and_leaves_nothing(
    answers: bool, api: ApiClient, workspace: Workspace, bucket: Bucket, settings: Settings
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])

    with held(settings, bucket, answers=answers):
        response = upload(api, post, picture())
    later = upload(api, post, picture())

    assert (error_of(response), response["Retry-After"]) == ((503, "SERVICE_UNAVAILABLE"), "10")
    assert (later.status_code, Media.objects.count(), len(bucket.names())) == (201, 1, 2)


def test_a_store_that_hangs_holds_up_three_calls_and_then_one_at_a_time(
    bucket: Bucket, settings: Settings, pauses_end: Callable[[], None]
) -> None:
    sent: list[str] = []

    with held(settings, bucket, answers=False):
        cast("backend.S3Files", default_storage).client.meta.events.register(
            "before-send.s3", lambda request, **_: sent.append(request.method)
        )
        for _ in range(10):
            with pytest.raises(StorageUnavailable) as refused:
                storage.exists(NAME)
        assert (sent, '". It is left alone for ' in refused.value.reason) == (["HEAD"] * 3, True)
        pauses_end()
        for _ in range(10):
            with pytest.raises(StorageUnavailable):
                storage.exists(NAME)

    assert sent == ["HEAD"] * 4


def test_a_store_that_refuses_is_asked_every_time(bucket: Bucket) -> None:
    bucket.fail()

    for _ in range(5):
        with pytest.raises(StorageUnavailable) as refused:
            storage.try_out(b"x")
        assert "NoSuchBucket" in refused.value.reason


def test_a_store_that_says_to_be_in_trouble_is_left_alone(bucket: Bucket) -> None:
    answer: Any = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    trouble = ClientError(answer, "HeadObject")
    with pytest.raises(StorageUnavailable) as first, cast("backend.S3Files", default_storage).calling():
        raise trouble
    assert first.value.reason == "HeadObject was answered with SlowDown."
    for _ in range(4):
        with pytest.raises(StorageUnavailable) as refused, cast("backend.S3Files", default_storage).calling():
            raise trouble

    assert "SlowDown" in refused.value.reason
    assert "left alone" in refused.value.reason


@pytest.mark.django_db(transaction=True)
def test_a_file_without_its_thumbnail_is_not_kept(
    api: ApiClient, workspace: Workspace, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, save = make_post(workspace, accounts=[make_account(workspace)]), backend.S3Files._save

    def stubborn(self: Any, name: str, content: Any) -> str:
        if name.startswith("thumbs/"):
            raise StorageUnavailable(reason="The store is full.")
        return save(self, name, content)

    monkeypatch.setattr(backend.S3Files, "_save", stubborn)

    assert error_of(upload(api, post, picture())) == (503, "SERVICE_UNAVAILABLE")
    assert (Media.objects.count(), bucket.names()) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_what_is_deleted_while_the_store_is_away_is_swept_later(
    api: ApiClient, workspace: Workspace, bucket: Bucket, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    media = upload(api, post, picture()).json()["data"]["media"]["id"]

    with held(settings, bucket, answers=True):
        deleted = api.delete(f"/api/media/{media}")
    left = len(bucket.names())
    monkeypatch.setattr(storage, "clock", lambda: timezone.now() + 2 * HOUR)
    sweep_orphans(lambda names: set())

    assert (deleted.status_code, left, bucket.names()) == (200, 2, [])


@pytest.mark.django_db
class TestPublishing:
    """A post whose file cannot be read is tried again, whether it is read before the visible call or for it."""

    @pytest.fixture(params=["prepare", "commit"])
    def reading(self, request: pytest.FixtureRequest, network: ScriptedNetwork, monkeypatch: Any) -> ScriptedNetwork:
        do = getattr(network, request.param)

        def read(session: Any, operation: Any, *given: Any) -> Any:
            assert operation.content.media[0].read()
            return do(session, operation, *given)

        monkeypatch.setattr(network, request.param, read)
        return network

    def test_a_file_that_cannot_be_read_is_tried_again_and_goes_out(
        self, reading: ScriptedNetwork, workspace: Workspace, bucket: Bucket, settings: Settings
    ) -> None:
        target = make_due(workspace)
        make_media(target.post, size=len(picture()), stored_name="media/ab/abcd.jpg", thumbnail_name="")
        storage.store_bytes(io.BytesIO(picture()), "media/ab/abcd.jpg")

        with held(settings, bucket, answers=True):
            waiting = publish(target)
        error = waiting.error or {}
        assert (waiting.status, error["who_acts"], error["retryable"]) == ("publishing", "operator", True)
        assert error["message"] == "The storage does not give a file of the post."
        bring_forward(target)

        assert publish(target).status == "published"


@pytest.mark.django_db(transaction=True)
def test_the_health_says_that_the_bucket_is_gone(bucket: Bucket) -> None:
    assert probes.PROBES["storage"].start().result(timeout=30) is None
    bucket.fail()

    storage_health = probes.Examination()._storage()

    assert storage_health["status"] == "unhealthy"
    assert "NoSuchBucket" in storage_health["message"]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3"])
def test_the_bucket_is_made_once_and_is_nobody_elses(bucket: Bucket, settings: Settings, region: str) -> None:
    options = bucket.setting["OPTIONS"] | {"bucket_name": f"{bucket.name}-new", "region_name": region}
    settings.STORAGES = settings.STORAGES | {"default": bucket.setting | {"OPTIONS": options}}

    assert [storage.prepare(), storage.prepare()] == [True, False]
    storage.try_out(b"well?")
    grants = bucket.client.get_bucket_acl(Bucket=f"{bucket.name}-new")["Grants"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_the_sdk_is_not_loaded_where_files_are_local() -> None:
    look = "import django, sys; django.setup(); import ouipost.urls; print({'boto3', 'storages'} & set(sys.modules))"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "ouipost.settings"}
    done = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
