"""LinkedIn's connector and its simulator, which were written apart from each other."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.platforms.errors import ProcessingFailed, RateLimited
from accounts.platforms.linkedin import LinkedIn, littletext
from accounts.platforms.shapes import App, Content, Media, Operation
from ouipost.simulator import clock
from ouipost.simulator.models import Counter
from ouipost.simulator.networks.linkedin import text as linkedin_text
from tests.in_process import in_process
from tests.networks.simulated import Desk, consent, make_file, now, order, visible
from tests.simulator.clip import film

pytestmark = pytest.mark.django_db(databases=["simulator"])
MEMBER, BAKERY = 0, 1
"""Where the candidates of a sign-in are."""
DAY = 86_400
SIGNS = "ab1 \n#_()[]{}|\\@*<>~&\u00e9\U0001f35e"


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("ouipost.simulator.networks.linkedin.media.PART_BYTES", 100_000)
    with in_process(monkeypatch):
        yield


def desk(which: int = BAKERY, product: str = "community", client_id: str = "app", **values: Any) -> Desk:
    connector = LinkedIn(App(client_id=client_id, client_secret="secret", product=product))
    return Desk(connector=connector, candidate=consent(connector, "Demo")[which], **values)


def a_video() -> Media:
    facts: dict[str, Any] = {"width": 64, "height": 64, "seconds": 4, "fps": 10, "video_codec": "h264"}
    return make_file("video", film(seconds=4), type="video", mime_type="video/mp4", filename="film.mp4", **facts)


KINDS = {
    "text": Content(text="(Rye) #bread_rolls"),
    "video": Content(text="Look", media=(a_video(),)),
}


@pytest.mark.parametrize(("level", "most"), [("APPLICATION ", 500), ("APPLICATION_AND_MEMBER ", 100)])
def test_who_has_used_up_a_day_of_the_development_tier_is_asked_again_after_midnight(level: str, most: int) -> None:
    at = desk(client_id="app-development")
    own = Counter.objects.filter(key__contains="app-development").order_by("pk")[level.startswith("APPLICATION_")]
    Counter.objects.filter(pk=own.pk).update(used=most - 1)
    at.publish(Content(text="The last"))

    with pytest.raises(RateLimited, match=level) as caught:
        at.publish(Content(text="Too much"))

    assert caught.value.retry_after
    assert (now() + timedelta(seconds=caught.value.retry_after + 1)).hour == 0
    clock.advance(caught.value.retry_after + 1)
    at.publish(Content(text="Too much"))
    assert [text for _, text, _ in visible()] == ["The last", "Too much"]


def test_the_organizations_where_a_person_may_post_can_be_connected() -> None:
    found = consent(LinkedIn(App(client_id="app", client_secret="secret", product="community")), "Ada Lovelace")

    assert [(each.type, each.profile.name) for each in found] == [
        ("profile", "Ada Lovelace"),
        ("organization", "Ada Lovelace Bakery"),
        ("organization", "Ada Lovelace Books"),
    ]
    at = desk(BAKERY)
    shown = at.connector.profile(at.session, at.account)
    assert (shown.name, shown.profile_image[:4]) == ("Demo Bakery", "http")
    assert shown.followers


def test_a_post_that_linkedin_has_yet_to_publish_is_published_when_it_has() -> None:
    order("linkedin", "slow_processing", match="POST /rest/posts", seconds=3000)
    sent_at = now()

    desk(lost=True).publish(KINDS["text"])

    assert now() >= sent_at + timedelta(seconds=3000)
    assert len(visible()) == 1


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_post_that_linkedin_gave_up_is_told(is_slow: bool) -> None:
    if is_slow:
        order("linkedin", "slow_processing", match="POST /rest/posts", seconds=3000)
    order("linkedin", "processing_failed", match="POST /rest/posts")

    with pytest.raises(ProcessingFailed):
        desk(lost=True).publish(KINDS["text"])

    assert visible() == []


@pytest.mark.parametrize("which", [MEMBER, BAKERY])
def test_numbers_are_read_for_posts_with_and_without_files(which: int) -> None:
    at = desk(which)
    urns = [at.publish(KINDS[name])[0].remote_id for name in ("text", "video")]
    clock.advance(2 * DAY)

    found = at.connector.post_metrics(at.session, at.account, urns, now=now())
    account = at.connector.account_metrics(at.session, at.account, now=now())

    assert set(found) == set(urns)
    for numbers in found.values():
        assert (numbers.impressions or 0) > (numbers.reach or 0) > (numbers.engagement or 0) > 0
        assert set(numbers.own) == {"likes", "comments", "shares"}
    assert account.followers
    assert account.impressions


@settings(max_examples=500)
@given(text=st.text(SIGNS, max_size=40))
def test_any_text_means_the_same_to_both(text: str) -> None:
    understood = linkedin_text.parse(littletext.written(text))

    assert understood.shown == littletext.shown(text)
    assert littletext.shown(littletext.read(understood.stored)) == littletext.shown(text)


def test_marked_texts_are_shown_as_they_were_written_and_found_again() -> None:
    at = desk()
    for text in ("#_ #a_b #1 *x* @[A (B)](urn:li:organization:5)", "\\ | {a} <b> ~c~\n\n#rye\U0001f35e"):
        operation = Operation(content=Content(text=text), account=at.account, now=now(), armed_at=now())

        published = at.connector.commit(at.session, operation)

        assert visible()[-1][1] == littletext.shown(text)
        assert at.connector.recover(at.session, operation) == [published]
