"""X, against what docs.x.com says is sent and answered."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    PlatformError,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.http import Answer
from accounts.platforms.limits import Issue
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Handles,
    Media,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from accounts.platforms.twitter import Twitter
from accounts.platforms.twitter.media import CHUNK
from tests.networks.platform_case import (
    LOST,
    NOW,
    Call,
    FakeSession,
    LookCase,
    NumbersCase,
    OAuth2Case,
    Publication,
    Saved,
    later,
    make_answer,
    make_image,
    make_video,
    no_save,
)

API = "https://api.x.com/2"
PROBLEMS = "https://api.x.com/2/problems/"
CALLER = ("CONTENT_REJECTED", "caller")
OWNER = ("TOKEN_REVOKED", "account_owner")
REPEATED = (Duplicate, *CALLER)
BAD_MEDIA = (Rejected, "MEDIA_REJECTED", "caller")
BLOCKED = (Rejected, "CONTENT_REJECTED", "account_owner")
OVER_QUOTA = (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")
APP_IS_STOPPED = (AppStopped, "PLATFORM_UNAVAILABLE", "operator")
BEARER = {"Authorization": "Bearer AT"}
BASIC = {"Authorization": "Basic aWQ6c2VjcmV0"}
SCOPE = "tweet.read tweet.write users.read media.write offline.access"
ME = {
    "id": "42",
    "name": "Bakery",
    "username": "bakery",
    "profile_image_url": "https://pbs.example/x_normal.jpg",
    "public_metrics": {"followers_count": 10, "following_count": 2, "tweet_count": 30},
    "verified_type": "none",
    "subscription_type": "None",
}
METADATA = {"subscription_type": "None", "verified_type": "none"}
ME_FIELDS = "id,name,username,profile_image_url,public_metrics,verified,verified_type,subscription_type"
PROFILE = Profile(
    name="Bakery",
    username="bakery",
    profile_image="https://pbs.example/x.jpg",
    followers=10,
    following=2,
    metadata=METADATA,
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


def listing(*posts: Mapping[str, Any], after: str = "", then: str = "", exclude: str = "replies,retweets") -> Call:
    params = {
        "max_results": 100,
        "start_time": "2026-11-24T09:59:55Z",
        "exclude": exclude,
        "tweet.fields": "created_at,text,entities,attachments,note_tweet,referenced_tweets",
    }
    params |= {"pagination_token": after} if after else {}
    meta = {"result_count": len(posts)} | ({"next_token": then} if then else {})
    answer = make_answer(200, ({"data": list(posts)} if posts else {}) | {"meta": meta})
    return Call("GET", f"{API}/users/42/tweets", {"headers": BEARER, "params": params}, answer)


def listed(text: str, **fields: Any) -> dict[str, Any]:
    return {"id": "1234", "text": text, "created_at": "2026-11-24T09:59:57.000Z"} | fields


def describe(remote_id: str, text: str) -> Call:
    described = {"id": remote_id, "metadata": {"alt_text": {"text": text}}}
    answer = make_answer(200, {"data": {"id": remote_id}})
    return Call("POST", f"{API}/media/metadata", {"headers": BEARER, "json": described}, answer)


def reply(text: str, *, to: str, **more: bool) -> Call:
    return post(text=text, reply={"in_reply_to_tweet_id": to}, **more)


def given(remote_id: str = "901", **more: Any) -> Answer:
    return make_answer(200, {"data": {"id": remote_id, "media_key": f"7_{remote_id}"} | more})


FILM = make_video(content=b"fourmore10")
GIF = make_image(mime_type="image/gif", frames=2, size=10, alt_text="It blinks", open=FILM.open)
PUBLISHED = Published(remote_id="1234", url="https://x.com/bakery/status/1234")
ROOT = Published(remote_id="1000", url="https://x.com/bakery/status/1000")
PART = Published(remote_id="1001", url="https://x.com/bakery/status/1001")
COMMENTED = Content(text="Hello", options={"first_comment": "Try it"})
THREAD = Content(text="One", options={"thread": ["Two", "Three"], "first_comment": "Try it"})
DISCLOSED = replace(
    THREAD,
    options={**THREAD.options, "made_with_ai": True, "paid_partnership": True, "reply_settings": "following"},
)


def initialize(mime_type: str, category: str, size: int) -> Call:
    body = {"media_type": mime_type, "total_bytes": size, "media_category": category}
    return Call("POST", f"{API}/media/upload/initialize", {"headers": BEARER, "json": body}, given())


def chunks(media: Media) -> tuple[Call, ...]:
    return tuple(append(index, piece, media) for index, piece in enumerate((b"four", b"more", b"10")))


def append(index: int, piece: bytes, media: Media) -> Call:
    sends = {
        "headers": BEARER,
        "data": {"segment_index": index},
        "files": {"media": (media.filename, piece, media.mime_type)},
    }
    answer = make_answer(200, {"data": {"expires_at": 1}})
    return Call("POST", f"{API}/media/upload/901/append", sends, answer)


def working(state: str, **more: Any) -> Answer:
    return given(processing_info={"state": state} | more)


def finalize(gets: Answer | PlatformError | None = None) -> Call:
    return Call("POST", f"{API}/media/upload/901/finalize", {"headers": BEARER}, gets or given(size=10))


def ask(gets: Answer | PlatformError) -> Call:
    params = {"command": "STATUS", "media_id": "901"}
    return Call("GET", f"{API}/media/upload", {"headers": BEARER, "params": params}, gets)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.platforms.twitter.media.CHUNK", 4)


class TestTwitter(LookCase, OAuth2Case):
    uploading = "video"
    nameless: ClassVar[Mapping[str, str]] = {"images": "image", "gif": "file", "video": "file"}
    connector = Twitter(App(client_id="id", client_secret="secret"))
    account = Account(remote_id="42", access_token="AT", refresh_token="RT", username="bakery", metadata=METADATA)
    consent_url = (
        "https://x.com/i/oauth2/authorize?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%20two&state=STATE"
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
    published = PUBLISHED
    publications = {
        "text": Publication(Content(text="Hello"), (), (post(text="Hello"),), PUBLISHED),
        "link": Publication(
            Content(text="Read https://example.com"), (), (post(text="Read https://example.com"),), PUBLISHED
        ),
        "image": Publication(
            Content(text="Bread", media=(make_image(alt_text="A loaf"),)),
            (upload("media_1", "900"), describe("900", "A loaf")),
            (post(text="Bread", media={"media_ids": ["900"]}),),
            PUBLISHED,
        ),
        "images": Publication(
            Content(text="", media=(make_image("media_1"), make_image("media_2"))),
            (upload("media_1", "900"), upload("media_2", "901")),
            (post(media={"media_ids": ["900", "901"]}),),
            PUBLISHED,
        ),
        "video": Publication(
            Content(text="Oven", media=(FILM,)),
            (initialize("video/mp4", "tweet_video", 10), *chunks(FILM), finalize()),
            (post(text="Oven", media={"media_ids": ["901"]}),),
            PUBLISHED,
        ),
        "gif": Publication(
            Content(text="", media=(GIF,)),
            (initialize("image/gif", "tweet_gif", 10), *chunks(GIF), finalize(), describe("901", "It blinks")),
            (post(media={"media_ids": ["901"]}),),
            PUBLISHED,
        ),
        "options": Publication(
            Content(
                text="Hello",
                options={"reply_settings": "following", "made_with_ai": True, "paid_partnership": False},
            ),
            (),
            (post(text="Hello", reply_settings="following", made_with_ai=True),),
            PUBLISHED,
        ),
        "first comment": Publication(COMMENTED, (), (reply("Try it", to="1000"),), PUBLISHED, out=(ROOT,)),
        "second part": Publication(THREAD, (), (reply("Two", to="1000"),), PUBLISHED, out=(ROOT,)),
        "third part": Publication(THREAD, (), (reply("Three", to="1001"),), PUBLISHED, out=(ROOT, PART)),
        "part with its disclosures": Publication(
            DISCLOSED,
            (),
            (reply("Two", to="1000", made_with_ai=True, paid_partnership=True),),
            PUBLISHED,
            out=(ROOT,),
        ),
        "comment behind disclosures": Publication(
            DISCLOSED,
            (),
            (reply("Try it", to="1000"),),
            PUBLISHED,
            out=(ROOT, PART, replace(PART, remote_id="1002")),
        ),
        "comment behind a thread": Publication(
            THREAD, (), (reply("Try it", to="1000"),), PUBLISHED, out=(ROOT, PART, replace(PART, remote_id="1002"))
        ),
    }
    own, other = listed("Hello"), listed("Something else", id="7")
    dated = ("created_at",)
    recover_calls = (listing(own),)
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

    def validate(self, content: Content, **metadata: Any) -> list[Issue]:
        return self.connector.validate(content, metadata)

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, after=after, then=then)

    def test_an_app_without_a_secret_names_itself_in_the_form(self) -> None:
        public = Twitter(App(client_id="id"))
        call = self.refresh_calls[0]
        form = {"grant_type": "refresh_token", "refresh_token": "RT", "client_id": "id"}

        tokens = public.refresh(FakeSession(replace(call, sends={"data": form})), self.account, now=NOW)

        assert tokens == self.refreshed

    def test_a_new_version_of_the_api_moves_all_addresses(self) -> None:
        newer = Twitter(App(client_id="id", client_secret="secret", version="3"))
        image, gif = self.publications["image"], self.publications["gif"]
        signs_in, posts = (*self.refresh_calls, *self.revoke_calls, ME_CALL), (*image.prepares, *gif.prepares)
        reads = (*self.recover_calls, numbers_call(["5"], "public_metrics", {"id": "5"}))
        calls = (*signs_in, *posts, *self.first.commits, *reads)
        session = FakeSession(*(replace(call, url=call.url.replace("/2/", "/3/")) for call in calls))

        newer.refresh(session, self.account, now=NOW)
        newer.revoke(session, self.account)
        newer.profile(session, self.account)
        newer.prepare(session, self.operation(image.content), no_save)
        newer.prepare(session, self.operation(gif.content), no_save)
        newer.commit(session, self.operation(self.first.content))
        newer.recover(session, self.operation(self.first.content, armed_at=NOW))
        newer.post_metrics(session, self.account, ["5"], now=NOW)

        session.assert_done()

    @pytest.mark.parametrize("expires_in", [None, True, "soon", [], 1e300, "nan", 1_785_400_000, 0, -5])
    def test_a_lifetime_that_makes_no_sense_is_none(self, expires_in: Any) -> None:
        answer = make_answer(200, TOKENS | {"expires_in": expires_in})

        assert self.refresh(answer) == replace(GIVEN, access_expires_at=None)

    def test_a_used_refresh_token_needs_the_owner(self) -> None:
        used = {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}

        with pytest.raises(AuthExpired):
            self.refresh(make_answer(400, used))

    def test_a_wrong_client_secret_is_the_operators(self) -> None:
        wrong = make_answer(
            401, {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
        )

        with pytest.raises(Rejected) as caught:
            self.refresh(wrong)

        assert caught.value.who_acts == WhoActs.OPERATOR

    @pytest.mark.parametrize(
        ("subscription", "characters", "seconds"), [("None", 280, 1200), ("Premium", 25_000, 7500)]
    )
    def test_who_pays_may_post_more(self, subscription: str, characters: int, seconds: float) -> None:
        limits = self.connector.limits_of("feed", {"subscription_type": subscription})

        assert (limits.max_characters, limits.max_video_duration_seconds) == (characters, seconds)

    def test_a_chunk_is_no_larger_than_x_takes(self) -> None:
        assert CHUNK <= 5_000_000

    @pytest.mark.parametrize("subscription", ["None", "Premium"])
    def test_a_video_that_does_not_fit_into_the_chunks_is_too_large(self, subscription: str) -> None:
        def rules(size: int) -> list[str]:
            issues = self.validate(Content(text="", media=(make_video(size=size),)), subscription_type=subscription)
            return [each.rule for each in issues]

        assert rules(1000 * CHUNK) == []
        assert rules(1000 * CHUNK + 1) == ["video_too_large"]

    def test_only_tokens_that_exist_are_revoked(self) -> None:
        session = FakeSession(self.revoke_calls[1])

        self.connector.revoke(session, replace(self.account, refresh_token=""))

        session.assert_done()

    @pytest.mark.parametrize(("told", "hours"), [({}, 21), ({"expires_after_secs": 3600}, 1)])
    def test_an_upload_that_x_has_dropped_by_now_is_made_again(
        self, kind: str, told: dict[str, Any], hours: int
    ) -> None:
        publication = self.publications[kind]
        said = given("900" if "image" in kind else "901", **told)
        first = [replace(call, gets=said) for call in publication.prepares[:1]]
        operation = self.prepared(replace(publication, prepares=(*first, *publication.prepares[1:])))
        again = FakeSession(*publication.prepares[: 1 if kind == "images" and told else None])

        self.connector.prepare(again, replace(operation, now=later(hours=hours)), no_save)

        again.assert_done()

    def test_a_permalink_needs_no_name(self) -> None:
        operation = replace(self.operation(self.first.content), account=replace(self.account, username=""))

        published = self.commits(operation, *self.first.commits)

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
            (
                Content(text="詳しくはexample.com/ryeをexample.jpで"),
                listed(
                    "詳しくはhttps://t.co/oneをhttps://t.co/twoで",
                    entities={
                        "urls": [
                            {"url": "https://t.co/one", "expanded_url": "http://example.com/rye"},
                            {"url": "https://t.co/two", "expanded_url": "http://example.jp"},
                        ]
                    },
                ),
            ),
            (Content(text="Salt & <butter> &amp; more"), listed("Salt &amp; &lt;butter&gt; &amp;amp; more")),
            (
                Content(text="Salt &copy https://example.com/?lang=en&region=eu&copy=2"),
                listed(
                    "Salt &amp;copy https://t.co/own",
                    entities={
                        "urls": [
                            {
                                "url": "https://t.co/own",
                                "expanded_url": "https://example.com/?lang=en&region=eu&copy=2",
                            }
                        ]
                    },
                ),
            ),
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
            (
                Content(text="Bread example.com", media=(make_image(),)),
                listed(
                    "Bread https://t.co/own https://t.co/pic",
                    attachments={"media_keys": ["3_1"]},
                    entities={
                        "urls": [
                            {"url": "https://t.co/own", "expanded_url": "http://example.com"},
                            {"url": "https://t.co/pic", "expanded_url": "https://x.com/a/status/1234/photo/1"},
                        ]
                    },
                ),
            ),
            (
                Content(text="x" * 280 + " example.com", media=(make_image(),)),
                listed(
                    "x" * 270 + "… https://t.co/pic",
                    attachments={"media_keys": ["3_1"]},
                    note_tweet={
                        "text": "x" * 280 + " https://t.co/own",
                        "entities": {"urls": [{"url": "https://t.co/own", "expanded_url": "http://example.com"}]},
                    },
                ),
            ),
        ],
    )
    def test_a_post_is_recognised_as_x_writes_it(self, sent: Content, found: dict[str, Any]) -> None:
        assert self.recovers(self.operation(sent, armed_at=NOW), listing(found)) == [self.published]

    @pytest.mark.parametrize(
        "other",
        [
            listed("Hello!"),
            listed("Hello", attachments={"media_keys": ["3_1"]}),
        ],
    )
    def test_another_post_is_not_taken_for_it(self, other: dict[str, Any]) -> None:
        operation = self.operation(self.first.content, armed_at=NOW)

        assert self.recovers(operation, listing(other)) == []

    @pytest.mark.parametrize(
        ("status", "problem", "meaning"),
        [
            (403, {"detail": "You are not allowed to create a Tweet with duplicate content."}, REPEATED),
            (403, {"errors": [{"code": 187, "message": "Status is a duplicate."}]}, REPEATED),
            (402, {}, APP_IS_STOPPED),
            (403, {"type": PROBLEMS + "credits-depleted"}, APP_IS_STOPPED),
            (403, {"detail": "This account does not have any credits."}, APP_IS_STOPPED),
            (403, {"title": "CreditsDepleted", "detail": "Your account is out."}, APP_IS_STOPPED),
            (403, {"type": PROBLEMS + "client-forbidden"}, APP_IS_STOPPED),
            (
                403,
                {"errors": [{"code": 453, "message": "You have limited endpoints (e.g. media post)."}]},
                APP_IS_STOPPED,
            ),
            (403, {"detail": "Your account is temporarily locked. Please log in to https://x.com."}, BLOCKED),
            (403, {"detail": "Your account is not permitted to access this feature."}, BLOCKED),
            (403, {"type": PROBLEMS + "user-suspended", "detail": "The user is suspended"}, BLOCKED),
            *((403, {"errors": [{"code": code, "message": "No."}]}, BLOCKED) for code in (64, 226, 326)),
            (403, {"detail": "This user is not allowed to post a video longer than 20 minutes."}, BAD_MEDIA),
            (404, {"type": PROBLEMS + "resource-not-found"}, (Rejected, *CALLER)),
            (429, {"type": PROBLEMS + "usage-capped"}, (AppStopped, "RATE_LIMITED_BY_PLATFORM", "operator")),
            (403, {"detail": "You are not permitted to perform this action."}, (Rejected, *OWNER)),
            (403, {"type": PROBLEMS + "not-authorized-for-resource"}, (Rejected, *OWNER)),
            (403, {"type": PROBLEMS + "unsupported-authentication"}, (AuthExpired, *OWNER)),
            (400, {"errors": [{"code": 89, "message": "Invalid or expired token."}]}, (AuthExpired, *OWNER)),
            (400, {"errors": [{"code": 32, "message": "Could not authenticate you."}]}, (AuthExpired, *OWNER)),
            (400, {"detail": "One or more media ids are invalid."}, (Rejected, "MEDIA_REJECTED", "caller")),
            (403, {"detail": "Reply to this conversation is not allowed."}, (Rejected, *CALLER)),
            (403, {"errors": [{"code": 88, "message": "Limit"}]}, (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (403, {"code": 88, "message": "Limit"}, (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (403, {"errors": [{"code": 185, "message": "User is over daily status update limit."}]}, OVER_QUOTA),
            (400, {"type": PROBLEMS + "internal-error"}, (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (503, {"title": "Service Unavailable"}, (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
        ],
    )
    def test_a_refusal_says_who_can_mend_it(self, status: int, problem: Any, meaning: tuple[Any, ...]) -> None:
        error = self.connector.classify(make_answer(status, problem))

        assert (type(error), error.code, error.who_acts) == meaning

    @pytest.mark.parametrize("whose", ["user", "app"])
    def test_the_day_quota_is_waited_for_when_it_is_the_one_that_is_used_up(self, whose: str) -> None:
        of_the_day: dict[str, Any] = {
            f"x_{whose}_limit_24hour_remaining": "0",
            f"x_{whose}_limit_24hour_reset": str(int(later(hours=5).timestamp())),
        }
        answer = make_answer(
            429,
            x_rate_limit_remaining="3",
            x_rate_limit_reset=str(int(later(minutes=1).timestamp())),
            **of_the_day,
        )

        assert self.waits(answer) == 5 * 3600

    @pytest.mark.parametrize(("left", "wait"), [("0", 5 * 3600), ("39999", None)])
    def test_a_cap_names_its_end_where_a_quota_of_the_app_is_used_up(self, left: str, wait: float | None) -> None:
        named: dict[str, Any] = {
            "x_app_limit_24hour_remaining": left,
            "x_app_limit_24hour_reset": str(int(later(hours=5).timestamp())),
        }

        error = self.connector.classify(make_answer(429, {"type": PROBLEMS + "usage-capped"}, **named))

        assert isinstance(error, AppStopped)
        assert error.retry_after == wait

    def test_a_quota_that_does_not_tell_what_is_left_is_waited_for_all_the_same(self) -> None:
        answer = make_answer(429, x_rate_limit_reset=str(int(later(minutes=2).timestamp())))

        assert self.waits(answer) == 120

    def test_a_quota_without_a_time_leaves_the_wait_to_us(self) -> None:
        assert self.waits(make_answer(429)) is None

    def test_a_gif_goes_alone(self) -> None:
        gif = make_image("media_2", mime_type="image/gif", frames=2)

        issues = self.validate(Content(text="", media=(make_image(), gif)))

        assert [each.rule for each in issues] == ["gif_not_alone"]
        assert self.validate(Content(text="", media=(gif,))) == []

    def test_one_cashtag_is_taken(self) -> None:
        [issue] = self.validate(Content(text="$RYE, $brk.b and $10, US$BUN, $$, $LONGNAME"))

        assert (issue.rule, issue.limit, issue.actual) == ("too_many_cashtags", 1, 2)
        assert self.validate(Content(text="$RYE for $10")) == []

    def test_a_long_address_counts_as_23(self) -> None:
        address = "https://example.com/" + "a" * 300

        assert self.validate(Content(text="a" * 256 + " " + address)) == []
        assert [each.actual for each in self.validate(Content(text="a" * 257 + " " + address))] == [281]

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (Content(text="x" * 280 + " and more"), {"note_tweet": {"text": "x" * 280 + " and more"}}),
            (Content(text="x" * 280 + " and more"), {"note_post": {"text": "x" * 280 + " and more"}}),
            (
                Content(text="x" * 280 + " example.com/a"),
                {
                    "note_tweet": {
                        "text": "x" * 280 + " https://t.co/abc",
                        "entities": {"urls": [{"url": "https://t.co/abc", "expanded_url": "http://example.com/a"}]},
                    }
                },
            ),
        ],
    )
    def test_a_long_post_is_recognised_by_its_note(self, content: Content, found: dict[str, Any]) -> None:
        entry = listed("x" * 270 + "…", **found)

        assert self.recovers(self.operation(content, armed_at=NOW), listing(entry)) == [PUBLISHED]

    @pytest.mark.parametrize("name", ["referenced_tweets", "referenced_posts"])
    def test_a_reply_is_looked_for_among_replies_and_known_by_what_it_answers(self, name: str) -> None:
        def answering(post_id: str, parent: str, text: str = "Two") -> dict[str, Any]:
            return listed(text, id=post_id, **{name: [{"type": "replied_to", "id": parent}]})

        posts = [
            answering("1", "1000", "Three"),
            answering("2", "999"),
            listed("Two", id="3"),
            listed("Two", id="4", **{name: [{"type": "quoted", "id": "1000"}]}),
            answering("1234", "1000"),
        ]
        operation = self.operation(THREAD, armed_at=NOW, out=(ROOT,))

        assert self.recovers(operation, listing(*posts, exclude="retweets")) == [PUBLISHED]

    def test_a_part_that_is_out_already_is_not_taken_for_the_next(self) -> None:
        comment = listed("Try it", id="1001", referenced_tweets=[{"type": "replied_to", "id": "1000"}])
        content = Content(text="One", options={"thread": ["Try it"], "first_comment": "Try it"})
        operation = self.operation(content, armed_at=NOW, out=(ROOT, PART))

        assert self.recovers(operation, listing(comment, exclude="retweets")) == []

    def test_a_reply_is_not_taken_for_the_post(self) -> None:
        answer = listed("Hello", referenced_tweets=[{"type": "replied_to", "id": "5"}])

        assert self.recovers(self.operation(self.first.content), listing(answer)) == []

    def upload(self, *calls: Call, handles: Handles | None = None, **values: Any) -> None:
        """Prepare the film until something is raised; `saved` is where that left it."""
        saved = Saved(handles or {})
        operation = self.operation(self.publications["video"].content, handles=saved.handles[0], **values)
        try:
            self.prepares(operation, *calls, save=saved)
        finally:
            self.saved = saved.handles[-1]

    def test_x_is_asked_again_while_it_works_on_a_video(self) -> None:
        *sent, _ = self.publications["video"].prepares
        with pytest.raises(StillWorking) as first:
            self.upload(*sent, finalize(working("pending", check_after_secs=7)))
        with pytest.raises(StillWorking) as second:
            self.upload(ask(working("in_progress")), handles=self.saved)

        self.upload(ask(working("succeeded")), handles=self.saved)
        self.upload(handles=self.saved)

        assert (first.value.retry_after, second.value.retry_after) == (7, 5)

    @pytest.mark.parametrize(("told", "waited"), [(90, 90), (100_000, 600)])
    def test_x_is_asked_no_sooner_than_it_says_unless_that_makes_no_sense(self, told: int, waited: int) -> None:
        *sent, _ = self.publications["video"].prepares

        with pytest.raises(StillWorking) as caught:
            self.upload(*sent, finalize(working("pending", check_after_secs=told)))

        assert caught.value.retry_after == waited

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            ({"code": 1, "name": "InvalidMedia", "message": "No H.264."}, "Twitter/X says: No H.264."),
            ({"name": "InvalidMedia"}, "Twitter/X says: InvalidMedia"),
            (None, "Twitter/X could not work on the video."),
        ],
    )
    def test_a_video_that_x_gives_up_is_rejected_and_forgotten(self, error: Any, message: str) -> None:
        *sent, _ = self.publications["video"].prepares

        with pytest.raises(Rejected) as caught:
            self.upload(*sent, finalize(working("failed", error=error)))

        assert (caught.value.code, caught.value.message) == ("MEDIA_REJECTED", message)
        assert self.saved == {}

    def test_after_a_lost_end_x_is_asked_how_the_upload_stands(self) -> None:
        *sent, end = self.publications["video"].prepares
        with pytest.raises(Unknown):
            self.upload(*sent, replace(end, gets=LOST))
        handles = self.saved

        self.upload(ask(working("succeeded")), handles=handles)
        self.upload(ask(make_answer(400, {"detail": "This upload is not finalized."})), end, handles=handles)
        self.upload(ask(given()), end, handles=handles)
        self.upload(ask(given()), finalize(make_answer(400, {"detail": "It is finalized."})), handles=handles)

    @pytest.mark.parametrize(
        ("says", "is_kept"),
        [
            (make_answer(200), True),
            (make_answer(200, {"data": {"id": "7"}}), True),
            (make_answer(200, {"errors": [{"title": "Not Found Error", "detail": "There is no such upload."}]}), False),
        ],
        ids=["nothing", "of another", "an error"],
    )
    def test_an_upload_is_ready_only_where_x_says_so_of_it(self, says: Answer, is_kept: bool) -> None:
        *sent, _ = self.publications["video"].prepares
        with pytest.raises(Unavailable) as at_its_end:
            self.upload(*sent, finalize(says))
        kept = self.saved
        with pytest.raises(StillWorking):
            self.upload(*sent, finalize(working("checking")))
        with pytest.raises(Unavailable):
            self.upload(ask(says), handles=self.saved)

        assert type(at_its_end.value) is Unavailable
        assert [bool(kept), bool(self.saved)] == [is_kept, is_kept]

    def test_an_upload_that_could_not_be_ended_is_not_taken_for_ready(self) -> None:
        *sent, end = self.publications["video"].prepares
        with pytest.raises(Unknown):
            self.upload(*sent, replace(end, gets=LOST))

        with pytest.raises(Unavailable):
            self.upload(ask(given()), finalize(make_answer(503)), handles=self.saved)

        assert "ready" not in self.saved["uploads"]["media_1"]

    @pytest.mark.parametrize(("mime_type", "frames"), [("image/gif", 1), ("image/webp", 2), ("image/png", 2)])
    def test_what_is_no_gif_that_moves_is_an_image(self, mime_type: str, frames: int) -> None:
        image = make_image(mime_type=mime_type, frames=frames)
        call = upload("media_1", "900")
        files = {"media": ("media_1.jpg", b"bytes of media_1", mime_type)}

        self.prepares(
            self.operation(Content(text="", media=(image,))), replace(call, sends={**call.sends, "files": files})
        )

    @pytest.mark.parametrize("mime_type", ["image/webp", "image/png"])
    def test_another_image_that_moves_weighs_no_more_than_a_still_one(self, mime_type: str) -> None:
        def rules(size: int) -> list[str]:
            moving = make_image(mime_type=mime_type, frames=2, size=size)
            return [each.rule for each in self.validate(Content(text="", media=(moving,)))]

        assert rules(5_000_000) == []
        assert rules(5_000_001) == ["image_too_large"]

    def test_a_gif_has_limits_of_its_own(self) -> None:
        def rules(frames: int = 2, **values: Any) -> list[str]:
            gif = make_image(mime_type="image/gif", frames=frames, **values)
            return [each.rule for each in self.validate(Content(text="", media=(gif,)))]

        assert rules(size=15_000_000, width=1280, height=1080) == []
        assert rules(size=15_000_001) == ["image_too_large"]
        assert rules(width=1281, height=1081) == ["gif_width_too_large", "gif_height_too_large"]
        assert rules(frames=350, width=10, height=10) == []
        assert rules(frames=351, width=10, height=10) == ["gif_frames_too_large"]
        assert rules(frames=300, width=1000, height=1000) == []
        assert rules(frames=301, width=1000, height=1000) == ["gif_pixels_too_large"]
        assert [each.rule for each in self.validate(Content(text="", media=(make_image(size=5_000_001),)))] == [
            "image_too_large"
        ]

    @pytest.mark.parametrize(
        ("subscription", "issues"), [("Premium", 0), ("PremiumPlus", 0), ("Basic", 3), ("None", 3)]
    )
    def test_premium_writes_long_posts(self, subscription: str, issues: int) -> None:
        long = "x" * 25_000
        content = Content(text=long, options={"thread": [f"{long[1:]}y"], "first_comment": f"{long[1:]}z"})

        assert len(self.validate(content, subscription_type=subscription)) == issues

    def test_premium_shows_long_videos(self) -> None:
        content = Content(text="", media=(make_video(seconds=7500),))

        assert self.validate(content, subscription_type="Premium") == []
        assert [each.rule for each in self.validate(content)] == ["video_duration_too_large"]
        assert self.connector.validate(content, {}) == self.validate(content)

    @pytest.mark.parametrize(
        ("values", "rule"),
        [
            ({"video_codec": "hevc"}, "video_codec_unsupported"),
            ({"audio_codec": "mp3"}, "audio_codec_unsupported"),
            ({"fps": 61}, "video_fps_too_large"),
            ({"width": 31}, "video_side_too_small"),
            ({"width": 301, "height": 100}, "video_ratio_too_large"),
            ({"width": 99, "height": 300}, "video_ratio_too_small"),
            ({"seconds": 0.4}, "video_duration_too_small"),
            ({"mime_type": "video/webm"}, "video_type_unsupported"),
        ],
    )
    def test_a_video_that_x_cannot_show_is_named(self, values: dict[str, Any], rule: str) -> None:
        assert rule in [each.rule for each in self.validate(Content(text="", media=(make_video(**values),)))]

    def test_the_alt_text_of_a_video_is_not_sent_and_that_is_said(self) -> None:
        content = Content(text="Oven", media=(replace(FILM, alt_text="An oven"),))
        [issue] = self.validate(content)

        self.prepares(self.operation(content), *self.publications["video"].prepares)

        assert (issue.rule, issue.severity, issue.field) == ("alt_text_not_sent", "warning", "media.0.alt_text")

    def test_a_mention_is_warned_of_wherever_it_is(self) -> None:
        content = Content(
            text="Ask @anna or me@example.com", options={"thread": ["and @bob"], "first_comment": "thanks @eve"}
        )

        issues = self.validate(content)

        assert {(each.rule, each.severity) for each in issues} == {("mention_may_be_refused", "warning")}
        assert [each.field for each in issues] == ["content", "options.thread.0", "options.first_comment"]
        assert "@anna" in issues[0].message

    def test_a_thread_that_repeats_itself_is_refused(self) -> None:
        content = Content(text="One", options={"thread": ["Two", " One "], "first_comment": "Two"})

        issues = self.validate(content)

        assert [(each.rule, each.field) for each in issues] == [
            ("text_repeated", "options.thread.1"),
            ("text_repeated", "options.first_comment"),
        ]

    def test_every_part_of_a_thread_has_one_cashtag_at_most(self) -> None:
        issues = self.validate(Content(text="$RYE", options={"thread": ["$RYE and $BUN"]}))

        assert [(each.rule, each.field) for each in issues] == [("too_many_cashtags", "options.thread.0")]

    def test_who_may_reply_is_one_of_xs_own_words(self) -> None:
        assert [each.rule for each in self.validate(Content(text="a", options={"reply_settings": "everyone"}))] == [
            "option_invalid"
        ]
        assert [each.rule for each in self.validate(Content(text="a", options={"made_with_ai": "yes"}))] == [
            "option_invalid"
        ]

    def test_a_wrong_request_is_told_by_what_is_wrong_with_it(self) -> None:
        told = {"message": "Your media IDs are invalid.", "parameters": {"media.media_ids": ["901"]}}
        problem = {
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": PROBLEMS + "invalid-request",
            "errors": [told],
        }

        error = self.connector.classify(make_answer(400, problem))

        assert (error.message, error.code) == ("Twitter/X says: Your media IDs are invalid.", "MEDIA_REJECTED")

    def test_an_unknown_refusal_keeps_its_code(self) -> None:
        error = self.connector.classify(make_answer(403, {"type": PROBLEMS + "brand-new"}))

        assert error.message == "Twitter/X answered with status 403 and the code brand-new."
        assert error.network_code == "brand-new"

    def test_a_problem_without_a_type_is_a_word_of_x_all_the_same(self) -> None:
        problem = {"title": "Forbidden", "detail": "Forbidden", "type": "about:blank", "status": 403}

        error = self.connector.classify(make_answer(403, problem))

        assert (error.network_code, error.is_nameless) == ("Forbidden", False)
        assert self.connector.classify(make_answer(403, {"blocked": True})).is_nameless

    @pytest.mark.parametrize(("name", "posts"), [("tweet_count", 30), ("post_count", 30), ("other", None)])
    def test_the_account_is_counted_under_old_and_new_names(self, name: str, posts: int | None) -> None:
        numbers = {"followers_count": 10, "following_count": 2, name: 30}
        call = replace(ME_CALL, gets=make_answer(200, {"data": ME | {"public_metrics": numbers}}))

        assert self.account_counted(call) == AccountNumbers(followers=10, following=2, posts=posts)


PUBLIC = {
    "retweet_count": 1,
    "reply_count": 2,
    "like_count": 3,
    "quote_count": 4,
    "bookmark_count": 5,
    "impression_count": 90,
}
OWN = {"likes": 3, "retweets": 1, "replies": 2, "quotes": 4, "bookmarks": 5}
COUNTED = PostNumbers(impressions=90, engagement=15, own=OWN)


def made(days_ago: float, number: int = 0) -> str:
    """Return the id of a post of then."""
    milliseconds = int((NOW.timestamp() - days_ago * 86400) * 1000) - 1_288_834_974_657
    return str((milliseconds << 22) + number)


def numbers_call(ids: list[str], fields: str, *posts: Any, **more: Any) -> Call:
    params = {
        "ids": ",".join(ids),
        "tweet.fields": f"attachments,{fields}",
        "expansions": "attachments.media_keys",
        "media.fields": "public_metrics",
    }
    answer = ({"data": list(posts)} if posts else {}) | more
    return Call("GET", f"{API}/tweets", {"headers": BEARER, "params": params}, make_answer(200, answer))


class TestNumbers(NumbersCase):
    connector = Twitter(App(client_id="id", client_secret="secret"))
    account = Account(remote_id="42", access_token="AT")
    young, old = made(29.9), made(30.1)
    private = "public_metrics,non_public_metrics"

    def read(self, ids: list[str], *calls: Call) -> dict[str, PostNumbers]:
        return self.counted(ids, *calls)

    def test_only_posts_of_the_last_month_are_asked_for_private_numbers(self) -> None:
        private = {"impression_count": 91, "url_link_clicks": 7, "user_profile_clicks": 1, "engagements": 30}
        entry = {"id": self.young, "public_metrics": PUBLIC, "non_public_metrics": private}

        found = self.read(
            [self.old, self.young],
            numbers_call([self.young], self.private, entry),
            numbers_call([self.old], "public_metrics", {"id": self.old, "public_metrics": PUBLIC}),
        )

        assert found == {self.young: replace(COUNTED, clicks=7), self.old: COUNTED}

    def test_an_error_about_one_post_does_not_fail_the_rest(self) -> None:
        other, gone, kept_back = made(1), made(2), made(3)
        errors = [
            {"resource_id": self.young, "title": "Field Authorization Error"},
            {"resource_id": gone, "type": PROBLEMS + "resource-not-found"},
            {"resource_id": kept_back, "type": PROBLEMS + "not-authorized-for-resource"},
        ]
        kept = {"id": other, "public_metrics": PUBLIC, "non_public_metrics": {"url_link_clicks": 0}}
        seen = {"id": self.young, "public_metrics": PUBLIC}

        found = self.read(
            [self.young, other, gone, kept_back],
            numbers_call([self.young, other, gone, kept_back], self.private, kept, errors=errors),
            numbers_call([self.young, gone, kept_back], "public_metrics", seen, errors=errors[1:]),
        )

        assert found == {other: replace(COUNTED, clicks=0), self.young: COUNTED, kept_back: PostNumbers()}

    def test_an_answer_that_tells_of_no_post_takes_none_for_gone(self) -> None:
        with pytest.raises(Unknown):
            self.read([self.old], numbers_call([self.old], "public_metrics"))

    def test_a_field_that_was_refused_leaves_its_numbers_unknown(self) -> None:
        entry = {"id": self.young, "public_metrics": PUBLIC}
        errors = [{"resource_id": self.young, "title": "Field Authorization Error"}]

        assert self.read([self.young], numbers_call([self.young], self.private, entry, errors=errors)) == {
            self.young: COUNTED
        }

    def test_where_private_numbers_are_refused_the_public_ones_are_read(self) -> None:
        refused = make_answer(400, {"detail": "non_public_metrics is not a field."})

        found = self.read(
            [self.young],
            replace(numbers_call([self.young], self.private), gets=refused),
            numbers_call([self.young], "public_metrics", {"id": self.young, "public_metrics": PUBLIC}),
        )

        assert found == {self.young: COUNTED}

    def test_without_credits_nothing_more_is_asked(self) -> None:
        spent = make_answer(402, {"detail": "credits depleted"})

        with pytest.raises(AppStopped) as caught:
            self.read([self.young], replace(numbers_call([self.young], self.private), gets=spent))

        assert caught.value.who_acts == WhoActs.OPERATOR

    def test_new_names_are_read_and_missing_numbers_stay_unknown(self) -> None:
        some = [made(40, number) for number in range(2)]
        entries = [{"id": some[0], "public_metrics": {"repost_count": 6}}, {"id": some[1]}]

        assert self.read(some, numbers_call(some, "public_metrics", *entries)) == {
            some[0]: PostNumbers(engagement=6, own={"retweets": 6}),
            some[1]: PostNumbers(),
        }

    def test_the_views_of_a_posts_videos_are_its_own(self) -> None:
        ids = [made(40, number) for number in range(2)]
        entries = [{"id": each, "attachments": {"media_keys": [f"7_{number}"]}} for number, each in enumerate(ids)]
        media = [{"media_key": "7_0", "public_metrics": {"view_count": 11}}, {"media_key": "7_1", "type": "photo"}]

        found = self.read(ids, numbers_call(ids, "public_metrics", *entries, includes={"media": media}))

        assert found == {ids[0]: PostNumbers(own={"video_views": 11}), ids[1]: PostNumbers()}

    def test_an_id_that_tells_no_time_is_an_old_one(self) -> None:
        assert self.read(["x"], numbers_call(["x"], "public_metrics", {"id": "x"})) == {"x": PostNumbers()}
