"""Threads: every request to the letter."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import AuthExpired, PlatformError, RateLimited, Rejected, StillWorking, Unavailable
from accounts.platforms.meta.failures import MakeAgain, NotFetched, NotReady
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Demographics,
    Handles,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from accounts.platforms.threads import Threads
from accounts.platforms.threads.errors import WORDS
from tests.networks.container_case import ContainerCase, graph_error
from tests.networks.platform_case import (
    Call,
    FakeSession,
    NumbersCase,
    Publication,
    later,
    make_answer,
    make_image,
    make_video,
    no_save,
)

HOST = "https://graph.threads.net"
GRAPH = f"{HOST}/v1.0"
BEARER = {"Authorization": "Bearer TOKEN"}
ME = {
    "id": "5001",
    "username": "bakery",
    "name": "Bakery",
    "threads_profile_picture_url": "https://cdn.example/p.jpg",
}
PROFILE = Profile(name="Bakery", username="bakery", profile_image="https://cdn.example/p.jpg")
PROFILE_FIELDS = "id,username,name,threads_profile_picture_url"
LISTED = "id,text,timestamp,permalink,media_type"
LISTED_REPLIES = f"{LISTED},replied_to"
ADDRESS = "https://www.threads.com/@bakery/post/AbC"
SINCE = int(later(seconds=-5).timestamp())


def read(path: str, answer: Any, **params: Any) -> Call:
    return Call("GET", f"{GRAPH}/{path}", {"headers": BEARER, "params": params}, make_answer(200, answer))


def make(container: str, **fields: str) -> Call:
    sends = {"headers": BEARER, "data": fields}
    return Call("POST", f"{GRAPH}/5001/threads", sends, make_answer(200, {"id": container}))


def status(container: str, state: str = "FINISHED", reason: str = "") -> Call:
    answer = {"status": state, "id": container} | ({"error_message": reason} if reason else {})
    return read(container, answer, fields="status,error_message")


def quota(used: int = 4, kind: str = "") -> Call:
    config = {"quota_total": 250, "quota_duration": 86400}
    answer = {"data": [{f"{kind}quota_usage": used, f"{kind}config": config}]}
    return read("5001/threads_publishing_limit", answer, fields=f"{kind}quota_usage,{kind}config")


def publish(container: str, media: str = "7001") -> tuple[Call, Call]:
    sends = {"headers": BEARER, "data": {"creation_id": container}}
    return (
        Call("POST", f"{GRAPH}/5001/threads_publish", sends, make_answer(200, {"id": media})),
        read(media, {"id": media, "permalink": ADDRESS}, fields="permalink"),
    )


def replies(*found: Mapping[str, Any]) -> Call:
    return read("me/replies", {"data": list(found)}, fields=LISTED_REPLIES, since=SINCE, limit=50)


def lone(content: Content, *, out: tuple[Published, ...] = (), **fields: str) -> Publication:
    """A post or reply of one container."""
    prepares = (make("6001", **fields), status("6001"), quota(kind="reply_" if out else ""))
    return Publication(content, prepares, publish("6001"), Published(remote_id="7001", url=ADDRESS), out=out)


THREAD = Content(text="One", options={"thread": ["Two", "Three"], "first_comment": "Order now"})
ONE, TWO, THREE = (Published(remote_id=each, url=ADDRESS) for each in ("6991", "6992", "6993"))


def listing(*posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    answer = {"data": list(posts), "paging": {"cursors": {"after": then}}}
    cursor = {"after": after} if after else {}
    return read("me/threads", answer, fields=LISTED, since=SINCE, limit=50, **cursor)


class TestThreads(ContainerCase):
    connector = Threads(App(client_id="id", client_secret="secret"))
    account = Account(remote_id="5001", access_token="TOKEN", refresh_token="TOKEN", username="bakery")
    consent_url = (
        "https://www.threads.net/oauth/authorize?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%2Ctwo&state=STATE"
    )
    exchange_calls = (
        Call(
            "POST",
            f"{HOST}/oauth/access_token",
            {
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(200, {"access_token": "SHORT", "user_id": 5001}),
        ),
        Call(
            "GET",
            f"{HOST}/access_token",
            {"params": {"grant_type": "th_exchange_token", "client_secret": "secret", "access_token": "SHORT"}},
            make_answer(200, {"access_token": "TOKEN", "token_type": "bearer", "expires_in": 5_183_944}),
        ),
    )
    exchanged = Tokens(access_token="TOKEN", refresh_token="TOKEN", access_expires_at=later(seconds=5_183_944))
    code_refused = graph_error(100)
    candidate_calls = (
        read("me", ME, fields=PROFILE_FIELDS),
        read("debug_token", {"data": {"scopes": ["threads_basic"]}}, input_token="TOKEN"),
    )
    candidates = [
        Candidate(
            remote_id="5001", type="profile", profile=PROFILE, tokens=replace(exchanged, scopes=("threads_basic",))
        )
    ]
    refresh_calls = (
        Call(
            "GET",
            f"{HOST}/refresh_access_token",
            {"params": {"grant_type": "th_refresh_token", "access_token": "TOKEN"}},
            make_answer(200, {"access_token": "TOKEN_2", "token_type": "bearer", "expires_in": 5_183_944}),
        ),
    )
    refreshed = Tokens(access_token="TOKEN_2", refresh_token="TOKEN_2", access_expires_at=later(seconds=5_183_944))
    revoke_calls = ()
    profile_calls = (
        read("me", ME, fields=PROFILE_FIELDS),
        read(
            "5001/threads_insights",
            {"data": [{"name": "followers_count", "total_value": {"value": 700}}]},
            metric="followers_count",
        ),
    )
    profile = replace(PROFILE, followers=700)
    publications = {
        "text": lone(Content(text="Hi"), media_type="TEXT", text="Hi"),
        "link": lone(
            Content(text="Read", link="https://example.com/a"),
            media_type="TEXT",
            link_attachment="https://example.com/a",
            text="Read",
        ),
        "choices": lone(
            Content(text="Hi", options={"topic_tag": "bread", "reply_control": "mentioned_only"}),
            media_type="TEXT",
            text="Hi",
            topic_tag="bread",
            reply_control="mentioned_only",
        ),
        "image": lone(
            Content(text="Rye", media=(make_image(alt_text="A loaf"),)),
            media_type="IMAGE",
            image_url="https://ours.example/media/media_1",
            alt_text="A loaf",
            text="Rye",
        ),
        "video": lone(
            Content(text="", media=(make_video(alt_text="Kneading"),)),
            media_type="VIDEO",
            video_url="https://ours.example/media/media_1",
            alt_text="Kneading",
        ),
        "images": Publication(
            Content(text="Two", media=(make_image("media_1", alt_text="A loaf"), make_video("media_2"))),
            (
                make(
                    "6001",
                    is_carousel_item="true",
                    media_type="IMAGE",
                    image_url="https://ours.example/media/media_1",
                    alt_text="A loaf",
                ),
                make(
                    "6002",
                    is_carousel_item="true",
                    media_type="VIDEO",
                    video_url="https://ours.example/media/media_2",
                ),
                status("6001"),
                status("6002"),
                make("6003", media_type="CAROUSEL", children="6001,6002", text="Two"),
                status("6003"),
                quota(),
            ),
            publish("6003"),
            Published(remote_id="7001", url=ADDRESS),
        ),
        "second part": lone(THREAD, out=(ONE,), media_type="TEXT", text="Two", reply_to_id="6991"),
        "third part": lone(THREAD, out=(ONE, TWO), media_type="TEXT", text="Three", reply_to_id="6992"),
        "first comment": lone(THREAD, out=(ONE, TWO, THREE), media_type="TEXT", text="Order now", reply_to_id="6991"),
    }
    own = {
        "id": "7001",
        "text": "Hi",
        "timestamp": "2026-11-24T09:59:57+0000",
        "permalink": ADDRESS,
        "media_type": "TEXT_POST",
    }
    other = own | {"id": "1", "text": "Other"}
    recover_calls = (
        status("6001", "PUBLISHED"),
        listing(own | {"id": "2", "media_type": "REPOST_FACADE"}, own),
    )
    nothing_found = make_answer(200, {"status": "FINISHED", "id": "6001"})
    refused = graph_error(100, error_user_title="THREADS_API__LINK_LIMIT_EXCEEDED")
    over_quota = make_answer(
        400,
        {"error": {"message": "Limit", "code": 4}},
        X_App_Usage='{"call_count": 100, "estimated_time_to_regain_access": 2}',
    )
    token_over = graph_error(190, 463)
    container = "6001"
    quota_call = quota()
    full = quota(250).gets
    failed_for_good = "FAILED_PROCESSING_AUDIO"
    most_failures = 6
    failed_for_now = "UNKNOWN"
    worth_another = graph_error(1, 2207052)
    too_early = graph_error(24)

    def status(self, container: str, state: str, reason: str = "") -> Call:
        return status(container, state, reason)

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, after=after, then=then)

    @pytest.mark.parametrize("gets", [graph_error(100), graph_error(2500), make_answer(503)])
    def test_a_profile_whose_scopes_are_not_told_is_connected(self, gets: Any) -> None:
        me, scopes = self.candidate_calls
        session = FakeSession(me, replace(scopes, gets=gets))

        [found] = self.connector.candidates(session, self.exchanged)

        assert (found.remote_id, found.tokens.scopes) == ("5001", ())

    def test_a_profile_without_a_number_of_followers_is_shown(self) -> None:
        me, insights = self.profile_calls
        session = FakeSession(me, replace(insights, gets=graph_error(100)))

        assert self.connector.profile(session, self.account) == PROFILE

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (graph_error(24), (NotReady, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(24, 2207008), (NotReady, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(24, 4279009), (NotReady, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(1, 2207052), (NotFetched, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(4, 2207051), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(10, 4279013), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(4279013), (Rejected, "CONTENT_REJECTED", "account_owner")),
        ],
        ids=lambda value: str(getattr(value, "body", ""))[60:120],
    )
    def test_threads_own_codes_say_what_a_refusal_means(self, answer: Any, meaning: Any) -> None:
        assert self.refusal(answer) == meaning

    @pytest.mark.parametrize(
        ("reason", "words", "is_final", "who_acts"),
        [
            ("INVALID_ASPEC_RATIO", "it does not take its shape", True, "caller"),
            ("INVALID_DURATION", "it is too long or too short", True, "caller"),
            ("FAILED_DOWNLOADING_VIDEO", WORDS["FAILED_DOWNLOADING_VIDEO"], False, "operator"),
            ("UNKNOWN", "it does not say why", False, "network"),
            ("", "it does not say why", False, "network"),
            ("INVALID_MOON", "it says: INVALID_MOON", True, "caller"),
        ],
    )
    def test_a_failure_is_told_in_words(self, reason: str, words: str, is_final: bool, who_acts: str) -> None:
        raised, _ = self.waiting("ERROR", reason)

        assert raised.message == f"Threads could not use the file: {words}."
        assert isinstance(raised, MakeAgain) != is_final
        assert raised.who_acts == who_acts

    def test_a_reply_is_looked_for_among_the_replies(self) -> None:
        operation = self.prepared(self.publications["second part"])

        assert self.connector.recovery_of(operation) == Recovery.HANDLE
        assert self.found(operation, self.reply("7001", to="6991")) == ["7001"]

    def reply(self, key: str, *, to: str) -> dict[str, Any]:
        return self.own | {"id": key, "text": "Two", "replied_to": {"id": to}}

    def found(self, operation: Operation, *listed: Mapping[str, Any]) -> list[str]:
        session = FakeSession(status("6001", "PUBLISHED"), replies(*listed))
        return [each.remote_id for each in self.connector.recover(session, operation)]

    def test_a_reply_of_the_same_words_to_another_post_is_another(self) -> None:
        operation = self.prepared(self.publications["second part"])
        elsewhere = self.reply("7002", to="6881")

        assert self.found(operation, elsewhere, self.reply("7001", to="6991")) == ["7001"]
        with pytest.raises(StillWorking):
            self.found(operation, elsewhere)

    def test_a_reply_that_does_not_tell_what_it_answers_may_be_it(self) -> None:
        operation = self.prepared(self.publications["second part"])

        assert self.found(operation, self.own | {"text": "Two"}) == ["7001"]

    def test_a_part_that_is_out_is_not_taken_for_a_comment_of_the_same_words(self) -> None:
        content = Content(text="One", options={"thread": ["Two"], "first_comment": "Two"})
        comment = lone(content, out=(ONE, TWO), media_type="TEXT", text="Two", reply_to_id="6991")
        part = self.reply(TWO.remote_id, to="6991")

        assert self.found(self.prepared(comment), self.reply("7001", to="6991"), part) == ["7001"]

    def test_a_reply_to_a_post_that_is_not_there_is_given_up_after_three_tries(self) -> None:
        refused = replace(self.publications["second part"].prepares[0], gets=graph_error(24))
        kept: dict[str, Any] = {}

        def save(handles: Handles, *, seconds: float = 0) -> None:
            kept.update(handles)

        raised = []
        for _ in range(3):
            with pytest.raises(PlatformError) as caught:
                self.connector.prepare(
                    FakeSession(refused), self.operation(THREAD, out=(ONE,), handles=dict(kept)), save
                )
            raised.append(caught.value)

        assert [type(each) for each in raised] == [NotReady, NotReady, Rejected]
        assert raised[-1].message == "Threads no longer has the post to reply to."

    @pytest.mark.parametrize(("quota_of", "out"), [("", ()), ("reply_", (ONE,))], ids=["posts", "replies"])
    def test_posts_and_replies_have_a_quota_each_which_holds_up_no_others(
        self, quota_of: str, out: tuple[Published, ...]
    ) -> None:
        made, asked, _ = self.publications["second part" if out else "text"].prepares
        content = THREAD if out else self.publications["text"].content
        session = FakeSession(made, asked, quota(250, quota_of))

        with pytest.raises(RateLimited) as caught:
            self.connector.prepare(session, self.operation(content, out=out), no_save)

        assert caught.value.is_of_a_kind

    @pytest.mark.parametrize(
        ("content", "rules"),
        [
            (Content(text=""), ["text_or_media_required"]),
            (Content(text="x" * 501), ["text_too_long"]),
            (Content(text="x" * 497 + "🍞"), ["text_too_long"]),
            (Content(text=" ".join(f"https://example.com/{n}" for n in range(6))), ["too_many_links"]),
            (Content(text=" ".join(f"https://ja.wikipedia.org/{each}" for each in "日本語事典集")), ["too_many_links"]),
            (Content(text=" ".join(f"example.com?n={n}" for n in range(6))), ["too_many_links"]),
            (
                Content(text="Hi", options={"first_comment": " ".join(f"https://example.com#{n}" for n in range(6))}),
                ["too_many_links"],
            ),
            (
                Content(text=" ".join(f"https://example.com/{n}" for n in range(5)), link="https://example.com/5"),
                ["too_many_links"],
            ),
            (
                Content(text="Hi", options={"thread": [" ".join(f"https://example.com/{n}" for n in range(6))]}),
                ["too_many_links"],
            ),
            (Content(text="Hi", options={"thread": ["x" * 501]}), ["text_too_long"]),
            (Content(text="Hi", options={"thread": [" "]}), ["option_empty"]),
            (Content(text="Hi", options={"first_comment": "x" * 501}), ["option_too_long"]),
            (
                Content(text="Hi", options={"first_comment": " ".join(f"https://example.com/{n}" for n in range(6))}),
                ["too_many_links"],
            ),
            (Content(text="Hi", options={"topic_tag": "a.b&c"}), ["topic_tag_forbidden_characters"]),
            (Content(text="Hi", options={"topic_tag": "x" * 51}), ["option_too_long"]),
            (Content(text="Hi", options={"topic_tag": "🍞" * 51}), ["option_too_long"]),
            (Content(text="Hi", options={"topic_tag": "🍞" * 50}), []),
            (Content(text="Hi", options={"topic_tag": ""}), ["option_empty"]),
            (Content(text="Hi", options={"reply_control": "nobody"}), ["option_invalid"]),
            (
                Content(text="", media=tuple(make_image(str(n)) for n in range(21))),
                ["too_many_images", "too_many_files"],
            ),
            (Content(text="", media=(make_image(mime_type="image/webp"),)), ["image_type_unsupported"]),
            (Content(text="", media=(make_video(seconds=301),)), ["video_duration_too_large"]),
            (Content(text="", media=(make_video(fps=15),)), ["video_fps_too_small"]),
            (Content(text="", media=(make_video(width=1922),)), ["video_width_too_large"]),
            (Content(text="", media=(make_video(size=260_000_000),)), ["video_bit_rate_too_large"]),
            (Content(text="", media=(make_video(size=250_050_000),)), ["video_bit_rate_too_large"]),
            (Content(text="", media=(make_video(audio_codec="mp3"),)), ["audio_codec_unsupported"]),
            (Content(text="", media=(make_video(seconds=0.0, width=9999),)), []),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_threads_would_refuse_is_named(self, content: Content, rules: list[str]) -> None:
        issues = self.connector.validate(content, {})

        assert [issue.rule for issue in issues] == rules
        assert all(issue.fix for issue in issues)

    @pytest.mark.parametrize("values", [{"seconds": 300.0}, {"width": 1920, "height": 1080}, {"size": 250_000_000}])
    def test_a_video_at_the_edge_is_taken(self, values: dict[str, Any]) -> None:
        assert self.connector.validate(Content(text="", media=(make_video(**values),)), {}) == []

    def test_an_issue_of_a_reply_names_its_place(self) -> None:
        links = " ".join(f"https://example.com/{n}" for n in range(6))
        content = Content(text="Hi", options={"thread": ["Fine", links], "first_comment": links})

        fields = [issue.field for issue in self.connector.validate(content, {})]

        assert fields == ["options.thread.1", "options.first_comment"]


NAMES = "views,likes,replies,reposts,quotes,shares"
ACCOUNT_NAMES = "views,likes,replies,reposts,quotes,clicks"


def numbers(**values: int) -> Call:
    data = [{"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in values.items()]
    return read("7001/insights", {"data": data}, metric=NAMES)


def asked_for(names: str) -> dict[str, Any]:
    return {"headers": BEARER, "params": {"metric": names}}


class TestNumbers(NumbersCase):
    connector, account = TestThreads.connector, TestThreads.account

    def of_post(self, *calls: Call) -> dict[str, PostNumbers]:
        return self.counted(["7001"], *calls)

    def test_a_post_tells_its_views_and_what_people_did(self) -> None:
        values = {"likes": 4, "replies": 3, "reposts": 2, "quotes": 1, "shares": 5}

        found = self.of_post(numbers(views=50, **values))

        assert found == {"7001": PostNumbers(impressions=50, engagement=15, own=values)}

    def test_a_name_that_is_not_known_any_more_is_remembered_for_a_day(self) -> None:
        singles = [replace(numbers(**{name: 5}), sends=asked_for(name)) for name in NAMES.split(",")]
        singles[0] = replace(singles[0], gets=graph_error(100))
        others = NAMES.removeprefix("views,")

        first = self.of_post(replace(numbers(), gets=graph_error(100)), *singles)
        second = self.of_post(replace(numbers(**dict.fromkeys(others.split(","), 5)), sends=asked_for(others)))

        assert first == second == {"7001": PostNumbers(engagement=25, own=dict.fromkeys(others.split(","), 5))}

    def test_a_repost_tells_nothing(self) -> None:
        assert self.of_post(numbers()) == {"7001": PostNumbers()}

    @pytest.mark.parametrize("gone", [graph_error(100, 33), graph_error(24)])
    def test_a_post_that_is_gone_is_left_out(self, gone: Any) -> None:
        assert self.of_post(replace(numbers(), gets=gone), read("me", {"id": "5001"}, fields="id")) == {}

    def test_a_post_of_an_account_that_is_not_visible_either_is_not_called_gone(self) -> None:
        hidden = graph_error(100, 33)

        with pytest.raises(Rejected) as caught:
            self.of_post(replace(numbers(), gets=hidden), replace(read("me", {"id": "5001"}, fields="id"), gets=hidden))

        assert (caught.value.code, caught.value.who_acts) == ("TOKEN_REVOKED", "account_owner")

    @pytest.mark.parametrize(
        ("gets", "error"),
        [(graph_error(10), Rejected), (graph_error(190), AuthExpired), (make_answer(503), Unavailable)],
    )
    def test_other_refusals_are_told(self, gets: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            self.of_post(replace(numbers(), gets=gets))

    def test_what_refuses_a_single_name_for_another_reason_is_told(self) -> None:
        single = replace(numbers(), sends=asked_for("views"), gets=graph_error(10))

        with pytest.raises(Rejected) as caught:
            self.of_post(replace(numbers(), gets=graph_error(100)), single)

        assert caught.value.network_code == "10"

    def account_calls(self) -> tuple[Call, ...]:
        day = {"since": 1_795_392_000, "until": 1_795_478_400}
        data = [
            {"name": "views", "values": [{"value": 100, "end_time": "x"}, {"value": 20, "end_time": "y"}]},
            *(
                {"name": name, "total_value": {"value": value}}
                for name, value in {"likes": 8, "replies": 4, "reposts": 2, "quotes": 1}.items()
            ),
            {"name": "clicks", "link_total_values": [{"value": 2, "link_url": "a"}, {"value": 3, "link_url": "b"}]},
        ]
        who = "follower_demographics"
        results = [{"dimension_values": [key], "value": value} for key, value in (("GB", 3), ("DE", 1))]
        countries = {"data": [{"name": who, "total_value": {"breakdowns": [{"results": results}]}}]}
        path = "5001/threads_insights"
        return (
            read(path, {"data": data}, metric=ACCOUNT_NAMES, **day),
            read(
                path, {"data": [{"name": "followers_count", "total_value": {"value": 700}}]}, metric="followers_count"
            ),
            replace(read(path, {}, metric=who, breakdown="age"), gets=graph_error(100)),
            read(path, countries, metric=who, breakdown="country"),
        )

    def test_a_profile_tells_its_last_day_and_who_follows(self) -> None:
        found = self.account_counted(*self.account_calls())

        assert found == AccountNumbers(
            followers=700,
            impressions=120,
            engagement=15,
            clicks=5,
            demographics=Demographics(countries={"GB": 75, "DE": 25}),
        )

    def test_a_profile_without_insights_tells_nothing(self) -> None:
        calls = [replace(each, gets=graph_error(10)) for each in self.account_calls()]

        assert self.account_counted(*calls) == AccountNumbers()
