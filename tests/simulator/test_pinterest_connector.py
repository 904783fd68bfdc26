"""The connector at the simulated Pinterest: what it lets pass is taken, and what was published is found again."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from accounts.platforms.base import (
    Account,
    Answer,
    App,
    AuthExpired,
    Content,
    Handles,
    Media,
    Operation,
    Published,
    Rejected,
    StillWorking,
)
from accounts.platforms.pinterest import Pinterest
from tests.simulator.conftest import CALLBACK, Net, png
from tests.simulator.pinterest import code, movie

pytestmark = pytest.mark.django_db(databases=["simulator"])
CONNECTOR = Pinterest(App(client_id="app", client_secret="sec"))


@dataclass
class Session:
    """The way to the simulator, with requests written as the product writes them."""

    client: Client

    def request(self, method: str, url: str, **request: Any) -> Answer:
        for ours in ("timeout", "max_bytes"):
            request.pop(ours, None)
        sent = requests.Request(method, url, **request).prepare()
        headers = {
            name: value for name, value in sent.headers.items() if name not in ("Content-Length", "Content-Type")
        }
        got = self.client.generic(
            method,
            "/sandbox/" + (sent.url or "").partition("://")[2],
            sent.body or b"",
            content_type=sent.headers.get("Content-Type", ""),
            headers=headers,
        )
        return Answer(
            status=got.status_code, headers=requests.structures.CaseInsensitiveDict(got.items()), body=got.content
        )

    def to_others(self) -> "Session":
        return self


@pytest.fixture
def session(net: Net) -> Session:
    return Session(net.client)


@pytest.fixture
def account(net: Net, session: Session) -> Account:
    tokens = CONNECTOR.exchange(session, code=code(net), redirect_uri=CALLBACK, now=timezone.now())
    [candidate] = CONNECTOR.candidates(session, tokens)
    return Account(
        remote_id=candidate.remote_id,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        username=candidate.profile.username,
        metadata=candidate.metadata,
    )


def image(number: int = 1, width: int = 8, height: int = 12, kind: str = "PNG", **values: Any) -> Media:
    content = png(width, height, kind=kind).read()
    facts: dict[str, Any] = {"type": "image", "mime_type": f"image/{kind.lower()}", "size": len(content)}
    facts |= {"width": width, "height": height, "open": lambda: io.BytesIO(content)}
    return Media(id=f"media_{number}", **facts | values)


def video(seconds: int = 5, width: int = 64, height: int = 96, codec: str = "libx264") -> Media:
    content = movie(seconds, width, height, codec)
    return Media(
        id="media_1",
        type="video",
        mime_type="video/mp4",
        size=len(content),
        width=width,
        height=height,
        seconds=seconds,
        fps=2,
        video_codec={"libx264": "h264"}.get(codec, codec),
        open=lambda: io.BytesIO(content),
    )


def board(account: Account, position: int = 0) -> str:
    board_id: str = account.metadata["boards"][position]["id"]
    return board_id


def content(account: Account, *media: Media, text: str = "", title: str = "", **options: Any) -> Content:
    return Content(text=text, title=title, media=media, options={"board_id": board(account)} | options)


def operation(account: Account, content: Content) -> Operation:
    return Operation(content=content, account=account, now=timezone.now(), armed_at=timezone.now())


def publish(session: Session, operation: Operation) -> Published:
    saved: list[Handles] = []

    def save(handles: Handles, *, seconds: float = 0) -> None:
        saved.append(handles)

    handles = CONNECTOR.prepare(session, operation, save)
    return CONNECTOR.commit(session, replace(operation, handles=handles))


def named(account: Account, content: Content) -> list[str]:
    return [each.rule for each in CONNECTOR.validate(content, account.metadata) if each.severity == "error"]


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
def test_what_passes_is_taken_once_and_found_again(
    net: Net, session: Session, account: Account, media: tuple[Media, ...], values: dict[str, Any]
) -> None:
    wanted = operation(account, content(account, *media, **values))
    assert named(account, wanted.content) == []

    published = publish(session, wanted)

    [post] = net.posts(network="pinterest")
    assert (post["id"], post["url"], post["media_count"]) == (published.remote_id, published.url, len(media))
    assert CONNECTOR.recover(session, wanted) == [published]


@pytest.mark.parametrize(
    ("media", "values"),
    [
        ((), {}),
        ((image(kind="WEBP"),), {}),
        ((image(1), image(2, 8, 13)), {}),
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
def test_what_is_refused_was_named(
    net: Net, session: Session, account: Account, media: tuple[Media, ...], values: dict[str, Any]
) -> None:
    wanted = operation(account, content(account, *media, **values))

    assert named(account, wanted.content) != []
    if media and media[-1].type == media[0].type:
        with pytest.raises(Rejected):
            publish(session, wanted)
    assert net.posts() == []


def test_a_video_is_waited_for_and_uploaded_once(net: Net, session: Session, account: Account) -> None:
    net.fault("pinterest", "slow_processing", seconds=60)
    saved: list[Handles] = []
    wanted = operation(account, content(account, video()))

    with pytest.raises(StillWorking):
        CONNECTOR.prepare(session, wanted, lambda handles, *, seconds=0: saved.append(handles))
    net.wait(61)
    publish(session, replace(wanted, handles=saved[-1]))

    requests_made = net.control("GET", "requests?network=pinterest&match=POST%20/")["requests"]
    assert [each["path"] for each in requests_made if each["host"].startswith("pinterest-media")] == ["/"]
    assert len(net.posts()) == 1


def test_a_pin_that_was_not_made_is_absent(session: Session, account: Account) -> None:
    assert CONNECTOR.recover(session, operation(account, content(account, image(), title="Rye"))) == []


def test_the_board_tells_pins_of_the_same_words_apart_by_their_time(
    net: Net, session: Session, account: Account
) -> None:
    wanted = operation(account, content(account, image(), title="Again"))
    publish(session, wanted)
    net.wait(60)

    again = replace(wanted, armed_at=timezone.now() + timedelta(seconds=60))

    assert CONNECTOR.recover(session, again) == []
    second = publish(session, again)
    assert CONNECTOR.recover(session, again) == [second]


def test_tokens_are_refreshed_and_end(net: Net, session: Session, account: Account) -> None:
    tokens = CONNECTOR.refresh(session, account, now=timezone.now())

    assert tokens.refresh_token not in ("", account.refresh_token)
    with pytest.raises(AuthExpired):
        CONNECTOR.refresh(session, account, now=timezone.now())
    CONNECTOR.revoke(session, account)
    assert CONNECTOR.profile(session, replace(account, access_token=tokens.access_token)).followers


@pytest.mark.parametrize("media", [image(), video()], ids=["image", "video"])
def test_numbers_of_pins_and_of_the_account_are_read(
    net: Net, session: Session, account: Account, media: Media
) -> None:
    published = publish(session, operation(account, content(account, media)))
    net.wait(2 * 86400)
    now = timezone.now() + timedelta(days=2)

    found = CONNECTOR.post_metrics(session, account, [published.remote_id, "1"], now=now)
    standing = CONNECTOR.account_metrics(session, account, now=now)

    assert list(found) == [published.remote_id]
    numbers = found[published.remote_id]
    assert None not in (numbers.impressions, numbers.engagement, numbers.clicks)
    assert set(numbers.own) <= set(CONNECTOR.metrics)
    assert ("video_views" in numbers.own) == (media.type == "video")
    assert None not in (standing.followers, standing.impressions, standing.engagement, standing.clicks)
    assert standing.posts == 1
