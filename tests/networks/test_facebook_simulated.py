"""Facebook's connector against the simulated Facebook: each was written from the facts alone, and they must agree."""

import functools
import io
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import av
import pytest
import requests
from PIL import Image

from accounts.platforms.base import (
    Account,
    App,
    AuthExpired,
    Content,
    Duplicate,
    Media,
    Operation,
    PlatformError,
    ProcessingFailed,
    Published,
    Rejected,
    StillWorking,
    Unknown,
)
from accounts.platforms.facebook import Facebook
from accounts.session import NetworkSession
from ouipost.simulator import clock
from ouipost.simulator.models import Fault, Post
from ouipost.simulator.networks.facebook import videos as facebook_videos
from tests.in_process import BASE, in_process
from tests.networks.platform_case import make_media, no_save

pytestmark = pytest.mark.django_db(databases=["simulator"])
CONNECTOR = Facebook(App(client_id="app", client_secret="secret"))
BACK = "https://app.example/back"


@functools.cache
def clip(
    width: int = 540, height: int = 960, seconds: float = 3, fps: int = 24, codec: str = "libx264", form: str = "mp4"
) -> bytes:
    """Return a video file without sound."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        stream.options = {"preset": "ultrafast"} if codec != "mpeg4" else {}
        frame = av.VideoFrame(width, height, "yuv420p")
        for number in range(round(seconds * fps)):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def on_disk(content: bytes) -> BinaryIO:
    """Return an open file, as the product's storage does."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever opens it closes it
    file.write(content)
    file.seek(0)
    return file


def video(**values: Any) -> Media:
    """Return a clip with what the product would know of it."""
    facts: dict[str, Any] = {"width": 540, "height": 960, "seconds": 3, "fps": 24} | {
        name: value for name, value in values.items() if name in ("width", "height", "seconds", "fps")
    }
    codec = {"libx264": "h264", "mpeg4": "mpeg4", "libx265": "hevc"}[values.get("codec", "libx264")]
    mime = "video/quicktime" if values.get("form") == "mov" else "video/mp4"
    facts |= {"type": "video", "mime_type": mime, "video_codec": codec}
    return make_media("v", clip(**values), "mp4", **facts | {"open": lambda: on_disk(clip(**values))})


def image(media_id: str = "i", kind: str = "JPEG") -> Media:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, kind)
    mime = f"image/{kind.lower()}"
    return make_media(media_id, file.getvalue(), "x", type="image", mime_type=mime, width=40, height=30, alt_text="A")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[NetworkSession]:
    with in_process(monkeypatch):
        yield NetworkSession(gateway=f"{BASE}/sandbox")


def connect(session: NetworkSession, *more: str) -> list[Account]:
    """Go through the sign-in and return the accounts that it opened."""
    scopes = (*CONNECTOR.scopes, *more)
    page = session.public_url(CONNECTOR.authorize_url(redirect_uri=BACK, state="s", scopes=scopes))
    form = {"decision": "continue", "login": "Demo", "pages": ["0", "1"]}
    sent_back = requests.post(page, data=form, timeout=5, allow_redirects=False).headers["Location"]
    [code] = parse_qs(urlsplit(sent_back).query)["code"]
    tokens = CONNECTOR.exchange(session, code=code, redirect_uri=BACK, now=clock.now())
    return [
        Account(
            remote_id=each.remote_id,
            access_token=each.tokens.access_token,
            refresh_token=each.tokens.refresh_token,
            metadata=each.metadata,
        )
        for each in CONNECTOR.candidates(session, tokens)
    ]


@pytest.fixture
def account(session: NetworkSession) -> Account:
    return connect(session)[0]


def settle(session: NetworkSession, operation: Operation) -> Published:
    """Wait for what Facebook has taken as the engine does, and return the one post that there is."""
    for _ in range(5):
        try:
            [found] = CONNECTOR.recover(session, replace(operation, now=clock.now()))
        except StillWorking as working:
            clock.advance(working.retry_after)
        else:
            return found
    raise AssertionError("It is never shown.")


def publish(session: NetworkSession, operation: Operation) -> tuple[Operation, Published]:
    """Publish as the engine does when nothing goes wrong."""
    handles = CONNECTOR.prepare(session, operation, no_save)
    operation = replace(operation, handles=handles, armed_at=clock.now())
    try:
        return operation, CONNECTOR.commit(session, operation)
    except StillWorking as taken:
        operation = replace(operation, handles=taken.handles or {})
        return operation, settle(session, operation)


def of(account: Account, content: Content, **values: Any) -> Operation:
    assert [each for each in CONNECTOR.validate(content, account.metadata) if each.severity == "error"] == []
    return Operation(content=content, account=account, now=clock.now(), **values)


KINDS = {
    "text": Content(text="Rye today", options={"first_comment": "Recipe below"}),
    "link": Content(text="Rye", link="https://bakery.example/rye"),
    "image": Content(text="Rye", media=(image(),), options={"first_comment": "Recipe below"}),
    "images": Content(text="Rye", media=tuple(image(f"i{number}") for number in range(10))),
    "video": Content(text="Rye", title="Loaf", media=(video(),), options={"first_comment": "Recipe below"}),
    "reel": Content(text="Rye", media=(video(),), options={"post_type": "reel", "first_comment": "Recipe below"}),
    "photo story": Content(text="", media=(image(),), options={"post_type": "story"}),
    "video story": Content(text="", media=(video(),), options={"post_type": "story"}),
}


@pytest.fixture(params=KINDS)
def content(request: pytest.FixtureRequest) -> Content:
    return KINDS[request.param]


def test_every_kind_of_post_arrives_once_with_its_comment(
    session: NetworkSession, account: Account, content: Content
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facebook_videos, "CHUNK_BYTES", len(clip()) // 3 + 1)
        _, post = publish(session, of(account, content))
    for _ in content.replies:
        publish(session, of(account, content, out=(post,)))

    there, *comments = Post.objects.order_by("pk")
    assert (post.remote_id, there.text) == (there.external_id, content.text)
    assert [each.text for each in comments] == [reply.text for reply in content.replies]
    assert requests.get(session.public_url(post.url), timeout=5).status_code == 200
    clock.advance(86_400)
    numbers = CONNECTOR.post_metrics(session, account, [post.remote_id], now=clock.now())[post.remote_id]
    assert numbers.own.keys() == {"reactions", "comments", "shares", "video_views"}
    assert None not in (numbers.impressions, numbers.reach, numbers.engagement, numbers.clicks)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lost_answer_of_any_kind_is_cleared_up(
    session: NetworkSession, account: Account, content: Content, arrives: bool
) -> None:
    operation = of(account, content)
    operation = replace(operation, handles=CONNECTOR.prepare(session, operation, no_save), armed_at=clock.now())
    Fault.objects.create(network="facebook", effect="status", options={"status": 502, "after_accept": arrives})
    with pytest.raises(Unknown):
        CONNECTOR.commit(session, operation)

    if arrives:
        assert settle(session, operation).remote_id == Post.objects.get().external_id
        return
    assert CONNECTOR.recover(session, operation) == []
    publish(session, operation)
    assert Post.objects.count() == 1


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lost_answer_to_a_comment_is_cleared_up(session: NetworkSession, account: Account, arrives: bool) -> None:
    _, post = publish(session, of(account, KINDS["reel"]))
    operation = of(account, KINDS["reel"], out=(post,), armed_at=clock.now())
    Fault.objects.create(network="facebook", effect="status", options={"status": 502, "after_accept": arrives})
    with pytest.raises(Unknown):
        CONNECTOR.commit(session, operation)

    found = CONNECTOR.recover(session, operation)

    assert [each.remote_id for each in found] == [each.external_id for each in Post.objects.filter(kind=Post.COMMENT)]
    assert len(found) == arrives


@pytest.mark.parametrize("kind", ["video", "reel", "video story"])
def test_an_upload_that_broke_off_goes_on(session: NetworkSession, account: Account, kind: str) -> None:
    operation = of(account, KINDS[kind])
    saved: list[Any] = [{}]
    match = "rupload" if kind != "video" else "POST graph-video.facebook.com"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facebook_videos, "CHUNK_BYTES", len(clip()) // 3 + 1)
        Fault.objects.create(network="facebook", effect="list_lag", match=match, options={"seconds": 0})
        failure = Fault(network="facebook", effect="status", match=match)
        failure.options = {"status": 502, "after_accept": True}

        def save(handles: Any, *, seconds: float = 0) -> None:
            saved.append(dict(handles))
            if len(saved) == 2:
                failure.save()

        with pytest.raises(PlatformError):
            CONNECTOR.prepare(session, operation, save)
        operation, post = publish(session, replace(operation, handles=saved[-1]))

    assert post.remote_id == Post.objects.get().external_id


@pytest.mark.parametrize("kind", ["video", "reel", "video story"])
def test_a_video_that_cannot_be_processed_is_no_post(session: NetworkSession, account: Account, kind: str) -> None:
    Fault.objects.create(network="facebook", effect="processing_failed")

    with pytest.raises(ProcessingFailed):
        publish(session, of(account, KINDS[kind]))

    assert Post.objects.count() == 0


@pytest.mark.parametrize("post_type", ["feed", "reel", "story"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"width": 720, "height": 1280},
        {"width": 960, "height": 540},
        {"width": 540, "height": 940},
        {"width": 540, "height": 958},
        {"width": 270, "height": 480},
        {"seconds": 2},
        {"seconds": 60},
        {"seconds": 61},
        {"seconds": 91},
        {"fps": 12},
        {"fps": 60},
        {"codec": "mpeg4"},
        {"codec": "libx265"},
        {"form": "mov"},
    ],
    ids=str,
)
def test_what_is_refused_of_a_video_was_told_and_what_passes_is_taken(
    session: NetworkSession, account: Account, post_type: str, values: dict[str, Any]
) -> None:
    content = Content(text="", media=(video(**values),), options={"post_type": post_type})
    issues = CONNECTOR.validate(content, account.metadata)
    operation = Operation(content=content, account=account, now=clock.now())

    if not issues:
        publish(session, operation)
        assert Post.objects.count() == 1
    elif "540, 'height': 940" not in str(values):  # we are stricter where the facts are not exact
        with pytest.raises(Rejected):
            publish(session, operation)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("post_type", ["feed", "story"])
def test_what_is_refused_of_an_image_was_told_and_what_passes_is_taken(
    session: NetworkSession, account: Account, post_type: str, kind: str
) -> None:
    content = Content(text="", media=(image(kind=kind),), options={"post_type": post_type})
    issues = CONNECTOR.validate(content, account.metadata)
    operation = Operation(content=content, account=account, now=clock.now())

    if not issues:
        publish(session, operation)
        return
    with pytest.raises(Rejected):
        publish(session, operation)


def test_a_page_is_read_refreshed_and_let_go(session: NetworkSession, account: Account) -> None:
    clock.advance(3 * 86_400)

    found = CONNECTOR.account_metrics(session, account, now=clock.now())

    assert found.followers == CONNECTOR.profile(session, account).followers
    assert None not in (found.impressions, found.reach, found.engagement, found.clicks, found.profile_views)
    assert found.demographics.countries.keys() == {"FR", "DE", "GB"}
    assert sum(found.demographics.countries.values()) in range(98, 103)
    renewed = CONNECTOR.refresh(session, account, now=clock.now())
    assert renewed.access_token == account.access_token
    CONNECTOR.revoke(session, account)
    with pytest.raises(PlatformError):
        CONNECTOR.profile(session, account)


def test_a_page_outlives_the_token_of_its_person(session: NetworkSession, account: Account) -> None:
    clock.advance(61 * 86_400)

    renewed = CONNECTOR.refresh(session, account, now=clock.now())

    assert (renewed.access_token, renewed.refresh_token) == (account.access_token, account.refresh_token)
    publish(session, of(account, KINDS["text"]))


def test_a_page_whose_consent_was_taken_back_needs_its_owner(session: NetworkSession, account: Account) -> None:
    CONNECTOR.revoke(session, account)

    with pytest.raises(AuthExpired):
        CONNECTOR.refresh(session, account, now=clock.now())


def test_pages_of_a_business_can_be_published_to(session: NetworkSession) -> None:
    accounts = connect(session, "business_management")

    assert [CONNECTOR.profile(session, each).name for each in accounts] == [
        *("Demo Bakery", "Demo Books", "Demo Garden", "Demo Market")
    ]
    publish(session, of(accounts[2], KINDS["text"]))
    assert Post.objects.get().account == accounts[2].remote_id
    assert CONNECTOR.refresh(session, accounts[3], now=clock.now()).access_token == accounts[3].access_token


def test_a_photo_is_posted_once_even_where_no_list_shows_it(session: NetworkSession, account: Account) -> None:
    operation, _ = publish(session, of(account, KINDS["image"]))

    with pytest.raises(Duplicate):
        CONNECTOR.commit(session, operation)

    late = replace(operation, now=clock.now() + timedelta(hours=1))
    assert [each.remote_id for each in CONNECTOR.recover(session, late)] == [Post.objects.get().external_id]
