"""TikTok, against what developers.tiktok.com says is sent and answered."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from unittest.mock import patch

import pytest

from accounts.platforms.errors import AuthExpired, PlatformError, RateLimited, Rejected, Unavailable, Unknown
from accounts.platforms.http import Answer
from accounts.platforms.shapes import AccountNumbers, App, Candidate, Handles, PostNumbers, Published
from accounts.platforms.tiktok import TikTok
from accounts.platforms.tiktok import media as tiktok_media
from tests.networks.platform_case import (
    LOST,
    NOW,
    Call,
    FakeSession,
    LookCase,
    NumbersCase,
    OAuth2Case,
    later,
    make_answer,
)
from tests.networks.tiktok_calls import (
    ACCOUNT,
    API,
    CONNECTOR,
    EVERY_VIDEO_OPTION,
    GIVEN,
    PHOTO_ID,
    PHOTO_URL,
    PHOTOS,
    POST_ID,
    PRIVATE,
    PROFILE,
    PROOF,
    PUBLISH_ID,
    SCOPE,
    TOKENS,
    VIDEO,
    VIDEO_URL,
    bad,
    complete,
    creator_info,
    every_photo_option,
    good,
    listed,
    listing,
    post,
    status,
    user_info,
)


@pytest.fixture(autouse=True)
def small_chunks() -> Iterator[None]:
    """Cut videos into chunks of eight bytes."""
    with patch.object(tiktok_media, "LEAST_CHUNK", 8):
        yield


class TestTikTok(LookCase, OAuth2Case):
    connector = CONNECTOR
    account = ACCOUNT
    consent_url = (
        "https://www.tiktok.com/v2/auth/authorize/?response_type=code&client_key=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%2Ctwo&state=STATE"
    )
    exchange_calls = (
        Call(
            "POST",
            f"{API}/oauth/token/",
            {
                "data": PROOF
                | {"grant_type": "authorization_code", "code": "CODE", "redirect_uri": "https://app.example/back"}
            },
            make_answer(200, TOKENS),
        ),
    )
    exchanged = GIVEN
    code_refused = make_answer(200, {"error": "invalid_grant", "error_description": "Expired.", "log_id": "L0"})
    candidate_calls = (user_info(), creator_info())
    candidates = [
        Candidate(
            remote_id="oid-1",
            type="profile",
            profile=PROFILE,
            tokens=GIVEN,
            metadata={"scopes": SCOPE.split(","), "union_id": "uid-1"},
        )
    ]
    refresh_calls = (
        Call(
            "POST",
            f"{API}/oauth/token/",
            {"data": PROOF | {"grant_type": "refresh_token", "refresh_token": "RT"}},
            make_answer(200, TOKENS | {"access_token": "AT2", "refresh_token": "RT2"}),
        ),
    )
    refreshed = replace(GIVEN, access_token="AT2", refresh_token="RT2")
    revoke_calls = (Call("POST", f"{API}/oauth/revoke/", {"data": PROOF | {"token": "AT"}}, make_answer(200, {})),)
    profile_calls = (user_info(), creator_info())
    profile = PROFILE
    publications = {
        "photos": PHOTOS,
        "video": VIDEO,
        "private video": PRIVATE,
        "video with every option": EVERY_VIDEO_OPTION,
        "photos with every option": every_photo_option(),
    }
    usual = "photos"
    uploading = "video"
    stays_prepared = timedelta(minutes=5)
    armed_with: ClassVar[Handles] = {"last": True}
    recover_calls = (listing(listed("Three loaves")),)
    nothing_found = good(videos=[], cursor=0, has_more=False)
    refused = bad(400, "invalid_params", "The photo_images are invalid.")
    over_quota = bad(429, "rate_limit_exceeded", Retry_After="120")
    token_over = bad(401, "access_token_invalid")
    own = listed("Three loaves")
    other = listed("Four loaves", id="5")
    dated, before = ("create_time",), int(later(seconds=-6).timestamp())

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        numbers = {"": 0, "more": 99} | {f"c{number}": number for number in range(1, 99)}
        return listing(*posts, after=numbers[after], then=numbers[then])


class TestSignIn:
    connector = CONNECTOR
    account = ACCOUNT

    def candidates(self, *scopes: str, calls: tuple[Call, ...]) -> Candidate:
        session = FakeSession(*calls)
        [found] = self.connector.candidates(session, replace(GIVEN, scopes=scopes))
        session.assert_done()
        return found

    def test_only_what_was_granted_is_asked_for(self) -> None:
        found = self.candidates(
            "user.info.basic", "video.list", calls=(user_info("open_id,union_id,avatar_url,display_name"),)
        )

        assert (found.profile.name, found.profile.username, found.profile.followers) == ("Bakery", "", None)
        assert found.metadata == {"scopes": ["user.info.basic", "video.list"], "union_id": "uid-1"}

    def test_where_it_is_not_told_what_was_granted_all_is_asked_for(self) -> None:
        found = self.candidates(calls=(user_info(), creator_info()))

        assert (found.profile, found.metadata["scopes"]) == (PROFILE, SCOPE.split(","))

    def test_the_creators_name_stands_in_for_a_name_that_was_not_granted(self) -> None:
        fields = "open_id,union_id,avatar_url,display_name"

        found = self.candidates("user.info.basic", "video.publish", calls=(user_info(fields), creator_info()))

        assert found.profile.username == "bakery"

    @pytest.mark.parametrize("gets", [bad(200, "spam_risk_too_many_posts"), make_answer(503), LOST])
    def test_an_account_is_connected_though_its_settings_cannot_be_read(self, gets: Answer | PlatformError) -> None:
        calls = (user_info(), replace(creator_info(), gets=gets))

        found = self.candidates(*GIVEN.scopes, calls=calls)

        assert "creator_info" not in found.metadata
        assert self.connector.profile(FakeSession(*calls), self.account).metadata == {}

    def test_a_reading_keeps_to_what_the_account_granted(self) -> None:
        account = replace(self.account, metadata={"scopes": ["user.info.basic"]})
        session = FakeSession(user_info("open_id,union_id,avatar_url,display_name"))

        assert self.connector.profile(session, account).name == "Bakery"

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (make_answer(200, {"error": "invalid_grant"}), AuthExpired),
            (make_answer(401, {"error": "invalid_client"}), Rejected),
            (make_answer(400, {"error": "invalid_request"}), Rejected),
            (make_answer(200, {"error": "temporarily_unavailable"}), Unavailable),
            (make_answer(400, {"error": "server_error"}), Unavailable),
            (make_answer(500, {"error": "internal_error"}), Unavailable),
            (make_answer(429, {"error": "rate_limit_exceeded"}), RateLimited),
        ],
    )
    def test_a_refused_refresh_is_read_by_its_name_not_by_its_status(
        self, answer: Answer, meaning: type[PlatformError]
    ) -> None:
        call = replace(TestTikTok.refresh_calls[0], gets=answer)

        with pytest.raises(PlatformError) as caught:
            self.connector.refresh(FakeSession(call), self.account, now=NOW)

        assert type(caught.value) is meaning

    def test_a_refused_refresh_is_told_with_the_id_that_the_support_asks_for(self) -> None:
        call = replace(TestTikTok.refresh_calls[0], gets=TestTikTok.code_refused)

        with pytest.raises(AuthExpired) as caught:
            self.connector.refresh(FakeSession(call), self.account, now=NOW)

        assert caught.value.message == "TikTok says: Expired. (log_id L0)"

    def test_a_token_that_is_not_revoked_is_told(self) -> None:
        call = replace(TestTikTok.revoke_calls[0], gets=make_answer(200, {"error": "invalid_request"}))

        with pytest.raises(Rejected):
            self.connector.revoke(FakeSession(call), self.account)

    def test_a_new_version_of_the_api_moves_all_addresses(self) -> None:
        connector = TikTok(App(client_id="id", client_secret="secret", version="v3"))
        call = user_info()
        asked = replace(call, url=call.url.replace("/v2/", "/v3/"))

        connector.account_metrics(FakeSession(asked), self.account, now=NOW)

        assert connector.authorize_url(redirect_uri="", state="", scopes=()).startswith(
            "https://www.tiktok.com/v3/auth/authorize/?"
        )


class TestNumbers(NumbersCase):
    connector = CONNECTOR
    account = ACCOUNT

    def query(self, *ids: str, videos: list[dict[str, Any]]) -> Call:
        fields = "id,share_url,view_count,like_count,comment_count,share_count"
        return post("video/query", good(videos=videos), {"filters": {"video_ids": list(ids)}}, fields=fields)

    def numbers(self, *remote_ids: str, calls: tuple[Call, ...]) -> dict[str, PostNumbers]:
        return self.counted(remote_ids, *calls)

    def test_posts_are_counted_together_and_those_that_are_gone_left_out(self) -> None:
        video = {"id": "1", "view_count": 900, "like_count": 40, "comment_count": 3, "share_count": 2}

        found = self.numbers("1", "2", calls=(self.query("1", "2", videos=[video]),))

        own = {"likes": 40, "comments": 3, "shares": 2}
        assert found == {"1": PostNumbers(impressions=900, engagement=45, own=own)}

    def test_what_is_not_told_is_not_zero(self) -> None:
        found = self.numbers("1", calls=(self.query("1", videos=[{"id": "1", "view_count": None}]),))

        assert found == {"1": PostNumbers()}

    @pytest.mark.parametrize("told", [{}, {"videos": None}])
    def test_posts_are_not_gone_because_an_answer_has_no_list(self, told: dict[str, Any]) -> None:
        with pytest.raises(Unknown):
            self.numbers("1", calls=(replace(self.query("1", videos=[]), gets=good(**told)),))

    def test_a_post_that_was_published_without_an_id_is_counted_by_the_one_it_has_now(self) -> None:
        video = {"id": POST_ID, "view_count": 5, "like_count": 1}
        calls = (complete(PUBLISH_ID, int(POST_ID)), self.query(POST_ID, "2", videos=[video]))

        found = self.numbers(PUBLISH_ID, "2", calls=calls)

        known = Published(remote_id=POST_ID, url=VIDEO_URL)
        assert found == {PUBLISH_ID: PostNumbers(impressions=5, engagement=1, own={"likes": 1}, published=known)}

    def test_photos_that_get_their_id_late_are_shown_as_photos(self) -> None:
        calls = (complete(PHOTO_ID, int(POST_ID)), self.query(POST_ID, videos=[{"id": POST_ID}]))

        found = self.numbers(PHOTO_ID, calls=calls)

        assert found == {PHOTO_ID: PostNumbers(published=Published(remote_id=POST_ID, url=PHOTO_URL))}

    @pytest.mark.parametrize("remote_id", [POST_ID, PHOTO_ID])
    def test_a_post_is_shown_at_the_address_that_tiktok_tells(self, remote_id: str) -> None:
        told = Published(remote_id=POST_ID, url="https://www.tiktok.com/@bakery/photo/7512345678901234567?of=api")
        query = self.query(POST_ID, videos=[{"id": POST_ID, "share_url": told.url}])
        late = () if remote_id == POST_ID else (complete(PHOTO_ID, int(POST_ID)),)

        assert self.numbers(remote_id, calls=(*late, query)) == {remote_id: PostNumbers(published=told)}

    @pytest.mark.parametrize("answer", [good(publicaly_available_post_id=[]), bad(400, "invalid_publish_id")])
    def test_a_post_that_has_no_id_has_no_numbers_and_is_not_gone(self, answer: Answer) -> None:
        found = self.numbers(PUBLISH_ID, calls=(replace(status(PUBLISH_ID), gets=answer),))

        assert found == {PUBLISH_ID: PostNumbers()}

    def test_posts_whose_list_may_not_be_read_have_no_numbers_and_are_not_gone(self) -> None:
        account = replace(self.account, metadata={"scopes": ["user.info.basic", "video.publish"]})
        session = FakeSession(complete(PUBLISH_ID, int(POST_ID)))

        found = self.connector.post_metrics(session, account, ["1", PUBLISH_ID], now=NOW)

        late = Published(remote_id=POST_ID, url=VIDEO_URL)
        assert found == {"1": PostNumbers(), PUBLISH_ID: PostNumbers(published=late)}

    def test_a_dead_token_is_not_a_post_without_numbers(self) -> None:
        with pytest.raises(AuthExpired):
            self.numbers(PUBLISH_ID, calls=(replace(status(PUBLISH_ID), gets=bad(401, "access_token_invalid")),))

    def test_an_account_shows_its_followers_and_posts(self) -> None:
        assert self.account_counted(user_info()) == AccountNumbers(followers=120, following=3, posts=9)

    def test_an_account_that_does_not_let_them_be_read_shows_none(self) -> None:
        account = replace(self.account, metadata={"scopes": ["user.info.basic"]})
        session = FakeSession(user_info("open_id,union_id,avatar_url,display_name"))

        assert self.connector.account_metrics(session, account, now=NOW) == AccountNumbers()
