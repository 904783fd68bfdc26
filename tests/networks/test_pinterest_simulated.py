"""The connector at the simulated Pinterest: what it lets pass is taken, and what was published is found again."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts.platforms.errors import Rejected
from accounts.platforms.pinterest import Pinterest
from accounts.platforms.shapes import App, Content, Media, Profile
from ouipost.simulator import clock
from ouipost.simulator.models import Account, Post
from tests.in_process import in_process
from tests.networks.simulated import Desk, consent, make_file, now, visible
from tests.simulator.conftest import png
from tests.simulator.pinterest import movie

pytestmark = pytest.mark.django_db(databases=["simulator"])
CONNECTOR = Pinterest(App(client_id="app", client_secret="sec"))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with in_process(monkeypatch):
        [candidate] = consent(CONNECTOR)
        yield Desk(connector=CONNECTOR, candidate=candidate)


def image(number: int = 1, width: int = 8, height: int = 12, kind: str = "PNG", **values: Any) -> Media:
    facts = {"type": "image", "mime_type": f"image/{kind.lower()}", "width": width, "height": height}
    return make_file(f"media_{number}", png(width, height, kind=kind).read(), **facts | values)


def video(seconds: int = 5, width: int = 64, height: int = 96, codec: str = "libx264") -> Media:
    facts = {"type": "video", "mime_type": "video/mp4", "width": width, "height": height, "seconds": seconds}
    codec_told = {"libx264": "h264"}.get(codec, codec)
    return make_file("media_1", movie(seconds, width, height, codec), fps=2, video_codec=codec_told, **facts)


def pin(at: Desk, *media: Media, text: str = "", title: str = "", **options: Any) -> Content:
    board: str = at.account.metadata["boards"][0]["id"]
    return Content(text=text, title=title, media=media, options={"board_id": board} | options)


LONGEST: Mapping[str, Any] = {"text": "ü" * 800, "title": "ü" * 100, "link": "https://example.com/" + "x" * 2028}


@pytest.mark.parametrize(
    ("media", "values"),
    [
        ((image(),), {}),
        ((image(alt_text="ü" * 500),), LONGEST),
        ((image(kind="JPEG"),), {"text": "See https://example.com #bread", "link": "http://example.com"}),
        ((image(1), image(2, kind="JPEG", alt_text="Second")), {"title": "Two"}),
        (tuple(image(number) for number in range(5)), {}),
        ((video(),), {"text": "Moving"}),
        ((video(4),), {"cover_image_key_frame_time": 4000}),
        ((video(width=48, height=96),), {}),
        ((video(width=182, height=96),), {}),
    ],
)
def test_what_passes_is_taken_once_and_found_again(at: Desk, media: tuple[Media, ...], values: dict[str, Any]) -> None:
    wanted = at.prepare(at.operation(pin(at, *media, **values)))
    assert at.rules(wanted.content) == []

    published = CONNECTOR.commit(at.session, wanted)

    [post] = Post.objects.all()
    assert (post.external_id, post.url, len(post.media)) == (published.remote_id, published.url, len(media))
    clock.advance(86_400)
    assert at.recover(wanted) == [published]


@pytest.mark.parametrize(
    ("media", "values"),
    [
        ((), {}),
        ((image(kind="WEBP"),), {}),
        (tuple(image(number) for number in range(6)), {}),
        ((image(), video()), {}),
        ((video(3),), {}),
        ((video(width=40),), {}),
        ((video(width=200),), {}),
        ((video(codec="mpeg4"),), {}),
        ((video(),), {"cover_image_key_frame_time": 5001}),
        ((image(),), {"text": "x" * 801}),
        ((image(),), {"title": "x" * 101}),
        ((image(alt_text="x" * 501),), {}),
        ((image(),), {"link": "example.com"}),
        ((image(),), {"link": "https://example.com/a\tb"}),
        ((image(),), {"link": "https://nowhere"}),
        ((image(),), {"link": "https://example.com/" + "x" * 2029}),
        ((image(),), {"board_id": "1"}),
        ((image(),), {"board_id": "first"}),
        ((image(),), {"board_section_id": "first"}),
    ],
)
def test_what_is_refused_was_named(at: Desk, media: tuple[Media, ...], values: dict[str, Any]) -> None:
    wanted = pin(at, *media, **values)

    assert at.rules(wanted) != []
    if media and media[-1].type == media[0].type:
        with pytest.raises(Rejected):
            at.send(at.operation(wanted))
    assert visible() == []


@pytest.mark.parametrize("lost", [False, True])
def test_a_pin_in_a_section_is_published_once(at: Desk, lost: bool) -> None:
    board = Account.objects.get(network="pinterest").data["boards"][0]
    at.lost = lost

    at.publish(pin(at, image(), text="Rye", board_section_id=board["sections"][0]["id"]))

    assert visible() == [("post", "Rye", 1)]


def test_a_section_is_of_the_board_as_it_was_last_read(at: Desk) -> None:
    first, second, *_ = CONNECTOR.profile(at.session, at.account).metadata["boards"]
    [rye, wheat] = Account.objects.get(network="pinterest").data["boards"][0]["sections"]
    at.candidate = replace(at.candidate, metadata={"boards": [first, second]}, profile=Profile(name=""))

    assert (first["sections"], second["sections"]) == ([rye, wheat], [])
    for board, section in ((second, rye), (first, first)):
        wanted = pin(at, image(), board_id=board["id"], board_section_id=section["id"])
        assert at.rules(wanted) == ["option_invalid"]
        with pytest.raises(Rejected, match="section"):
            at.send(at.operation(wanted))
    at.publish(pin(at, image(), board_section_id=wheat["id"]))


def test_the_board_tells_pins_of_the_same_words_apart_by_their_time(at: Desk) -> None:
    wanted = at.prepare(at.operation(pin(at, image(), title="Again")))
    CONNECTOR.commit(at.session, wanted)
    clock.advance(60)

    again = at.prepare(replace(wanted, now=wanted.now + timedelta(seconds=60)))

    assert at.recover(again) == []
    second = CONNECTOR.commit(at.session, again)
    assert at.recover(again) == [second]


def test_an_account_of_an_older_app_is_renewed_for_more_than_a_year(at: Desk) -> None:
    connector = Pinterest(App(client_id="old-app", client_secret="sec", product="older"))
    [candidate] = consent(connector)
    account = Desk(connector=connector, candidate=candidate).account

    for _ in range(19):
        clock.advance(25 * 86_400)
        tokens = connector.refresh(at.session, account, now=now())
        account = replace(account, refresh_token=tokens.refresh_token or account.refresh_token)

    assert tokens.ends_at is not None
    assert timedelta(days=59) < tokens.ends_at - now() <= timedelta(days=60)
