"""The connector against the simulated TikTok: whatever answer is lost, there is one post; what passes is taken."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import av
import pytest
import requests
from pytest_django import Settings

from accounts.platforms.base import (
    Account,
    App,
    AuthExpired,
    Candidate,
    Content,
    Handles,
    Media,
    Operation,
    PlatformError,
    ProcessingFailed,
    Published,
    Recovery,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.tiktok import TikTok
from accounts.platforms.tiktok import upload as tiktok_upload
from accounts.session import NetworkSession
from ouipost.simulator import clock, pulling
from ouipost.simulator.models import Fault, Post
from tests.in_process import BASE, in_process
from tests.networks.platform_case import make_image, make_video
from tests.simulator.clip import clip
from tests.simulator.conftest import png

pytestmark = pytest.mark.django_db(databases=["simulator"])

BACK = "https://app.example/callback"
EVERYONE = {"privacy_level": "PUBLIC_TO_EVERYONE"}
MOST_STEPS = 40
SETTLES_AFTER = 300.0


@dataclass
class World:
    """A person's account at the simulated TikTok, and an engine that brings one post there."""

    connector: TikTok
    session: NetworkSession
    files: dict[str, bytes]

    def sign_in(self, login: str = "Demo") -> Candidate:
        url = self.connector.authorize_url(redirect_uri=BACK, state="s", scopes=self.connector.scopes)
        form = {"decision": "allow", "login": login}
        answer = requests.post(self.session.public_url(url), data=form, allow_redirects=False, timeout=5)
        [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
        tokens = self.connector.exchange(self.session, code=code, redirect_uri=BACK, now=clock.now())
        [candidate] = self.connector.candidates(self.session, tokens)
        return candidate

    def account(self, login: str = "Demo") -> Account:
        found = self.sign_in(login)
        return Account(
            remote_id=found.remote_id,
            access_token=found.tokens.access_token,
            refresh_token=found.tokens.refresh_token,
            username=found.profile.username,
            metadata=found.metadata,
        )

    def image(self, name: str, content: bytes, **facts: Any) -> Media:
        self.files[f"{BASE}/media/{name}"] = content
        return make_image(name, size=len(content), pull_url=lambda: f"{BASE}/media/{name}", **facts)

    def publish(self, content: Content, account: Account) -> Published:
        """Do what the engine does until the post is out; raises what ends it otherwise."""
        way = Way(self, Operation(content=content, account=account, now=clock.now()))
        for _ in range(MOST_STEPS):
            found = way.step()
            if found:
                return found
        raise AssertionError("It did not come to an end.")


class Way:
    """One post on its way, as the engine keeps it between its steps."""

    def __init__(self, world: World, operation: Operation) -> None:
        self.world, self.operation = world, operation
        self.handles: Handles = {}
        self.unresolved = False
        self.absences = 0

    def step(self) -> Published | None:
        self.operation = replace(self.operation, handles=self.handles, now=clock.now())
        is_sending = False
        try:
            if self.unresolved and (found := self._look()):
                return found
            if self.unresolved:
                return None
            handles = self.world.connector.prepare(self.world.session, self.operation, self._save)
            self._arm(handles)
            is_sending = True
            return self.world.connector.commit(self.world.session, self.operation)
        except (Unknown, Unavailable) as error:
            self._wait(error, is_sending=is_sending)
        return None

    def _look(self) -> Published | None:
        recovery = self.world.connector.recovery_of(self.operation)
        if recovery == Recovery.PARK:
            raise LookupError("A person must look.")
        match self.world.connector.recover(self.world.session, self.operation):
            case [one]:
                return one
            case []:
                self.absences += 1
                self.unresolved = recovery == Recovery.LOOK and self.absences < 2
                clock.advance(SETTLES_AFTER if self.unresolved else 0)
                return None
        raise LookupError("Several posts can be this one.")

    def _save(self, handles: Handles, *, seconds: float = 0) -> None:
        self.handles = handles

    def _arm(self, handles: Handles) -> None:
        armed_at = self.operation.armed_at or clock.now()
        self.operation = replace(self.operation, handles=handles, armed_at=armed_at)
        self.handles, self.unresolved, self.absences = handles, True, 0

    def _wait(self, error: PlatformError, *, is_sending: bool) -> None:
        if isinstance(error, StillWorking):
            self.handles = self.handles if error.handles is None else error.handles
        elif isinstance(error, Unavailable) and is_sending:
            self.unresolved, self.operation = False, replace(self.operation, armed_at=None)
        after = getattr(error, "retry_after", None)
        clock.advance(after or (SETTLES_AFTER if self.unresolved else 30))


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
        yield World(connector, NetworkSession(gateway=f"{BASE}/sandbox"), files)


@pytest.fixture(scope="module")
def film() -> bytes:
    return clip(codec="libx264")


def in_two(film: bytes) -> bytes:
    """Return the film with something at its end that no player minds, so that it goes up in two chunks."""
    return film + b"\0\0\0\x08free" + b"\0" * (2 * tiktok_upload.LEAST_CHUNK - len(film))


def posting(content: bytes, **options: Any) -> Content:
    return Content(
        text="Bread", media=(make_video(content=content, width=360, height=640),), options=EVERYONE | options
    )


def order(effect: str, match: str, times: int = 1, **options: Any) -> None:
    Fault.objects.create(network="tiktok", effect=effect, match=match, times=times, options=options)


def texts() -> list[str]:
    return [post.text for post in Post.objects.alive().filter(network="tiktok")]


CALLS = [
    "POST /v2/post/publish/creator_info/query",
    "POST /v2/post/publish/video/init",
    "PUT open-upload.tiktokapis.com/video",
    "POST /v2/post/publish/status/fetch",
]


@pytest.mark.parametrize("match", CALLS)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("after_accept", [True, False])
def test_whatever_answer_is_lost_there_is_one_video(
    world: World, film: bytes, match: str, times: int, after_accept: bool
) -> None:
    account = world.account()
    order("status", match, times=times, status=502, body="", after_accept=after_accept)

    published = world.publish(posting(in_two(film)), account)

    [post] = Post.objects.filter(network="tiktok")
    assert (published.remote_id, published.url) == (post.external_id, post.url)


@pytest.mark.parametrize("after_accept", [True, False])
def test_a_lost_answer_to_the_visible_call_leaves_one_post_of_photos(world: World, after_accept: bool) -> None:
    account = world.account()
    content = Content(text="Three loaves", media=(world.image("1", png(kind="JPEG").read()),), options=EVERYONE)
    order("status", "POST /v2/post/publish/content/init", status=502, body="", after_accept=after_accept)

    published = world.publish(content, account)

    [post] = Post.objects.filter(network="tiktok")
    assert (published.remote_id, published.url) == (post.external_id, post.url)


def test_lost_photos_that_are_not_public_are_left_to_a_person(world: World) -> None:
    account = world.account()
    options = {"privacy_level": "SELF_ONLY"}
    content = Content(text="Three loaves", media=(world.image("1", png(kind="JPEG").read()),), options=options)
    order("status", "POST /v2/post/publish/content/init", status=502, body="", after_accept=True)

    with pytest.raises(LookupError):
        world.publish(content, account)

    assert texts() == ["Three loaves"]


def test_an_upload_that_takes_longer_than_an_hour_is_begun_anew(world: World, film: bytes) -> None:
    account = world.account()
    way = Way(world, Operation(content=posting(in_two(film)), account=account, now=clock.now()))
    order("status", "PUT open-upload.tiktokapis.com/video", status=502, body="")
    assert way.step() is None
    first = way.handles["publish_id"]

    clock.advance(3500)
    while not (published := way.step()):
        pass

    assert way.handles["publish_id"] != first
    assert [published.remote_id] == [post.external_id for post in Post.objects.filter(network="tiktok")]


def test_a_slow_video_is_waited_for(world: World, film: bytes) -> None:
    account = world.account()
    order("slow_processing", "PUT open-upload.tiktokapis.com/video", times=3, seconds=90)

    published = world.publish(posting(film), account)

    assert published.remote_id.isdigit()


def test_a_video_that_tiktok_gives_up_has_failed_and_is_no_post(world: World, film: bytes) -> None:
    account = world.account()
    order("processing_failed", "PUT open-upload.tiktokapis.com/video")

    with pytest.raises(ProcessingFailed):
        world.publish(posting(film), account)

    assert texts() == []


def test_photos_that_could_not_be_fetched_at_first_are_posted_once(world: World) -> None:
    account = world.account()
    content = Content(text="Three loaves", media=(world.image("1", png(kind="JPEG").read()),), options=EVERYONE)
    [(address, photo)] = world.files.items()
    del world.files[address]
    way = Way(world, Operation(content=content, account=account, now=clock.now()))
    way.step()
    way.step()

    world.files[address] = photo
    while not way.step():
        pass

    assert texts() == ["Three loaves"]


def test_a_private_post_is_counted_as_soon_as_it_has_an_id(world: World, film: bytes) -> None:
    account = world.account()
    hidden = world.publish(posting(film, privacy_level="SELF_ONLY"), account)
    shown = world.publish(posting(film), account)
    clock.advance(3600)

    now = clock.now()
    numbers = world.connector.post_metrics(world.session, account, [hidden.remote_id, shown.remote_id, "5"], now=now)

    assert set(numbers) == {hidden.remote_id, shown.remote_id}
    assert numbers[hidden.remote_id].impressions is None
    assert (numbers[shown.remote_id].impressions or 0) > (numbers[shown.remote_id].engagement or 0) > 0
    figures = world.connector.account_metrics(world.session, account, now=now)
    assert (figures.posts, figures.following) == (1, 2)


def test_tokens_rotate_and_are_revoked(world: World) -> None:
    account = world.account()
    fresh = world.connector.refresh(world.session, account, now=clock.now())
    renewed = replace(account, access_token=fresh.access_token, refresh_token=fresh.refresh_token)

    with pytest.raises(AuthExpired):
        world.connector.refresh(world.session, account, now=clock.now())
    assert fresh.ends_at is not None
    assert fresh.ends_at - clock.now() > timedelta(days=179)
    world.connector.revoke(world.session, renewed)
    with pytest.raises(AuthExpired):
        world.connector.profile(world.session, renewed)


def test_an_app_that_is_not_audited_is_its_operators_to_mend(world: World, film: bytes) -> None:
    world.connector = TikTok(App(client_id="unaudited", client_secret="secret"))
    hidden, shown = posting(film, privacy_level="SELF_ONLY"), posting(film)

    world.publish(hidden, world.account("Ann Private"))
    with pytest.raises(Rejected) as caught:
        world.publish(shown, world.account("Bob"))

    assert (caught.value.error_code, caught.value.acts) == ("PLATFORM_UNAVAILABLE", "operator")
    assert len(texts()) == 1


def test_the_sixteenth_post_of_a_day_waits(world: World, film: bytes) -> None:
    account = world.account()
    for _ in range(15):
        world.publish(posting(film), account)
    before = clock.now()

    with pytest.raises(AuthExpired):  # the token is two hours old by then: the engine would renew it
        world.publish(posting(film), account)

    assert clock.now() - before > timedelta(hours=1)
    assert len(texts()) == 15


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
    content = clip(**written)
    media = looked_at(content)
    account = world.account(login)
    post = Content(text="Bread", media=(media,), options=EVERYONE)

    is_named = bool(world.connector.validate(post, account.metadata))

    assert is_named == is_refused(world, post, account)


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


def is_refused(world: World, content: Content, account: Account) -> bool:
    try:
        world.publish(content, account)
    except Rejected:
        return True
    return False


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
    world: World, film: bytes, options: dict[str, Any], login: str
) -> None:
    account = world.account(login)
    media = make_video(content=film, width=360, height=640, seconds=1.0)
    content = Content(text="🍞" * 1100, media=(media,), options=options)

    is_named = bool(world.connector.validate(content, account.metadata))

    assert is_named == is_refused(world, content, account)


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
    account = world.account()
    facts = {"mime_type": f"image/{kind.lower()}", "width": width, "height": height}
    photo = world.image("1", png(width, height, kind=kind).read(), **facts)
    content = Content(text="x" * 4000, title="🍞" * 45, media=(photo,) * 35, options=EVERYONE)

    named = {issue.rule for issue in world.connector.validate(content, account.metadata)}

    assert named == ({rule} if rule else set())
    assert is_refused(world, content, account) == bool(rule)
