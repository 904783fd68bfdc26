"""Bluesky, against what was tried on the reference server of the AT Protocol."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest

from accounts.platforms.base import SignIn
from accounts.platforms.bluesky import Bluesky
from accounts.platforms.bluesky.atproto import record_key, service_origin
from accounts.platforms.bluesky.errors import BlobMissing
from accounts.platforms.errors import (
    AuthExpired,
    PlatformError,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.http import Answer
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Handles,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from tests.networks.platform_case import (
    LOST,
    NOW,
    NOW_HEADER,
    Call,
    FakeSession,
    ListCase,
    PlatformCase,
    Publication,
    Saved,
    later,
    make_answer,
    make_image,
    make_video,
    no_save,
)

PDS = "https://pds.example"
DID = "did:plc:abc"
RKEY = "3n32f522m2222"
URI = f"at://{DID}/app.bsky.feed.post/{RKEY}"
BEARER = {"Authorization": "Bearer ACCESS"}
REFRESH_BEARER = {"Authorization": "Bearer REFRESH"}
PUBLISHED = Published(remote_id=URI, url=f"https://bsky.app/profile/{DID}/post/{RKEY}", facts={"cid": "bafyreigq"})
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
OTHER_SERVER = make_answer(501, {"error": "MethodNotImplemented", "message": "Method Not Implemented"})
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


def put(*, rkey: str = RKEY, at: str = "2026-11-24T10:00:00.000Z", cid: str = "bafyreigq", **record: Any) -> Call:
    body = {
        "repo": DID,
        "collection": "app.bsky.feed.post",
        "rkey": rkey,
        "swapRecord": None,
        "record": {"$type": "app.bsky.feed.post", "createdAt": at} | record,
    }
    uri = f"at://{DID}/app.bsky.feed.post/{rkey}"
    answer = make_answer(200, {"uri": uri, "cid": cid, "commit": {"cid": "c", "rev": "r"}})
    return Call("POST", f"{PDS}/xrpc/com.atproto.repo.putRecord", {"headers": BEARER, "json": body}, answer)


def page(url: str, body: bytes, content_type: str) -> Call:
    return Call("GET", url, {}, make_answer(200, body=body, Content_Type=content_type))


def facet(start: int, end: int, kind: str, **fields: str) -> dict[str, Any]:
    feature = {"$type": f"app.bsky.richtext.facet#{kind}"} | fields
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def thumb_card(**fields: Any) -> dict[str, Any]:
    external = {"uri": "https://example.com/rye", "title": "Rye & wheat", "description": "How to bake"} | fields
    return {"$type": "app.bsky.embed.external", "external": external}


def listed(rkey: str, text: str, *, at: str = "2026-11-24T09:59:57.000Z", parent: str = "") -> dict[str, Any]:
    answers = {"reply": {"parent": {"uri": parent}}} if parent else {}
    value = {"text": text, "createdAt": at} | answers
    return {"uri": f"at://{DID}/app.bsky.feed.post/{rkey}", "cid": "bafyreigq", "value": value}


def listing(*records: Any, cursor: str = "", asked: str = "") -> Call:
    answer = {"records": list(records)} | ({"cursor": cursor} if cursor else {})
    given: dict[str, Any] = {"repo": DID, "collection": "app.bsky.feed.post", "limit": "100"}
    given |= {"cursor": asked} if asked else {}
    return get("com.atproto.repo.listRecords", answer, **given)


PAGE_CALLS = (
    page("https://example.com/rye", PAGE.encode(), "text/html; charset=utf-8"),
    page("https://example.com/rye.jpg", b"picture", "image/jpeg"),
)
RECORD = get(
    "com.atproto.repo.getRecord",
    {"uri": URI, "cid": "bafyreigq", "value": {}},
    repo=DID,
    collection="app.bsky.feed.post",
    rkey=RKEY,
)
ROOT = Published(remote_id=f"at://{DID}/app.bsky.feed.post/3root", url="", facts={"cid": "bafyroot"})
PART = Published(remote_id=f"at://{DID}/app.bsky.feed.post/3part", url="", facts={"cid": "bafypart"})
ROOT_REF, PART_REF = ({"uri": each.remote_id, "cid": each.facts["cid"]} for each in (ROOT, PART))
THREAD = Content(text="One", options={"thread": ["Two #rye", "Three"], "first_comment": "Try it", "langs": ["en"]})
LATER, LATEST = "3n32f522mzc22", "3n32f522nyk22"
"""The keys of the parts behind one and two others: a millisecond later each."""
ABSENT = make_answer(400, {"error": "RecordNotFound", "message": f"Could not locate record: {URI}"})


def published(rkey: str) -> Published:
    url = f"https://bsky.app/profile/{DID}/post/{rkey}"
    return Published(remote_id=f"at://{DID}/app.bsky.feed.post/{rkey}", url=url, facts={"cid": "bafyreigq"})


FILM = make_video(alt_text="An oven")
VIDEO = "https://video.bsky.app/xrpc/app.bsky.video"
VIDEO_BLOB = blob("film", "video/mp4")
DONE = {"jobId": "job1", "did": DID, "state": "JOB_STATE_COMPLETED", "blob": VIDEO_BLOB}
BEGUN = {"jobId": "job1", "did": DID, "state": "JOB_STATE_CREATED"}


def authority(audience: str, method: str, token: str, *, ahead: timedelta = timedelta()) -> Call:
    until = str(int((later(minutes=25) + ahead).timestamp()))
    return get("com.atproto.server.getServiceAuth", {"token": token}, aud=audience, lxm=method, exp=until)


def other_clock(theirs: str) -> Answer:
    return make_answer(400, {"error": "BadExpiration", "message": "expiration is in past"}, Date=theirs)


def room(gets: Answer | PlatformError | None = None) -> Call:
    plenty = make_answer(200, {"canUpload": True, "remainingDailyVideos": 9, "remainingDailyBytes": 10**9})
    sends = {"headers": {"Authorization": "Bearer ASK"}}
    return Call("GET", f"{VIDEO}.getUploadLimits", sends, gets or plenty)


def send_video(gets: Answer | PlatformError | None = None) -> Call:
    sends = {
        "headers": {"Authorization": "Bearer SEND", "Content-Type": "video/mp4"},
        "data": b"bytes of media_1",
    }
    url = f"{VIDEO}.uploadVideo?did=did%3Aplc%3Aabc&name=media_1.mp4"
    return Call("POST", url, sends, gets or make_answer(200, DONE))


def working(since: datetime, job: str = "job1") -> Handles:
    """Return what is kept of a film while the service works on it."""
    return {"uploads": {"media_1": {"job": job, "at": since.isoformat()}}}


def job(**status: Any) -> Call:
    answer = make_answer(200, {"jobStatus": {"jobId": "job1", "did": DID} | status})
    return Call("GET", f"{VIDEO}.getJobStatus", {"params": {"jobId": "job1"}}, answer)


def send_plainly(gets: Answer | PlatformError | None = None, pds: str = PDS) -> Call:
    sends = {"headers": BEARER | {"Content-Type": "video/mp4"}, "data": b"bytes of media_1"}
    url = f"{pds}/xrpc/com.atproto.repo.uploadBlob"
    return Call("POST", url, sends, gets or make_answer(200, {"blob": VIDEO_BLOB}))


def video_embed(**more: str) -> dict[str, Any]:
    ratio = {"width": 720, "height": 1280}
    return {"$type": "app.bsky.embed.video", "video": VIDEO_BLOB, "aspectRatio": ratio} | more


ASK_FOR_ROOM = (authority("did:web:video.bsky.app", "app.bsky.video.getUploadLimits", "ASK"), room())
SERVICE_AUTH = authority("did:web:pds.example", "com.atproto.repo.uploadBlob", "SEND")


@pytest.fixture(autouse=True)
def clock_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda limit: 0)


TAKEN = [
    make_answer(400, {"error": "InvalidSwap", "message": "Record was at bafy"}),
    make_answer(500, {"error": "InternalServerError", "message": "Internal Server Error"}),
]
"""How a server may say that there is a record at the key already."""


MEDIA_OF_CALLER = (Rejected, "MEDIA_REJECTED", "caller")
QUOTA = (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")


class TestBluesky(PlatformCase):
    stays_prepared = timedelta(minutes=1)
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
    publications = {
        "text": Publication(Content(text="Hello"), (), (put(text="Hello"),), PUBLISHED),
        "link": Publication(
            Content(text="Read", link="https://example.com/rye"),
            (*PAGE_CALLS, upload(b"picture", "card")),
            (put(text="Read", embed=thumb_card(thumb=blob("card"))),),
            PUBLISHED,
        ),
        "image": Publication(
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
        ),
        "images": Publication(
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
        ),
        "second part": Publication(
            THREAD,
            (),
            (
                put(
                    rkey=LATER,
                    at="2026-11-24T10:00:00.001Z",
                    text="Two #rye",
                    langs=["en"],
                    facets=[facet(4, 8, "tag", tag="rye")],
                    reply={"root": ROOT_REF, "parent": ROOT_REF},
                ),
            ),
            published(LATER),
            out=(ROOT,),
        ),
        "third part": Publication(
            THREAD,
            (),
            (
                put(
                    rkey=LATEST,
                    at="2026-11-24T10:00:00.002Z",
                    text="Three",
                    langs=["en"],
                    reply={"root": ROOT_REF, "parent": PART_REF},
                ),
            ),
            published(LATEST),
            out=(ROOT, PART),
        ),
        "first comment": Publication(
            Content(text="One", media=(make_image(),), options={"first_comment": "Try it"}),
            (),
            (
                put(
                    rkey=LATER,
                    at="2026-11-24T10:00:00.001Z",
                    text="Try it",
                    reply={"root": ROOT_REF, "parent": ROOT_REF},
                ),
            ),
            published(LATER),
            out=(ROOT,),
        ),
        "video": Publication(
            Content(text="Oven", media=(FILM,)),
            (*ASK_FOR_ROOM, SERVICE_AUTH, send_video()),
            (put(text="Oven", embed=video_embed(alt="An oven")),),
            PUBLISHED,
        ),
    }
    recover_calls = (RECORD,)
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

    def test_a_lost_answer_is_followed_by_the_very_same_record(self) -> None:
        operation = self.prepared(self.first)
        with pytest.raises(Unknown):
            self.commits(operation, replace(self.first.commits[0], gets=LOST))

        handles = self.prepares(replace(operation, now=later(minutes=3), armed_at=NOW))
        assert self.commits(replace(operation, handles=handles), *self.first.commits) == PUBLISHED

    @pytest.mark.parametrize("taken", TAKEN)
    def test_another_record_at_our_key_is_an_earlier_try(self, taken: Answer) -> None:
        assert self.commits(self.prepared(self.first), replace(self.first.commits[0], gets=taken), RECORD) == PUBLISHED

    @pytest.mark.parametrize("taken", TAKEN)
    @pytest.mark.parametrize("gets", [ABSENT, LOST, make_answer(503), make_answer(400, {"error": "ExpiredToken"})])
    def test_a_taken_key_that_shows_no_record_leaves_the_outcome_unknown(self, taken: Answer, gets: Any) -> None:
        with pytest.raises(Unknown):
            self.commits(
                self.prepared(self.first), replace(self.first.commits[0], gets=taken), replace(RECORD, gets=gets)
            )

    def dropped(self, kind: str, operation: Operation) -> Operation:
        """Return how a post is tried again of which the server has dropped the files."""
        gone = make_answer(400, {"error": "BlobNotFound", "message": "Could not find blob"})
        with pytest.raises(BlobMissing, match="Could not find blob") as caught:
            self.connector.commit(FakeSession(replace(self.publications[kind].commits[0], gets=gone)), operation)
        assert caught.value.handles is not None
        return replace(operation, handles=caught.value.handles, now=later(seconds=30), armed_at=None)

    def test_a_post_that_waited_before_it_was_sent_is_dated_anew_under_its_key(self, kind: str) -> None:
        operation = self.prepared(self.publications[kind])
        waited = replace(operation, now=later(minutes=30), armed_at=None)

        handles = self.prepares(waited)

        created_at = handles["record"]["createdAt"]
        assert handles["record"] == operation.handles["record"] | {"createdAt": created_at}
        assert created_at.startswith("2026-11-24T10:30:00.00")
        assert handles["rkey"] == operation.handles["rkey"]

    def test_a_post_that_may_have_been_sent_keeps_its_time_and_key_however_long_it_waits(self, kind: str) -> None:
        operation = self.prepared(self.publications[kind])
        waited = replace(operation, now=later(minutes=30), armed_at=later(seconds=1))

        assert self.prepares(waited) == operation.handles

    def test_an_upload_that_was_dropped_is_made_again_before_the_next_try(self) -> None:
        operation = self.prepared(self.publications["image"])
        again = self.dropped("image", operation)

        handles = self.prepares(again, *self.publications["image"].prepares)

        assert (handles["rkey"], handles["record"]) == (operation.handles["rkey"], operation.handles["record"])
        assert self.prepares(replace(again, handles=handles)) == handles

    def test_a_video_that_was_dropped_goes_to_the_server_which_its_service_would_not_do_again(self) -> None:
        operation = self.prepared(self.publications["video"])
        again = self.dropped("video", operation)

        handles = self.prepares(replace(again, now=NOW), *ASK_FOR_ROOM, send_plainly())

        assert (handles["rkey"], handles["record"]) == (operation.handles["rkey"], operation.handles["record"])

    def test_a_video_that_was_dropped_for_the_limit_of_a_day_says_so_and_waits(self) -> None:
        again = replace(self.dropped("video", self.prepared(self.publications["video"])), now=NOW)
        full = {"canUpload": False, "remainingDailyVideos": 0, "message": "User is over daily upload limits"}

        with pytest.raises(RateLimited, match="daily limit for videos: Bluesky says: User is over daily"):
            self.prepares(again, ASK_FOR_ROOM[0], room(make_answer(200, full)))

    def test_an_upload_that_came_out_otherwise_is_put_into_the_record(self) -> None:
        again = self.dropped("image", self.prepared(self.publications["image"]))
        saved = Saved()

        handles = self.prepares(again, upload(b"bytes of media_1", "other"), save=saved)

        assert handles["record"]["embed"]["images"][0]["image"] == blob("other")
        assert handles["record"]["createdAt"] == "2026-11-24T10:00:00.000Z"
        assert saved.handles[-1] == handles

    def test_a_record_that_cannot_be_read_is_not_absent(self) -> None:
        broken = make_answer(400, {"error": "InvalidRequest", "message": "Bad"})

        with pytest.raises(Rejected):
            self.recovers(self.prepared(self.first), replace(RECORD, gets=broken))

    def test_a_post_whose_key_is_not_known_is_looked_for_in_the_list(self) -> None:
        operation = self.operation(self.first.content, armed_at=NOW)
        reply = listed("3reply", self.first.content.text, parent=ROOT.remote_id)

        assert self.connector.lists(operation)
        assert self.recovers(operation, listing(reply, {"uri": "at://x"})) == []

    def test_a_reply_whose_key_is_not_known_is_looked_for_by_what_it_answers(self) -> None:
        operation = self.operation(THREAD, out=(ROOT,), armed_at=NOW)
        records = [
            listed("3else", "Two #rye", parent=PART.remote_id),
            listed("3two", "Two #rye", parent=ROOT.remote_id),
        ]

        [found] = self.recovers(operation, listing(*records))

        assert found.remote_id == f"at://{DID}/app.bsky.feed.post/3two"

    def record(self, content: Content, *calls: Call) -> Any:
        session = FakeSession(*calls)
        handles = self.connector.prepare(session, self.operation(content), no_save)
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

    @pytest.mark.parametrize("gets", [make_answer(502, {"error": "UpstreamFailure"}), LOST])
    def test_a_mention_that_cannot_be_resolved_holds_the_post_for_two_minutes(self, gets: Any) -> None:
        asked = replace(get("com.atproto.identity.resolveHandle", {}, handle="alice.test"), gets=gets)
        limited = replace(asked, gets=make_answer(429, {"error": "RateLimitExceeded"}))
        operation, saved = self.operation(Content(text="Hello @alice.test")), Saved({})

        def prepare(call: Call, seconds: int) -> Handles:
            begun = replace(operation, now=later(seconds=seconds), handles=saved.handles[-1])
            return self.prepares(begun, call, save=saved)

        for call, seconds in ((asked, 0), (asked, 30), (limited, 150)):
            with pytest.raises((Unavailable, Unknown)):
                prepare(call, seconds)

        assert "facets" not in prepare(asked, 150)["record"]

    def test_marks_do_not_overlap(self) -> None:
        record = self.record(Content(text="https://example.com/?q=@alice.test"))

        assert record["facets"] == [facet(0, 34, "link", uri="https://example.com/?q=@alice.test")]

    def test_a_link_leads_where_it_says_whatever_its_script(self) -> None:
        record = self.record(Content(text="https://ja.wikipedia.org/wiki/\u65e5\u672c#\u6b74"))

        assert record["facets"] == [facet(0, 40, "link", uri="https://ja.wikipedia.org/wiki/\u65e5\u672c#\u6b74")]

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
        record = self.record(self.publications["link"].content, *calls)

        assert record["embed"] == thumb_card(title="https://example.com/rye", description="")

    @pytest.mark.parametrize("gets", [make_answer(413), make_answer(503), LOST])
    def test_a_picture_that_cannot_be_uploaded_is_left_out(self, gets: Any) -> None:
        thumb = replace(upload(b"picture", "card"), gets=gets)

        record = self.record(self.publications["link"].content, *PAGE_CALLS, thumb)

        assert record["embed"] == thumb_card()

    def test_a_picture_that_the_server_takes_for_something_else_is_left_out(self) -> None:
        thumb = replace(upload(b"picture", "card"), gets=make_answer(200, {"blob": blob("card", "application/gzip")}))

        record = self.record(self.publications["link"].content, *PAGE_CALLS, thumb)

        assert record["embed"] == thumb_card()

    def test_a_dead_token_is_not_hidden_by_the_link_card(self) -> None:
        thumb = replace(upload(b"picture", "card"), gets=self.token_over)

        with pytest.raises(AuthExpired):
            self.record(self.publications["link"].content, *PAGE_CALLS, thumb)

    def test_the_service_of_an_account_without_one_is_blueskys_own(self) -> None:
        account = replace(self.account, metadata={})
        call = replace(self.revoke_calls[0], url="https://bsky.social/xrpc/com.atproto.server.deleteSession")
        session = FakeSession(call)

        self.connector.revoke(session, account)

        session.assert_done()

    def test_a_revoked_session_needs_its_owner(self) -> None:
        revoked = make_answer(400, {"error": "ExpiredToken", "message": "Token has been revoked"})

        with pytest.raises(AuthExpired):
            self.refresh(revoked)

    @pytest.mark.parametrize("gets", [BARE_SERVER, OTHER_SERVER])
    def test_a_server_without_profiles_still_has_a_name(self, gets: Answer) -> None:
        session = FakeSession(replace(self.profile_calls[0], gets=gets))

        assert self.connector.profile(session, self.account) == Profile(name="alice.example", username="alice.example")

    def test_a_handle_that_was_changed_is_read_with_the_profile(self) -> None:
        changed = make_answer(200, SHOWN | {"handle": "alice.bakery.example"})

        found = self.connector.profile(FakeSession(replace(self.profile_calls[0], gets=changed)), self.account)

        assert found == replace(PROFILE, username="alice.bakery.example")

    def test_a_profile_that_cannot_be_read_just_now_is_no_empty_one(self) -> None:
        session = FakeSession(replace(self.profile_calls[0], gets=make_answer(502, {"error": "UpstreamFailure"})))

        with pytest.raises(Unavailable):
            self.connector.profile(session, self.account)

    @pytest.mark.parametrize(
        ("status", "name", "message", "meaning"),
        [
            (401, "AuthMissing", "Authentication Required", (AuthExpired, "TOKEN_REVOKED", "account_owner")),
            (400, "InvalidToken", "Token could not be verified", (AuthExpired, "TOKEN_REVOKED", "account_owner")),
            (400, "AccountTakedown", "Account has been taken down", (AuthExpired, "TOKEN_REVOKED", "account_owner")),
            (403, "AccountNotFound", "Not yours", (Rejected, "TOKEN_REVOKED", "account_owner")),
            (403, "ScopeMissingError", "Missing scope", (Rejected, "TOKEN_REVOKED", "account_owner")),
            (400, "InvalidRequest", "blob too big (maximum 1000000)", (Rejected, "MEDIA_REJECTED", "caller")),
            (400, "BlobTooLarge", "This file is too large. It is 1.47MB.", (Rejected, "MEDIA_REJECTED", "caller")),
            (400, "InvalidMimeType", "Wrong type of file.", (Rejected, "MEDIA_REJECTED", "caller")),
            (400, "InvalidRequest", "Invalid record key", (Rejected, "CONTENT_REJECTED", "caller")),
            (400, "InvalidSwap", "Record was at bafy", (Unknown, "OUTCOME_UNKNOWN", "network")),
            (503, "NotEnoughResources", "Busy", (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
        ],
    )
    def test_a_refusal_says_who_can_mend_it(
        self, status: int, name: str, message: str, meaning: tuple[type[PlatformError], str, str]
    ) -> None:
        error = self.connector.classify(make_answer(status, {"error": name, "message": message}))

        assert (type(error), error.code, error.who_acts) == meaning
        assert (error.network_code, error.message) == (name, f"Bluesky says: {message}")

    def test_retry_after_goes_before_the_reset_of_the_window(self) -> None:
        answer = make_answer(429, {"error": "RateLimitExceeded"}, Retry_After="7", RateLimit_Reset="9999999999")

        assert self.waits(answer) == 7

    @pytest.mark.parametrize(
        ("langs", "rule"),
        [
            (["en", "fr", "de", "it"], "too_many_entries"),
            ("en", "option_invalid"),
            ([1], "option_invalid"),
            (5, "option_invalid"),
            ([""], "option_empty"),
            (["English please"], "langs_invalid"),
            (["en_US"], "langs_invalid"),
            (["x"], "langs_invalid"),
            (["\u017fs"], "langs_invalid"),
        ],
    )
    def test_languages_are_a_short_list_of_tags(self, langs: Any, rule: str) -> None:
        issues = self.connector.validate(Content(text="Hi", options={"langs": langs}), {})

        assert [each.rule for each in issues] == [rule]

    def test_languages_may_name_script_region_and_variant(self) -> None:
        langs = ["zh-Hans-CN", "es-419", "de-1996"]

        assert self.connector.validate(Content(text="Hi", options={"langs": langs}), {}) == []

    @pytest.mark.parametrize(
        "alt_text", ["x" * 1001, "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 500]
    )
    def test_the_alt_text_of_a_video_is_shorter_than_that_of_an_image(self, alt_text: str) -> None:
        video = Content(text="", media=(make_video(alt_text=alt_text),))
        image = Content(text="", media=(make_image(alt_text="x" * 2000),))

        assert ("alt_text_too_long", "media.0.alt_text") in [
            (each.rule, each.field) for each in self.connector.validate(video, {})
        ]
        assert self.connector.validate(image, {}) == []

    def test_a_text_of_300_families_is_too_large_in_bytes(self) -> None:
        families = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 300

        issues = self.connector.validate(Content(text=families), {})

        assert [(each.rule, each.limit, each.actual) for each in issues] == [("text_too_many_bytes", 3000, 7500)]

    def test_an_answer_without_the_content_id_is_unclear(self) -> None:
        with pytest.raises(Unknown):
            self.commit(self.first, make_answer(200, {"uri": URI}))

    def test_a_post_whose_content_id_nobody_kept_is_looked_up_by_its_replies(self) -> None:
        found = get("com.atproto.repo.getRecord", ROOT_REF, repo=DID, collection="app.bsky.feed.post", rkey="3root")
        operation = self.operation(THREAD, out=(replace(ROOT, facts={}), PART))

        handles = self.prepares(operation, found)

        assert handles["record"]["reply"] == {"root": ROOT_REF, "parent": PART_REF}
        lost = FakeSession(replace(found, gets=make_answer(200, {})))
        with pytest.raises(Rejected):
            self.connector.prepare(lost, operation, no_save)

    def upload(
        self, *calls: Call, handles: Handles | None = None, account: Account | None = None, **values: Any
    ) -> Handles:
        """Prepare the film until something is raised; `self.saved` is where that left it."""
        given: dict[str, Any] = {"account": account or self.account, "now": NOW, "handles": handles or {}} | values
        operation = Operation(content=self.publications["video"].content, **given)
        session = FakeSession(*calls)
        self.saved: Handles = handles or {}
        self.timeouts = session.timeouts

        def save(handles: Handles, *, seconds: float = 0) -> None:
            self.saved, self.seconds = handles, seconds

        try:
            return self.connector.prepare(session, operation, save)
        finally:
            session.assert_done()

    def test_a_video_without_a_name_is_sent_under_one(self) -> None:
        sent = send_video()
        content = Content(text="Oven", media=(replace(FILM, filename=""),))

        self.prepares(
            self.operation(content),
            *ASK_FOR_ROOM,
            SERVICE_AUTH,
            replace(sent, url=sent.url.replace("media_1.mp4", "video.mp4")),
        )

    @pytest.mark.parametrize(
        ("theirs", "ahead"),
        [
            ("Wed, 25 Nov 2026 10:00:00 GMT", timedelta(days=1)),
            ("Tue, 24 Nov 2026 09:00:00 GMT", timedelta(hours=-1)),
        ],
    )
    def test_a_server_with_another_clock_is_asked_by_its_own(self, theirs: str, ahead: timedelta) -> None:
        refused, room_left = replace(ASK_FOR_ROOM[0], gets=other_clock(theirs)), ASK_FOR_ROOM[1]
        again, then = (
            authority("did:web:video.bsky.app", "app.bsky.video.getUploadLimits", "ASK", ahead=ahead),
            authority("did:web:pds.example", "com.atproto.repo.uploadBlob", "SEND", ahead=ahead),
        )

        handles = self.upload(refused, again, room_left, then, send_video())

        assert handles["record"]["embed"] == video_embed(alt="An oven")

    def test_a_server_that_never_takes_the_time_is_for_the_operator_and_not_the_posts_fault(self) -> None:
        refused = replace(ASK_FOR_ROOM[0], gets=other_clock(NOW_HEADER))

        with pytest.raises(Unavailable) as caught:
            self.upload(refused, refused)

        told = "The clocks of this installation and of the account's server differ. Bluesky says: expiration is in past"
        assert (caught.value.message, caught.value.who_acts) == (told, "operator")

    def test_the_work_on_a_video_is_waited_for(self) -> None:
        with pytest.raises(StillWorking) as caught:
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(make_answer(200, {"jobStatus": BEGUN})))
        begun = self.saved
        with pytest.raises(StillWorking):
            self.upload(job(state="JOB_STATE_ENCODING"), handles=begun)

        handles = self.upload(job(state="JOB_STATE_COMPLETED", blob=VIDEO_BLOB), handles=begun)

        assert caught.value.retry_after == 5
        assert begun == working(NOW)
        assert handles["record"]["embed"] == video_embed(alt="An oven")

    def test_a_large_upload_is_given_its_time(self) -> None:
        with pytest.raises(Unknown):
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(LOST))

        assert (self.saved, self.seconds, self.timeouts[-1]) == ({}, 600, 600)

    @pytest.mark.parametrize("known", [{"blob": VIDEO_BLOB}, {"state": "JOB_STATE_COMPLETED", "blob": VIDEO_BLOB}])
    def test_a_video_that_is_known_already_gives_its_blob(self, known: dict[str, Any]) -> None:
        again = make_answer(409, {"error": "already_exists", "jobId": "job1"} | known)

        handles = self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(again))

        assert handles["record"]["embed"]["video"] == VIDEO_BLOB

    def test_a_video_that_is_known_and_not_ready_is_waited_for(self) -> None:
        again = make_answer(409, {"error": "already_exists", "jobId": "job1", "message": "Video already processed"})
        with pytest.raises(StillWorking):
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(again))

        handles = self.upload(job(state="JOB_STATE_COMPLETED", blob=VIDEO_BLOB), handles=self.saved)

        assert handles["record"]["embed"]["video"] == VIDEO_BLOB

    def test_a_video_that_is_given_up_is_rejected_and_forgotten(self) -> None:
        failed = job(state="JOB_STATE_FAILED", message="Not a video", failureCode="bad_video")

        with pytest.raises(Rejected) as caught:
            self.upload(failed, handles=working(NOW))

        assert (caught.value.code, caught.value.network_code) == ("MEDIA_REJECTED", "bad_video")
        assert caught.value.message == "Bluesky says: Not a video"
        assert self.saved == {}

    @pytest.mark.parametrize(
        ("code", "told", "meaning", "words"),
        [
            ("validation_failure", {"error": "BadAspectRatio"}, MEDIA_OF_CALLER, "says: BadAspectRatio"),
            ("encoding_failure", {}, MEDIA_OF_CALLER, "says: encoding_failure"),
            ("pds_upload_unsupported_blob_size", {}, MEDIA_OF_CALLER, "says: pds_upload_unsupported_blob_size"),
            ("", {"message": "Failed to process video"}, MEDIA_OF_CALLER, "says: Failed to process video"),
            ("", {}, MEDIA_OF_CALLER, "could not work on the video."),
            ("pds_upload_failure", {"message": "Failed"}, (Unavailable, "PLATFORM_UNAVAILABLE", "network"), "Failed"),
            ("", {"message": "User is over daily upload limits"}, QUOTA, "daily limit for videos: .* over daily"),
            ("daily_quota_reached", {}, QUOTA, "daily limit for videos: .* daily_quota_reached"),
        ],
    )
    def test_a_failed_video_says_why_and_is_sent_again_where_the_server_did_not_take_it(
        self, code: str, told: dict[str, Any], meaning: tuple[Any, ...], words: str
    ) -> None:
        failed = job(state="JOB_STATE_FAILED", **told, **({"failureCode": code} if code else {}))

        with pytest.raises(PlatformError, match=words) as caught:
            self.upload(failed, handles=working(NOW))

        assert (type(caught.value), caught.value.code, caught.value.who_acts) == meaning
        assert self.saved == {}, "the next try sends it anew"

    @pytest.mark.parametrize(
        ("status", "error"),
        [(400, "InvalidRequest"), (404, "InvalidRequest"), (401, "AuthenticationRequired"), (400, "ExpiredToken")],
    )
    def test_work_of_which_the_service_does_not_tell_any_more_is_begun_anew(self, status: int, error: str) -> None:
        lost = replace(job(), gets=make_answer(status, {"error": error, "message": "Job not found"}))

        with pytest.raises(Unavailable, match="Job not found") as caught:
            self.upload(lost, handles=working(NOW))

        assert (type(caught.value), self.saved) == (Unavailable, {})

    def test_an_account_whose_e_mail_is_not_confirmed_is_told_so(self) -> None:
        refused = {"jobStatus": {"did": "", "error": "unconfirmed_email", "jobId": "", "state": ""}}

        with pytest.raises(Rejected, match="confirm the account's e-mail address") as caught:
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(make_answer(200, refused)))

        assert (caught.value.code, caught.value.who_acts) == ("MEDIA_REJECTED", "account_owner")

    @pytest.mark.parametrize(
        ("told", "meaning", "words"),
        [
            ({"error": "daily_limit"}, QUOTA, "daily limit for videos: .* daily_limit"),
            ({"error": "not_allowed", "message": "No"}, MEDIA_OF_CALLER, "says: No"),
        ],
    )
    def test_a_video_that_is_dropped_at_once_says_why(
        self, told: dict[str, str], meaning: tuple[Any, ...], words: str
    ) -> None:
        dropped = make_answer(200, {"jobStatus": {"did": "", "jobId": "", "state": ""} | told})

        with pytest.raises(PlatformError, match=words) as caught:
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(dropped))

        assert (type(caught.value), caught.value.code, caught.value.who_acts) == meaning

    @pytest.mark.parametrize("answer", [{}, {"jobStatus": {}}, []])
    def test_a_service_that_says_nothing_of_the_video_is_asked_again(self, answer: Any) -> None:
        with pytest.raises(Unavailable) as caught:
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(make_answer(200, answer)))

        assert type(caught.value) is Unavailable
        assert self.saved == {}

    @pytest.mark.parametrize("answer", [DONE, {"jobStatus": BEGUN}], ids=["done", "begun"])
    def test_a_video_that_is_uploaded_anew_stays_the_post_of_the_first_try(self, answer: Any) -> None:
        chosen = {"rkey": "3n33pws756k2b", "record": {"createdAt": "2026-11-24T07:00:00.000Z", "embed": {}}}
        old = chosen | {"uploads": {"media_1": {"given": VIDEO_BLOB, "at": later(hours=-2).isoformat()}}}

        with suppress(StillWorking):
            calls = (*ASK_FOR_ROOM, SERVICE_AUTH, send_video(make_answer(200, answer)))
            self.upload(*calls, handles=old, armed_at=later(hours=-3))

        assert self.saved["rkey"] == "3n33pws756k2b"
        assert self.saved["record"]["createdAt"] == "2026-11-24T07:00:00.000Z"

    def test_work_of_long_ago_is_begun_anew(self) -> None:
        old = working(later(hours=-2), job="old")

        with pytest.raises(StillWorking):
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(make_answer(200, {"jobStatus": BEGUN})), handles=old)
        assert self.saved == working(NOW), "which is asked for from now on"

        handles = self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(), handles=old)

        assert handles["record"]["embed"]["video"] == VIDEO_BLOB

    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            ({"canUpload": False, "remainingDailyVideos": 0, "message": "Over"}, "daily limit for videos: .* Over"),
            ({"canUpload": True, "remainingDailyBytes": 15}, "daily limit for videos: Bluesky has no room"),
        ],
    )
    def test_a_video_waits_until_there_is_room_for_it(self, limits: dict[str, Any], message: str) -> None:
        with pytest.raises(RateLimited, match=message) as caught:
            self.upload(ASK_FOR_ROOM[0], room(make_answer(200, limits)))

        assert (caught.value.retry_after, caught.value.is_of_a_kind) == (3600, True)

    def test_a_video_that_just_fits_is_sent(self) -> None:
        just = room(make_answer(200, {"canUpload": True, "remainingDailyVideos": 1, "remainingDailyBytes": 16}))

        assert "record" in self.upload(ASK_FOR_ROOM[0], just, SERVICE_AUTH, send_video())

    def test_an_account_whose_videos_are_not_taken_is_for_its_owner_to_mend(self) -> None:
        with pytest.raises(Rejected, match="Bluesky says: No e-mail") as caught:
            self.upload(ASK_FOR_ROOM[0], room(make_answer(200, {"canUpload": False, "message": "No e-mail"})))

        assert (caught.value.code, caught.value.who_acts) == ("MEDIA_REJECTED", "account_owner")

    def test_a_refusal_of_the_service_says_nothing_about_the_account(self) -> None:
        refused = make_answer(401, {"error": "AuthenticationRequired", "message": "Unconfirmed e-mail"})

        with pytest.raises(Rejected) as caught:
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(refused))

        assert (caught.value.code, caught.value.who_acts) == ("MEDIA_REJECTED", "account_owner")

    def test_a_busy_service_is_asked_again(self) -> None:
        with pytest.raises(RateLimited):
            self.upload(*ASK_FOR_ROOM, SERVICE_AUTH, send_video(make_answer(429, {"error": "RateLimitExceeded"})))

    @pytest.mark.parametrize(
        "calls",
        [
            (replace(ASK_FOR_ROOM[0], gets=make_answer(501, {"error": "MethodNotImplemented"})),),
            (replace(ASK_FOR_ROOM[0], gets=make_answer(404)),),
            (replace(ASK_FOR_ROOM[0], gets=BARE_SERVER),),
            (ASK_FOR_ROOM[0], room(make_answer(401, {"error": "AuthenticationRequired"}))),
            (ASK_FOR_ROOM[0], room(make_answer(400, {"error": "InvalidRequest"}))),
        ],
    )
    def test_where_the_service_has_no_part_the_video_goes_to_the_server(self, calls: tuple[Call, ...]) -> None:
        handles = self.upload(*calls, send_plainly())

        assert handles["record"]["embed"] == video_embed(alt="An oven")
        assert self.upload(handles=handles) == handles

    @pytest.mark.parametrize("pds", ["http://localhost", "https://pds.example:8443"])
    def test_a_server_that_the_service_cannot_reach_takes_the_video_itself(self, pds: str) -> None:
        account = replace(self.account, metadata={"service": pds})

        assert self.upload(send_plainly(pds=pds), account=account)["record"]["embed"]["video"] == VIDEO_BLOB

    def test_a_large_upload_to_the_server_is_given_its_time(self) -> None:
        account = replace(self.account, metadata={"service": "http://localhost"})

        with pytest.raises(Unknown):
            self.upload(send_plainly(LOST, "http://localhost"), account=account)

        assert (self.saved, self.seconds, self.timeouts[-1]) == ({}, 600, 600)

    @pytest.mark.parametrize(
        ("gets", "error"),
        [
            (make_answer(413, {"error": "PayloadTooLarge"}), Rejected),
            (make_answer(200, {}), Unavailable),
            (make_answer(503), Unavailable),
        ],
    )
    def test_a_server_that_does_not_take_the_video_says_so(self, gets: Answer, error: type[PlatformError]) -> None:
        account = replace(self.account, metadata={"service": "http://localhost"})

        with pytest.raises(error):
            self.upload(send_plainly(gets, "http://localhost"), account=account)

    @pytest.mark.parametrize(
        ("calls", "error"),
        [
            ((replace(ASK_FOR_ROOM[0], gets=make_answer(400, {"error": "ExpiredToken"})),), AuthExpired),
            ((replace(ASK_FOR_ROOM[0], gets=make_answer(503)),), Unavailable),
            ((ASK_FOR_ROOM[0], room(make_answer(503))), Unavailable),
            ((ASK_FOR_ROOM[0], room(LOST)), Unknown),
        ],
    )
    def test_trouble_on_the_way_is_no_absence_of_the_service(self, calls: Any, error: type[PlatformError]) -> None:
        with pytest.raises(error):
            self.upload(*calls)

    @pytest.mark.parametrize(
        ("service", "size", "warned"),
        [
            ("https://pds.example", 5 * 1024 * 1024, False),
            ("https://pds.example", 5 * 1024 * 1024 + 1, True),
            ("https://morel.us-east.host.bsky.network", 50_000_000, False),
            ("", 50_000_000, False),
        ],
    )
    def test_a_video_that_a_small_server_may_refuse_is_warned_of(self, service: str, size: int, warned: bool) -> None:
        issues = self.connector.validate(Content(text="", media=(make_video(size=size),)), {"service": service})

        assert [(each.rule, each.severity) for each in issues] == [("video_may_be_too_large", "warning")] * warned

    def test_every_part_has_the_length_of_a_post(self) -> None:
        families = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 300
        content = Content(text="", media=(make_image(),), options={"thread": ["x" * 301], "first_comment": families})

        issues = self.connector.validate(content, {})

        assert [(each.rule, each.field) for each in issues] == [
            ("text_too_long", "options.thread.0"),
            ("text_too_many_bytes", "options.first_comment"),
        ]

    def numbers(self, answer: Answer) -> dict[str, PostNumbers]:
        uris = [URI, PART.remote_id]
        sends = {"headers": BEARER, "params": [("uris", uri) for uri in uris]}
        return self.counted(uris, Call("GET", f"{PDS}/xrpc/app.bsky.feed.getPosts", sends, answer))

    def test_posts_are_counted_and_those_that_are_gone_left_out(self) -> None:
        post = {"uri": URI, "likeCount": 4, "repostCount": 1, "replyCount": 2, "quoteCount": 0, "bookmarkCount": 1}

        found = self.numbers(make_answer(200, {"posts": [post]}))

        own = {"likes": 4, "reposts": 1, "replies": 2, "quotes": 0, "bookmarks": 1}
        assert found == {URI: PostNumbers(engagement=8, own=own)}

    def test_what_a_server_does_not_count_stays_unknown(self) -> None:
        assert self.numbers(make_answer(200, {"posts": [{"uri": URI}]})) == {URI: PostNumbers()}
        for server in (BARE_SERVER, OTHER_SERVER):
            assert self.numbers(server) == {URI: PostNumbers(), PART.remote_id: PostNumbers()}
        with pytest.raises(Rejected):
            self.numbers(make_answer(400, {"error": "InvalidRequest", "message": "Error: uris must be valid"}))

    def test_an_answer_without_posts_takes_none_for_gone(self) -> None:
        with pytest.raises(Unknown):
            self.numbers(make_answer(200, {"error": "UpstreamFailure"}))

    def test_the_account_is_counted(self) -> None:
        call = replace(self.profile_calls[0], gets=make_answer(200, SHOWN | {"postsCount": 12}))
        bare = replace(self.profile_calls[0], gets=BARE_SERVER)

        found = self.account_counted(call)

        assert found == AccountNumbers(followers=120, following=3, posts=12)
        assert self.account_counted(bare) == AccountNumbers()


class TestList(ListCase):
    """Where the key of a post is not known."""

    connector = TestBluesky.connector
    own, other = listed(RKEY, "Hello"), listed("3other", "Another")
    key, dated = ("uri",), ("value", "createdAt")
    lost = Operation(content=Content(text="Hello"), account=TestBluesky.account, now=later(days=1), armed_at=NOW)
    adopted = replace(PUBLISHED, facts={"cid": "bafyreigq"})

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, asked=after, cursor=then)


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

    def sign_in(self, *calls: Call, service: str = "", identifier: str = " @alice.example") -> list[Candidate]:
        session = FakeSession(*calls)
        credentials = SignIn(identifier=identifier, password="aaaa-bbbb-cccc-dddd", service=service)
        candidates = self.connector.sign_in(session, credentials, now=NOW)
        session.assert_done()
        return candidates

    def profile(self, call: Call, host: str = PDS) -> Call:
        access = json.loads(call.gets.body)["accessJwt"]  # type: ignore[union-attr]
        url = f"{host}/xrpc/app.bsky.actor.getProfile"
        sends = {"headers": {"Authorization": f"Bearer {access}"}, "params": {"actor": DID}}
        return Call("GET", url, sends, make_answer(200, SHOWN))

    @pytest.mark.parametrize(
        ("entered", "sent"),
        [
            ("\u202a@alice.example\u202c", "alice.example"),  # as it is copied from a profile's page
            (" \u2068alice.example\u2069\u200b ", "alice.example"),
            ("@alice", "alice.bsky.social"),
            ("alice@example.com", "alice@example.com"),
            (DID, DID),
        ],
    )
    def test_who_signs_in_is_named_as_the_server_knows_them(self, entered: str, sent: str) -> None:
        login = self.session()
        login.sends["json"]["identifier"] = sent

        candidates = self.sign_in(login, self.profile(login), identifier=entered)

        assert [each.remote_id for each in candidates] == [DID]

    def test_a_server_of_its_own_is_asked_for_the_name_as_it_is(self) -> None:
        login = self.session(service="https://pds.example")
        login.sends["json"]["identifier"] = "alice"

        candidates = self.sign_in(login, self.profile(login), service="pds.example", identifier="alice")

        assert [each.remote_id for each in candidates] == [DID]

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

    def test_where_there_are_no_profiles_the_session_tells_the_handle(self) -> None:
        login = self.session(handle="alice.bakery.example")

        [candidate] = self.sign_in(login, replace(self.profile(login), gets=BARE_SERVER))

        assert candidate.profile == Profile(name="alice.bakery.example", username="alice.bakery.example")

    @pytest.mark.parametrize("endpoint", [None, "ftp://x", "https://[broken"])
    def test_without_its_address_it_is_used_where_it_signed_in(self, endpoint: str | None) -> None:
        document = {"service": [{"id": "#atproto_pds", "serviceEndpoint": endpoint}]} if endpoint else None
        login = self.session("https://my.example:8443", didDoc=document)

        candidates = self.sign_in(login, self.profile(login, "https://my.example:8443"), service="my.example:8443")

        assert candidates[0].metadata == {"service": "https://my.example:8443"}

    @pytest.mark.parametrize(
        ("status", "identity", "named", "believed"),
        [
            (200, DID, {"serviceEndpoint": "https://new.example"}, True),
            (200, DID, {"serviceEndpoint": PDS}, False),
            (200, DID, {"serviceEndpoint": "https://new.example", "id": "#other"}, False),
            (200, DID, {}, False),
            (200, "did:plc:xyz", {"serviceEndpoint": "https://new.example"}, False),
            (404, DID, {"serviceEndpoint": "https://new.example"}, False),
        ],
        ids=["of it", "of another server", "of another service", "of none", "of another", "not found"],
    )
    def test_another_server_is_believed_where_the_identity_says_so_itself(
        self, status: int, identity: str, named: dict[str, str], believed: bool
    ) -> None:
        document = {"id": identity, "service": [{"id": "#atproto_pds"} | named]}
        asked = Call("GET", f"https://plc.directory/{DID}", {}, make_answer(status, document))

        assert self.is_theirs("https://new.example", asked) is believed

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_an_identity_that_cannot_be_looked_up_now_speaks_neither_for_a_server_nor_against_it(
        self, status: int
    ) -> None:
        asked = Call("GET", f"https://plc.directory/{DID}", {}, make_answer(status, {}))

        with pytest.raises(Unavailable, match="cannot be looked up now: try again"):
            self.is_theirs("https://new.example", asked)

    def test_an_identity_of_a_domain_is_asked_there(self) -> None:
        did, home = "did:web:alice.example", {"id": "#atproto_pds", "serviceEndpoint": "https://new.example"}
        document = {"id": did, "service": [home]}
        asked = Call("GET", "https://alice.example/.well-known/did.json", {}, make_answer(200, document))

        assert self.is_theirs("https://new.example", asked, did=did)

    @pytest.mark.parametrize("service", ["", "bsky.social", PDS])
    def test_blueskys_own_server_and_the_one_that_is_known_are_believed(self, service: str) -> None:
        assert self.is_theirs(service)

    @pytest.mark.parametrize("did", ["did:key:z6Mk", "did:web:x.example:8443", "did:web:x.example/a?", "did:plc:a/b"])
    def test_an_identity_that_nobody_can_ask_says_nothing(self, did: str) -> None:
        assert not self.is_theirs("https://new.example", did=did)

    def is_theirs(self, service: str, *calls: Call, did: str = DID) -> bool:
        session, credentials = FakeSession(*calls), SignIn(identifier="alice", password="x", service=service)
        candidate = Candidate(remote_id=did, type="profile", profile=PROFILE, tokens=Tokens(access_token="t"))
        believed = self.connector.is_theirs(session, candidate, credentials, known={"service": PDS})
        session.assert_done()
        return believed

    @pytest.mark.parametrize(
        "ends",
        [later(seconds=-5).timestamp(), later(days=401).timestamp(), later(days=1).timestamp() * 10**9, 10**30],
        ids=["over already", "in years", "in nanoseconds", "beyond all clocks"],
    )
    def test_an_end_that_makes_no_sense_is_none(self, ends: float) -> None:
        absurd = token(exp=int(ends))
        login = self.session(accessJwt=absurd, refreshJwt=absurd)

        candidates = self.sign_in(login, self.profile(login))

        assert (candidates[0].tokens.access_expires_at, candidates[0].tokens.ends_at) == (None, None)

    @pytest.mark.parametrize("refresh", [token(exp="never"), token()])
    def test_tokens_that_do_not_tell_it_have_no_known_end(self, refresh: str) -> None:
        login = self.session(accessJwt="h.p.s", refreshJwt=refresh)

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

    @pytest.mark.parametrize("missing", ["did", "accessJwt", "refreshJwt"])
    def test_an_answer_without_a_session_is_unknown(self, missing: str) -> None:
        with pytest.raises(Unknown):
            self.sign_in(self.session(**{missing: ""}))

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
            "https://[broken",
            "https://[::g]",
            "a\u2100b.example",
        ],
    )
    def test_anything_else_is_no_service(self, given: str) -> None:
        with pytest.raises(Rejected, match="service"):
            service_origin(given)


def number_of(key: str) -> int:
    return int("".join(f"{'234567abcdefghijklmnopqrstuvwxyz'.index(each):05b}" for each in key), 2)


def test_record_keys_are_sortable_and_thirteen_long() -> None:
    keys = [record_key(later(microseconds=each)) for each in range(50)]

    assert keys == sorted(set(keys))
    assert {len(each) for each in keys} == {13}
    assert set("".join(keys)) <= set("234567abcdefghijklmnopqrstuvwxyz")
    assert number_of(keys[0]) == int(NOW.timestamp()) * 1_000_000 << 10


def test_ten_random_bits_tell_the_record_keys_of_one_moment_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda limit: limit - 1)

    assert number_of(record_key(NOW)) == (int(NOW.timestamp()) * 1_000_000 << 10) + 1023
