"""X, against what docs.x.com says is sent and answered."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.base import (
    Account,
    App,
    AuthExpired,
    Candidate,
    Content,
    Duplicate,
    Profile,
    Published,
    RateLimited,
    Rejected,
    Tokens,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.twitter import Twitter
from tests.networks.platform_case import (
    NOW,
    Call,
    FakeSession,
    LookCase,
    OAuth2Case,
    Publication,
    later,
    make_answer,
    make_image,
)

API = "https://api.x.com/2"
PROBLEMS = "https://api.x.com/2/problems/"
CALLER = ("CONTENT_REJECTED", "caller")
OWNER = ("TOKEN_REVOKED", "account_owner")
REPEATED = (Duplicate, *CALLER)
APP_IS_STOPPED = (Rejected, "PLATFORM_UNAVAILABLE", "operator")
BEARER = {"Authorization": "Bearer AT"}
BASIC = {"Authorization": "Basic aWQ6c2VjcmV0"}
SCOPE = "tweet.read tweet.write users.read media.write offline.access"
ME = {
    "id": "42",
    "name": "Bakery",
    "username": "bakery",
    "profile_image_url": "https://pbs.example/x_normal.jpg",
    "public_metrics": {"followers_count": 10, "following_count": 2},
}
ME_FIELDS = "id,name,username,profile_image_url,public_metrics,verified,verified_type,subscription_type"
PROFILE = Profile(
    name="Bakery", username="bakery", profile_image="https://pbs.example/x.jpg", followers=10, following=2
)
ME_CALL = Call(
    "GET",
    f"{API}/users/me",
    {"headers": BEARER, "params": {"user.fields": ME_FIELDS}},
    make_answer(200, {"data": ME}),
)
TOKENS = {"token_type": "bearer", "expires_in": 7200, "access_token": "AT", "scope": SCOPE, "refresh_token": "RT"}
GIVEN = Tokens(
    access_token="AT",
    refresh_token="RT",
    access_expires_at=later(hours=2),
    ends_at=later(days=180),
    scopes=tuple(SCOPE.split()),
)


def upload(media_id: str, remote_id: str) -> Call:
    sends = {
        "headers": BEARER,
        "data": {"media_category": "tweet_image"},
        "files": {"media": (f"{media_id}.jpg", f"bytes of {media_id}".encode(), "image/jpeg")},
    }
    return Call("POST", f"{API}/media/upload", sends, make_answer(200, {"data": {"id": remote_id, "media_key": "3_1"}}))


def post(**fields: Any) -> Call:
    answer = make_answer(201, {"data": {"id": "1234", "text": "shortened"}})
    return Call("POST", f"{API}/tweets", {"headers": BEARER, "json": fields}, answer)


def listing(*posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    params = {
        "max_results": 100,
        "start_time": "2026-11-24T09:59:55Z",
        "exclude": "replies,retweets",
        "tweet.fields": "created_at,text,entities,attachments",
    }
    params |= {"pagination_token": after} if after else {}
    meta = {"result_count": len(posts)} | ({"next_token": then} if then else {})
    answer = make_answer(200, ({"data": list(posts)} if posts else {}) | {"meta": meta})
    return Call("GET", f"{API}/users/42/tweets", {"headers": BEARER, "params": params}, answer)


def listed(text: str, **fields: Any) -> dict[str, Any]:
    return {"id": "1234", "text": text, "created_at": "2026-11-24T10:00:01.000Z"} | fields


class TestTwitter(LookCase, OAuth2Case):
    connector = Twitter(App(client_id="id", client_secret="secret"))
    account = Account(remote_id="42", access_token="AT", refresh_token="RT", username="bakery")
    consent_url = (
        "https://x.com/i/oauth2/authorize?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one+two&state=STATE"
        "&code_challenge=CHALLENGE&code_challenge_method=S256"
    )
    exchange_calls = (
        Call(
            "POST",
            f"{API}/oauth2/token",
            {
                "headers": BASIC,
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                    "code_verifier": "VERIFIER",
                },
            },
            make_answer(200, TOKENS),
        ),
    )
    exchanged = GIVEN
    code_refused = make_answer(
        400, {"error": "invalid_request", "error_description": "Value passed for the authorization code was invalid."}
    )
    candidate_calls = (ME_CALL,)
    candidates = [Candidate(remote_id="42", type="profile", profile=PROFILE, tokens=GIVEN)]
    refresh_calls = (
        Call(
            "POST",
            f"{API}/oauth2/token",
            {"headers": BASIC, "data": {"grant_type": "refresh_token", "refresh_token": "RT"}},
            make_answer(200, TOKENS | {"access_token": "AT2", "refresh_token": "RT2"}),
        ),
    )
    refreshed = replace(GIVEN, access_token="AT2", refresh_token="RT2")
    revoke_calls = (
        Call(
            "POST",
            f"{API}/oauth2/revoke",
            {"headers": BASIC, "data": {"token": "RT", "token_type_hint": "refresh_token"}},
            make_answer(200, {"revoked": True}),
        ),
        Call(
            "POST",
            f"{API}/oauth2/revoke",
            {"headers": BASIC, "data": {"token": "AT", "token_type_hint": "access_token"}},
            make_answer(200, {"revoked": True}),
        ),
    )
    profile_calls = (ME_CALL,)
    profile = PROFILE
    published = Published(remote_id="1234", url="https://x.com/bakery/status/1234")
    text = Publication(Content(text="Hello"), (), (post(text="Hello"),), published)
    link = Publication(
        Content(text="Read https://example.com"), (), (post(text="Read https://example.com"),), published
    )
    image = Publication(
        Content(text="Bread", media=(make_image(alt_text="A loaf"),)),
        (
            upload("media_1", "900"),
            Call(
                "POST",
                f"{API}/media/metadata",
                {"headers": BEARER, "json": {"id": "900", "metadata": {"alt_text": {"text": "A loaf"}}}},
                make_answer(200, {"data": {"id": "900"}}),
            ),
        ),
        (post(text="Bread", media={"media_ids": ["900"]}),),
        published,
    )
    images = Publication(
        Content(text="", media=(make_image("media_1"), make_image("media_2"))),
        (upload("media_1", "900"), upload("media_2", "901")),
        (post(media={"media_ids": ["900", "901"]}),),
        published,
    )
    own, other = listed("Hello"), listed("Something else", id="7")
    recover_call = listing(own)
    nothing_found = make_answer(200, {"meta": {"result_count": 0}})
    refused = make_answer(
        400,
        {
            "title": "Invalid Request",
            "detail": "Text is too long.",
            "type": "https://api.x.com/2/problems/invalid-request",
        },
    )
    over_quota = make_answer(
        429,
        {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank"},
        x_rate_limit_remaining="0",
        x_rate_limit_reset=str(int(later(seconds=120).timestamp())),
        x_user_limit_24hour_remaining="50",
        x_user_limit_24hour_reset=str(int(later(hours=20).timestamp())),
    )
    token_over = make_answer(401, {"title": "Unauthorized", "type": "about:blank", "detail": "Unauthorized"})

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, after=after, then=then)

    def test_an_app_without_a_secret_names_itself_in_the_form(self) -> None:
        public = Twitter(App(client_id="id"))
        call = self.refresh_calls[0]
        form = {"grant_type": "refresh_token", "refresh_token": "RT", "client_id": "id"}

        tokens = public.refresh(FakeSession(replace(call, sends={"data": form})), self.account, now=NOW)

        assert tokens == self.refreshed

    @pytest.mark.parametrize("expires_in", [None, True, "soon", [], 1e300])
    def test_a_lifetime_that_makes_no_sense_is_none(self, expires_in: Any) -> None:
        answer = make_answer(200, TOKENS | {"expires_in": expires_in})

        tokens = self.connector.refresh(FakeSession(replace(self.refresh_calls[0], gets=answer)), self.account, now=NOW)

        assert tokens == replace(GIVEN, access_expires_at=None)

    def test_a_used_refresh_token_needs_the_owner(self) -> None:
        used = {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}

        with pytest.raises(AuthExpired):
            self.connector.refresh(
                FakeSession(replace(self.refresh_calls[0], gets=make_answer(400, used))), self.account, now=NOW
            )

    def test_a_wrong_client_secret_is_the_operators(self) -> None:
        wrong = make_answer(
            401, {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
        )

        with pytest.raises(Rejected) as caught:
            self.connector.refresh(FakeSession(replace(self.refresh_calls[0], gets=wrong)), self.account, now=NOW)

        assert caught.value.acts == WhoActs.OPERATOR

    def test_a_crowded_token_endpoint_is_asked_again_later(self) -> None:
        crowded = make_answer(429, {"error": "slow_down"}, Retry_After="30")

        with pytest.raises(RateLimited) as caught:
            self.connector.refresh(FakeSession(replace(self.refresh_calls[0], gets=crowded)), self.account, now=NOW)

        assert caught.value.retry_after == 30

    def test_a_refused_revocation_is_told(self) -> None:
        with pytest.raises(Rejected):
            self.connector.revoke(
                FakeSession(replace(self.revoke_calls[0], gets=make_answer(400, {"error": "invalid_request"}))),
                self.account,
            )

    def test_only_tokens_that_exist_are_revoked(self) -> None:
        session = FakeSession(self.revoke_calls[1])

        self.connector.revoke(session, replace(self.account, refresh_token=""))

        session.assert_done()

    def test_a_token_of_nobody_opens_no_account(self) -> None:
        nobody = replace(ME_CALL, gets=make_answer(200, {"errors": [{"title": "Not Found"}]}))

        with pytest.raises(Unknown):
            self.connector.candidates(FakeSession(nobody), GIVEN)

    def test_an_upload_that_x_has_dropped_by_now_is_made_again(self) -> None:
        operation = self.prepared(self.images)
        session = FakeSession(*self.images.prepares)

        self.connector.prepare(session, replace(operation, now=later(hours=21)), lambda handles: None)

        session.assert_done()

    def test_a_permalink_needs_no_name(self) -> None:
        operation = replace(self.operation(self.text.content), account=replace(self.account, username=""))

        published = self.connector.commit(FakeSession(*self.text.commits), operation)

        assert published.url == "https://x.com/i/status/1234"

    @pytest.mark.parametrize(
        ("sent", "found"),
        [
            (
                Content(text="Read https://example.com"),
                listed(
                    "Read https://t.co/abc",
                    entities={"urls": [{"url": "https://t.co/abc", "expanded_url": "https://example.com/"}]},
                ),
            ),
            (
                Content(text="Read example.com/a, now"),
                listed(
                    "Read https://t.co/abc, now",
                    entities={"urls": [{"url": "https://t.co/abc", "expanded_url": "http://example.com/a"}]},
                ),
            ),
            (Content(text="Salt & <butter> &amp; more"), listed("Salt &amp; &lt;butter&gt; &amp;amp; more")),
            (Content(text="Cafe\u0301"), listed("Caf\u00e9")),
            (Content(text="Hi "), listed("Hi")),
            (
                Content(text="Bread", media=(make_image(),)),
                listed("Bread https://t.co/pic", attachments={"media_keys": ["3_1"]}),
            ),
            (
                Content(text="Bread", media=(make_image(),)),
                listed(
                    "Bread https://t.co/pic",
                    attachments={"media_keys": ["3_1"]},
                    entities={
                        "urls": [{"url": "https://t.co/pic", "expanded_url": "https://x.com/1", "media_key": "3_1"}]
                    },
                ),
            ),
        ],
    )
    def test_a_post_is_recognised_as_x_writes_it(self, sent: Content, found: dict[str, Any]) -> None:
        recovered = self.connector.recover(FakeSession(listing(found)), self.operation(sent, armed_at=NOW))

        assert recovered == [self.published]

    @pytest.mark.parametrize(
        "other",
        [
            listed("Hello!"),
            listed("Hello", created_at="2026-11-24T09:59:54.000Z"),
            listed("Hello", created_at="yesterday"),
            listed("Hello", attachments={"media_keys": ["3_1"]}),
        ],
    )
    def test_another_post_is_not_taken_for_it(self, other: dict[str, Any]) -> None:
        operation = self.operation(self.text.content, armed_at=NOW)

        assert self.connector.recover(FakeSession(listing(other)), operation) == []

    def test_both_of_two_candidates_are_told(self) -> None:
        operation = self.operation(self.text.content, armed_at=NOW)

        found = self.connector.recover(FakeSession(listing(listed("Hello"), listed("Hello", id="1235"))), operation)

        assert [each.remote_id for each in found] == ["1234", "1235"]

    @pytest.mark.parametrize(
        ("status", "problem", "meaning"),
        [
            (403, {"detail": "You are not allowed to create a Tweet with duplicate content."}, REPEATED),
            (403, {"errors": [{"code": 187, "message": "Status is a duplicate."}]}, REPEATED),
            (402, {"detail": "credits depleted", "type": PROBLEMS + "credits-depleted"}, APP_IS_STOPPED),
            (403, {"detail": "This account does not have any credits."}, APP_IS_STOPPED),
            (403, {"type": PROBLEMS + "client-forbidden"}, APP_IS_STOPPED),
            (429, {"type": PROBLEMS + "usage-capped"}, (Rejected, "RATE_LIMITED_BY_PLATFORM", "operator")),
            (403, {"detail": "You are not permitted to perform this action."}, (Rejected, *OWNER)),
            (403, {"type": PROBLEMS + "unsupported-authentication"}, (AuthExpired, *OWNER)),
            (400, {"errors": [{"code": 89, "message": "Invalid or expired token."}]}, (AuthExpired, *OWNER)),
            (400, {"detail": "One or more media ids are invalid."}, (Rejected, "MEDIA_REJECTED", "caller")),
            (403, {"detail": "Reply to this conversation is not allowed."}, (Rejected, *CALLER)),
            (403, {"errors": [{"code": 88, "message": "Limit"}]}, (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (503, {"title": "Service Unavailable"}, (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
        ],
    )
    def test_a_refusal_says_who_can_mend_it(self, status: int, problem: Any, meaning: tuple[Any, ...]) -> None:
        error = self.connector.classify(make_answer(status, problem))

        assert (type(error), error.error_code, error.acts) == meaning

    def test_the_day_quota_is_waited_for_when_it_is_the_one_that_is_used_up(self) -> None:
        answer = make_answer(
            429,
            x_rate_limit_remaining="3",
            x_rate_limit_reset=str(int(later(minutes=1).timestamp())),
            x_user_limit_24hour_remaining="0",
            x_user_limit_24hour_reset=str(int(later(hours=5).timestamp())),
        )

        error = self.connector.classify(answer)

        assert isinstance(error, RateLimited)
        assert error.retry_after == 5 * 3600

    def test_a_quota_without_a_time_leaves_the_wait_to_us(self) -> None:
        error = self.connector.classify(make_answer(429))

        assert isinstance(error, RateLimited)
        assert error.retry_after is None

    def test_a_gif_goes_alone(self) -> None:
        gif = make_image("media_2", mime_type="image/gif")

        issues = self.connector.validate(Content(text="", media=(make_image(), gif)))

        assert [each.rule for each in issues] == ["gif_not_alone"]
        assert self.connector.validate(Content(text="", media=(gif,))) == []

    def test_one_cashtag_is_taken(self) -> None:
        [issue] = self.connector.validate(Content(text="$RYE, $brk.b and $10, US$BUN, $$, $LONGNAME"))

        assert (issue.rule, issue.limit, issue.actual) == ("too_many_cashtags", 1, 2)
        assert self.connector.validate(Content(text="$RYE for $10")) == []

    def test_a_long_address_counts_as_23(self) -> None:
        address = "https://example.com/" + "a" * 300

        assert self.connector.validate(Content(text="a" * 256 + " " + address)) == []
        assert [each.actual for each in self.connector.validate(Content(text="a" * 257 + " " + address))] == [281]
