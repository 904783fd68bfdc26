"""Instagram and Threads: connectors against simulators, each written from the facts alone; they must agree."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from accounts.platforms.base import (
    Account,
    App,
    AuthExpired,
    Connector,
    Content,
    Handles,
    Media,
    Operation,
    PlatformError,
    ProcessingFailed,
    Published,
    RateLimited,
    Rejected,
    StillWorking,
    Tokens,
    Unknown,
)
from accounts.platforms.instagram import Instagram
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.threads import Threads
from accounts.session import NetworkSession
from ouipost.simulator import clock
from ouipost.simulator.models import Fault, Post
from ouipost.simulator.networks.instagram import posts as instagram_posts
from ouipost.simulator.networks.threads import posts as threads_posts
from tests.in_process import BASE, in_process
from tests.networks.platform_case import make_media
from tests.simulator.clip import film
from tests.simulator.conftest import png
from tests.simulator.meta import Files, served

pytestmark = pytest.mark.django_db(databases=["simulator"])
BACK = "https://app.example/back"
CONNECTORS: dict[str, OAuth2Connector] = {
    "instagram": Instagram(App(client_id="app", client_secret="secret")),
    "instagram by facebook": Instagram(App(client_id="app", client_secret="secret", product="facebook")),
    "threads": Threads(App(client_id="app", client_secret="secret")),
}


class World:
    """One account of one network, and what is published for it."""

    def __init__(self, connector: OAuth2Connector, files: Files) -> None:
        self.connector, self.files = connector, files
        self.session = NetworkSession(gateway=f"{BASE}/sandbox")
        [self.account] = self.connect()

    def connect(self) -> list[Account]:
        connector = self.connector
        page = self.session.public_url(connector.authorize_url(redirect_uri=BACK, state="s", scopes=connector.scopes))
        form = {"decision": "allow", "login": "Demo", "pages": ["0", "1"]}
        sent_back = requests.post(page, data=form, timeout=5, allow_redirects=False).headers["Location"]
        [code] = parse_qs(urlsplit(sent_back).query)["code"]
        tokens = connector.exchange(self.session, code=code, redirect_uri=BACK, now=clock.now())
        return [account_of(each) for each in connector.candidates(self.session, tokens)]

    def image(self, media_id: str = "i", size: tuple[int, int] = (600, 600), kind: str = "JPEG") -> Media:
        facts = {"type": "image", "mime_type": f"image/{kind.lower()}", "width": size[0], "height": size[1]}
        return self.served(media_id, png(*size, kind=kind).getvalue(), alt_text="A loaf", **facts)

    def video(self, media_id: str = "v", **values: Any) -> Media:
        film_of = {"width": 90, "height": 160, "seconds": 4.0, "fps": 25} | values
        codecs = {"video_codec": "mpeg4" if values.get("codec") == "mpeg4" else "h264", "audio_codec": "aac"}
        told = {name: film_of[name] for name in ("width", "height", "seconds", "fps")}
        return self.served(media_id, film(**film_of), type="video", mime_type="video/mp4", **told | codecs)

    def served(self, media_id: str, content: bytes, **facts: Any) -> Media:
        address = self.files.put(content)
        return make_media(media_id, content, "x", **facts, pull_url=lambda: address)

    def operation(self, content: Content, *out: Published) -> Operation:
        return Operation(content=content, account=self.account, now=clock.now(), out=out)

    def prepared(self, operation: Operation) -> Operation:
        """Prepare as the engine does, by the simulator's clock."""
        saved: list[Handles] = [operation.handles]

        def save(handles: Handles, *, seconds: float = 0) -> None:
            saved.append(handles)

        for _ in range(10):
            try:
                now = replace(operation, handles=saved[-1], now=clock.now())
                handles = self.connector.prepare(self.session, now, save)
            except StillWorking as working:
                clock.advance(working.retry_after)
            else:
                return replace(operation, handles=handles, armed_at=clock.now())
        raise AssertionError("The network never came to an end.")

    def publish(self, content: Content) -> list[Published]:
        """Publish what passes validation, with all that follows it."""
        issues = self.connector.validate(content, self.account.metadata)
        assert [each for each in issues if each.severity == "error"] == []
        out: list[Published] = []
        for _ in range(1 + len(content.replies)):
            out.append(self.connector.commit(self.session, self.prepared(self.operation(content, *out))))
        return out

    def recovered(self, operation: Operation) -> list[Published]:
        """Ask as the engine does until the network tells."""
        for _ in range(10):
            try:
                return self.connector.recover(self.session, replace(operation, now=clock.now()))
            except StillWorking as working:
                clock.advance(working.retry_after)
        raise AssertionError("The network never came to an end.")

    def trouble(self, effect: str, **values: Any) -> None:
        match = values.pop("match", "")
        Fault.objects.create(network=self.connector.id, effect=effect, match=match, options=values)


def account_of(candidate: Any) -> Account:
    return Account(
        remote_id=candidate.remote_id,
        access_token=candidate.tokens.access_token,
        refresh_token=candidate.tokens.refresh_token,
        username=candidate.profile.username,
        metadata=candidate.metadata,
        access_expires_at=candidate.tokens.access_expires_at,
    )


@pytest.fixture
def world(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with in_process(monkeypatch):
        for files in served():
            yield World(CONNECTORS[request.param], files)


def every(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("world", names or list(CONNECTORS), indirect=True)


def seen() -> list[tuple[str, str, int]]:
    return [(post.kind, post.text, len(post.media)) for post in Post.objects.alive().order_by("pk")]


@every()
def test_an_image_is_published_at_an_address_that_opens(world: World) -> None:
    [published] = world.publish(Content(text="Rye", media=(world.image(),)))

    assert seen() == [("post", "Rye", 1)]
    assert requests.get(world.session.public_url(published.url), timeout=5).status_code == 200


@every()
def test_images_and_videos_are_mixed(world: World) -> None:
    files = (world.image("1"), world.video("2"), world.image("3"))

    world.publish(Content(text="All", media=files))

    assert seen() == [("post", "All", 3)]


@every()
def test_a_video_is_waited_for(world: World) -> None:
    world.trouble("slow_processing", seconds=60)

    world.publish(Content(text="Knead", media=(world.video(),)))

    assert seen() == [("post", "Knead", 1)]


@every("instagram", "instagram by facebook")
def test_a_story_is_published_without_its_text(world: World) -> None:
    for media in (world.image(size=(900, 1600)), world.video()):
        world.publish(Content(text="Not shown", media=(media,), options={"post_type": "story"}))

    assert seen() == [("post", "", 1), ("post", "", 1)]


@every("instagram", "instagram by facebook")
def test_a_reel_takes_its_options(world: World) -> None:
    options = {"share_to_feed": False, "thumb_offset": 4000}

    world.publish(Content(text="Knead", media=(world.video(),), options=options))

    [post] = Post.objects.all()
    assert (post.data["product"], post.data["share_to_feed"]) == ("REELS", False)


@every("instagram", "instagram by facebook")
def test_a_first_comment_follows_its_post(world: World) -> None:
    world.publish(Content(text="Rye", media=(world.image(),), options={"first_comment": "Order now"}))

    assert seen() == [("post", "Rye", 1), ("comment", "Order now", 0)]


@every("threads")
def test_a_text_has_its_link_tag_and_control(world: World) -> None:
    options = {"topic_tag": "bread", "reply_control": "followers_only"}

    world.publish(Content(text="Rye", link="https://example.com/rye", options=options))

    [post] = Post.objects.all()
    assert (post.text, post.data["link"]) == ("Rye", "https://example.com/rye")
    assert (post.data["topic_tag"], post.data["reply_control"]) == ("bread", "followers_only")


@every("threads")
def test_a_thread_hangs_together_and_its_comment_on_its_beginning(world: World) -> None:
    options = {"thread": ["Two", "Three"], "first_comment": "Order now"}

    one, two, three, comment = world.publish(Content(text="One", options=options))

    parents = {post.external_id: post.parent for post in Post.objects.all()}
    assert parents == {
        one.remote_id: "",
        two.remote_id: one.remote_id,
        three.remote_id: two.remote_id,
        comment.remote_id: one.remote_id,
    }


def lost(world: World, operation: Operation) -> None:
    with pytest.raises(Unknown):
        world.connector.commit(world.session, operation)


@every()
@pytest.mark.parametrize("after_accept", [True, False])
def test_a_lost_answer_never_makes_a_second_post(world: World, after_accept: bool) -> None:
    operation = world.prepared(world.operation(Content(text="Rye", media=(world.image(),))))
    world.trouble("status", status=502, after_accept=after_accept)
    lost(world, operation)

    found = world.recovered(operation)
    if not found:
        found = [world.connector.commit(world.session, world.prepared(operation))]

    assert seen() == [("post", "Rye", 1)]
    [post] = Post.objects.all()
    assert found == [Published(remote_id=post.external_id, url=post.url)]


@every()
def test_what_is_published_and_not_listed_yet_is_waited_for(world: World) -> None:
    operation = world.prepared(world.operation(Content(text="Rye", media=(world.image(),))))
    edge = "threads_publish" if world.connector.id == "threads" else "media_publish"
    world.trouble("list_lag", seconds=25, match=edge)
    world.trouble("status", status=502, after_accept=True)
    lost(world, operation)

    with pytest.raises(StillWorking):
        world.connector.recover(world.session, operation)

    assert len(world.recovered(operation)) == 1


@every()
def test_a_post_that_is_sent_again_in_spite_of_being_out_is_adopted(world: World) -> None:
    operation = world.prepared(world.operation(Content(text="Rye", media=(world.image(),))))
    first = world.connector.commit(world.session, operation)

    again = world.connector.commit(world.session, operation)

    assert (again, len(seen())) == (first, 1)


@every("instagram", "threads")
def test_a_spam_block_with_a_post_that_is_out_is_no_failure(world: World) -> None:
    operation = world.prepared(world.operation(Content(text="Rye", media=(world.image(),))))
    body = {"error": {"message": "Action is blocked", "code": 4, "error_subcode": 2207051}}
    world.trouble("status", status=403, body=body, after_accept=True)

    published = world.connector.commit(world.session, operation)

    assert published.remote_id == Post.objects.get().external_id


@every("instagram", "instagram by facebook", "threads")
@pytest.mark.parametrize("after_accept", [True, False])
def test_a_lost_answer_to_a_reply_is_cleared_up(world: World, after_accept: bool) -> None:
    content = Content(text="Rye", media=(world.image(),), options={"first_comment": "Order now"})
    [post] = world.publish(replace(content, options={}))
    operation = world.prepared(world.operation(content, post))
    world.trouble("status", status=502, after_accept=after_accept)
    lost(world, operation)

    found = world.recovered(operation) or [world.connector.commit(world.session, world.prepared(operation))]

    assert seen() == [("post", "Rye", 1), ("comment", "Order now", 0)]
    assert found[0].remote_id == Post.objects.get(kind=Post.COMMENT).external_id


@every("instagram", "threads")
def test_a_processing_that_fails_is_told_and_nothing_is_seen(world: World) -> None:
    world.trouble("processing_failed")

    with pytest.raises(ProcessingFailed) as caught:
        world.prepared(world.operation(Content(text="Knead", media=(world.video(),))))

    assert (caught.value.error_code, seen()) == ("MEDIA_REJECTED", [])


@every("instagram by facebook")
def test_a_container_that_died_is_made_anew(world: World) -> None:
    """By a Page's token, which outlives the day; the others of this test live for an hour."""
    operation = world.prepared(world.operation(Content(text="Rye", media=(world.image(),))))
    clock.advance(86_401)
    with pytest.raises(PlatformError):
        world.connector.commit(world.session, operation)

    renewed = world.prepared(replace(operation, armed_at=None))  # a refusal ends what was armed
    world.connector.commit(world.session, renewed)

    assert renewed.handles["uploads"] != operation.handles["uploads"]
    assert seen() == [("post", "Rye", 1)]


@every()
def test_a_full_quota_is_seen_before_the_post_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (instagram_posts, threads_posts):
        monkeypatch.setattr(module, "POSTS_PER_DAY", 1)
    world.publish(Content(text="Rye", media=(world.image(),)))

    with pytest.raises(RateLimited):
        world.prepared(world.operation(Content(text="Spelt", media=(world.image(),))))

    assert len(seen()) == 1


def wrong_files(world: World) -> dict[str, Content]:
    def post(*media: Media, **options: Any) -> Content:
        return Content(text="", media=media, options=options)

    return {
        "short": post(world.video(seconds=2.0)),
        "slow": post(world.video(fps=10)),
        "codec": post(world.video(codec="mpeg4")),
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
        *(("instagram", name) for name in ("late cover", "caption")),
        *(("threads", name) for name in ("slow", "codec", "wide", "text", "tag", "links")),
    ],
    indirect=["world"],
)
def test_what_the_simulator_refuses_was_named(world: World, name: str) -> None:
    content = wrong_files(world)[name]
    issues = world.connector.validate(content, {})

    with pytest.raises((Rejected, ProcessingFailed)):
        world.connector.commit(world.session, world.prepared(world.operation(content)))

    assert [each.severity for each in issues] == ["error"]
    assert seen() == []


@every()
def test_a_token_that_was_revoked_is_told(world: World) -> None:
    world.trouble("revoke", match="/media" if world.connector.id == "instagram" else "/threads")

    with pytest.raises(AuthExpired):
        world.prepared(world.operation(Content(text="Rye", media=(world.image(),))))


@every("instagram", "instagram by facebook")
def test_a_version_that_has_ended_is_the_operators_to_change(world: World) -> None:
    old = type(world.connector)(replace(world.connector.app, version="v20.0"))

    with pytest.raises(Rejected) as caught:
        old.profile(world.session, world.account)

    assert (caught.value.error_code, caught.value.acts) == ("PLATFORM_UNAVAILABLE", "operator")


@every("instagram", "threads")
def test_a_token_is_renewed_before_its_end(world: World) -> None:
    clock.advance(86_401)

    tokens = world.connector.refresh(world.session, world.account, now=clock.now())

    account = replace(world.account, access_token=tokens.access_token)
    assert isinstance(tokens, Tokens)
    assert tokens.access_token == tokens.refresh_token != world.account.access_token
    assert world.connector.profile(world.session, account).username == world.account.username


@every("instagram", "threads")
def test_a_token_of_today_is_kept(world: World) -> None:
    tokens = world.connector.refresh(world.session, world.account, now=clock.now())

    assert tokens.access_token == world.account.access_token
    assert tokens.access_expires_at == world.account.access_expires_at


@every("instagram by facebook")
def test_a_pages_token_is_read_anew(world: World) -> None:
    tokens = world.connector.refresh(world.session, world.account, now=clock.now())

    assert tokens.access_token == world.account.access_token


@every("instagram by facebook")
def test_an_account_outlives_the_token_of_its_person(world: World) -> None:
    clock.advance(61 * 86_400)

    tokens = world.connector.refresh(world.session, world.account, now=clock.now())

    assert tokens.access_token == world.account.access_token
    world.publish(Content(text="Rye", media=(world.image(),)))


@every("instagram", "instagram by facebook")
def test_a_consent_is_taken_back(world: World) -> None:
    world.connector.revoke(world.session, world.account)

    with pytest.raises(AuthExpired):
        world.connector.profile(world.session, world.account)
    with pytest.raises(AuthExpired):
        world.connector.refresh(world.session, world.account, now=clock.now())


@every()
def test_posts_and_accounts_have_numbers(world: World) -> None:
    connector: Connector = world.connector
    [published] = world.publish(Content(text="Rye", media=(world.image(),)))
    clock.advance(3000)

    ids = [published.remote_id, "17900000000000000"]
    found = connector.post_metrics(world.session, world.account, ids, now=clock.now())
    account = connector.account_metrics(world.session, world.account, now=clock.now())

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

    before = world.connector.post_metrics(world.session, world.account, ask, now=clock.now())
    clock.advance(86_401)
    after = world.connector.post_metrics(world.session, world.account, ask, now=clock.now())

    assert before[story.remote_id].impressions is None
    assert after == {}
