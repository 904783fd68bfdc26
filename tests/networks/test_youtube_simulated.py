"""The connector at the simulated YouTube: what it lets pass is taken, and a lost answer leaves one video."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from accounts.platforms.errors import PlatformError, ProcessingFailed, RateLimited, Rejected, Unknown, WhoActs
from accounts.platforms.shapes import Account, App, Content, Handles
from accounts.platforms.youtube import YouTube
from ouipost.simulator import clock
from ouipost.simulator.models import Media, Post, Request
from tests.in_process import in_process
from tests.networks.simulated import Desk, consent, make_file, now, order, visible
from tests.simulator.clip import film
from tests.simulator.youtube import UNIT

pytestmark = pytest.mark.django_db(databases=["simulator"])
CONNECTOR = YouTube(App(client_id="app", client_secret="sec"))
CLIP = film()
LONG = CLIP.ljust(5 * UNIT // 2, b"\0")
DAY = 86_400


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with in_process(monkeypatch):
        [candidate] = consent(CONNECTOR)
        yield Desk(connector=CONNECTOR, candidate=candidate)


def posting(*, file: bytes = CLIP, text: str = "How to", title: str = "Bread", **options: Any) -> Content:
    facts = {"type": "video", "mime_type": "video/mp4", "width": 64, "height": 64, "seconds": 1, "fps": 10}
    video = make_file("media_1", file, video_codec="h264", **facts)
    return Content(text=text, title=title, media=(video,), options={"made_for_kids": False} | options)


def asked(method: str) -> list[int | None]:
    """Return the answers to the uploads' requests of this method."""
    found = Request.objects.filter(method=method, path__contains="/upload").order_by("pk")
    return list(found.values_list("status", flat=True))


def texts(around: int) -> some.SearchStrategy[str]:
    """Texts of any kind, and such as just fit or just do not."""
    return some.one_of(
        some.text(max_size=20),
        some.builds(lambda sign, more: sign * (around + more), some.sampled_from("aé<🥖 "), some.integers(-1, 1)),
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=texts(100),
    text=some.one_of(texts(5000), texts(2500), texts(1250)),
    tags=some.lists(some.one_of(some.text(max_size=5), texts(248)), max_size=4),
    category=some.sampled_from(["1", "22", "29", "3", "no"]),
    privacy=some.sampled_from(["public", "private", "secret"]),
)
def test_youtube_refuses_exactly_what_was_named(
    at: Desk, title: str, text: str, tags: list[str], category: str, privacy: str
) -> None:
    content = posting(title=title, text=text, tags=tags, category=category, privacy=privacy)
    rules = at.rules(content)
    with patch.dict("ouipost.simulator.networks.youtube.BUCKETS", uploads=10_000):
        try:
            at.prepare(at.operation(content))
        except Rejected:
            assert rules != []
        else:
            assert set(rules) <= {"option_empty"}


def test_an_upload_goes_on_behind_what_was_kept_of_a_piece(at: Desk) -> None:
    order("youtube", "partial_upload")
    with patch("accounts.platforms.youtube.media.PIECE", UNIT):
        at.publish(posting(file=LONG))

    assert asked("PUT") == [308, 308, 201]
    assert (len(visible()), Media.objects.get(data__has_key="outcome").size) == (1, len(LONG))


def test_a_last_piece_of_which_a_part_was_kept_is_sent_to_its_end(at: Desk) -> None:
    ready = at.prepare(at.operation(posting()))
    order("youtube", "partial_upload")
    with pytest.raises(Unknown):
        CONNECTOR.commit(at.session, ready)
    assert at.recover(ready) == []

    at.send(ready)

    assert len(asked("POST")) == len(visible()) == 1
    assert Media.objects.get(data__has_key="outcome").size == len(CLIP)


def test_a_video_behind_a_forgotten_session_is_found_in_the_uploads(at: Desk) -> None:
    ready = at.prepare(at.operation(posting()))
    order("youtube", "status", status=502, after_accept=True)
    with pytest.raises(PlatformError):
        CONNECTOR.commit(at.session, ready)
    order("youtube", "status", "PUT /upload", status=410)

    [found] = at.recover(ready)

    assert found.remote_id == Post.objects.get().external_id


def test_a_channel_at_its_limit_is_left_alone_for_a_day_and_gets_no_byte(at: Desk) -> None:
    [limited] = consent(CONNECTOR, "Ann Limited")
    desk = Desk(connector=CONNECTOR, candidate=limited)
    desk.publish(posting())
    pieces = asked("PUT")
    with pytest.raises(RateLimited) as caught:
        CONNECTOR.prepare(desk.session, desk.operation(posting(title="Rolls")), never_saved)

    assert (caught.value.retry_after, caught.value.who_acts) == (DAY, WhoActs.NETWORK)
    assert caught.value.is_of_a_kind, "first comments need no upload"
    assert (asked("POST"), asked("PUT")) == ([200, 400], pieces)
    assert len(visible()) == 1


def never_saved(handles: Handles, *, seconds: float = 0) -> None:
    raise AssertionError("There is no upload to remember.")


def test_a_lost_answer_makes_no_twin_of_the_video_at_a_unique_channel(at: Desk) -> None:
    [unique] = consent(CONNECTOR, "Ann Unique")
    desk = Desk(connector=CONNECTOR, candidate=unique, lost=True)

    [published] = desk.publish(posting())
    with pytest.raises(ProcessingFailed, match="a duplicate of one that the channel has already") as caught:
        replace(desk, lost=False).publish(posting(title="Rolls"))

    assert published.remote_id == Post.objects.get().external_id
    assert (caught.value.network_code, caught.value.who_acts) == ("duplicate", WhoActs.CALLER)
    assert asked("POST") == [200, 200]


def test_numbers_are_read_and_shares_come_days_later(at: Desk) -> None:
    [published] = at.publish(posting())
    clock.advance(3600)
    early = CONNECTOR.post_metrics(at.session, fresh(at), [published.remote_id, "gone"], now=now())
    clock.advance(9 * DAY)

    late = CONNECTOR.post_metrics(at.session, fresh(at), [published.remote_id], now=now())

    assert early.keys() == late.keys() == {published.remote_id}
    numbers = late[published.remote_id]
    assert early[published.remote_id].own.keys() == {"likes", "comments"}
    assert numbers.own.keys() == {"likes", "comments", "shares"}
    assert numbers.engagement == sum(numbers.own.values())
    assert numbers.impressions
    standing = CONNECTOR.account_metrics(at.session, fresh(at), now=now())
    assert (standing.posts, standing.followers is not None) == (1, True)


def fresh(at: Desk) -> Account:
    return replace(at.account, access_token=CONNECTOR.refresh(at.session, at.account, now=now()).access_token)
