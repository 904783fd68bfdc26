"""Instagram and Threads: connectors against simulators, each written from the facts alone; they must agree."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.platforms.base import Connector
from accounts.platforms.errors import AuthExpired, ProcessingFailed, Rejected, Unknown
from accounts.platforms.instagram import Instagram
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import App, Content, Media, Operation, Published
from accounts.platforms.text import find_hashtags, find_names, length
from accounts.platforms.threads import Threads
from ouipost.simulator import clock
from ouipost.simulator.models import Post
from ouipost.simulator.networks.instagram import containers as instagram_containers
from ouipost.simulator.networks.threads.access import measured
from tests.in_process import in_process
from tests.networks.platform_case import make_media
from tests.networks.simulated import Desk, consent, now, order, visible
from tests.simulator.clip import film
from tests.simulator.conftest import png
from tests.simulator.meta import Files, served

pytestmark = pytest.mark.django_db(databases=["simulator"])
CONNECTORS: dict[str, OAuth2Connector] = {
    "instagram": Instagram(App(client_id="app", client_secret="secret")),
    "instagram by facebook": Instagram(App(client_id="app", client_secret="secret", product="facebook")),
    "threads": Threads(App(client_id="app", client_secret="secret")),
}
DAY = 86_400
SIGNS = st.sampled_from(
    [*"#@ab1_. &/-\u0301\u00b2\u0660\u20e3\ufe0e\ufe0f\u200d\u5b57\u00a9\u2764\u0924\u0947", "\U0001f44d\U0001f3fd"]
)


@dataclass(kw_only=True)
class World(Desk):
    """One account of one network, and what is published for it."""

    files: Files

    def image(self, media_id: str = "i", size: tuple[int, int] = (600, 600), kind: str = "JPEG") -> Media:
        facts = {"type": "image", "mime_type": f"image/{kind.lower()}", "width": size[0], "height": size[1]}
        return self.served(media_id, png(*size, kind=kind).getvalue(), alt_text="A loaf", **facts)

    def video(self, media_id: str = "v", **values: Any) -> Media:
        film_of = {"width": 90, "height": 160, "seconds": 4.0, "fps": 25} | values
        codecs = {"video_codec": "mpeg4" if values.get("codec") == "mpeg4" else "h264", "audio_codec": "aac"}
        told = {name: film_of[name] for name in ("width", "height", "seconds", "fps")}
        told |= {"sample_rate": film_of.get("sample_rate", 48_000), "channels": 6 if "layout" in values else 2}
        return self.served(media_id, film(**film_of), type="video", mime_type="video/mp4", **told | codecs)

    def served(self, media_id: str, content: bytes, **facts: Any) -> Media:
        address = self.files.put(content)
        return make_media(media_id, content, "x", **facts, pull_url=lambda: address)


@pytest.fixture
def world(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with in_process(monkeypatch):
        for files in served():
            connector = CONNECTORS[request.param]
            candidate, *_ = consent(connector)
            yield World(connector=connector, candidate=candidate, files=files)


def every(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("world", names or list(CONNECTORS), indirect=True)


@every("threads")
@pytest.mark.parametrize(
    ("login", "after_ninety_days"), [("Ada", nullcontext()), ("Ada Private", pytest.raises(AuthExpired))]
)
def test_a_consent_is_renewed_with_its_token_but_for_a_private_profile(
    world: World, login: str, after_ninety_days: AbstractContextManager[Any]
) -> None:
    [world.candidate] = consent(CONNECTORS["threads"], login)

    def renew() -> None:
        tokens = world.connector.refresh(world.session, world.account, now=now())
        world.candidate = replace(world.candidate, tokens=tokens)

    clock.advance(50 * DAY)
    renew()
    clock.advance(39 * DAY)
    world.publish(Content(text="On day 89"))
    clock.advance(2 * DAY)

    with after_ninety_days:
        world.publish(Content(text="On day 91"))
    with after_ninety_days:
        renew()


@every("instagram", "instagram by facebook")
def test_a_reel_takes_its_options(world: World) -> None:
    options = {"share_to_feed": False, "thumb_offset": 4000}

    world.publish(Content(text="Knead", media=(world.video(),), options=options))

    [post] = Post.objects.all()
    assert (post.data["product"], post.data["share_to_feed"]) == ("REELS", False)


@every("threads")
def test_a_text_has_its_link_tag_and_control(world: World) -> None:
    options = {"topic_tag": "bread", "reply_control": "followers_only"}

    world.publish(Content(text="Rye", link="https://example.com/rye", options=options))

    [post] = Post.objects.all()
    assert (post.text, post.data["link"]) == ("Rye", "https://example.com/rye")
    assert (post.data["topic_tag"], post.data["reply_control"]) == ("bread", "followers_only")


def lost(world: World, operation: Operation) -> None:
    with pytest.raises(Unknown):
        world.connector.commit(world.session, operation)


@every("threads")
def test_replies_of_the_same_words_whose_answers_were_lost_are_told_apart(world: World) -> None:
    world.publish(Content(text="Rye", options={"first_comment": "Same"}))
    content = Content(text="One", options={"thread": ["Same", "Same"], "first_comment": "Same"})
    out: tuple[Published, ...] = ()

    for _ in range(4):
        operation = world.prepare(world.operation(content, *out))
        order("threads", "status", status=502, after_accept=True)
        lost(world, operation)
        out = (*out, *world.recover(operation))

    one, two, three, comment = (each.remote_id for each in out)
    parents = {post.external_id: post.parent for post in Post.objects.order_by("-pk")[:4]}
    assert parents == {one: "", two: one, three: two, comment: one}
    assert len(visible()) == 6


@every("instagram", "threads")
def test_a_post_of_the_same_words_with_other_files_is_another(world: World) -> None:
    operation = world.prepare(world.operation(Content(text="Rye", media=(world.image(),))))
    order(world.connector.id, "status", status=502, after_accept=True)
    lost(world, operation)
    ours = Post.objects.get().external_id
    world.publish(Content(text="Rye", media=(world.image("1"), world.image("2"))))

    [found] = world.recover(operation)

    assert found.remote_id == ours


def wrong_files(world: World) -> dict[str, Content]:
    def post(*media: Media, **options: Any) -> Content:
        return Content(text="", media=media, options=options)

    return {
        "short": post(world.video(seconds=2.0)),
        "slow": post(world.video(fps=10)),
        "codec": post(world.video(codec="mpeg4")),
        "96 kHz": post(world.video(sample_rate=96_000)),
        "surround": post(world.video(layout="5.1")),
        "wide": post(world.video(width=1922, height=400)),
        "long part": post(world.image(), world.video(seconds=61.0, width=16, height=16)),
        "long story": post(world.video(seconds=61.0, width=16, height=16), post_type="story"),
        "PNG": post(world.image(kind="PNG")),
        "late cover": post(world.video(), thumb_offset=5000),
        "caption": Content(text="x" * 2201, media=(world.image(),)),
        "text": Content(text="x" * 501, media=(world.image(),)),
        "tag": Content(text="a", options={"topic_tag": "a.b"}),
        "links": Content(text=" ".join(f"https://example.com/{number}" for number in range(6))),
    }


@pytest.mark.parametrize(
    ("world", "name"),
    [
        *(("instagram", name) for name in ("short", "slow", "codec", "wide", "long part", "long story", "PNG")),
        *(("instagram", name) for name in ("late cover", "caption", "96 kHz")),
        *(("threads", name) for name in ("slow", "codec", "wide", "96 kHz", "surround", "text", "tag", "links")),
    ],
    indirect=["world"],
)
def test_what_the_simulator_refuses_was_named(world: World, name: str) -> None:
    content = wrong_files(world)[name]
    issues = world.connector.validate(content, {})

    with pytest.raises((Rejected, ProcessingFailed)):
        world.connector.commit(world.session, world.prepare(world.operation(content)))

    assert [each.severity for each in issues] == ["error"]
    assert visible() == []


@every("instagram by facebook")
def test_an_account_of_a_page_of_a_business_can_be_published_to(world: World) -> None:
    [_, world.candidate] = consent(CONNECTORS["instagram by facebook"])

    world.publish(Content(text="Roses", media=(world.image(),)))
    renewed = world.connector.refresh(world.session, world.account, now=now())

    assert Post.objects.get().account == world.account.remote_id
    assert renewed.access_token == world.account.access_token


@every("instagram by facebook")
def test_an_account_outlives_the_token_of_its_person(world: World) -> None:
    clock.advance(61 * 86_400)

    tokens = world.connector.refresh(world.session, world.account, now=now())

    assert tokens.access_token == world.account.access_token
    world.publish(Content(text="Rye", media=(world.image(),)))


@every()
def test_posts_and_accounts_have_numbers(world: World) -> None:
    connector: Connector = world.connector
    [published] = world.publish(Content(text="Rye", media=(world.image(),)))
    clock.advance(3000)

    ids = [published.remote_id, "17900000000000000"]
    found = connector.post_metrics(world.session, world.account, ids, now=now())
    account = connector.account_metrics(world.session, world.account, now=now())

    assert set(found) == {published.remote_id}
    numbers = found[published.remote_id]
    assert numbers.impressions is not None
    assert numbers.engagement is not None
    assert set(numbers.own) <= set(connector.metrics)
    assert account.followers is not None
    assert account.engagement is not None
    assert sum(account.demographics.countries.values()) in range(97, 104)


@every("instagram")
def test_a_story_that_is_over_has_no_numbers_any_more(world: World) -> None:
    [story] = world.publish(Content(text="", media=(world.image(),), options={"post_type": "story"}))
    ask = [story.remote_id]

    before = world.connector.post_metrics(world.session, world.account, ask, now=now())
    clock.advance(86_401)
    after = world.connector.post_metrics(world.session, world.account, ask, now=now())

    assert before[story.remote_id].impressions is None
    assert after == {}


@given(st.lists(SIGNS, max_size=12).map("".join))
@example("\u0924\u0947#a")
@example("#\u00b2 #\ufe0fa")
@example("\u0924\u0947@a")
def test_what_the_networks_count_in_a_text_is_counted_before_it_is_sent(text: str) -> None:
    found = (len(find_hashtags(text)), len(find_names(text)), length(text, "emoji_as_bytes"))

    hashtags, names = (instagram_containers.HASHTAG, instagram_containers.MENTION)
    counted = (len(hashtags.findall(text)), len(names.findall(text)), measured(text))
    assert all(ours >= theirs for ours, theirs in zip(found, counted, strict=True))
