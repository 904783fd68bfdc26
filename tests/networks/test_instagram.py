"""Instagram: every request to the letter, for its own login; what differs by Facebook's is below."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import AppStopped, AuthExpired, RateLimited, Rejected, StillWorking, Unavailable, Unknown
from accounts.platforms.instagram import Instagram
from accounts.platforms.instagram.errors import WORDS
from accounts.platforms.meta.containers import CONTAINER_LIVES, IN_VAIN
from accounts.platforms.meta.failures import MakeAgain, NotFetched, NotReady
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Demographics,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from tests.networks.container_case import ContainerCase, graph_error
from tests.networks.platform_case import (
    LOST,
    NOW,
    Call,
    FakeSession,
    ListCase,
    NumbersCase,
    Publication,
    Saved,
    later,
    make_answer,
    make_image,
    make_video,
    no_save,
)

HOST = "https://graph.instagram.com"
GRAPH = f"{HOST}/v26.0"
BEARER = {"Authorization": "Bearer TOKEN"}
SHOWN = {
    "username": "bakery",
    "name": "Bakery",
    "profile_picture_url": "https://cdn.example/p.jpg",
    "followers_count": 500,
    "follows_count": 20,
    "media_count": 12,
    "id": "9988",
}
PROFILE = Profile(
    name="Bakery", username="bakery", profile_image="https://cdn.example/p.jpg", followers=500, following=20
)
PROFILE_FIELDS = "username,name,profile_picture_url,followers_count,follows_count,media_count"
LISTED = "id,caption,timestamp,permalink,media_type,media_product_type"
ADDRESS = "https://www.instagram.com/p/Cabc/"
FAILED = "Error: Media upload has failed with error code "


def read(path: str, answer: Any, **params: Any) -> Call:
    return Call("GET", f"{GRAPH}/{path}", {"headers": BEARER, "params": params}, make_answer(200, answer))


def make(container: str, **fields: str) -> Call:
    return Call(
        "POST", f"{GRAPH}/17841/media", {"headers": BEARER, "data": fields}, make_answer(200, {"id": container})
    )


def status(container: str, state: str = "FINISHED", text: str = "") -> Call:
    return read(container, {"status_code": state, "status": text, "id": container}, fields="status_code,status")


def quota(used: int = 2) -> Call:
    answer = {"data": [{"quota_usage": used, "config": {"quota_total": 50, "quota_duration": 86400}}]}
    return read("17841/content_publishing_limit", answer, fields="quota_usage,config")


def publish(container: str, media: str = "17900") -> tuple[Call, Call]:
    sends = {"headers": BEARER, "data": {"creation_id": container}}
    return (
        Call("POST", f"{GRAPH}/17841/media_publish", sends, make_answer(200, {"id": media})),
        read(media, {"id": media, "permalink": ADDRESS}, fields="permalink"),
    )


def lone(content: Content, **fields: str) -> Publication:
    """A post of one container."""
    prepares = (make("18001", **fields), status("18001"), quota())
    return Publication(content, prepares, publish("18001"), Published(remote_id="17900", url=ADDRESS))


IMAGE = lone(
    Content(text="Rye", media=(make_image(alt_text="A loaf"),)),
    image_url="https://ours.example/media/media_1",
    caption="Rye",
    alt_text="A loaf",
)
COMMENTED = Content(text="Rye", media=IMAGE.content.media, options={"first_comment": "Order now"})


def comments(*found: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    paging = {"cursors": {"after": then}} | ({"next": "https://elsewhere.example"} if then else {})
    cursor = {"after": after} if after else {}
    answer = {"data": list(found), "paging": paging}
    return read("17900/comments", answer, fields="id,text,timestamp,username", limit=50, **cursor)


def comment(text: str = "Order now", **fields: str) -> dict[str, str]:
    return {"id": "178", "text": text, "timestamp": "2026-11-24T09:59:57+0000", "username": "bakery"} | fields


def listing(*posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    answer = {"data": list(posts), "paging": {"cursors": {"after": then}}}
    return read("17841/media", answer, fields=LISTED, limit=50, **({"after": after} if after else {}))


STORY = {"id": "17900", "timestamp": "2026-11-24T09:59:57+0000", "permalink": ADDRESS, "media_type": "VIDEO"}


def stories(*found: Mapping[str, Any]) -> Call:
    return read("17841/stories", {"data": list(found)}, fields="id,timestamp,permalink,media_type", limit=50)


class TestInstagram(ContainerCase):
    connector = Instagram(App(client_id="id", client_secret="secret"))
    account = Account(
        remote_id="17841",
        access_token="TOKEN",
        refresh_token="TOKEN",
        username="bakery",
        metadata={"login": "instagram"},
    )
    consent_url = (
        "https://www.instagram.com/oauth/authorize?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%2Ctwo&state=STATE"
    )
    exchange_calls = (
        Call(
            "POST",
            "https://api.instagram.com/oauth/access_token",
            {
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(
                200, {"access_token": "SHORT", "user_id": 17841, "permissions": ["instagram_business_basic", "two"]}
            ),
        ),
        Call(
            "GET",
            f"{HOST}/access_token",
            {"params": {"grant_type": "ig_exchange_token", "client_secret": "secret", "access_token": "SHORT"}},
            make_answer(200, {"access_token": "TOKEN", "token_type": "bearer", "expires_in": 5_183_944}),
        ),
    )
    exchanged = Tokens(
        access_token="TOKEN",
        refresh_token="TOKEN",
        access_expires_at=later(seconds=5_183_944),
        scopes=("instagram_business_basic", "two"),
    )
    code_refused = make_answer(
        400, {"error_type": "OAuthException", "code": 400, "error_message": "Invalid authorization code"}
    )
    candidate_calls = (
        read(
            "me",
            SHOWN | {"user_id": "17841", "account_type": "MEDIA_CREATOR"},
            fields=f"user_id,account_type,{PROFILE_FIELDS}",
        ),
    )
    candidates = [
        Candidate(remote_id="17841", type="creator", profile=PROFILE, tokens=exchanged, metadata={"login": "instagram"})
    ]
    refresh_calls = (
        Call(
            "GET",
            f"{HOST}/refresh_access_token",
            {"params": {"grant_type": "ig_refresh_token", "access_token": "TOKEN"}},
            make_answer(200, {"access_token": "TOKEN_2", "token_type": "bearer", "expires_in": 5_183_944}),
        ),
    )
    refreshed = Tokens(access_token="TOKEN_2", refresh_token="TOKEN_2", access_expires_at=later(seconds=5_183_944))
    revoke_calls = (
        Call("DELETE", f"{GRAPH}/me/permissions", {"headers": BEARER}, make_answer(200, {"success": True})),
    )
    profile_calls = (read("17841", SHOWN, fields=PROFILE_FIELDS),)
    profile = PROFILE
    usual = "image"
    publications = {
        "image": IMAGE,
        "images": Publication(
            Content(text="Two", media=(make_image("media_1", alt_text="A loaf"), make_video("media_2"))),
            (
                make(
                    "18001",
                    is_carousel_item="true",
                    alt_text="A loaf",
                    image_url="https://ours.example/media/media_1",
                ),
                make(
                    "18002",
                    is_carousel_item="true",
                    media_type="VIDEO",
                    video_url="https://ours.example/media/media_2",
                ),
                status("18001"),
                status("18002"),
                make("18003", media_type="CAROUSEL", children="18001,18002", caption="Two"),
                status("18003"),
                quota(),
            ),
            publish("18003"),
            Published(remote_id="17900", url=ADDRESS),
        ),
        "reel": lone(
            Content(text="Knead", media=(make_video(),), options={"share_to_feed": False, "thumb_offset": 1500}),
            media_type="REELS",
            video_url="https://ours.example/media/media_1",
            caption="Knead",
            share_to_feed="false",
            thumb_offset="1500",
        ),
        "reel by name": lone(
            Content(text="", media=(make_video(),), options={"post_type": "reel", "share_to_feed": True}),
            media_type="REELS",
            video_url="https://ours.example/media/media_1",
            share_to_feed="true",
        ),
        "story image": lone(
            Content(text="", media=(make_image(alt_text="A loaf"),), options={"post_type": "story"}),
            media_type="STORIES",
            image_url="https://ours.example/media/media_1",
        ),
        "story video": lone(
            Content(text="Not shown", media=(make_video(),), options={"post_type": "story"}),
            media_type="STORIES",
            video_url="https://ours.example/media/media_1",
        ),
        "first comment": Publication(
            COMMENTED,
            (),
            (
                Call(
                    "POST",
                    f"{GRAPH}/17900/comments",
                    {"headers": BEARER, "data": {"message": "Order now"}},
                    make_answer(200, {"id": "178"}),
                ),
            ),
            Published(remote_id="178", url=ADDRESS),
            out=(IMAGE.published,),
        ),
    }
    own = {
        "id": "17900",
        "caption": "Rye",
        "timestamp": "2026-11-24T09:59:57+0000",
        "permalink": ADDRESS,
        "media_type": "IMAGE",
        "media_product_type": "FEED",
    }
    other = own | {"id": "1", "caption": "Other"}
    recover_calls = (
        status("18001", "PUBLISHED"),
        listing(own),
    )
    nothing_found = make_answer(200, {"status_code": "FINISHED", "id": "18001"})
    refused = graph_error(36004, 2207010)
    over_quota = make_answer(
        400,
        {"error": {"message": "Limit", "code": 80002}},
        X_Business_Use_Case_Usage='{"17841": [{"call_count": 100, "estimated_time_to_regain_access": 2}]}',
    )
    token_over = graph_error(190, 463)
    container = "18001"
    quota_call = quota()
    full = quota(50).gets
    failed_for_good = "Error: Media upload has failed with error code 2207026"
    most_failures = 3
    failed_for_now = "Error: Media upload has failed with error code 2207053"
    worth_another = graph_error(100, 2207053)
    too_early = graph_error(9007, 2207027, is_transient=False)

    def status(self, container: str, state: str, reason: str = "") -> Call:
        return status(container, state, reason)

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, after=after, then=then)

    @pytest.mark.parametrize(
        "answer",
        [
            {"data": [{"access_token": "SHORT", "user_id": "17841", "permissions": "instagram_business_basic,two"}]},
            {"access_token": "SHORT", "user_id": "17841", "permissions": "instagram_business_basic, two"},
        ],
    )
    def test_a_token_is_read_in_both_documented_forms(self, answer: Any) -> None:
        first, second = self.exchange_calls
        session = FakeSession(replace(first, gets=make_answer(200, answer)), second)

        assert self.exchange(session) == self.exchanged

    def test_a_code_that_is_not_taken_is_the_owners_to_mend(self) -> None:
        with pytest.raises(Rejected) as caught:
            self.exchange(FakeSession(replace(self.exchange_calls[0], gets=self.code_refused)))

        assert (caught.value.code, caught.value.who_acts) == ("TOKEN_REVOKED", "account_owner")
        assert caught.value.message == "Instagram says: Invalid authorization code"

    @pytest.mark.parametrize("words", ["Invalid platform app", "Error validating client secret."])
    def test_a_wrong_app_is_the_operators_to_mend(self, words: str) -> None:
        refused = make_answer(400, {"error_type": "OAuthException", "code": 400, "error_message": words})

        with pytest.raises(AppStopped) as caught:
            self.exchange(FakeSession(replace(self.exchange_calls[0], gets=refused)))

        assert (caught.value.code, caught.value.who_acts) == ("PLATFORM_UNAVAILABLE", "operator")

    @pytest.mark.parametrize("status", [429, 500, 503])
    @pytest.mark.parametrize("words", [{}, {"error_message": "Later"}], ids=["without words", "in words"])
    def test_a_sign_in_at_an_overloaded_network_is_tried_again(self, status: int, words: Any) -> None:
        with pytest.raises(Unavailable):
            self.exchange(FakeSession(replace(self.exchange_calls[0], gets=make_answer(status, words))))

    @pytest.mark.parametrize("expires_in", [None, 1_785_400_000, 0])
    def test_a_token_whose_lifetime_makes_no_sense_is_renewed_in_time_all_the_same(self, expires_in: Any) -> None:
        answer = make_answer(200, {"access_token": "TOKEN_2", "token_type": "bearer", "expires_in": expires_in})

        assert self.refresh(answer) == replace(self.refreshed, access_expires_at=later(days=60))

    def test_a_business_is_told_from_a_creator(self) -> None:
        answer = SHOWN | {"user_id": 17841, "account_type": "BUSINESS"}
        session = FakeSession(replace(self.candidate_calls[0], gets=make_answer(200, answer)))

        [found] = self.connector.candidates(session, self.exchanged)

        assert (found.remote_id, found.type) == ("17841", "business")

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (graph_error(-2, 2207003), (NotFetched, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(-2, 2207020), (NotReady, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(-1, 2207001), (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(-1, 2207032), (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(-1), (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(1, 2207057), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(4, 2207051), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(9, 2207042), (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (graph_error(24, 2207006), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(24, 2207008), (NotReady, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(25, 2207050), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(100, 2207028), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(100, 2207040), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(352, 2207026), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(9004, 2207052), (NotFetched, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(9007, 2207027), (NotReady, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(36000, 2207004), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(36001, 2207005), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(36001, 2207083), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(36003, 2207009), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(36004, 2207010), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(100, 2207023), (Rejected, "CONTENT_REJECTED", "caller")),
            (graph_error(100, 2207053), (MakeAgain, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(100, 2207076), (MakeAgain, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(100, 2207077), (MakeAgain, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(100, 2207082), (MakeAgain, "PLATFORM_UNAVAILABLE", "network")),
            (graph_error(100, 2207081), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(100, 2207085), (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
        ],
        ids=lambda value: str(getattr(value, "body", ""))[60:120],
    )
    def test_a_subcode_says_what_a_refusal_means(self, answer: Any, meaning: Any) -> None:
        assert self.refusal(answer) == meaning

    @pytest.mark.parametrize(
        ("code", "subcode"),
        [
            *((9, 2207042), (25, 2207050), (352, 2207026), (9004, 2207052), (9007, 2207027)),
            *((36000, 2207004), (36001, 2207005), (36003, 2207009), (36004, 2207010)),
        ],
    )
    def test_a_code_that_stands_alone_means_the_same_as_with_its_subcode(self, code: int, subcode: int) -> None:
        alone = self.connector.classify(graph_error(code))

        assert self.refusal(graph_error(code)) == self.refusal(graph_error(code, subcode))
        assert alone.network_code == str(code)

    def test_an_error_keeps_the_networks_code_and_its_words_for_people(self) -> None:
        error = self.connector.classify(graph_error(36003, 2207009, error_user_msg="The picture is\ntoo wide."))

        assert (error.network_code, error.message) == ("36003/2207009", "Instagram says: The picture is too wide.")

    def test_a_file_that_cannot_be_fetched_is_given_again_and_not_counted(self) -> None:
        saved = Saved()
        session = FakeSession(replace(self.created[0], gets=graph_error(9004, 2207052)))

        with pytest.raises(NotFetched) as caught:
            self.connector.prepare(session, self.operation(self.first.content, handles={"failures": 2}), saved)

        assert saved.handles[-1] == {"failures": 2}
        assert (caught.value.code, caught.value.who_acts) == ("PLATFORM_UNAVAILABLE", "operator")

    @pytest.mark.parametrize(
        ("reason", "words", "is_final", "who_acts"),
        [
            (FAILED + "2207026", "it cannot play a video of this format", True, "caller"),
            (FAILED + "2207052", WORDS["2207052"], False, "operator"),
            (FAILED + "2207003", "it took too long to fetch the file", False, "operator"),
            (FAILED + "2207001", "it had an error of its own", False, "network"),
            ("Error: 2207099 of the moon", "it says: Error: 2207099 of the moon", True, "caller"),
            ("", "it does not say why", True, "caller"),
        ],
    )
    def test_a_failure_is_told_in_words(self, reason: str, words: str, is_final: bool, who_acts: str) -> None:
        raised, _ = self.waiting("ERROR", reason)

        assert raised.message == f"Instagram could not use the file: {words}."
        assert isinstance(raised, MakeAgain) != is_final
        assert raised.who_acts == who_acts
        assert raised.code == ("PLATFORM_UNAVAILABLE" if who_acts == "operator" else "MEDIA_REJECTED")

    def test_an_error_of_the_server_is_tried_once_more_as_it_may_be_a_block_in_disguise(self) -> None:
        ready, operation = status("18001"), self.prepared(IMAGE)
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                self.commits(operation, replace(IMAGE.commits[0], gets=graph_error(-1, 2207001)), ready)
            operation = replace(operation, handles=caught.value.handles or {})

        with pytest.raises(Rejected) as blocked:
            self.prepares(operation, ready)
        assert (blocked.value.network_code, blocked.value.who_acts) == ("-1/2207001", "account_owner")
        assert self.prepares(operation, status("18001", "PUBLISHED"))["out"]

    @pytest.mark.parametrize("end", [IN_VAIN, CONTAINER_LIVES])
    def test_what_failed_is_not_forgotten_when_a_container_is_replaced(self, end: timedelta) -> None:
        failed = {"failures": 1, "maybe_blocked": 2, "network_code": "-1/2207001"}
        operation = self.prepared(IMAGE)
        operation = replace(operation, handles={**operation.handles, **failed}, armed_at=None)

        with pytest.raises(Rejected, match="failed twice") as blocked:
            self.prepares(
                replace(operation, now=operation.now + end + timedelta(hours=1)), status("18001"), *IMAGE.prepares[:2]
            )

        assert blocked.value.network_code == "-1/2207001"

    @pytest.mark.parametrize("gets", [LOST, make_answer(503)])
    def test_an_error_of_the_server_decides_nothing_while_the_container_cannot_be_asked(self, gets: Any) -> None:
        with pytest.raises(Unknown):
            self.refused_by(graph_error(-1, 2207001), replace(status("18001"), gets=gets))

    @pytest.mark.parametrize(("answer", "seconds"), [(graph_error(9007, 2207027), 30), (graph_error(9, 2207042), 3600)])
    def test_what_has_to_be_waited_for_says_how_long(self, answer: Any, seconds: float) -> None:
        error = self.connector.classify(answer)

        assert isinstance(error, Unavailable)
        assert error.retry_after == seconds

    def test_a_story_is_found_among_the_stories(self) -> None:
        operation = replace(self.prepared(self.publications["story video"]), now=later(minutes=2))
        older = STORY | {"id": "17899", "timestamp": "2026-11-24T09:00:00+0000"}
        picture = STORY | {"id": "17898", "media_type": "IMAGE"}

        found = self.recovers(operation, status("18001", "PUBLISHED"), stories(STORY, picture, older))

        assert found == [Published(remote_id="17900", url=ADDRESS)]

    def test_a_story_is_known_by_its_list_only_once_that_surely_has_it(self) -> None:
        operation = replace(self.prepared(self.publications["story video"]), now=later(seconds=119))
        asked = status("18001", "PUBLISHED")

        with pytest.raises(StillWorking):
            self.recovers(operation, asked)
        with pytest.raises(Unknown):
            self.recovers(operation, replace(asked, gets=graph_error(100, 33)))

    def commenting(self) -> Operation:
        return replace(self.prepared(self.publications["first comment"]), now=later(days=1))

    def test_a_comment_is_looked_for_among_the_accounts_own_before_it_is_sent_again(self) -> None:
        operation, eves = self.commenting(), comment(id="1", username="eve")

        assert self.connector.recovery_of(operation) == Recovery.LOOK
        found = self.recovers(operation, comments(eves, comment()))
        assert found == [Published(remote_id="178", url=ADDRESS)]
        for name, ids in (("bakery", []), ("eve", ["1"])):  # under which it goes by now
            asked = read("17841", {"username": name}, fields="username")
            assert [each.remote_id for each in self.recovers(operation, comments(eves), asked)] == ids

    @pytest.mark.parametrize(
        ("gets", "error"),
        [
            (graph_error(20, 1772107), Unknown),
            (graph_error(20), Unknown),
            (graph_error(1), Unknown),
            (LOST, Unknown),
            (make_answer(200, {}), Unknown),
            (graph_error(100), Rejected),
            (graph_error(190), AuthExpired),
        ],
        ids=lambda value: str(getattr(value, "body", value))[40:90],
    )
    def test_a_comment_may_have_been_made_in_spite_of_an_error(self, gets: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            self.commit(self.publications["first comment"], gets)

    def test_a_comment_needs_no_preparation(self) -> None:
        operation = self.operation(COMMENTED, out=(IMAGE.published,))

        assert self.prepares(operation) == {}

    @pytest.mark.parametrize(
        ("content", "rules"),
        [
            (Content(text="Rye"), ["media_required"]),
            (Content(text="x" * 2201, media=(make_image(),)), ["text_too_long"]),
            (Content(text="#a " * 31, media=(make_image(),)), ["too_many_hashtags"]),
            (Content(text="@a " * 21, media=(make_image(),)), ["too_many_mentions"]),
            (
                Content(text="", media=tuple(make_image(str(each)) for each in range(11))),
                ["too_many_images", "too_many_files"],
            ),
            (Content(text="", media=(make_image(mime_type="image/png"),)), ["image_type_unsupported"]),
            (Content(text="", media=(make_image(alt_text="x" * 1001),)), ["alt_text_too_long"]),
            (Content(text="", media=(make_video(seconds=901),)), ["video_duration_too_large"]),
            (Content(text="", media=(make_video(seconds=2.5),)), ["video_duration_too_small"]),
            (Content(text="", media=(make_video(video_codec="vp9"),)), ["video_codec_unsupported"]),
            (Content(text="", media=(make_video(width=1922),)), ["video_width_too_large"]),
            (Content(text="", media=(make_video(size=63_000_000),)), ["video_bit_rate_too_large"]),
            (Content(text="", media=(make_image(), make_video(seconds=61))), ["video_duration_too_large"]),
            (
                Content(text="", media=(make_image(),), options={"share_to_feed": True}),
                ["option_needs_a_reel"],
            ),
            (
                Content(text="", media=(make_image("1"), make_video("2")), options={"thumb_offset": 1}),
                ["option_needs_a_reel"],
            ),
            (
                Content(text="", media=(make_video(),), options={"thumb_offset": 20_001}),
                ["thumb_offset_beyond_the_video"],
            ),
            (Content(text="", media=(make_image(),), options={"post_type": "reel"}), ["images_unsupported"]),
            (
                Content(text="", media=(make_image("1"), make_image("2")), options={"post_type": "story"}),
                ["too_many_images", "too_many_files"],
            ),
            (
                Content(text="", media=(make_video(seconds=61),), options={"post_type": "story"}),
                ["video_duration_too_large"],
            ),
            (
                Content(text="", media=(make_image(),), options={"post_type": "story", "first_comment": "Hi"}),
                ["option_unknown"],
            ),
            (
                Content(text="", media=(make_image(),), options={"post_type": "story", "share_to_feed": True}),
                ["option_unknown"],
            ),
            (
                Content(text="", media=(make_image(),), options={"first_comment": "x" * 2201}),
                ["option_too_long"],
            ),
            (Content(text="Hi", media=(make_image(),), options={"post_type": "story"}), ["story_without_text"]),
            (
                Content(text="#rye @ada " * 300, media=(make_image(),), options={"post_type": "story"}),
                ["story_without_text"],
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_instagram_would_refuse_is_named(self, content: Content, rules: list[str]) -> None:
        issues = self.connector.validate(content, {})

        assert [issue.rule for issue in issues] == rules
        assert all(issue.fix for issue in issues)

    @pytest.mark.parametrize(
        "values", [{"seconds": 900.0}, {"seconds": 3.0}, {"width": 1920, "height": 1080}, {"size": 62_500_000}]
    )
    def test_a_video_at_the_edge_is_taken(self, values: dict[str, Any]) -> None:
        assert self.connector.validate(Content(text="", media=(make_video(**values),)), {}) == []

    def test_a_video_runs_for_a_minute_in_a_carousel(self) -> None:
        fits = Content(text="", media=(make_image("1"), make_video("2", seconds=60.0)))
        runs_on = Content(text="", media=(make_image("1"), make_video("2", seconds=60.01)))

        [issue] = self.connector.validate(runs_on, {})

        assert (issue.rule, issue.field, issue.limit) == ("video_duration_too_large", "media.1", 60)
        assert self.connector.validate(fits, {}) == []

    def test_an_operator_who_knows_better_lets_a_video_run_longer_in_a_carousel(self) -> None:
        connector = Instagram(App(client_id="id", limits={"max_carousel_video_duration_seconds": 90}))
        fits = Content(text="", media=(make_image("1"), make_video("2", seconds=90.0)))
        runs_on = Content(text="", media=(make_image("1"), make_video("2", seconds=90.01)))

        [issue] = connector.validate(runs_on, {})

        assert (issue.rule, issue.limit) == ("video_duration_too_large", 90)
        assert connector.validate(fits, {}) == []

    @pytest.mark.parametrize(("offset", "issues"), [(-1, 1), (0, 0), (20_000, 0), (20_001, 1)])
    def test_a_cover_is_a_moment_of_its_video(self, offset: int, issues: int) -> None:
        content = Content(text="", media=(make_video(seconds=20.0),), options={"thumb_offset": offset})

        assert len(self.connector.validate(content, {})) == issues


NODE_FIELDS = "media_product_type,like_count,comments_count"
POST_NAMES = "views,reach,total_interactions,likes,comments,shares,saved"


def node(product: str = "FEED", **counts: int) -> Call:
    return read("17900", {"media_product_type": product, "id": "17900"} | counts, fields=NODE_FIELDS)


def numbers(names: str, **values: int) -> Call:
    data = [{"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in values.items()]
    return read("17900/insights", {"data": data}, metric=names)


def asked_alone(names: str, *, without: str) -> list[Call]:
    """Return the calls for names of which one is refused: for all of them, and for each."""
    each = [numbers(name, **{name: 5}) for name in names.split(",")]
    refused = [replace(call, gets=graph_error(100)) if f"'{without}'" in str(call.sends) else call for call in each]
    return [replace(numbers(names), gets=graph_error(100)), *refused]


class TestComments(ListCase):
    connector = TestInstagram.connector
    own, other = comment(), comment("Something else", id="2")
    dated = ("timestamp",)
    lost = Operation(
        content=COMMENTED, account=TestInstagram.account, now=later(days=1), armed_at=NOW, out=(IMAGE.published,)
    )
    adopted = Published(remote_id="178", url=ADDRESS)

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return comments(*posts, after=after, then=then)


class TestNumbers(NumbersCase):
    connector, account = TestInstagram.connector, TestInstagram.account

    def of_post(self, *calls: Call, now: datetime = NOW) -> dict[str, PostNumbers]:
        return self.counted(["17900"], *calls, now=now)

    def test_a_post_tells_its_views_reach_and_interactions(self) -> None:
        values = {
            "views": 100,
            "reach": 80,
            "total_interactions": 12,
            "likes": 8,
            "comments": 1,
            "shares": 2,
            "saved": 1,
        }

        assert self.of_post(node(), numbers(POST_NAMES, **values)) == {
            "17900": PostNumbers(
                impressions=100,
                reach=80,
                engagement=12,
                own={"likes": 8, "comments": 1, "shares": 2, "saves": 1},
            )
        }

    def test_a_newer_shape_of_a_number_is_read_too(self) -> None:
        answer = {"data": [{"name": "views", "total_value": {"value": 7}}, {"name": "reach", "values": []}]}
        call = read("17900/insights", answer, metric=POST_NAMES)

        assert self.of_post(node("REELS", like_count=3), call) == {
            "17900": PostNumbers(impressions=7, own={"likes": 3})
        }

    def test_what_the_insights_do_not_tell_is_read_from_the_post(self) -> None:
        found = self.of_post(node(like_count=3, comments_count=2), numbers(POST_NAMES, likes=4))

        assert found["17900"].own == {"likes": 4, "comments": 2}

    def test_a_name_that_is_not_known_any_more_fails_no_others_and_is_remembered_for_a_day(self) -> None:
        refused, *singles = asked_alone(POST_NAMES, without="reach")
        others = dict.fromkeys(POST_NAMES.replace("reach,", "").split(","), 5)

        first = self.of_post(node(), refused, *singles)
        second = self.of_post(node(), numbers(",".join(others), **others), now=later(hours=23))
        of_another_kind = self.of_post(node("REELS"), numbers(POST_NAMES, reach=5), now=later(hours=23))
        third = self.of_post(node(), numbers(POST_NAMES, reach=5), now=later(hours=24))

        assert first == second
        assert (first["17900"].impressions, first["17900"].reach, first["17900"].engagement) == (5, None, 5)
        assert [of_another_kind["17900"].reach, third["17900"].reach] == [5, 5]

    def test_where_every_name_is_refused_none_is_remembered(self) -> None:
        """The post is refused then, and other posts may have all numbers."""
        calls = [replace(each, gets=graph_error(100)) for each in asked_alone(POST_NAMES, without="")]

        assert self.of_post(node(), *calls) == {"17900": PostNumbers()}
        assert self.of_post(node(), numbers(POST_NAMES, reach=5))["17900"].reach == 5

    def test_a_story_with_few_viewers_has_no_numbers_yet(self) -> None:
        names = "views,reach,total_interactions,replies,shares"

        assert self.of_post(node("STORY"), replace(numbers(names), gets=graph_error(10))) == {"17900": PostNumbers()}
        assert self.of_post(node("STORY"), numbers(names, views=9, replies=1)) == {
            "17900": PostNumbers(impressions=9, own={"replies": 1})
        }

    def test_a_story_that_is_refused_for_another_reason_is_told(self) -> None:
        refused = replace(numbers("views,reach,total_interactions,replies,shares"), gets=graph_error(3))

        with pytest.raises(Rejected):
            self.of_post(node("STORY"), refused)

    @pytest.mark.parametrize("gone", [graph_error(100, 33), graph_error(24, 2207006)])
    def test_a_post_that_is_gone_is_left_out(self, gone: Any) -> None:
        assert self.of_post(replace(node(), gets=gone), read("17841", {"id": "17841"}, fields="id")) == {}

    def test_a_post_of_an_account_that_is_not_visible_either_is_not_called_gone(self) -> None:
        hidden = graph_error(100, 33)

        with pytest.raises(Rejected) as caught:
            self.of_post(
                replace(node(), gets=hidden), replace(read("17841", {"id": "17841"}, fields="id"), gets=hidden)
            )

        assert (caught.value.code, caught.value.who_acts) == ("TOKEN_REVOKED", "account_owner")

    @pytest.mark.parametrize(
        ("gets", "error"),
        [(graph_error(10), Rejected), (graph_error(190), AuthExpired), (make_answer(503), Unavailable)],
    )
    def test_other_refusals_are_told(self, gets: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            self.of_post(node(), replace(numbers(POST_NAMES), gets=gets))

    def account_calls(self) -> tuple[Call, ...]:
        total = {"metric_type": "total_value"}
        day = {"period": "day", "since": 1_795_392_000, "until": 1_795_478_400}
        names = {"views": 300, "reach": 200, "total_interactions": 20, "profile_links_taps": 3}
        data = [{"name": name, "total_value": {"value": value}} for name, value in names.items()]
        who = {"period": "lifetime", "timeframe": "last_30_days", "metric": "follower_demographics"} | total
        return (
            read("17841", SHOWN, fields="followers_count,follows_count,media_count"),
            read("17841/insights", {"data": data}, metric=",".join(names), **day, **total),
            read("17841/insights", followers(("18-24", 1), ("25-34", 2)), breakdown="age", **who),
            read(
                "17841/insights", followers(("GB", 600), ("DE", 398), ("US", 2), ("IT", 0)), breakdown="country", **who
            ),
        )

    def test_an_account_tells_its_last_day_and_who_follows(self) -> None:
        found = self.account_counted(*self.account_calls(), now=later(hours=3, minutes=17, seconds=31, milliseconds=5))

        assert found == AccountNumbers(
            followers=500,
            following=20,
            posts=12,
            impressions=300,
            reach=200,
            engagement=20,
            clicks=3,
            demographics=Demographics(age_groups={"25-34": 67, "18-24": 33}, countries={"GB": 60, "DE": 40}),
        )

    def test_an_account_without_insights_still_tells_its_followers(self) -> None:
        shown, *rest = self.account_calls()

        found = self.account_counted(shown, *(replace(each, gets=graph_error(10)) for each in rest))

        assert found == AccountNumbers(followers=500, following=20, posts=12)


def followers(*counts: tuple[str, int]) -> Any:
    results = [{"dimension_values": [key], "value": value} for key, value in counts]
    breakdowns = [{"dimension_keys": ["any"], "results": results}]
    return {"data": [{"name": "follower_demographics", "total_value": {"breakdowns": breakdowns}}]}


FACEBOOK = "https://graph.facebook.com/v26.0"


def proof(token: str) -> dict[str, str]:
    return {"appsecret_proof": hmac.new(b"secret", token.encode(), hashlib.sha256).hexdigest()}


def facebook(path: str, answer: Any, by: str = "", **params: Any) -> Call:
    token = by or "USER"
    sends = {"headers": {"Authorization": f"Bearer {token}"}, "params": params | proof(token)}
    return Call("GET", f"{FACEBOOK}/{path}", sends, make_answer(200, answer))


def linked_pages(*pages: Mapping[str, Any], edge: str = "me/accounts") -> Call:
    nested = "id,username,name,profile_picture_url,followers_count,media_count"
    fields = f"id,name,access_token,instagram_business_account{{{nested}}}"
    return facebook(edge, {"data": list(pages)}, fields=fields, limit=100)


def at_facebook(call: Call) -> Call:
    """Return a call of Instagram's own login as it is by Facebook's: another host, the Page's token, a proof."""
    part = "data" if "data" in call.sends else "params"
    sends = {"headers": {"Authorization": "Bearer PAGE"}, part: call.sends[part] | proof("PAGE")}
    return replace(call, url=call.url.replace(HOST, "https://graph.facebook.com"), sends=sends)


BAKERY = {"id": "1001", "name": "Bakery", "access_token": "PAGE", "instagram_business_account": SHOWN | {"id": "17841"}}
BOOKS = {"id": "1002", "name": "Books", "access_token": "BOOKS"}
GARDEN = BAKERY | {"id": "1003", "access_token": "GARDEN", "instagram_business_account": SHOWN | {"id": "17842"}}


class TestFacebookLogin:
    """Accounts that are linked to a Page: on Facebook's host, with the Page's token."""

    connector = Instagram(App(client_id="id", client_secret="secret", product="facebook"))
    account = Account(
        remote_id="17841",
        access_token="PAGE",
        refresh_token="USER",
        username="bakery",
        metadata={"login": "facebook", "page_id": "1001", "user_id": "9"},
    )

    def test_it_asks_for_facebooks_scopes_on_facebooks_page(self) -> None:
        url = self.connector.authorize_url(
            redirect_uri="https://app.example/back", state="S", scopes=self.connector.scopes
        )

        assert url.startswith("https://www.facebook.com/v26.0/dialog/oauth?response_type=code&client_id=id&")
        assert "instagram_content_publish%2C" in url
        assert url.endswith("&auth_type=rerequest")

    def test_its_code_gives_a_long_lived_token_of_the_person(self) -> None:
        address = f"{FACEBOOK}/oauth/access_token"
        form = {
            "grant_type": "authorization_code",
            "code": "CODE",
            "redirect_uri": "https://app.example/back",
            "client_id": "id",
            "client_secret": "secret",
        }
        long = {
            "grant_type": "fb_exchange_token",
            "client_id": "id",
            "client_secret": "secret",
            "fb_exchange_token": "SHORT",
        }
        session = FakeSession(
            Call("POST", address, {"data": form}, make_answer(200, {"access_token": "SHORT", "expires_in": 5400})),
            Call("GET", address, {"params": long}, make_answer(200, {"access_token": "USER", "expires_in": 5184000})),
        )

        tokens = self.connector.exchange(session, code="CODE", redirect_uri="https://app.example/back", now=NOW)

        assert tokens == Tokens(access_token="USER", access_expires_at=later(days=60))

    def test_it_offers_the_accounts_that_are_linked_to_a_page(self) -> None:
        permissions = [
            {"permission": "instagram_basic", "status": "granted"},
            {"permission": "instagram_manage_comments", "status": "declined"},
        ]
        session = FakeSession(
            facebook("me", {"id": "9"}, fields="id"),
            facebook("me/permissions", {"data": permissions}),
            linked_pages(BAKERY, BOOKS, GARDEN | {"access_token": ""}),
        )

        found = self.connector.candidates(session, Tokens(access_token="USER"))

        assert found == [
            Candidate(
                remote_id="17841",
                type="business",
                profile=replace(PROFILE, following=None),
                tokens=Tokens(access_token="PAGE", refresh_token="USER", scopes=("instagram_basic",)),
                metadata={"login": "facebook", "page_id": "1001", "user_id": "9"},
            )
        ]

    def test_it_offers_those_of_the_pages_of_businesses_too(self) -> None:
        session = FakeSession(
            facebook("me", {"id": "9"}, fields="id"),
            facebook("me/permissions", {"data": [{"permission": "business_management", "status": "granted"}]}),
            linked_pages(BAKERY),
            facebook("me/businesses", {"data": [{"id": "77", "name": "Group"}]}, fields="id,name", limit=100),
            linked_pages(BAKERY, BOOKS, GARDEN, edge="77/owned_pages"),
            linked_pages(edge="77/client_pages"),
        )

        bakery, garden = self.connector.candidates(session, Tokens(access_token="USER"))

        session.assert_done()
        assert (bakery.remote_id, bakery.metadata) == ("17841", self.account.metadata)
        facts = {"login": "facebook", "page_id": "1003", "user_id": "9", "reached_by": "77/owned_pages"}
        assert (garden.remote_id, garden.metadata) == ("17842", facts)
        through_business = replace(self.account, remote_id="17842", metadata=facts)
        anew = FakeSession(linked_pages(GARDEN | {"access_token": "NEW"}, edge="77/owned_pages"))
        renewed = self.connector.refresh(anew, through_business, now=NOW)
        assert renewed == Tokens(access_token="NEW", refresh_token="USER")

    def test_its_pages_token_is_read_anew(self) -> None:
        session = FakeSession(linked_pages(BOOKS, GARDEN, BAKERY | {"access_token": "PAGE_2"}))

        assert self.connector.refresh(session, self.account, now=NOW) == Tokens(
            access_token="PAGE_2", refresh_token="USER"
        )
        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(linked_pages(BOOKS)), self.account, now=NOW)
        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(), replace(self.account, refresh_token=""), now=NOW)

    def test_it_keeps_its_pages_token_when_the_persons_is_over_unless_that_is_too(self) -> None:
        over = replace(linked_pages(), gets=graph_error(190, 463))
        asked = facebook("17841", {"id": "17841"}, "PAGE", fields="id")
        session = FakeSession(over, asked)

        kept = self.connector.refresh(session, self.account, now=NOW)

        session.assert_done()
        assert kept == Tokens(access_token="PAGE", refresh_token="USER")
        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(over, replace(asked, gets=graph_error(190, 460))), self.account, now=NOW)

    def test_its_consent_is_taken_back_at_facebook(self) -> None:
        sends = {"headers": {"Authorization": "Bearer USER"}, "params": proof("USER")}
        session = FakeSession(Call("DELETE", f"{FACEBOOK}/9/permissions", sends, make_answer(200, {"success": True})))

        self.connector.revoke(session, self.account)

        session.assert_done()

    def prepared(self, kind: str) -> Operation:
        publication = TestInstagram.publications[kind]
        session = FakeSession(*map(at_facebook, publication.prepares))
        operation = Operation(content=publication.content, account=self.account, now=NOW, out=publication.out)
        handles = self.connector.prepare(session, operation, no_save)
        session.assert_done()
        return replace(operation, handles=handles, armed_at=NOW)

    @pytest.mark.parametrize("kind", TestInstagram.publications)
    def test_all_that_it_publishes_goes_to_facebooks_host(self, kind: str) -> None:
        publication = TestInstagram.publications[kind]
        session = FakeSession(*map(at_facebook, publication.commits))

        assert self.connector.commit(session, self.prepared(kind)) == publication.published
        session.assert_done()

    @pytest.mark.parametrize(
        ("kind", "calls"),
        [
            ("image", TestInstagram.recover_calls),
            ("story video", (status("18001", "PUBLISHED"), stories(STORY))),
            ("first comment", (comments(comment(), then="c1"), comments(after="c1"))),
        ],
    )
    def test_what_it_published_is_looked_for_on_facebooks_host(self, kind: str, calls: tuple[Call, ...]) -> None:
        session = FakeSession(*map(at_facebook, calls))

        found = self.connector.recover(session, replace(self.prepared(kind), now=later(minutes=2)))

        assert found == [TestInstagram.publications[kind].published]
        session.assert_done()

    def test_its_numbers_are_asked_for_on_facebooks_host(self) -> None:
        shown = FakeSession(at_facebook(read("17841", SHOWN, fields=PROFILE_FIELDS)))
        counted = FakeSession(*map(at_facebook, (node(), numbers(POST_NAMES, views=100))))
        followed = FakeSession(*map(at_facebook, TestNumbers().account_calls()))

        profile = self.connector.profile(shown, self.account)
        posts = self.connector.post_metrics(counted, self.account, ["17900"], now=NOW)
        account = self.connector.account_metrics(followed, self.account, now=NOW)

        assert (profile, posts["17900"].impressions, account.reach) == (PROFILE, 100, 200)
        counted.assert_done()
        followed.assert_done()

    def test_an_account_keeps_its_login_when_the_operator_changes_the_apps(self) -> None:
        """The host follows the account, not the app."""
        session = FakeSession(read("17841", SHOWN, fields=PROFILE_FIELDS))

        assert self.connector.profile(session, TestInstagram.account) == PROFILE
