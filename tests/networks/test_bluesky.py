"""Bluesky, against what was tried on the reference server of the AT Protocol."""

import json
from dataclasses import replace
from typing import Any

import jwt
import pytest

from accounts.platforms.atproto import record_key, service_origin
from accounts.platforms.base import (
    Account,
    App,
    AuthExpired,
    Candidate,
    Content,
    Handles,
    PlatformError,
    Profile,
    Published,
    RateLimited,
    Rejected,
    SignIn,
    Tokens,
    Unavailable,
    Unknown,
)
from accounts.platforms.bluesky import BlobMissing, Bluesky
from tests.networks.platform_case import (
    LOST,
    NOW,
    Call,
    FakeSession,
    PlatformCase,
    Publication,
    later,
    make_answer,
    make_image,
)

PDS = "https://pds.example"
DID = "did:plc:abc"
RKEY = "3n32f522m2222"
URI = f"at://{DID}/app.bsky.feed.post/{RKEY}"
BEARER = {"Authorization": "Bearer ACCESS"}
REFRESH_BEARER = {"Authorization": "Bearer REFRESH"}
PUBLISHED = Published(remote_id=URI, url=f"https://bsky.app/profile/{DID}/post/{RKEY}")
SHOWN = {
    "did": DID,
    "handle": "alice.example",
    "displayName": "Alice",
    "avatar": "https://cdn.example/a.jpg",
    "followersCount": 120,
    "followsCount": 3,
}
PROFILE = Profile(
    name="Alice", username="alice.example", profile_image="https://cdn.example/a.jpg", followers=120, following=3
)
BARE_SERVER = make_answer(
    400, {"error": "InvalidRequest", "message": "No service configured for app.bsky.actor.getProfile"}
)
KEY = "a key that is long enough for any algorithm"
PAGE = """<html><head><title>Fallback</title>
<meta property="og:title" content="Rye &amp; wheat"><meta name="description" content="How to bake">
<meta property="og:image" content="/rye.jpg"></head><body><p>Text</p></body></html>"""


def token(**claims: Any) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


def get(method: str, answer: Any, *, status: int = 200, **params: str) -> Call:
    return Call("GET", f"{PDS}/xrpc/{method}", {"headers": BEARER, "params": params}, make_answer(status, answer))


def blob(name: str, mime_type: str = "image/jpeg") -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": f"bafk{name}"}, "mimeType": mime_type, "size": 7}


def upload(content: bytes, name: str, mime_type: str = "image/jpeg") -> Call:
    sends = {"headers": BEARER | {"Content-Type": mime_type}, "data": content}
    answer = make_answer(200, {"blob": blob(name, mime_type)})
    return Call("POST", f"{PDS}/xrpc/com.atproto.repo.uploadBlob", sends, answer)


def put(**record: Any) -> Call:
    body = {
        "repo": DID,
        "collection": "app.bsky.feed.post",
        "rkey": RKEY,
        "swapRecord": None,
        "record": {"$type": "app.bsky.feed.post", "createdAt": "2026-11-24T10:00:00.000Z"} | record,
    }
    answer = make_answer(200, {"uri": URI, "cid": "bafyreigq", "commit": {"cid": "c", "rev": "r"}})
    return Call("POST", f"{PDS}/xrpc/com.atproto.repo.putRecord", {"headers": BEARER, "json": body}, answer)


def page(url: str, body: bytes, content_type: str) -> Call:
    return Call("GET", url, {}, make_answer(200, body=body, Content_Type=content_type))


def facet(start: int, end: int, kind: str, **fields: str) -> dict[str, Any]:
    feature = {"$type": f"app.bsky.richtext.facet#{kind}"} | fields
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def thumb_card(**fields: Any) -> dict[str, Any]:
    external = {"uri": "https://example.com/rye", "title": "Rye & wheat", "description": "How to bake"} | fields
    return {"$type": "app.bsky.embed.external", "external": external}


PAGE_CALLS = (
    page("https://example.com/rye", PAGE.encode(), "text/html; charset=utf-8"),
    page("https://example.com/rye.jpg", b"picture", "image/jpeg"),
)
RECORD = get(
    "com.atproto.repo.getRecord", {"uri": URI, "cid": "c"}, repo=DID, collection="app.bsky.feed.post", rkey=RKEY
)
ABSENT = make_answer(400, {"error": "RecordNotFound", "message": f"Could not locate record: {URI}"})


@pytest.fixture(autouse=True)
def clock_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda limit: 0)


class TestBluesky(PlatformCase):
    connector = Bluesky(App())
    account = Account(
        remote_id=DID,
        access_token="ACCESS",
        refresh_token="REFRESH",
        username="alice.example",
        metadata={"service": PDS},
    )
    refresh_calls = (
        Call(
            "POST",
            f"{PDS}/xrpc/com.atproto.server.refreshSession",
            {"headers": REFRESH_BEARER},
            make_answer(200, {"accessJwt": "a.b.c", "refreshJwt": "d.e.f", "did": DID, "handle": "alice.example"}),
        ),
    )
    refreshed = Tokens(access_token="a.b.c", refresh_token="d.e.f")
    revoke_calls = (Call("POST", f"{PDS}/xrpc/com.atproto.server.deleteSession", {"headers": REFRESH_BEARER}),)
    profile_calls = (get("app.bsky.actor.getProfile", SHOWN, actor=DID),)
    profile = PROFILE
    text = Publication(Content(text="Hello"), (), (put(text="Hello"),), PUBLISHED)
    link = Publication(
        Content(text="Read", link="https://example.com/rye"),
        (*PAGE_CALLS, upload(b"picture", "card")),
        (put(text="Read", embed=thumb_card(thumb=blob("card"))),),
        PUBLISHED,
    )
    image = Publication(
        Content(text="Pain d'\u00e9pices", media=(make_image(alt_text="A loaf"),), options={"langs": ["fr"]}),
        (upload(b"bytes of media_1", "one"),),
        (
            put(
                text="Pain d'\u00e9pices",
                langs=["fr"],
                embed={
                    "$type": "app.bsky.embed.images",
                    "images": [
                        {"image": blob("one"), "alt": "A loaf", "aspectRatio": {"width": 800, "height": 600}},
                    ],
                },
            ),
        ),
        PUBLISHED,
    )
    images = Publication(
        Content(text="", media=(make_image("media_1"), make_image("media_2", width=0, mime_type="image/png"))),
        (upload(b"bytes of media_1", "one"), upload(b"bytes of media_2", "two", "image/png")),
        (
            put(
                text="",
                embed={
                    "$type": "app.bsky.embed.images",
                    "images": [
                        {"image": blob("one"), "alt": "", "aspectRatio": {"width": 800, "height": 600}},
                        {"image": blob("two", "image/png"), "alt": ""},
                    ],
                },
            ),
        ),
        PUBLISHED,
    )
    recover_call = RECORD
    nothing_found = ABSENT
    refused = make_answer(
        400,
        {"error": "InvalidRequest", "message": "Invalid app.bsky.feed.post record: grapheme too big at $.record.text"},
    )
    over_quota = make_answer(
        429,
        {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"},
        RateLimit_Reset=str(int(later(seconds=120).timestamp())),
    )
    token_over = make_answer(400, {"error": "ExpiredToken", "message": "Token has expired"})

    def test_a_post_is_sent_with_null_as_what_it_replaces(self) -> None:
        assert "swapRecord" in self.text.commits[0].sends["json"]
        assert self.text.commits[0].sends["json"]["swapRecord"] is None

    def test_a_lost_answer_is_followed_by_the_very_same_record(self) -> None:
        operation = self.prepared(self.text)
        with pytest.raises(Unknown):
            self.connector.commit(FakeSession(replace(self.text.commits[0], gets=LOST)), operation)

        handles = self.connector.prepare(
            FakeSession(), replace(operation, now=later(minutes=3), armed_at=NOW), lambda handles: None
        )
        published = self.connector.commit(FakeSession(*self.text.commits), replace(operation, handles=handles))

        assert published == PUBLISHED

    def test_another_record_at_our_key_is_an_earlier_try(self) -> None:
        taken = make_answer(400, {"error": "InvalidSwap", "message": "Record was at bafy"})
        session = FakeSession(replace(self.text.commits[0], gets=taken), RECORD)

        assert self.connector.commit(session, self.prepared(self.text)) == PUBLISHED

    def test_a_taken_key_without_a_record_stays_unknown(self) -> None:
        taken = make_answer(400, {"error": "InvalidSwap", "message": "Record was at bafy"})
        session = FakeSession(replace(self.text.commits[0], gets=taken), replace(RECORD, gets=ABSENT))

        with pytest.raises(Unknown):
            self.connector.commit(session, self.prepared(self.text))

    def test_an_upload_that_was_dropped_is_made_again_before_the_next_try(self) -> None:
        dropped = make_answer(400, {"error": "BlobNotFound", "message": "Could not find blob"})
        with pytest.raises(BlobMissing):
            self.commit(self.image, dropped)
        operation = replace(self.prepared(self.image), now=later(seconds=30), armed_at=later(seconds=1))
        session = FakeSession(*self.image.prepares)

        handles = self.connector.prepare(session, operation, lambda handles: None)

        session.assert_done()
        assert (handles["rkey"], handles["record"]) == (operation.handles["rkey"], operation.handles["record"])

    def test_an_upload_that_came_out_otherwise_is_put_into_the_record(self) -> None:
        operation = replace(self.prepared(self.image), now=later(seconds=30), armed_at=later(seconds=1))
        session = FakeSession(upload(b"bytes of media_1", "other"))
        saved: list[Handles] = []

        handles = self.connector.prepare(session, operation, saved.append)

        assert handles["record"]["embed"]["images"][0]["image"] == blob("other")
        assert handles["record"]["createdAt"] == "2026-11-24T10:00:00.000Z"
        assert saved[-1] == handles

    def test_a_record_that_cannot_be_read_is_not_absent(self) -> None:
        broken = make_answer(400, {"error": "InvalidRequest", "message": "Bad"})

        with pytest.raises(Rejected):
            self.connector.recover(FakeSession(replace(RECORD, gets=broken)), self.prepared(self.text))

    def record(self, content: Content, *calls: Call) -> Any:
        session = FakeSession(*calls)
        handles = self.connector.prepare(session, self.operation(content), lambda handles: None)
        session.assert_done()
        return json.loads(json.dumps(handles["record"]))

    def test_links_mentions_and_hashtags_are_marked_in_bytes(self) -> None:
        family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
        text = f"H\u00e9 @alice.test see example.com/a, #tag and @nobody.test {family} #\u00e9t\u00e9"
        known = get("com.atproto.identity.resolveHandle", {"did": "did:plc:x"}, handle="alice.test")
        unknown = get(
            "com.atproto.identity.resolveHandle",
            {"error": "InvalidRequest", "message": "Unable to resolve handle"},
            status=400,
            handle="nobody.test",
        )

        record = self.record(Content(text=text), known, unknown)

        assert record["facets"] == [
            facet(4, 15, "mention", did="did:plc:x"),
            facet(20, 33, "link", uri="https://example.com/a"),
            facet(35, 39, "tag", tag="tag"),
            facet(76, 82, "tag", tag="\u00e9t\u00e9"),
        ]
        assert [
            text.encode()[each["index"]["byteStart"] : each["index"]["byteEnd"]].decode() for each in record["facets"]
        ] == [
            "@alice.test",
            "example.com/a",
            "#tag",
            "#\u00e9t\u00e9",
        ]

    def test_marks_do_not_overlap(self) -> None:
        record = self.record(Content(text="https://example.com/?q=@alice.test"))

        assert record["facets"] == [facet(0, 34, "link", uri="https://example.com/?q=@alice.test")]

    def test_a_hashtag_that_is_too_long_stays_text(self) -> None:
        assert "facets" not in self.record(Content(text="#" + "a" * 65))
        assert "facets" not in self.record(Content(text="#a" + "\u0301" * 320))
        assert "facets" in self.record(Content(text="#" + "a" * 64))

    @pytest.mark.parametrize(
        "calls",
        [
            (Call("GET", "https://example.com/rye", {}, LOST),),
            (Call("GET", "https://example.com/rye", {}, Rejected("The address is not allowed.")),),
            (Call("GET", "https://example.com/rye", {}, make_answer(404)),),
        ],
    )
    def test_a_page_that_cannot_be_read_does_not_stop_the_post(self, calls: tuple[Call, ...]) -> None:
        record = self.record(self.link.content, *calls)

        assert record["embed"] == thumb_card(title="https://example.com/rye", description="")

    @pytest.mark.parametrize("gets", [make_answer(413), make_answer(503), LOST])
    def test_a_picture_that_cannot_be_uploaded_is_left_out(self, gets: Any) -> None:
        record = self.record(self.link.content, *PAGE_CALLS, replace(upload(b"picture", "card"), gets=gets))

        assert record["embed"] == thumb_card()

    def test_a_dead_token_is_not_hidden_by_the_link_card(self) -> None:
        with pytest.raises(AuthExpired):
            self.record(self.link.content, *PAGE_CALLS, replace(upload(b"picture", "card"), gets=self.token_over))

    def test_the_service_of_an_account_without_one_is_blueskys_own(self) -> None:
        account = replace(self.account, metadata={})
        call = replace(self.revoke_calls[0], url="https://bsky.social/xrpc/com.atproto.server.deleteSession")
        session = FakeSession(call)

        self.connector.revoke(session, account)

        session.assert_done()

    def test_a_revoked_session_needs_its_owner(self) -> None:
        revoked = make_answer(400, {"error": "ExpiredToken", "message": "Token has been revoked"})

        with pytest.raises(AuthExpired):
            self.connector.refresh(FakeSession(replace(self.refresh_calls[0], gets=revoked)), self.account, now=NOW)

    def test_a_server_without_profiles_still_has_a_name(self) -> None:
        session = FakeSession(replace(self.profile_calls[0], gets=BARE_SERVER))

        assert self.connector.profile(session, self.account) == Profile(name="alice.example", username="alice.example")

    def test_a_profile_that_cannot_be_read_just_now_is_no_empty_one(self) -> None:
        session = FakeSession(replace(self.profile_calls[0], gets=make_answer(502, {"error": "UpstreamFailure"})))

        with pytest.raises(Unavailable):
            self.connector.profile(session, self.account)

    @pytest.mark.parametrize(
        ("status", "name", "message", "meaning"),
        [
            (401, "AuthMissing", "Authentication Required", (AuthExpired, "TOKEN_REVOKED", "account_owner")),
            (400, "InvalidToken", "Token could not be verified", (AuthExpired, "TOKEN_REVOKED", "account_owner")),
            (403, "AccountNotFound", "Not yours", (Rejected, "TOKEN_REVOKED", "account_owner")),
            (403, "ScopeMissingError", "Missing scope", (Rejected, "TOKEN_REVOKED", "account_owner")),
            (413, "PayloadTooLarge", "request entity too large", (Rejected, "MEDIA_REJECTED", "caller")),
            (400, "InvalidRequest", "blob too big (maximum 1000000)", (Rejected, "MEDIA_REJECTED", "caller")),
            (400, "InvalidRequest", "Invalid record key", (Rejected, "CONTENT_REJECTED", "caller")),
            (400, "InvalidSwap", "Record was at bafy", (Unknown, "OUTCOME_UNKNOWN", "network")),
            (503, "NotEnoughResources", "Busy", (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
        ],
    )
    def test_a_refusal_says_who_can_mend_it(
        self, status: int, name: str, message: str, meaning: tuple[type[PlatformError], str, str]
    ) -> None:
        error = self.connector.classify(make_answer(status, {"error": name, "message": message}))

        assert (type(error), error.error_code, error.acts) == meaning
        assert (error.network_code, error.message) == (name, f"Bluesky says: {message}")

    def test_retry_after_goes_before_the_reset_of_the_window(self) -> None:
        answer = make_answer(429, {"error": "RateLimitExceeded"}, Retry_After="7", RateLimit_Reset="9999999999")

        error = self.connector.classify(answer)

        assert isinstance(error, RateLimited)
        assert error.retry_after == 7

    @pytest.mark.parametrize("langs", [["en", "fr", "de", "it"], "en", [1], [""]])
    def test_languages_are_a_short_list_of_words(self, langs: Any) -> None:
        issues = self.connector.validate(Content(text="Hi", options={"langs": langs}))

        assert [each.rule for each in issues] == ["langs_invalid"]

    def test_a_text_of_300_families_is_too_large_in_bytes(self) -> None:
        families = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 300

        issues = self.connector.validate(Content(text=families))

        assert [(each.rule, each.limit, each.actual) for each in issues] == [("text_too_many_bytes", 3000, 7500)]


class TestSigningIn:
    connector = Bluesky(App())

    def session(self, service: str = "https://bsky.social", **answer: Any) -> Call:
        given = {
            "did": DID,
            "handle": "alice.example",
            "accessJwt": token(exp=int(later(hours=2).timestamp())),
            "refreshJwt": token(exp=int(later(days=90).timestamp())),
            "didDoc": {"service": [{"id": "#other"}, {"id": "#atproto_pds", "serviceEndpoint": PDS}]},
        }
        login = {"identifier": "alice.example", "password": "aaaa-bbbb-cccc-dddd"}
        url = f"{service}/xrpc/com.atproto.server.createSession"
        return Call("POST", url, {"json": login}, make_answer(200, given | answer))

    def sign_in(self, *calls: Call, service: str = "") -> list[Candidate]:
        session = FakeSession(*calls)
        credentials = SignIn(identifier=" @alice.example", password="aaaa-bbbb-cccc-dddd", service=service)
        candidates = self.connector.sign_in(session, credentials, now=NOW)
        session.assert_done()
        return candidates

    def profile(self, call: Call, host: str = PDS) -> Call:
        access = json.loads(call.gets.body)["accessJwt"]  # type: ignore[union-attr]
        url = f"{host}/xrpc/app.bsky.actor.getProfile"
        sends = {"headers": {"Authorization": f"Bearer {access}"}, "params": {"actor": DID}}
        return Call("GET", url, sends, make_answer(200, SHOWN))

    def test_the_account_is_used_where_it_lives(self) -> None:
        login = self.session()

        candidates = self.sign_in(login, self.profile(login))

        given = json.loads(login.gets.body)  # type: ignore[union-attr]
        tokens = Tokens(
            access_token=given["accessJwt"],
            refresh_token=given["refreshJwt"],
            access_expires_at=later(hours=2),
            ends_at=later(days=90),
        )
        assert candidates == [
            Candidate(remote_id=DID, type="profile", profile=PROFILE, tokens=tokens, metadata={"service": PDS})
        ]

    @pytest.mark.parametrize("document", [None, {"service": [{"id": "#atproto_pds", "serviceEndpoint": "ftp://x"}]}])
    def test_without_its_address_it_is_used_where_it_signed_in(self, document: Any) -> None:
        login = self.session("https://my.example:8443", didDoc=document)

        candidates = self.sign_in(login, self.profile(login, "https://my.example:8443"), service="my.example:8443")

        assert candidates[0].metadata == {"service": "https://my.example:8443"}

    def test_tokens_that_are_no_jwt_have_no_known_end(self) -> None:
        login = self.session(accessJwt="h.p.s", refreshJwt=token(exp="never"))

        candidates = self.sign_in(login, self.profile(login))

        assert (candidates[0].tokens.access_expires_at, candidates[0].tokens.ends_at) == (None, None)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("AuthenticationRequired", "The handle or the app password is wrong."),
            ("AuthFactorTokenRequired", "make an app password"),
            ("AccountTakedown", "Bluesky says: Account has been taken down"),
        ],
    )
    def test_a_refused_password_is_told_in_words_for_the_person(self, name: str, words: str) -> None:
        refused = make_answer(401, {"error": name, "message": "Account has been taken down"})

        with pytest.raises(Rejected, match=words):
            self.sign_in(replace(self.session(), gets=refused))

    def test_an_answer_without_a_session_is_unknown(self) -> None:
        with pytest.raises(Unknown):
            self.sign_in(self.session(did=""))

    @pytest.mark.parametrize(
        ("given", "origin"),
        [
            ("bsky.social", "https://bsky.social"),
            (" https://Bsky.Social/ ", "https://bsky.social"),
            ("http://localhost:2583", "http://localhost:2583"),
            ("localhost:2583", "https://localhost:2583"),
            ("https://[::1]:3000", "https://[::1]:3000"),
        ],
    )
    def test_a_service_becomes_an_origin(self, given: str, origin: str) -> None:
        assert service_origin(given) == origin

    @pytest.mark.parametrize(
        "given",
        [
            "ftp://bsky.social",
            "https://",
            "https://a.example/path",
            "https://u@a.example",
            "a.example:x",
            "a.example?b",
        ],
    )
    def test_anything_else_is_no_service(self, given: str) -> None:
        with pytest.raises(Rejected, match="service"):
            service_origin(given)


def test_record_keys_are_sortable_and_thirteen_long() -> None:
    keys = [record_key(later(microseconds=each)) for each in range(50)]

    assert keys == sorted(set(keys))
    assert {len(each) for each in keys} == {13}
    assert set("".join(keys)) <= set("234567abcdefghijklmnopqrstuvwxyz")
    assert int("".join(f"{'234567abcdefghijklmnopqrstuvwxyz'.index(each):05b}" for each in keys[0]), 2) == (
        int(NOW.timestamp()) * 1_000_000 << 10
    )
