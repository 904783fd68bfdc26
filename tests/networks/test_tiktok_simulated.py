"""The connector against the simulated TikTok: what passes is taken, and what is refused was named."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import av
import pytest
from pytest_django import Settings

from accounts.platforms.errors import Rejected, Unavailable, Unknown
from accounts.platforms.shapes import App, Content, Handles, Media
from accounts.platforms.tiktok import TikTok
from accounts.platforms.tiktok import media as tiktok_media
from accounts.platforms.uploads import part_of
from ouipost.simulator import clock, pulling
from ouipost.simulator.models import Post, Request
from tests.in_process import BASE, in_process
from tests.networks.platform_case import make_image, make_video
from tests.networks.simulated import Desk, consent, now, order
from tests.simulator.clip import clip
from tests.simulator.conftest import png

pytestmark = pytest.mark.django_db(databases=["simulator"])

EVERYONE = {"privacy_level": "PUBLIC_TO_EVERYONE"}
FILM = clip(codec="libx264")
IN_TWO = FILM + b"\0\0\0\x08free" + b"\0" * (2 * tiktok_media.LEAST_CHUNK - len(FILM))
"""The film with something at its end that no player minds, so that it goes up in two chunks."""


@dataclass
class World:
    """The simulated TikTok, and files that it can fetch."""

    connector: TikTok
    files: dict[str, bytes]

    def desk(self, login: str = "Demo") -> Desk:
        [candidate] = consent(self.connector, login)
        return Desk(connector=self.connector, candidate=candidate)

    def image(self, name: str, content: bytes, **facts: Any) -> Media:
        self.files[f"{BASE}/media/{name}"] = content
        return make_image(name, size=len(content), pull_url=lambda: f"{BASE}/media/{name}", **facts)


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    settings.ROOT_URLCONF, settings.MIDDLEWARE, settings.PUBLIC_BASE_URL = "tests.simulator.alone_urls", [], BASE
    files: dict[str, bytes] = {}

    def fetch(address: str, *, most: int, agent: str) -> bytes:
        if address not in files:
            raise pulling.Unreachable("It answered 404.")
        return files[address][: most + 1]

    with in_process(monkeypatch), patch.object(pulling, "fetch", fetch):
        connector = TikTok(App(client_id="key", client_secret="secret"))
        yield World(connector, files)


def posting(content: bytes, **options: Any) -> Content:
    return Content(
        text="Bread", media=(make_video(content=content, width=360, height=640),), options=EVERYONE | options
    )


def test_a_video_of_two_chunks_goes_on_behind_the_one_that_arrived(world: World) -> None:
    at, saved = world.desk(), list[Handles]()
    operation = at.operation(posting(IN_TWO))
    order("tiktok", "status", "PUT open-upload.tiktokapis.com/video", status=502, body="", after_accept=True)
    with pytest.raises(Unavailable):
        at.connector.prepare(at.session, operation, lambda handles, *, seconds=0: saved.append(handles))

    published = at.send(replace(operation, handles=saved[-1]))

    [post] = Post.objects.filter(network="tiktok")
    assert (published.remote_id, published.url) == (post.external_id, post.url)


@pytest.mark.parametrize("content", [FILM, IN_TWO], ids=["one chunk", "two chunks"])
def test_a_last_chunk_that_comes_late_is_not_followed_by_a_second_post(world: World, content: bytes) -> None:
    at, film = world.desk(), posting(content)
    operation = at.prepare(at.operation(film))
    order("tiktok", "status", status=502, body="")
    with pytest.raises(Unknown):
        at.connector.commit(at.session, operation)
    assert at.recover(operation) == []
    last = part_of(film.media[0], operation.handles["sent"], film.media[0].size)
    tiktok_media.put(at.session, film.media[0], operation.handles["upload_url"], last)
    clock.advance(3600)

    published = at.send(replace(operation, armed_at=None))  # as after a pause, or a quota

    [post] = Post.objects.filter(network="tiktok")
    assert published.remote_id == post.external_id


def test_a_creator_whom_tiktok_has_banned_is_told_so_and_nothing_is_sent(world: World) -> None:
    with pytest.raises(Rejected, match="banned") as caught:
        world.desk("Ann Banned").publish(posting(FILM))

    assert caught.value.who_acts == "account_owner"
    assert not Request.objects.filter(path__contains="init").exists()


def test_a_private_post_is_counted_as_soon_as_it_has_an_id(world: World) -> None:
    at = world.desk()
    [hidden] = at.publish(posting(FILM, privacy_level="SELF_ONLY"))
    [shown] = at.publish(posting(FILM))
    clock.advance(3600)

    numbers = at.connector.post_metrics(at.session, at.account, [hidden.remote_id, shown.remote_id, "5"], now=now())

    assert set(numbers) == {hidden.remote_id, shown.remote_id}
    assert numbers[hidden.remote_id].impressions is None
    assert (numbers[shown.remote_id].impressions or 0) > (numbers[shown.remote_id].engagement or 0) > 0
    figures = at.connector.account_metrics(at.session, at.account, now=now())
    assert (figures.posts, figures.following) == (1, 2)


VIDEOS = [
    {},
    {"fps": 23},
    {"fps": 22},
    {"fps": 60},
    {"fps": 61},
    {"width": 358},
    {"width": 4096, "height": 360, "seconds": 0.1},
    {"width": 4098, "height": 360, "seconds": 0.1},
    {"codec": "mpeg4"},
    {"codec": "libx265", "seconds": 0.1},
    {"codec": "libvpx", "kind": "webm"},
    {"codec": "libvpx-vp9", "kind": "webm"},
    {"seconds": 61, "fps": 24},
]


@pytest.mark.parametrize("facts", VIDEOS, ids=str)
@pytest.mark.parametrize("login", ["Demo", "Brief Bob"])
def test_a_video_that_passes_is_taken_and_one_that_is_refused_was_named(
    world: World, facts: dict[str, Any], login: str
) -> None:
    written: dict[str, Any] = {"codec": "libx264", "seconds": 0.5} | facts
    post = Content(text="Bread", media=(looked_at(clip(**written)),), options=EVERYONE)

    assert_named_if_refused(world.desk(login), post)


def looked_at(content: bytes) -> Media:
    """Return a video with its facts as FFmpeg tells them."""
    with av.open(io.BytesIO(content), mode="r") as container:
        stream = container.streams.video[0]
        return make_video(
            content=content,
            mime_type="video/webm" if "webm" in container.format.name else "video/mp4",
            width=stream.width,
            height=stream.height,
            seconds=(container.duration or 0) / av.time_base,
            fps=float(stream.average_rate or 0),
            video_codec=stream.codec_context.name,
            audio_codec="",
        )


def assert_named_if_refused(at: Desk, content: Content) -> None:
    try:
        at.send(at.operation(content))
    except Rejected:
        assert at.rules(content) != []
    else:
        assert at.rules(content) == []


LEVELS = ("PUBLIC_TO_EVERYONE", "FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY", "EVERYBODY", "", None)
OPTIONS: list[dict[str, Any]] = [
    *({"privacy_level": level} for level in LEVELS),
    EVERYONE | {"disable_comment": False},
    EVERYONE | {"disable_duet": False},
    EVERYONE | {"disable_stitch": True},
    EVERYONE | {"disable_duet": "no"},
    EVERYONE | {"brand_content_toggle": True},
    {"privacy_level": "SELF_ONLY", "brand_content_toggle": True},
    EVERYONE | {"is_aigc": True},
    EVERYONE | {"is_aigc": 1},
    EVERYONE | {"video_cover_timestamp_ms": 500},
    EVERYONE | {"video_cover_timestamp_ms": -1},
    EVERYONE | {"video_cover_timestamp_ms": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("login", ["Demo", "Private Ada", "Quiet Ada"])
def test_options_that_pass_are_taken_and_those_that_are_refused_were_named(
    world: World, options: dict[str, Any], login: str
) -> None:
    media = make_video(content=FILM, width=360, height=640, seconds=1.0)

    assert_named_if_refused(world.desk(login), Content(text="🍞" * 1100, media=(media,), options=options))


PICTURES = [
    ("JPEG", 1080, 1920, ""),
    ("WEBP", 1920, 1080, ""),
    ("JPEG", 8, 6, ""),
    ("PNG", 8, 6, "image_type_unsupported"),
]


@pytest.mark.parametrize(("kind", "width", "height", "rule"), PICTURES)
def test_a_photo_that_passes_is_taken_and_one_that_is_refused_was_named(
    world: World, kind: str, width: int, height: int, rule: str
) -> None:
    at = world.desk()
    facts = {"mime_type": f"image/{kind.lower()}", "width": width, "height": height}
    photo = world.image("1", png(width, height, kind=kind).read(), **facts)
    content = Content(text="x" * 4000, title="🍞" * 45, media=(photo,) * 35, options=EVERYONE)

    assert {*at.rules(content)} == ({rule} if rule else set())
    assert_named_if_refused(at, content)
