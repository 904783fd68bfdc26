"""Bluesky's connector and its simulator, which were written apart from each other."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts.platforms.base import SignIn
from accounts.platforms.bluesky import Bluesky, video
from accounts.platforms.bluesky.errors import BlobMissing
from accounts.platforms.bluesky.variant import variant
from accounts.platforms.errors import RateLimited, Rejected
from accounts.platforms.shapes import App, Content, Media
from ouipost.simulator import clock
from ouipost.simulator.models import Media as Stored
from ouipost.simulator.models import Post, Request
from tests.in_process import in_process
from tests.networks.simulated import Desk, make_file, now, order, visible
from tests.simulator.clip import film
from tests.simulator.conftest import png

pytestmark = pytest.mark.django_db(databases=["simulator"])
FILM = make_file(
    "film",
    film(),
    type="video",
    mime_type="video/mp4",
    filename="film.mp4",
    width=64,
    height=64,
    seconds=1,
    alt_text="Red",
)
PHOTO = make_file(
    "photo", png(40, 30).getvalue(), type="image", mime_type="image/png", width=40, height=30, alt_text="Red"
)


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with in_process(monkeypatch):
        yield


def desk(service: str = "", handle: str = "alice.example", **values: Any) -> Desk:
    connector = Bluesky(App())
    credentials = SignIn(identifier=handle, password="aaaa-bbbb-cccc-dddd", service=service)
    at = Desk(connector=connector, candidate=None, **values)  # type: ignore[arg-type]
    [at.candidate] = connector.sign_in(at.session, credentials, now=now())
    return at


def test_who_has_moved_to_another_server_is_believed_and_who_only_says_so_is_not() -> None:
    named = SignIn(identifier="alice.example", password="", service="https://new.example")
    known = {"service": "https://old.example"}

    here = desk()
    assert not Bluesky(App()).is_theirs(here.session, here.candidate, named, known=known)
    moved = desk("https://new.example")
    assert Bluesky(App()).is_theirs(moved.session, moved.candidate, named, known=known)


@pytest.mark.parametrize("refusing", [video.LIMITS, "app.bsky.video.uploadVideo", "app.bsky.video.startUpload"])
def test_an_account_whose_e_mail_is_not_confirmed_is_told_so_at_once_and_posts_what_has_no_video(
    refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk(handle="unconfirmed.example")
    if refusing != video.LIMITS:
        monkeypatch.setattr(video, "IN_ONE_CALL", 0 if "start" in refusing else FILM.size)
        monkeypatch.setattr(video.VideoUpload, "_may_upload", lambda self, token: True)

    with pytest.raises(Rejected, match="confirm the account's e-mail address") as caught:
        at.publish(Content(text="Look", media=(FILM,)))

    assert (caught.value.code, caught.value.who_acts) == ("MEDIA_REJECTED", "account_owner")
    assert Request.objects.filter(path__contains=refusing, status__lt=500).exists()
    at.publish(Content(text="No video"))
    assert visible() == [("post", "No video", 0)]


@pytest.mark.parametrize("file", [PHOTO, FILM], ids=["photo", "film"])
def test_a_file_that_the_server_has_dropped_is_brought_again_and_the_post_made_once(file: Media) -> None:
    at = desk()
    operation = at.prepare(at.operation(Content(text="Look", media=(file,))))
    Stored.objects.update(expires_at=now())

    with pytest.raises(BlobMissing) as dropped:
        at.connector.commit(at.session, operation)
    assert dropped.value.handles is not None
    at.send(replace(operation, handles=dropped.value.handles, armed_at=None))

    assert visible() == [("post", "Look", 1)]
    assert operation.handles["rkey"] in Post.objects.get().external_id


@pytest.mark.parametrize("in_one_call", [True, False])
def test_a_dropped_video_that_is_too_large_for_the_server_comes_to_the_service_as_another_file(
    in_one_call: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ouipost.simulator.networks.bluesky.MAX_BLOB_BYTES_AT_BLUESKY", FILM.size - 1)
    monkeypatch.setattr(video, "IN_ONE_CALL", 10 * FILM.size if in_one_call else 0)
    at = desk()
    operation = at.prepare(at.operation(Content(text="Look", media=(FILM,))))

    for _ in range(2):
        Stored.objects.update(expires_at=now())
        with pytest.raises(BlobMissing) as dropped:
            at.connector.commit(at.session, operation)
        operation = at.prepare(replace(operation, handles=dropped.value.handles or {}, armed_at=None))
    at.connector.commit(at.session, operation)

    assert visible() == [("post", "Look", 1)]
    assert Stored.objects.filter(mime="video/mp4", failed=False, ready_at__lte=now()).count() == 3


def test_another_file_of_a_video_is_its_bytes_and_a_box_behind_them() -> None:
    other = variant(make_file("film", b"0123456789", type="video", mime_type="video/mp4"), "key")
    whole = b"0123456789\x00\x00\x00\x0bfreekey"

    with other.open() as file:
        read = [file.read(), file.read(1), (file.seek(8), file.read(4))[1], file.read()]

    assert (read, other.size) == ([whole, b"", whole[8:12], whole[12:]], len(whole))


@pytest.mark.parametrize("behind", [timedelta(days=1), timedelta(hours=-1)], ids=["behind", "ahead"])
def test_a_video_goes_out_though_the_servers_clock_differs_from_ours(behind: timedelta) -> None:
    clock.advance(behind.total_seconds())
    at = desk(behind=behind)

    at.publish(Content(text="Look", media=(FILM,)))

    assert visible() == [("post", "Look", 1)]


def test_a_post_that_was_taken_and_answered_with_a_quota_is_found_at_its_key() -> None:
    at = desk()
    operation = at.prepare(at.operation(Content(text="Look")))
    order("bluesky", "status", "putRecord", status=429, body={"error": "RateLimitExceeded"}, after_accept=True)
    with pytest.raises(RateLimited):
        at.connector.commit(at.session, operation)
    clock.advance(75)

    published = at.send(replace(operation, armed_at=None))

    assert [post.external_id for post in Post.objects.all()] == [published.remote_id]
