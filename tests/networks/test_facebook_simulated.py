"""Facebook's connector against the simulated Facebook: each was written from the facts alone, and they must agree."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO

import pytest
from PIL import Image

from accounts.platforms.errors import AuthExpired, Duplicate, ProcessingFailed, Rejected
from accounts.platforms.facebook import Facebook
from accounts.platforms.shapes import App, Content, Media
from ouipost.simulator import clock
from ouipost.simulator.models import Account, Post
from tests.in_process import in_process
from tests.networks.platform_case import make_media
from tests.networks.simulated import Desk, consent, now, order
from tests.simulator.clip import clip

pytestmark = pytest.mark.django_db(databases=["simulator"])
CONNECTOR = Facebook(App(client_id="app", client_secret="secret"))


def on_disk(content: bytes) -> BinaryIO:
    """Return an open file, as the product's storage does."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever opens it closes it
    file.write(content)
    file.seek(0)
    return file


def video(**values: Any) -> Media:
    """Return a clip with what the product would know of it."""
    made: dict[str, Any] = {"width": 540, "height": 960, "seconds": 3, "fps": 24, "codec": "libx264"} | values
    content = clip(**made)
    codec = {"libx264": "h264", "mpeg4": "mpeg4", "libx265": "hevc"}[made["codec"]]
    mime = "video/quicktime" if values.get("kind") == "mov" else "video/mp4"
    facts = {name: made[name] for name in ("width", "height", "seconds", "fps")}
    facts |= {"type": "video", "mime_type": mime, "video_codec": codec, "open": lambda: on_disk(content)}
    return make_media("v", content, "mp4", **facts)


def image(media_id: str = "i", kind: str = "JPEG") -> Media:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, kind)
    mime = f"image/{kind.lower()}"
    return make_media(media_id, file.getvalue(), "x", type="image", mime_type=mime, width=40, height=30, alt_text="A")


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with in_process(monkeypatch):
        yield


@pytest.fixture
def at(_in_process: None) -> Desk:
    return Desk(connector=CONNECTOR, candidate=consent(CONNECTOR)[0])


KINDS = {
    "text": Content(text="Rye today"),
    "link": Content(text="Rye", link="https://bakery.example/rye"),
    "image": Content(text="Rye", media=(image(),)),
    "images": Content(text="Rye", media=tuple(image(f"i{number}") for number in range(10))),
    "video": Content(text="Rye", title="Loaf", media=(video(),)),
    "reel": Content(text="Rye", media=(video(),), options={"post_type": "reel"}),
    "photo story": Content(text="", media=(image(),), options={"post_type": "story"}),
    "video story": Content(text="", media=(video(),), options={"post_type": "story"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_post_has_all_its_numbers(at: Desk, kind: str) -> None:
    [post] = at.publish(KINDS[kind])
    clock.advance(86_400)

    numbers = CONNECTOR.post_metrics(at.session, at.account, [post.remote_id], now=now())[post.remote_id]

    assert numbers.own.keys() == {"reactions", "comments", "shares", "video_views"}
    assert None not in (numbers.impressions, numbers.reach, numbers.engagement, numbers.clicks)


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
        {"kind": "mov"},
    ],
    ids=str,
)
def test_what_is_refused_of_a_video_was_told_and_what_passes_is_taken(
    at: Desk, post_type: str, values: dict[str, Any]
) -> None:
    content = Content(text="", media=(video(**values),), options={"post_type": post_type})

    if not at.rules(content):
        at.send(at.operation(content))
        assert Post.objects.count() == 1
    elif values.get("height") != 940:  # we are stricter where the facts are not exact
        with pytest.raises(Rejected):
            at.send(at.operation(content))


@pytest.mark.parametrize(("times", "published"), [(2, 1), (3, 0)])
def test_an_upload_that_fails_is_tried_three_times(at: Desk, times: int, published: int) -> None:
    failed = {"error": {"message": "(#6001) There was a problem uploading your video file.", "code": 6001}}
    for _ in range(times):
        order("facebook", "status", "POST graph-video.facebook.com", status=400, body=failed)
    wanted = at.operation(Content(text="How we bake", media=(video(),)))

    with nullcontext() if published else pytest.raises(ProcessingFailed):
        at.send(wanted)

    assert Post.objects.count() == published


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("post_type", ["feed", "story"])
def test_what_is_refused_of_an_image_was_told_and_what_passes_is_taken(at: Desk, post_type: str, kind: str) -> None:
    content = Content(text="", media=(image(kind=kind),), options={"post_type": post_type})

    if not at.rules(content):
        at.send(at.operation(content))
        return
    with pytest.raises(Rejected):
        at.send(at.operation(content))


def test_a_page_outlives_the_token_of_its_person(at: Desk) -> None:
    clock.advance(61 * 86_400)

    renewed = CONNECTOR.refresh(at.session, at.account, now=now())

    assert (renewed.access_token, renewed.refresh_token) == (at.account.access_token, at.account.refresh_token)
    at.publish(KINDS["text"])


def test_pages_of_a_business_can_be_published_to() -> None:
    pages = [Desk(connector=CONNECTOR, candidate=each) for each in consent(CONNECTOR, "Demo", "business_management")]

    assert [CONNECTOR.profile(at.session, at.account).name for at in pages] == [
        *("Demo Bakery", "Demo Books", "Demo Garden", "Demo Market")
    ]
    pages[2].publish(KINDS["text"])
    assert Post.objects.get().account == pages[2].account.remote_id
    market = pages[3]
    renewed = CONNECTOR.refresh(market.session, market.account, now=now())
    assert renewed.access_token == market.account.access_token


def change_role(at: Desk, name: str) -> None:
    """Let the Page's administrator give the person who connected it another role."""
    Account.objects.filter(network="facebook", external_id=at.account.metadata["user_id"]).update(name=name)


def refusal(error: Rejected) -> tuple[str, str]:
    return (error.code, error.who_acts)


NOT_ALLOWED = ("TOKEN_REVOKED", "account_owner")


@pytest.mark.parametrize("login", ["Ada Analyst", "Ada Moderator"])
def test_a_page_that_its_person_may_not_publish_to_is_not_offered(login: str) -> None:
    assert consent(CONNECTOR, login, "business_management") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_who_may_not_publish_any_more_is_told_so_at_once(at: Desk, kind: str) -> None:
    change_role(at, "Ada Moderator")

    with pytest.raises(Rejected) as caught:
        at.send(at.operation(KINDS[kind]))

    assert refusal(caught.value) == NOT_ALLOWED
    assert not Post.objects.exists()
    with pytest.raises(AuthExpired, match="may no longer publish"):
        CONNECTOR.refresh(at.session, at.account, now=now())


@pytest.mark.parametrize("kind", ["text", "image", "video", "reel", "photo story", "video story"])
def test_who_loses_the_task_between_the_upload_and_the_post_is_told_so(at: Desk, kind: str) -> None:
    operation = at.prepare(at.operation(KINDS[kind]))
    change_role(at, "Ada Moderator")

    with pytest.raises(Rejected) as caught:
        CONNECTOR.commit(at.session, operation)

    assert refusal(caught.value) == NOT_ALLOWED
    assert not Post.objects.exists()


def test_who_may_not_moderate_posts_without_the_first_comment_and_reads_what_needs_no_task() -> None:
    at = Desk(connector=CONNECTOR, candidate=consent(CONNECTOR, "Ada Author")[0])
    content = Content(text="Rye", options={"first_comment": "Recipe"})
    post = at.send(at.operation(content))

    with pytest.raises(Rejected) as caught:
        at.send(at.operation(content, post))

    assert refusal(caught.value) == NOT_ALLOWED
    clock.advance(86_400)
    numbers = CONNECTOR.post_metrics(at.session, at.account, [post.remote_id], now=now())[post.remote_id]
    assert None not in (numbers.own["reactions"], numbers.own["comments"], numbers.own["shares"])
    assert (numbers.impressions, numbers.reach, numbers.clicks) == (None, None, None)
    of_page = CONNECTOR.account_metrics(at.session, at.account, now=now())
    assert (of_page.followers is None, of_page.impressions) == (False, None)


def test_consent_can_be_withdrawn_without_any_task(at: Desk) -> None:
    change_role(at, "Ada Analyst")

    CONNECTOR.revoke(at.session, at.account)

    with pytest.raises(AuthExpired):
        CONNECTOR.profile(at.session, at.account)


def test_a_photo_is_posted_once_even_where_no_list_shows_it(at: Desk) -> None:
    operation = at.prepare(at.operation(KINDS["image"]))
    CONNECTOR.commit(at.session, operation)

    with pytest.raises(Duplicate):
        CONNECTOR.commit(at.session, operation)

    late = replace(operation, now=now() + timedelta(hours=1))
    assert [each.remote_id for each in CONNECTOR.recover(at.session, late)] == [Post.objects.get().external_id]
