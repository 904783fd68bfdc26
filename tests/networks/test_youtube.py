"""YouTube, call by call as its facts describe it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AuthExpired,
    NotListed,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from accounts.platforms.youtube import YouTube
from accounts.platforms.youtube.errors import until_midnight
from accounts.platforms.youtube.validation import tag_characters
from tests.networks.platform_case import (
    LOST,
    NOT_SENT,
    NOW,
    Call,
    FakeSession,
    ListCase,
    OAuth2Case,
    Publication,
    later,
    make_answer,
    make_image,
    make_video,
)

API = "https://youtube.googleapis.com/youtube/v3"
START = "https://www.googleapis.com/upload/youtube/v3/videos"
SESSION = f"{START}?uploadType=resumable&upload_id=U1"
REPORTS = "https://youtubeanalytics.googleapis.com/v2/reports"
TOKEN = "https://oauth2.googleapis.com/token"
BEARER = {"Authorization": "Bearer AT"}
UNIT = 262_144
SCOPE = "https://www.googleapis.com/auth/youtube.upload https://www.googleapis.com/auth/youtube.readonly"
TOKENS = {"access_token": "AT", "expires_in": 3599, "refresh_token": "RT", "scope": SCOPE, "token_type": "Bearer"}
GIVEN = Tokens(
    access_token="AT", refresh_token="RT", access_expires_at=later(seconds=3599), scopes=tuple(SCOPE.split())
)
CHANNEL = {
    "kind": "youtube#channel",
    "id": "UC100",
    "snippet": {
        "title": "Bakery",
        "customUrl": "@bakery",
        "thumbnails": {"default": {"url": "https://yt3.example/a.jpg"}},
    },
    "contentDetails": {"relatedPlaylists": {"uploads": "UU100"}},
    "statistics": {
        "viewCount": "5000",
        "subscriberCount": "120",
        "hiddenSubscriberCount": False,
        "videoCount": "7",
    },
}
PROFILE = Profile(
    name="Bakery",
    username="bakery",
    profile_image="https://yt3.example/a.jpg",
    followers=120,
    metadata={"uploads": "UU100"},
)
VIDEO = Published(remote_id="vid00000001", url="https://www.youtube.com/watch?v=vid00000001")
COMMENT = Published(remote_id="Ug1", url="https://www.youtube.com/watch?v=vid00000001&lc=Ug1")
OWNER = ("TOKEN_REVOKED", WhoActs.ACCOUNT_OWNER)
CALLER = ("CONTENT_REJECTED", WhoActs.CALLER)
SPENT = (
    "Quota exceeded for quota metric 'Video Uploads' and limit '{limit}' of service 'youtube.googleapis.com' for"
    " consumer 'project_number:100'."
)
OPERATOR = ("PLATFORM_UNAVAILABLE", WhoActs.OPERATOR)
NETWORK = ("PLATFORM_UNAVAILABLE", WhoActs.NETWORK)


def channels(**change: Any) -> Call:
    params = {"part": "snippet,contentDetails,statistics", "mine": "true"}
    answer = {"kind": "youtube#channelListResponse", "items": [CHANNEL | change]}
    return Call("GET", f"{API}/channels", {"headers": BEARER, "params": params}, make_answer(200, answer))


def start(
    size: int, snippet: Mapping[str, Any] | None = None, status: Mapping[str, Any] | None = None, notify: str = "true"
) -> Call:
    body = {
        "snippet": {"title": "Bread", "description": "How to", "categoryId": "22"} | dict(snippet or {}),
        "status": {"privacyStatus": "public", "selfDeclaredMadeForKids": False} | dict(status or {}),
    }
    sends = {
        "headers": BEARER
        | {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Length": str(size),
            "X-Upload-Content-Type": "video/mp4",
        },
        "params": {"uploadType": "resumable", "part": "snippet,status", "notifySubscribers": notify},
        "json": body,
    }
    return Call("POST", START, sends, make_answer(200, Location=SESSION))


def put(span: str, content: bytes, status: int = 308, json: Any = None, **headers: Any) -> Call:
    sends: dict[str, Any] = {
        "headers": BEARER | {"Content-Type": "video/mp4", "Content-Range": f"bytes {span}"},
    }
    sends |= {"data": content} if content else {}
    return Call("PUT", SESSION, sends, make_answer(status, json, **headers))


MADE = {
    "kind": "youtube#video",
    "id": "vid00000001",
    "snippet": {"title": "Bread", "description": "How to", "channelId": "UC100"},
    "status": {"uploadStatus": "uploaded", "privacyStatus": "public"},
}
SMALL, LARGE = b"bytes of media_1", b"a" * UNIT + b"b" * UNIT + b"rest"
LAST = put("0-15/16", SMALL, 201, MADE)
LAST_OF_LARGE = put(f"{2 * UNIT}-{2 * UNIT + 3}/{2 * UNIT + 4}", b"rest", 201, MADE)


def probe(status: int, json: Any = None, size: int = 16, **headers: Any) -> Call:
    return put(f"*/{size}", b"", status, json, **headers)


def shown(status: str, processing: str = "processing", **more: str) -> Call:
    params = {"part": "status,processingDetails", "id": "vid00000001"}
    item = {
        "id": "vid00000001",
        "status": {"uploadStatus": status, "privacyStatus": "public"} | more,
        "processingDetails": {"processingStatus": processing},
    }
    return Call("GET", f"{API}/videos", {"headers": BEARER, "params": params}, make_answer(200, {"items": [item]}))


PROCESSED = shown("processed", "succeeded")
GONE = replace(PROCESSED, gets=make_answer(200, {"items": []}))
GIVEN_NOW = {"video": "vid00000001", "given_at": NOW.isoformat()}


def content(media: Any = None, text: str = "How to", **options: Any) -> Content:
    return Content(text=text, title="Bread", media=(media or make_video(),), options={"made_for_kids": False} | options)


def upload(item_content: Content, begins: Call) -> Publication:
    return Publication(item_content, (begins,), (LAST,), VIDEO, shows=(PROCESSED,))


def comment_call(gets: Any = None) -> Call:
    snippet = {"videoId": "vid00000001", "topLevelComment": {"snippet": {"textOriginal": "First!"}}}
    sends = {"headers": BEARER, "params": {"part": "snippet"}, "json": {"snippet": snippet}}
    return Call("POST", f"{API}/commentThreads", sends, gets or make_answer(200, {"id": "Ug1"}))


def comments(*items: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    params: dict[str, Any] = {
        "part": "snippet",
        "videoId": "vid00000001",
        "order": "time",
        "textFormat": "plainText",
        "maxResults": 100,
    }
    params |= {"pageToken": after} if after else {}
    answer = {"items": list(items)} | ({"nextPageToken": then} if then else {})
    return Call("GET", f"{API}/commentThreads", {"headers": BEARER, "params": params}, make_answer(200, answer))


def thread(text: str = "First!", author: str = "UC100", at: str = "2026-11-24T09:59:57Z", key: str = "Ug1") -> Any:
    snippet = {"textOriginal": text, "authorChannelId": {"value": author}, "publishedAt": at}
    return {"id": key, "snippet": {"videoId": "vid00000001", "topLevelComment": {"snippet": snippet}}}


def uploads(*items: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    params: dict[str, Any] = {"part": "snippet,contentDetails", "playlistId": "UU100", "maxResults": 50}
    params |= {"pageToken": after} if after else {}
    answer = {"items": list(items)} | ({"nextPageToken": then} if then else {})
    return Call("GET", f"{API}/playlistItems", {"headers": BEARER, "params": params}, make_answer(200, answer))


def listed(
    title: str = "Bread", at: str = "2026-11-24T09:59:57Z", key: str = "vid00000001", text: str = "How to"
) -> dict[str, Any]:
    snippet = {"title": title, "description": text, "publishedAt": at}
    return {"snippet": snippet, "contentDetails": {"videoId": key}}


def report(video_id: str, gets: Any) -> Call:
    params = {
        "ids": "channel==MINE",
        "startDate": "2026-11-19",
        "endDate": "2026-11-24",
        "metrics": "shares",
        "dimensions": "day",
        "filters": f"video=={video_id}",
        "sort": "day",
    }
    return Call("GET", REPORTS, {"headers": BEARER, "params": params}, gets)


def statistics(*items: Mapping[str, Any], ids: str, name: str = "videos:batchGetStats") -> Call:
    params = {"part": "id,snippet,statistics", "id": ids}
    answer = make_answer(200, {"items": list(items)})
    return Call("GET", f"{API}/{name}", {"headers": BEARER, "params": params}, answer)


def numbered(video_id: str, at: str = "publishTime", **numbers: str) -> dict[str, Any]:
    return {"id": video_id, "snippet": {at: "2026-11-20T09:00:00Z"}, "statistics": numbers}


def error(status: int, reason: str, message: str = "No.", **headers: Any) -> Any:
    errors = [{"message": message, "domain": "youtube", "reason": reason}]
    return make_answer(status, {"error": {"code": status, "message": message, "errors": errors}}, **headers)


class TestYouTube(OAuth2Case):
    connector = YouTube(App(client_id="id", client_secret="secret"))
    account = Account(
        remote_id="UC100", access_token="AT", refresh_token="RT", username="bakery", metadata={"uploads": "UU100"}
    )
    consent_url = (
        "https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%20two&state=STATE"
        "&code_challenge=CHALLENGE&code_challenge_method=S256&access_type=offline&prompt=consent+select_account"
    )
    exchange_calls = (
        Call(
            "POST",
            TOKEN,
            {
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                    "code_verifier": "VERIFIER",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(200, TOKENS),
        ),
    )
    exchanged = GIVEN
    code_refused = make_answer(400, {"error": "invalid_grant", "error_description": "Malformed auth code."})
    candidate_calls = (channels(),)
    candidates = [Candidate(remote_id="UC100", type="channel", profile=PROFILE, tokens=GIVEN)]
    refresh_calls = (
        Call(
            "POST",
            TOKEN,
            {
                "data": {
                    "grant_type": "refresh_token",
                    "refresh_token": "RT",
                    "client_id": "id",
                    "client_secret": "secret",
                }
            },
            make_answer(200, {"access_token": "AT2", "expires_in": 3599, "scope": SCOPE, "token_type": "Bearer"}),
        ),
    )
    refreshed = replace(GIVEN, access_token="AT2", refresh_token="")
    """Empty: Google gave none, so the old one stays."""
    revoke_calls = (
        Call("POST", "https://oauth2.googleapis.com/revoke", {"data": {"token": "RT"}}, make_answer(200, {})),
    )
    profile_calls = (channels(),)
    profile = PROFILE
    usual, uploading = "video", "large"
    stays_prepared = timedelta()
    publications = {
        "video": upload(content(), start(16)),
        "large": Publication(
            content(make_video(content=LARGE)),
            (start(len(LARGE)), put(f"0-{2 * UNIT - 1}/{len(LARGE)}", LARGE[:-4], Range=f"bytes=0-{2 * UNIT - 1}")),
            (LAST_OF_LARGE,),
            VIDEO,
            shows=(PROCESSED,),
        ),
        "short": upload(content(post_type="short"), start(16)),
        "options": upload(
            content(
                privacy="unlisted",
                tags=["rye", "sour dough"],
                category="26",
                made_for_kids=True,
                notify_subscribers=False,
                synthetic_media=True,
            ),
            start(
                16,
                {"tags": ["rye", "sour dough"], "categoryId": "26"},
                {"privacyStatus": "unlisted", "selfDeclaredMadeForKids": True, "containsSyntheticMedia": True},
                notify="false",
            ),
        ),
        "comment": Publication(content(first_comment="First!"), (), (comment_call(),), COMMENT, out=(VIDEO,)),
    }
    recover_calls = (probe(200, MADE), PROCESSED)
    nothing_found = make_answer(308)
    refused = error(400, "invalidVideoMetadata", "The request metadata is invalid.")
    over_quota = error(403, "quotaExceeded", "quota", Date="Wed, 25 Nov 2026 07:58:00 GMT")
    token_over = error(401, "authError", "Request had invalid authentication credentials.")

    def resumed(self, sent: int = 0, **values: Any) -> Operation:
        """The large video, begun a minute ago and not looked at since."""
        begun = {"session": SESSION, "sent": sent, "at": later(minutes=-1).isoformat()}
        return self.operation(self.publications["large"].content, handles=begun, **values)

    def taken(self, **values: Any) -> Operation:
        """The small video, which YouTube has taken."""
        handles = {"session": SESSION, "sent": 0, "at": NOW.isoformat(), "video": "vid00000001"}
        return replace(self.operation(self.first.content, handles=handles, armed_at=NOW), **values)

    def replying(self, **values: Any) -> Operation:
        facts = {"out": (VIDEO,), "armed_at": NOW} | values
        return self.operation(self.publications["comment"].content, **facts)

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (make_answer(200, {"kind": "youtube#channelListResponse"}), "has no YouTube channel: create one"),
            (error(403, "insufficientPermissions"), "tick every box .*, View your YouTube account among them"),
        ],
    )
    def test_a_login_without_a_channel_says_what_to_do(self, answer: Any, told: str) -> None:
        with pytest.raises(Rejected, match=told) as caught:
            self.connector.candidates(FakeSession(replace(channels(), gets=answer)), GIVEN)

        assert caught.value.who_acts == WhoActs.ACCOUNT_OWNER

    def test_a_hidden_number_of_subscribers_is_not_known(self) -> None:
        hidden = channels(statistics={"subscriberCount": "0", "hiddenSubscriberCount": True, "videoCount": "7"})

        assert self.connector.profile(FakeSession(hidden), self.account).followers is None

    @pytest.mark.parametrize(
        ("status", "error", "words", "meaning"),
        [
            (400, "invalid_grant", "Bad Request", (AuthExpired, *OWNER)),
            (400, "invalid_grant", "reauth related error (invalid_rapt)", (AuthExpired, *OWNER)),
            (400, "admin_policy_enforced", "Access is restricted by your organization.", (AuthExpired, *OWNER)),
            (401, "deleted_client", "The OAuth client was deleted.", (Rejected, *OPERATOR)),
            (401, "disabled_client", "The OAuth client was disabled.", (Rejected, *OPERATOR)),
            (401, "unauthorized_client", "Unauthorized", (Rejected, *OPERATOR)),
            (400, "invalid_request", "Missing required parameter: refresh_token", (Rejected, *OPERATOR)),
            (400, "internal_failure", "Backend Error", (Unavailable, *NETWORK)),
            (400, "server_error", "Try again.", (Unavailable, *NETWORK)),
        ],
    )
    def test_a_refused_refresh_says_who_can_mend_it(
        self, status: int, error: str, words: str, meaning: tuple[Any, ...]
    ) -> None:
        refused = make_answer(status, {"error": error, "error_description": words})

        with pytest.raises(PlatformError) as caught:
            self.refresh(refused)

        assert (type(caught.value), caught.value.code, caught.value.who_acts) == meaning
        assert (caught.value.network_code, caught.value.message) == (error, f"YouTube says: {words}")

    def test_an_app_in_testing_is_told_when_its_connection_ends(self) -> None:
        answer = make_answer(200, TOKENS | {"refresh_token_expires_in": 604_799})

        given = self.exchange(FakeSession(replace(self.exchange_calls[0], gets=answer)))

        assert given.ends_at == later(seconds=604_799)

    def test_what_is_revoked_already_needs_nothing_more(self) -> None:
        revoked = make_answer(400, {"error": "invalid_token", "error_description": "Token expired or revoked"})
        session = FakeSession(replace(self.revoke_calls[0], gets=revoked))

        self.connector.revoke(session, self.account)

        session.assert_done()

    def test_without_a_refresh_token_the_access_token_is_revoked(self) -> None:
        session = FakeSession(replace(self.revoke_calls[0], sends={"data": {"token": "AT"}}))

        self.connector.revoke(session, replace(self.account, refresh_token=""))

        session.assert_done()

    @pytest.mark.parametrize("address", ["https://elsewhere.example/u", "http://www.googleapis.com/u", "nowhere"])
    def test_no_other_host_gets_the_token_and_the_bytes(self, address: str) -> None:
        begins = replace(start(16), gets=make_answer(200, Location=address))

        with pytest.raises(Unavailable, match="no address of its own"):
            self.prepares(self.operation(self.first.content), begins)

    def test_a_refused_title_is_told_before_a_byte_is_sent(self) -> None:
        begins = replace(start(16), gets=error(400, "invalidTitle", "The title is empty."))

        with pytest.raises(Rejected, match="YouTube says: The title is empty"):
            self.prepares(self.operation(self.first.content), begins)

    def test_a_file_that_ends_with_a_piece_still_has_a_last_one(self) -> None:
        whole = make_video(content=LARGE[: 2 * UNIT])
        size = 2 * UNIT
        operation = self.operation(content(whole))
        handles = self.prepares(
            operation, start(size), put(f"0-{UNIT - 1}/{size}", LARGE[:UNIT], Range=f"bytes=0-{UNIT - 1}")
        )
        last = put(f"{UNIT}-{size - 1}/{size}", LARGE[UNIT:size], 201, MADE)

        with pytest.raises(StillWorking):
            self.commits(replace(operation, handles=handles), last)

    @pytest.mark.parametrize("kept", [0, UNIT, 2 * UNIT])
    def test_a_later_try_goes_on_after_what_youtube_kept(self, kept: int) -> None:
        size = len(LARGE)
        told = {"Range": f"bytes=0-{kept - 1}"} if kept else {}
        rest = [put(f"{kept}-{2 * UNIT - 1}/{size}", LARGE[kept : 2 * UNIT], Range=f"bytes=0-{2 * UNIT - 1}")]

        handles = self.prepares(
            self.resumed(sent=UNIT), probe(308, size=size, **told), *(rest if kept < 2 * UNIT else [])
        )

        assert handles == {"session": SESSION, "sent": 2 * UNIT, "at": NOW.isoformat()}

    @pytest.mark.parametrize("kept", [1, UNIT - 1, UNIT + 1, 2 * UNIT + 3, 2 * UNIT + 4])
    def test_whole_units_follow_any_number_of_bytes_that_youtube_kept(self, kept: int) -> None:
        size = len(LARGE)
        start = min(kept, size - 1)
        end = start + (size - 1 - start) // UNIT * UNIT
        rest = put(f"{start}-{end - 1}/{size}", LARGE[start:end], Range=f"bytes=0-{end - 1}")
        operation = self.resumed(sent=UNIT)

        handles = self.prepares(
            operation, probe(308, size=size, Range=f"bytes=0-{kept - 1}"), *([rest] if end > start else [])
        )
        last = put(f"{end}-{size - 1}/{size}", LARGE[end:], 201, MADE)
        with pytest.raises(StillWorking):
            self.commits(replace(operation, handles=handles), last)

    @pytest.mark.parametrize(
        "over",
        [
            *(make_answer(404), make_answer(410), error(410, "backendError"), error(400, "badRequest")),
            make_answer(400, body=b"Invalid request. There were 9 byte(s) beside the range."),
        ],
    )
    def test_a_session_that_is_over_is_begun_anew(self, over: Any) -> None:
        asked = replace(probe(308, size=len(LARGE)), gets=over)

        handles = self.prepares(self.resumed(sent=UNIT), asked, *self.steps.prepares)

        assert handles["sent"] == 2 * UNIT

    @pytest.mark.parametrize(
        ("gets", "raised"),
        [(make_answer(503), Unavailable), (error(401, "authError"), AuthExpired), (make_answer(429), RateLimited)],
    )
    def test_a_session_that_cannot_be_asked_is_not_given_up(self, gets: Any, raised: type[PlatformError]) -> None:
        with pytest.raises(raised):
            self.prepares(self.resumed(), replace(probe(308, size=len(LARGE)), gets=gets))

    @pytest.mark.parametrize("gets", [make_answer(308), make_answer(404), make_answer(503), make_answer(201, MADE)])
    def test_a_piece_that_was_not_kept_is_asked_for_next_time(self, gets: Any) -> None:
        begins, sends = self.steps.prepares

        with pytest.raises(Unavailable):
            self.prepares(self.operation(self.steps.content), begins, replace(sends, gets=gets))

    @pytest.mark.parametrize(
        ("gets", "raised"),
        [
            (error(401, "authError"), AuthExpired),
            (error(403, "quotaExceeded"), RateLimited),
            (error(403, "authenticatedUserAccountSuspended"), Rejected),
        ],
    )
    def test_a_piece_that_is_refused_for_a_known_reason_is_not_tried_again_for_another(
        self, gets: Any, raised: type[PlatformError]
    ) -> None:
        begins, sends = self.steps.prepares

        with pytest.raises(raised):
            self.prepares(self.operation(self.steps.content), begins, replace(sends, gets=gets))

    def test_an_upload_that_is_complete_already_needs_its_answer_alone(self) -> None:
        handles = self.prepares(self.resumed(sent=UNIT), probe(200, MADE, size=len(LARGE)))

        assert handles["sent"] == 2 * UNIT

    def test_a_video_that_was_given_up_is_uploaded_anew(self) -> None:
        handles = self.prepares(self.taken(), start(16))

        assert "video" not in handles

    def test_what_youtube_took_is_remembered_by_its_id(self) -> None:
        operation = self.prepared(self.first)

        with pytest.raises(StillWorking) as caught:
            self.commits(operation, LAST)

        assert caught.value.handles == {**operation.handles, **GIVEN_NOW}
        assert caught.value.retry_after == 3

    @pytest.mark.parametrize(
        "gets",
        [
            *(make_answer(308, Range=f"bytes=0-{UNIT - 1}"), make_answer(404), make_answer(410)),
            *(error(404, "videoNotFound"), error(410, "backendError")),
        ],
    )
    def test_a_session_that_lacks_something_at_the_end_is_asked(self, gets: Any) -> None:
        with pytest.raises(Unknown):
            self.commit(self.first, gets)

    @pytest.mark.parametrize(("after", "wait"), [({"seconds": 4}, 3), ({"minutes": 2}, 30), ({"hours": 2}, 300)])
    def test_the_longer_it_takes_the_seldomer_youtube_is_asked(self, after: dict[str, float], wait: float) -> None:
        with pytest.raises(StillWorking) as caught:
            self.recovers(self.taken(now=later(**after)), shown("uploaded"))

        assert caught.value.retry_after == wait

    def test_a_lost_answer_to_a_video_at_work_is_waited_for(self) -> None:
        operation = self.prepared(self.first)

        with pytest.raises(StillWorking) as caught:
            self.recovers(operation, probe(201, MADE), shown("uploaded"))

        assert caught.value.handles == {**operation.handles, **GIVEN_NOW}

    def test_a_finished_upload_that_does_not_name_its_video_is_unknown(self) -> None:
        with pytest.raises(Unknown):
            self.recovers(self.prepared(self.first), probe(200, {}))

    @pytest.mark.parametrize(
        ("status", "words", "code", "acts"),
        [
            ({"uploadStatus": "failed", "failureReason": "codec"}, "codec", "MEDIA_REJECTED", WhoActs.CALLER),
            (
                {"uploadStatus": "rejected", "rejectionReason": "duplicate"},
                "duplicate of one that the channel has already",
                "MEDIA_REJECTED",
                WhoActs.CALLER,
            ),
            ({"uploadStatus": "rejected", "rejectionReason": "uploaderAccountClosed"}, "account is closed", *OWNER),
            ({"uploadStatus": "rejected", "rejectionReason": "taste"}, "'taste'", "MEDIA_REJECTED", WhoActs.CALLER),
            ({"uploadStatus": "failed"}, "'nothing'", "MEDIA_REJECTED", WhoActs.CALLER),
            ({"uploadStatus": "deleted"}, "deleted", "MEDIA_REJECTED", WhoActs.ACCOUNT_OWNER),
        ],
    )
    def test_a_video_that_youtube_gave_up_says_why(
        self, status: dict[str, str], words: str, code: str, acts: WhoActs
    ) -> None:
        call = shown(status.pop("uploadStatus"), **status)

        with pytest.raises(ProcessingFailed, match=words) as caught:
            self.recovers(self.taken(), call)

        assert (caught.value.code, caught.value.who_acts) == (code, acts)

    @pytest.mark.parametrize("processing", ["failed", "terminated"])
    def test_processing_that_ended_without_a_video_is_a_failure(self, processing: str) -> None:
        with pytest.raises(ProcessingFailed):
            self.recovers(self.taken(), shown("uploaded", processing))

    def test_a_taken_video_is_asked_about_again_when_the_day_of_the_quota_is_over(self) -> None:
        spent = error(403, "quotaExceeded", Date="Tue, 24 Nov 2026 10:00:00 GMT")
        taken = self.taken()

        with pytest.raises(StillWorking, match="has the video and cannot be asked") as caught:
            self.recovers(taken, replace(PROCESSED, gets=spent))

        assert (caught.value.retry_after, caught.value.handles) == (22 * 3600, taken.handles)

    def test_a_taken_video_is_only_asked_about_again_where_youtube_is_asked_too_fast(self) -> None:
        too_fast = replace(PROCESSED, gets=error(403, "rateLimitExceeded"))

        with pytest.raises(StillWorking, match="has the video"):
            self.recovers(self.taken(), too_fast)

    def test_a_video_that_does_not_show_is_waited_for_an_hour(self) -> None:
        with pytest.raises(StillWorking):
            self.recovers(self.taken(now=later(minutes=59)), GONE)
        with pytest.raises(ProcessingFailed, match="deleted"):
            self.recovers(self.taken(now=later(minutes=61)), GONE)

    @pytest.mark.parametrize(("step", "calls"), [("commit", (LAST,)), ("recover", (probe(201, MADE), GONE))])
    def test_one_that_was_sent_anew_days_later_has_an_hour_to_show_too(self, step: str, calls: Any) -> None:
        anew = replace(self.prepared(self.first), now=later(days=3))

        with pytest.raises(StillWorking) as taken:
            getattr(self.connector, step)(FakeSession(*calls), anew)

        assert taken.value.handles is not None
        given = replace(anew, handles=taken.value.handles)
        with pytest.raises(StillWorking):
            self.recovers(replace(given, now=later(days=3, minutes=59)), GONE)
        with pytest.raises(ProcessingFailed, match="deleted"):
            self.recovers(replace(given, now=later(days=3, minutes=61)), GONE)

    def test_an_answer_without_videos_says_nothing_about_ours(self) -> None:
        with pytest.raises(Unknown):
            self.recovers(self.taken(now=later(hours=2)), replace(GONE, gets=make_answer(200, {})))

    def test_behind_a_session_that_is_over_the_video_is_looked_for(self) -> None:
        found = self.recovers(
            self.prepared(self.first), probe(404), uploads(listed("Other"), listed("Bread ")), PROCESSED
        )

        assert found == [VIDEO]

    def test_a_video_of_the_same_title_and_another_text_is_neither_it_nor_proof_of_its_absence(self) -> None:
        operation, other = replace(self.prepared(self.first), now=later(minutes=3)), listed(key="v2", text="Rye")

        assert self.recovers(operation, probe(404), uploads(other, listed()), PROCESSED) == [VIDEO]
        with pytest.raises(Unknown):
            self.recovers(operation, probe(404), uploads(other))

    def test_what_is_only_alike_and_processed_is_looked_for_again_and_its_id_is_not_kept(self) -> None:
        with pytest.raises(Unavailable) as waiting:
            self.recovers(self.prepared(self.first), probe(404), uploads(listed()), shown("uploaded", "processing"))

        assert (type(waiting.value), waiting.value.handles) == (Unavailable, None)

    def test_the_look_goes_on_until_before_the_call_was_armed(self) -> None:
        newer = listed("Other", key="v2")
        older = listed("Bread", at="2026-11-24T09:59:54Z", key="v1")
        operation = replace(self.prepared(self.first), now=later(minutes=3))

        with pytest.raises(NotListed):
            self.recovers(operation, probe(410), uploads(newer, then="c1"), uploads(older, after="c1", then="c2"))

    def test_a_list_that_may_lag_proves_no_absence(self) -> None:
        with pytest.raises(Unknown):
            self.recovers(self.prepared(self.first), probe(404), uploads())

    def test_nor_of_one_that_was_sent_anew_days_later(self) -> None:
        first, anew = self.prepared(self.first), later(days=3)
        operation = replace(first, handles={**first.handles, "at": anew.isoformat()}, now=later(days=3, minutes=1))

        with pytest.raises(Unknown):
            self.recovers(operation, probe(404), uploads())

    def test_both_of_two_videos_that_can_be_it_are_told(self) -> None:
        found = self.recovers(
            self.prepared(self.first), probe(404), uploads(listed(key="v1"), listed(key="v2"), listed(key="v1"))
        )

        assert [each.remote_id for each in found] == ["v1", "v2"]

    def test_the_uploads_are_in_the_playlist_that_the_channel_named(self) -> None:
        account = replace(self.account, metadata={"uploads": "PL7"})
        named = uploads(listed())
        sends = {**named.sends, "params": {**named.sends["params"], "playlistId": "PL7"}}

        assert self.recovers(
            replace(self.prepared(self.first), account=account), probe(404), replace(named, sends=sends), PROCESSED
        ) == [VIDEO]

    def test_an_account_without_a_known_playlist_has_the_usual_one(self) -> None:
        operation = replace(self.prepared(self.first), account=replace(self.account, metadata={}))

        assert self.recovers(operation, probe(404), uploads(listed()), PROCESSED) == [VIDEO]

    def test_a_video_is_asked_for_by_its_session_and_a_comment_is_looked_for(self) -> None:
        assert self.connector.recovery_of(self.taken()) == Recovery.HANDLE
        assert self.connector.recovery_of(self.replying()) == Recovery.LOOK

    def test_somebody_elses_comment_of_the_same_text_is_another(self) -> None:
        assert self.recovers(self.replying(), comments(thread(author="UC7"))) == []

    def test_a_refused_comment_says_so(self) -> None:
        call = comment_call(error(403, "commentsDisabled", "The video has disabled comments."))

        with pytest.raises(Rejected, match="disabled comments"):
            self.commits(self.replying(), call)

    @pytest.mark.parametrize(
        ("status", "reason", "meaning"),
        [
            (401, "authError", (AuthExpired, *OWNER)),
            (401, "youtubeSignupRequired", (Rejected, *OWNER)),
            (403, "forbidden", (Rejected, *OWNER)),
            (403, "insufficientPermissions", (Rejected, *OWNER)),
            (403, "accountDelegationForbidden", (Rejected, *OWNER)),
            (403, "authenticatedUserAccountSuspended", (Rejected, *OWNER)),
            (403, "channelSuspended", (Rejected, *OWNER)),
            (403, "channelClosed", (Rejected, *OWNER)),
            (403, "forbiddenPrivacySetting", (Rejected, *OWNER)),
            (403, "accessNotConfigured", (Rejected, "PLATFORM_UNAVAILABLE", WhoActs.OPERATOR)),
            (403, "quotaExceeded", (RateLimited, "RATE_LIMITED_BY_PLATFORM", WhoActs.NETWORK)),
            (403, "userRateLimitExceeded", (RateLimited, "RATE_LIMITED_BY_PLATFORM", WhoActs.NETWORK)),
            (400, "uploadLimitExceeded", (RateLimited, "RATE_LIMITED_BY_PLATFORM", WhoActs.NETWORK)),
            (429, "uploadRateLimitExceeded", (RateLimited, "RATE_LIMITED_BY_PLATFORM", WhoActs.NETWORK)),
            (503, "backendError", (Unavailable, "PLATFORM_UNAVAILABLE", WhoActs.NETWORK)),
            (400, "invalidTitle", (Rejected, *CALLER)),
            (400, "invalidTags", (Rejected, *CALLER)),
            (400, "mediaBodyRequired", (Rejected, "MEDIA_REJECTED", WhoActs.CALLER)),
            (404, "videoNotFound", (Rejected, *CALLER)),
            (400, "somethingNew", (Rejected, *CALLER)),
        ],
    )
    def test_a_refusal_is_read_by_its_reason(self, status: int, reason: str, meaning: tuple[Any, ...]) -> None:
        found = self.connector.classify(error(status, reason))

        assert (type(found), found.code, found.who_acts) == meaning
        assert found.network_code == reason

    def test_what_youtube_says_is_told_without_its_markup(self) -> None:
        words = 'You have exceeded your <a href="/youtube/v3/getting-started#quota">quota</a>.'

        assert self.connector.classify(error(403, "quotaExceeded", words)).message == (
            "YouTube says: You have exceeded your quota."
        )

    def test_an_unknown_reason_is_told_as_it_came(self) -> None:
        assert self.connector.classify(error(400, "somethingNew", "")).message == (
            "YouTube answered with status 400 and the code somethingNew."
        )

    @pytest.mark.parametrize(
        ("answer", "wait"),
        [
            (error(403, "rateLimitExceeded"), None),
            (error(403, "rateLimitExceeded", Retry_After="7"), 7),
            (error(400, "uploadLimitExceeded"), 86_400),
            (error(403, "quotaExceeded"), 22 * 3600),
            (error(429, "rateLimitExceeded", SPENT.format(limit="Video Uploads per day")), 22 * 3600),
            (error(429, "rateLimitExceeded", SPENT.format(limit="Queries per minute")), None),
            (make_answer(429, {"error": {"message": SPENT.format(limit="Queries per day")}}), 22 * 3600),
        ],
    )
    def test_a_limit_says_when_it_is_over(self, answer: Any, wait: float | None) -> None:
        assert self.waits(answer) == wait

    @pytest.mark.parametrize(
        ("answer", "is_of_a_kind"),
        [
            (error(400, "uploadLimitExceeded"), True),
            (error(403, "quotaExceeded"), True),
            (error(429, "rateLimitExceeded", SPENT.format(limit="Video Uploads per day")), True),
            (error(403, "rateLimitExceeded"), False),
        ],
    )
    def test_a_quota_of_the_day_holds_only_the_calls_that_it_counts(self, answer: Any, is_of_a_kind: bool) -> None:
        found = self.connector.classify(answer)

        assert isinstance(found, RateLimited)
        assert found.is_of_a_kind == is_of_a_kind

    def test_a_spent_day_without_a_date_ends_by_our_clock(self) -> None:
        assert 0 < (self.waits(error(403, "quotaExceeded", Date="soon")) or 0) <= 25 * 3600

    @pytest.mark.parametrize(
        ("now", "hours"),
        [
            (datetime(2026, 11, 24, 10, tzinfo=UTC), 22),
            (datetime(2026, 7, 1, 6, 30, tzinfo=UTC), 0.5),
            (datetime(2026, 11, 1, 7, 30, tzinfo=UTC), 24.5),
            (datetime(2026, 3, 8, 8, 30, tzinfo=UTC), 22.5),
        ],
    )
    def test_midnight_in_california_is_known_on_the_days_when_the_clocks_change(
        self, now: datetime, hours: float
    ) -> None:
        assert until_midnight(now) == hours * 3600

    def issues(self, value: Content, severity: str = "error") -> Iterator[str]:
        return (each.rule for each in self.connector.validate(value, {}) if each.severity == severity)

    @pytest.mark.parametrize(
        ("value", "rules"),
        [
            (replace(content(), title=" "), ["title_required"]),
            (replace(content(), title="a" * 101), ["title_too_long"]),
            (replace(content(), title="1 < 2"), ["title_forbidden_characters"]),
            (content(text="a > b"), ["text_forbidden_characters"]),
            (content(text="é" * 2501), ["text_too_long"]),
            (content(tags=["a" * 498, "bc"]), ["tags_too_long"]),
            (content(tags=["a b" + "c" * 496]), ["tags_too_long"]),
            (content(tags="rye"), ["option_invalid"]),
            (content(category="99"), ["option_invalid"]),
            (content(privacy="secret"), ["option_invalid"]),
            (content(made_for_kids="no"), ["option_invalid"]),
            (replace(content(), options={}), ["option_required"]),
            (replace(content(), media=()), ["media_required"]),
            (replace(content(), media=(make_image(),)), ["images_unsupported"]),
            (replace(content(), media=(make_video("a"), make_video("b"))), ["too_many_videos"]),
            (content(make_video(mime_type="video/x-msvideo")), ["video_type_unsupported"]),
            (content(make_video(seconds=43_201)), ["video_duration_too_large"]),
            (content(make_video(seconds=181), post_type="short"), ["video_duration_too_large"]),
            (content(make_video(width=1280, height=720), post_type="short"), ["video_ratio_too_large"]),
            (content(first_comment="a" * 10_001), ["option_too_long"]),
            (content(first_comment="Hi", made_for_kids=True), ["first_comment_on_made_for_kids"]),
            (content(thread=["Hi"]), ["option_unknown"]),
        ],
    )
    def test_what_youtube_would_refuse_is_named(self, value: Content, rules: list[str]) -> None:
        assert list(self.issues(value)) == rules

    @pytest.mark.parametrize(
        "value",
        [
            replace(content(), title="a" * 100),
            content(text=""),
            content(text="é" * 2500),
            content(tags=["a" * 498, "b"]),
            content(tags=["a b" + "c" * 495]),
            content(make_video(width=720, height=720, seconds=180), post_type="short"),
            content(make_video(width=1280, height=720, seconds=43_200)),
        ],
    )
    def test_what_just_fits_is_valid(self, value: Content) -> None:
        assert list(self.issues(value)) == []

    def test_what_some_channels_may_not_do_is_a_warning(self) -> None:
        assert list(self.issues(content(make_video(seconds=901)), "warning")) == ["video_needs_verified_channel"]
        private = content(privacy="private", first_comment="Hi")
        assert list(self.issues(private, "warning")) == ["first_comment_on_private"]

    def test_an_operator_who_knows_better_sets_from_what_length_a_channel_must_be_verified(self) -> None:
        connector = YouTube(App(client_id="id", limits={"max_unverified_video_duration_seconds": 1200}))

        [issue] = connector.validate(content(make_video(seconds=1201)), {})

        assert (issue.rule, issue.limit, issue.severity) == ("video_needs_verified_channel", 1200, "warning")
        assert "more than 20 minutes" in issue.message
        assert connector.validate(content(make_video(seconds=1200)), {}) == []

    def test_what_all_channels_may_do_is_no_warning(self) -> None:
        assert list(self.issues(content(make_video(seconds=900), first_comment="Hi"), "warning")) == []

    @pytest.mark.parametrize(
        ("tags", "count"), [([], 0), (["rye"], 3), (["rye", "bun"], 7), (["sour dough"], 12), (["a b", "c d"], 11)]
    )
    def test_tags_count_their_commas_and_quotes(self, tags: list[str], count: int) -> None:
        assert tag_characters(tags) == count

    def test_numbers_are_read_from_texts_and_shares_from_a_report(self) -> None:
        table = {"columnHeaders": [{"name": "day"}, {"name": "shares"}], "rows": [["2026-11-20", 2], ["2026-11-21", 3]]}

        found = self.counted(
            ["v1", "v2"],
            statistics(
                numbered("v1", viewCount="900", likeCount="40", commentCount="3"),
                numbered("v2", viewCount="7"),
                ids="v1,v2",
            ),
            report("v1", make_answer(200, table)),
            report("v2", make_answer(200, {"columnHeaders": []})),
        )

        assert found == {
            "v1": PostNumbers(impressions=900, engagement=48, own={"likes": 40, "comments": 3, "shares": 5}),
            "v2": PostNumbers(impressions=7),
        }

    def test_a_video_without_counters_is_gone_when_the_list_of_videos_does_not_have_it_either(self) -> None:
        listed = numbered("v2", at="publishedAt", viewCount="7", favoriteCount="0")

        found = self.counted(
            ["v1", "v2", "v3"],
            statistics(numbered("v1", viewCount="9"), ids="v1,v2,v3"),
            statistics(listed, ids="v2,v3", name="videos"),
            report("v1", make_answer(200, {})),
            report("v2", make_answer(200, {})),
        )

        assert found == {"v1": PostNumbers(impressions=9), "v2": PostNumbers(impressions=7)}

    @pytest.mark.parametrize("gets", [error(400, "badRequest", "The query is not supported."), error(403, "forbidden")])
    def test_a_report_that_is_refused_costs_the_shares_alone(self, gets: Any) -> None:
        found = self.counted(
            ["v1", "v2"],
            statistics(numbered("v1", viewCount="9", likeCount="4"), numbered("v2", likeCount="7"), ids="v1,v2"),
            report("v1", gets),
        )

        assert found == {
            "v1": PostNumbers(impressions=9, engagement=4, own={"likes": 4}),
            "v2": PostNumbers(engagement=7, own={"likes": 7}),
        }

    @pytest.mark.parametrize(
        "gets", [make_answer(503), error(403, "quotaExceeded"), error(401, "authError"), LOST, NOT_SENT]
    )
    def test_shares_that_cannot_be_read_now_are_not_taken_off_the_engagement(self, gets: Any) -> None:
        three = [numbered(each, viewCount="9", likeCount="4") for each in ("v1", "v2", "v3")]
        table = {"columnHeaders": [{"name": "day"}, {"name": "shares"}], "rows": [["2026-11-20", 2]]}

        found = self.counted(
            ["v1", "v2", "v3"],
            statistics(*three, ids="v1,v2,v3"),
            report("v1", make_answer(200, table)),
            report("v2", gets),
        )

        without_shares = PostNumbers(impressions=9, engagement=4, own={"likes": 4})
        assert found == {
            "v1": PostNumbers(impressions=9, engagement=6, own={"likes": 4, "shares": 2}),
            "v2": without_shares,
            "v3": without_shares,
        }
        assert found["v2"].after({"likes": 3, "shares": 5}).engagement == 9

    @pytest.mark.parametrize("absurd", ["1" * 15, "9" * 5000, "-1", "1e3", "\u0663"])
    def test_a_number_that_makes_no_sense_is_none(self, absurd: str) -> None:
        table = {"columnHeaders": [{"name": "day"}, {"name": "shares"}], "rows": [["2026-11-20", 10**30]]}

        found = self.counted(
            ["v1"],
            statistics(numbered("v1", viewCount=absurd, likeCount="4"), ids="v1"),
            report("v1", make_answer(200, table)),
        )

        assert found == {"v1": PostNumbers(engagement=4, own={"likes": 4})}

    def test_a_video_without_a_date_has_no_report(self) -> None:
        found = self.counted(["v1"], statistics({"id": "v1", "statistics": {"viewCount": "9"}}, ids="v1"))

        assert found == {"v1": PostNumbers(impressions=9)}

    def test_counters_without_a_list_leave_it_to_the_list_of_videos_what_is_gone(self) -> None:
        none = replace(statistics(ids="v1"), gets=make_answer(200, {"kind": "youtube#batchGetStatsResponse"}))

        assert self.counted(["v1"], none, statistics(ids="v1", name="videos")) == {}

    def test_an_answer_without_numbers_is_not_taken_for_deleted_videos(self) -> None:
        calls = (statistics(ids="v1"), statistics(ids="v1", name="videos"))

        with pytest.raises(Unknown):
            self.counted(["v1"], *(replace(each, gets=make_answer(200, {})) for each in calls))

    def test_the_channel_tells_its_subscribers_and_videos(self) -> None:
        assert self.account_counted(channels()) == AccountNumbers(followers=120, posts=7)


class TestComments(ListCase):
    connector = TestYouTube.connector
    own, other = thread(), thread("Second", key="b")
    dated = ("snippet", "topLevelComment", "snippet", "publishedAt")
    lost = TestYouTube().replying()
    adopted = COMMENT

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return comments(*posts, after=after, then=then)
