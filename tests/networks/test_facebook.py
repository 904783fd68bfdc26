"""Facebook Pages, against what Meta's documentation says is sent and answered."""

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
    PlatformError,
    Profile,
    Published,
    RateLimited,
    Rejected,
    Tokens,
    Unavailable,
    Unknown,
)
from accounts.platforms.facebook import Facebook
from tests.networks.platform_case import (
    LOST,
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

GRAPH = "https://graph.facebook.com/v26.0"
# HMAC-SHA256 of the token, keyed with the word "secret", worked out with openssl.
PAGE_PROOF = {"appsecret_proof": "710494efc716f58ebead07a419640ce0090d5597dfd6a643850e192561bab3c2"}
USER_PROOF = {"appsecret_proof": "deede35e92f63a15cbdbdd3b8c4087450ed917999765974420406ca5f56557c7"}
PAGE_BEARER = {"Authorization": "Bearer PAGE_TOKEN"}
USER_BEARER = {"Authorization": "Bearer USER_TOKEN"}
PAGE_FIELDS = "id,name,username,access_token,category,link,picture.type(large){url},followers_count,fan_count,tasks"
BAKERY = {
    "id": "1001",
    "name": "Bakery",
    "username": "bakery",
    "access_token": "PAGE_TOKEN",
    "category": "Bakery",
    "picture": {"data": {"url": "https://cdn.example/p.jpg"}},
    "followers_count": 1234,
    "fan_count": 1200,
    "tasks": ["ANALYZE", "CREATE_CONTENT"],
}
ANALYST_ONLY = BAKERY | {"id": "1002", "tasks": ["ANALYZE"]}
BOOKS = {"id": "1003", "name": "Books", "access_token": "BOOKS_TOKEN", "tasks": ["CREATE_CONTENT"]}
NEXT = "https://graph.facebook.com/v26.0/1/accounts?access_token=X&limit=100&after=b"
PROFILE = Profile(name="Bakery", username="bakery", profile_image="https://cdn.example/p.jpg", followers=1234)
CALLER = ("CONTENT_REJECTED", "caller")
OWNER = ("TOKEN_REVOKED", "account_owner")
QUOTA = ("RATE_LIMITED_BY_PLATFORM", "network")
BUSY = ("PLATFORM_UNAVAILABLE", "network")


def read(path: str, answer: Any, *, user: bool = False, **params: Any) -> Call:
    headers, proof = (USER_BEARER, USER_PROOF) if user else (PAGE_BEARER, PAGE_PROOF)
    return Call("GET", f"{GRAPH}/{path}", {"headers": headers, "params": params | proof}, make_answer(200, answer))


def accounts(*pages: Any, following: str = "", **cursor: str) -> Call:
    answer = {"data": list(pages), "paging": {"next": following} if following else {"cursors": {"after": "z"}}}
    return read("me/accounts", answer, user=True, fields=PAGE_FIELDS, limit=100, **cursor)


def feed(**fields: str) -> Call:
    sends = {"headers": PAGE_BEARER, "data": fields | PAGE_PROOF}
    return Call("POST", f"{GRAPH}/1001/feed", sends, make_answer(200, {"id": "1001_555"}))


def photo(media_id: str, answer: Any, **fields: str) -> Call:
    sends = {
        "headers": PAGE_BEARER,
        "data": fields | PAGE_PROOF,
        "files": {"source": (f"{media_id}.jpg", f"bytes of {media_id}".encode(), "image/jpeg")},
    }
    return Call("POST", f"{GRAPH}/1001/photos", sends, make_answer(200, answer))


def permalink(post_id: str) -> Call:
    return read(post_id, {"permalink_url": f"https://www.facebook.com/bakery/posts/{post_id}"}, fields="permalink_url")


def published(post_id: str) -> Published:
    return Published(remote_id=post_id, url=f"https://www.facebook.com/bakery/posts/{post_id}")


def listing(*posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    fields = "id,message,created_time,permalink_url,status_type,attachments{media_type,target{id},url}"
    since = int(later(minutes=-5).timestamp())
    following = f"{GRAPH}/1001/published_posts?access_token=X&limit=100&after={then}"
    paging = {"cursors": {"before": "b", "after": "z"}} | ({"next": following} if then else {})
    answer = {"data": list(posts)} | ({"paging": paging} if posts or then else {})
    cursor: dict[str, Any] = {"after": after} if after else {}
    return read("1001/published_posts", answer, fields=fields, since=since, limit=100, **cursor)


def listed(message: str, *attachments: tuple[str, str], **fields: Any) -> dict[str, Any]:
    shown = [{"media_type": kind, "target": {"id": target}} for kind, target in attachments]
    facts = {
        "id": "1001_555",
        "message": message,
        "created_time": "2026-11-24T10:00:01+0000",
        "permalink_url": "https://www.facebook.com/bakery/posts/1001_555",
    }
    return facts | ({"attachments": {"data": shown}} if shown else {}) | fields


def graph_error(code: int, subcode: int = 0, status: int = 400, **fields: Any) -> Any:
    error = {"message": "No.", "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "X"}
    return make_answer(status, {"error": error | fields})


class TestFacebook(LookCase, OAuth2Case):
    connector = Facebook(App(client_id="id", client_secret="secret"))
    account = Account(
        remote_id="1001",
        access_token="PAGE_TOKEN",
        refresh_token="USER_TOKEN",
        username="bakery",
        metadata={"page_id": "1001", "category": "Bakery", "user_id": "9"},
    )
    consent_url = (
        "https://www.facebook.com/v26.0/dialog/oauth?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%2Ctwo&state=STATE"
    )
    exchange_calls = (
        Call(
            "POST",
            f"{GRAPH}/oauth/access_token",
            {
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(200, {"access_token": "SHORT", "token_type": "bearer", "expires_in": 5400}),
        ),
        Call(
            "GET",
            f"{GRAPH}/oauth/access_token",
            {
                "params": {
                    "grant_type": "fb_exchange_token",
                    "client_id": "id",
                    "client_secret": "secret",
                    "fb_exchange_token": "SHORT",
                }
            },
            make_answer(200, {"access_token": "USER_TOKEN", "token_type": "bearer", "expires_in": 5184000}),
        ),
    )
    exchanged = Tokens(access_token="USER_TOKEN", access_expires_at=later(days=60))
    code_refused = graph_error(100, 36009)
    candidate_calls = (
        read("me", {"id": "9", "name": "Ann"}, user=True, fields="id,name"),
        read(
            "me/permissions",
            {
                "data": [
                    {"permission": "pages_manage_posts", "status": "granted"},
                    {"permission": "read_insights", "status": "declined"},
                ]
            },
            user=True,
        ),
        accounts(BAKERY, ANALYST_ONLY, following=NEXT),
        accounts(BOOKS, after="b"),
    )
    candidates = [
        Candidate(
            remote_id="1001",
            type="page",
            profile=PROFILE,
            tokens=Tokens(access_token="PAGE_TOKEN", refresh_token="USER_TOKEN", scopes=("pages_manage_posts",)),
            metadata={"page_id": "1001", "category": "Bakery", "user_id": "9"},
        ),
        Candidate(
            remote_id="1003",
            type="page",
            profile=Profile(name="Books"),
            tokens=Tokens(access_token="BOOKS_TOKEN", refresh_token="USER_TOKEN", scopes=("pages_manage_posts",)),
            metadata={"page_id": "1003", "category": "", "user_id": "9"},
        ),
    ]
    refresh_calls = (accounts(BOOKS, BAKERY | {"access_token": "PAGE_TOKEN_2"}),)
    refreshed = Tokens(access_token="PAGE_TOKEN_2", refresh_token="USER_TOKEN")
    revoke_calls = (
        Call(
            "DELETE",
            f"{GRAPH}/9/permissions",
            {"headers": USER_BEARER, "params": USER_PROOF},
            make_answer(200, {"success": True}),
        ),
    )
    profile_calls = (
        read("1001", BAKERY, fields="id,name,username,picture.type(large){url},followers_count,fan_count"),
    )
    profile = PROFILE
    text = Publication(Content(text="Hello"), (), (feed(message="Hello"), permalink("1001_555")), published("1001_555"))
    link = Publication(
        Content(text="Read", link="https://example.com/a"),
        (),
        (feed(message="Read", link="https://example.com/a"), permalink("1001_555")),
        published("1001_555"),
    )
    image = Publication(
        Content(text="Bread", media=(make_image(alt_text="A loaf"),)),
        (),
        (
            photo(
                "media_1",
                {"id": "778", "post_id": "1001_556"},
                caption="Bread",
                published="true",
                alt_text_custom="A loaf",
            ),
            permalink("1001_556"),
        ),
        published("1001_556"),
    )
    images = Publication(
        Content(text="Two", media=(make_image("media_1", alt_text="A loaf"), make_image("media_2"))),
        (
            photo("media_1", {"id": "777"}, published="false", alt_text_custom="A loaf"),
            photo("media_2", {"id": "778"}, published="false"),
        ),
        (
            feed(message="Two", attached_media='[{"media_fbid": "777"}, {"media_fbid": "778"}]'),
            permalink("1001_555"),
        ),
        published("1001_555"),
    )
    own, other = listed("Hello"), listed("Something else", id="1001_9")
    recover_call = listing(own, other)
    nothing_found = make_answer(200, {"data": []})
    refused = graph_error(100)
    over_quota = make_answer(
        400,
        {"error": {"message": "Page request limit reached", "code": 32}},
        X_Business_Use_Case_Usage='{"1001": [{"call_count": 100, "estimated_time_to_regain_access": 2}]}',
    )
    token_over = graph_error(190, 463)

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, after=after, then=then)

    def test_a_list_that_goes_on_in_a_way_that_is_not_known_leaves_it_unknown(self) -> None:
        following = {"data": [], "paging": {"next": f"{GRAPH}/1001/published_posts?until=1700000000"}}

        with pytest.raises(Unknown):
            self.recovered(replace(self.recover_call, gets=make_answer(200, following)))

    def test_an_answer_without_the_pages_expires_nobody(self) -> None:
        with pytest.raises(Unknown):
            self.connector.refresh(
                FakeSession(replace(self.refresh_calls[0], gets=make_answer(200, {}))), self.account, now=NOW
            )

    def test_a_permalink_that_cannot_be_read_does_not_undo_the_post(self) -> None:
        post, look = self.text.commits
        session = FakeSession(post, replace(look, gets=LOST))

        found = self.connector.commit(session, self.prepared(self.text))

        assert found == Published(remote_id="1001_555", url="https://www.facebook.com/1001_555")

    def test_a_photo_without_a_post_id_is_unknown(self) -> None:
        with pytest.raises(PlatformError) as caught:
            self.commit(self.image, make_answer(200, {"id": "778"}))

        assert caught.value.error_code == "OUTCOME_UNKNOWN"

    @pytest.mark.parametrize("code", [1, 2])
    def test_a_transient_code_leaves_a_visible_call_unknown(self, code: int) -> None:
        with pytest.raises(PlatformError) as caught:
            self.commit(self.text, graph_error(code))

        assert caught.value.error_code == "OUTCOME_UNKNOWN"
        assert caught.value.network_code == str(code)

    def test_another_version_is_the_operators_choice(self) -> None:
        newer = Facebook(App(client_id="id", version="v27.0"))

        url = newer.authorize_url(redirect_uri="https://app.example/back", state="S", scopes=("one",))

        assert url.startswith("https://www.facebook.com/v27.0/dialog/oauth?")

    def test_an_app_without_a_secret_sends_no_proof(self) -> None:
        call = replace(feed(), sends={"headers": PAGE_BEARER, "data": {"message": "Hello"}})
        look = replace(permalink("1001_555"), sends={"headers": PAGE_BEARER, "params": {"fields": "permalink_url"}})

        found = Facebook(App(client_id="id")).commit(FakeSession(call, look), self.operation(self.text.content))

        assert found == self.text.published

    def test_a_page_that_the_person_lost_needs_its_owner(self) -> None:
        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(accounts(BOOKS)), self.account, now=NOW)

    def test_a_photo_that_facebook_has_deleted_by_now_is_uploaded_again(self) -> None:
        operation = self.prepared(self.images)
        session = FakeSession(*self.images.prepares)

        self.connector.prepare(session, replace(operation, now=later(hours=21)), lambda handles: None)

        session.assert_done()

    @pytest.mark.parametrize(
        ("publication", "found"),
        [
            ("images", listed("Two", ("photo", "777"), ("photo", "778"))),
            ("images", listed("Two", ("album", "1"))),
            ("image", listed("Bread", ("photo", "778"), id="1001_556")),
            ("link", listed("Read", ("share", ""))),
            ("text", listed("Hello\r\n")),
        ],
    )
    def test_a_post_is_recognised_with_what_hangs_on_it(self, publication: str, found: dict[str, Any]) -> None:
        operation = self.prepared(getattr(self, publication))

        recovered = self.connector.recover(FakeSession(listing(found)), operation)

        assert [each.remote_id for each in recovered] == [found["id"]]

    @pytest.mark.parametrize(
        ("publication", "other"),
        [
            ("text", listed("Hello", created_time="2026-11-24T09:59:50+0000")),
            ("text", listed("Hello", ("photo", "1"))),
            ("image", listed("Bread")),
            ("images", listed("Two", ("photo", "1"))),
            ("images", listed("Two")),
        ],
    )
    def test_another_post_is_not_taken_for_it(self, publication: str, other: dict[str, Any]) -> None:
        operation = self.prepared(getattr(self, publication))

        assert self.connector.recover(FakeSession(listing(other)), operation) == []

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (graph_error(190, 460), (AuthExpired, *OWNER)),
            (graph_error(102, status=401), (AuthExpired, *OWNER)),
            (graph_error(1705), (AuthExpired, *OWNER)),
            (graph_error(10), (Rejected, *OWNER)),
            (graph_error(283), (Rejected, *OWNER)),
            (graph_error(3), (Rejected, "PLATFORM_UNAVAILABLE", "operator")),
            (graph_error(100, 33), (Rejected, *CALLER)),
            (graph_error(506, 1455006), (Duplicate, *CALLER)),
            (graph_error(1366051), (Duplicate, *CALLER)),
            (graph_error(368, 1404082), (Duplicate, *CALLER)),
            (graph_error(368, 4854002), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(4, 2207051), (Rejected, "CONTENT_REJECTED", "account_owner")),
            (graph_error(368, 1390008), (RateLimited, *QUOTA)),
            (graph_error(4), (RateLimited, *QUOTA)),
            (graph_error(80001), (RateLimited, *QUOTA)),
            (graph_error(324), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(1366046), (Rejected, "MEDIA_REJECTED", "caller")),
            (graph_error(1609005), (Rejected, *CALLER)),
            (graph_error(100, is_transient=True), (Unavailable, *BUSY)),
            (graph_error(2), (Unavailable, *BUSY)),
            (graph_error(100, status=503), (Unavailable, *BUSY)),
        ],
        ids=lambda value: str(getattr(value, "body", value))[:60],
    )
    def test_a_refusal_says_who_can_mend_it(self, answer: Any, meaning: tuple[Any, ...]) -> None:
        error = self.connector.classify(answer)

        assert (type(error), error.error_code, error.acts) == meaning

    @pytest.mark.parametrize("link", ["http://bakery/", "https://localhost:8000/rye", "http://[::1]/"])
    def test_a_link_that_facebook_cannot_reach_is_told_beforehand(self, link: str) -> None:
        [issue] = self.connector.validate(Content(text="Rye", link=link))

        assert (issue.rule, issue.field, issue.actual) == ("link_unreachable", "link", link)
        assert self.connector.validate(Content(text="Rye", link="https://bakery.example/rye")) == []

    def test_an_error_keeps_the_networks_code_and_its_words_for_people(self) -> None:
        error = self.connector.classify(graph_error(190, 463, error_user_msg="Please log in\nagain."))

        assert (error.network_code, error.message) == ("190/463", "Facebook says: Please log in again.")

    @pytest.mark.parametrize(
        ("header", "wait"),
        [
            ('{"1": [{"estimated_time_to_regain_access": 5}], "2": [{"estimated_time_to_regain_access": 15}]}', 900),
            ('{"call_count": 100, "estimated_time_to_regain_access": 3}', 180),
            ('{"1": [{"estimated_time_to_regain_access": 999999}]}', 86_400),
            ('{"1": [{"estimated_time_to_regain_access": 0}]}', 60),
            ('{"1": [{"estimated_time_to_regain_access": "soon"}], "2": 7}', 60),
            ("[1]", 60),
            ("not json", 60),
        ],
    )
    def test_a_quota_waits_as_long_as_the_usage_says(self, header: str, wait: float) -> None:
        answer = make_answer(400, {"error": {"code": 4, "message": "Limit"}}, X_App_Usage=header)

        error = self.connector.classify(answer)

        assert isinstance(error, RateLimited)
        assert error.retry_after == wait
