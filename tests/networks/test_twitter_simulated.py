"""X's connector and its simulator, which were written apart from each other."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts.platforms.errors import RateLimited, Unknown
from accounts.platforms.shapes import App, Content
from accounts.platforms.twitter import Twitter
from ouipost.simulator import clock
from ouipost.simulator.models import Post
from ouipost.simulator.networks import twitter as x
from ouipost.simulator.networks.twitter import timelines
from tests.in_process import in_process
from tests.networks.simulated import Desk, consent, make_file, now, order, visible
from tests.simulator.clip import film

pytestmark = pytest.mark.django_db(databases=["simulator"])


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("accounts.platforms.twitter.media.CHUNK", 1000)
    with in_process(monkeypatch):
        yield


def desk(login: str = "Demo", **values: Any) -> Desk:
    connector = Twitter(App(client_id="app", client_secret="secret"))
    [candidate] = consent(connector, login)
    return Desk(connector=connector, candidate=candidate, **values)


def a_film(**values: Any) -> Any:
    content = film(**values, index_first=False)
    seconds = values.get("seconds", 1)
    facts = {"width": 64, "height": 64, "seconds": seconds, "fps": 10, "video_codec": "h264", "audio_codec": "aac"}
    return make_file("film", content, type="video", mime_type="video/mp4", filename="film.mp4", **facts)


@pytest.mark.parametrize("lost", [False, True])
def test_a_long_post_of_premium_is_found_by_its_note(lost: bool) -> None:
    text = "Bread & <butter> " * 100 + "https://example.com/a?b=1"

    desk("Ada Premium", lost=lost).publish(Content(text=text, options={"thread": [f"{text} again"]}))

    assert [kind for kind, _, _ in visible()] == ["post", "comment"]


def test_a_lost_post_whose_link_follows_an_invisible_sign_is_found() -> None:
    at = desk(lost=True)

    at.publish(Content(text="Bread\u200bexample.com/rye, and rye\u200bhttps://example.com"))

    assert [kind for kind, _, _ in visible()] == ["post"]


def test_a_lost_post_is_looked_for_once_its_apps_limit_of_reads_has_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    at, other = desk(), desk("Ada")
    operation = replace(at.operation(Content(text="Lost")), armed_at=now())
    order("twitter", "status", "POST api.x.com/2/tweets", status=502, body="", after_accept=True)
    with pytest.raises(Unknown):
        at.connector.commit(at.session, operation)
    with monkeypatch.context() as busy:
        busy.setitem(x.OF_AN_APP, timelines.timeline, 1)
        assert other.recover(other.operation(Content(text="Another's"))) == []
        with pytest.raises(RateLimited) as caught:
            at.recover(operation)

    assert caught.value.retry_after is not None
    assert 890 < caught.value.retry_after <= 901
    clock.advance(caught.value.retry_after)
    assert [each.remote_id for each in at.recover(operation)] == [Post.objects.get().external_id]


def test_numbers_are_read_for_young_and_old_posts_alike() -> None:
    at = desk()
    old = at.publish(Content(text="Old"))[0].remote_id
    clock.advance(timedelta(days=31).total_seconds())
    at = desk()
    young = at.publish(Content(text="Young", media=(a_film(),)))[0].remote_id
    clock.advance(7000)

    found = at.connector.post_metrics(at.session, at.account, [old, young, "5"], now=now())
    account = at.connector.account_metrics(at.session, at.account, now=now())

    assert set(found) == {old, young}
    assert (found[old].clicks, found[young].clicks) != (None, None)
    assert found[old].clicks is None
    assert found[young].clicks is not None
    assert "video_views" in found[young].own
    assert (account.posts, account.following) == (2, 2)
