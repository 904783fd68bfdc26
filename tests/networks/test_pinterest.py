"""Pinterest, against what developers.pinterest.com says is sent and answered."""

import base64
import io
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AuthExpired,
    PlatformError,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.pinterest import Pinterest
from accounts.platforms.pinterest.validation import LIMITS, limits_for
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Handles,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from tests.networks.platform_case import (
    LOST,
    NOW,
    Call,
    FakeSession,
    LookCase,
    OAuth2Case,
    Publication,
    Saved,
    later,
    make_answer,
    make_image,
    make_video,
)

API = "https://api.pinterest.com/v5"
STORAGE = "https://media-upload.example/"
BEARER = {"Authorization": "Bearer AT"}
BASIC = {"Authorization": "Basic aWQ6c2VjcmV0"}
SCOPE = "boards:read boards:write pins:read pins:write user_accounts:read"
ME = {
    "id": "800",
    "account_type": "BUSINESS",
    "username": "bakery",
    "business_name": "Bakery",
    "profile_image": "https://i.pinimg.example/a.jpg",
    "follower_count": 120,
    "following_count": 3,
    "monthly_views": 900,
    "pin_count": 12,
    "board_count": 2,
}
BOARDS = [{"id": "801", "name": "Bread", "privacy": "PUBLIC"}, {"id": "802", "name": "Cakes", "privacy": "PROTECTED"}]
RYE = {"id": "5", "name": "Rye"}
WITH_SECTIONS = [BOARDS[0] | {"sections": [RYE]}, BOARDS[1] | {"sections": []}]
PROFILE = Profile(
    name="Bakery",
    username="bakery",
    profile_image="https://i.pinimg.example/a.jpg",
    followers=120,
    following=3,
    metadata={"boards": BOARDS},
)
TOKENS = {
    "response_type": "authorization_code",
    "access_token": "AT",
    "refresh_token": "RT",
    "token_type": "bearer",
    "expires_in": 2592000,
    "refresh_token_expires_in": 5184000,
    "refresh_token_expires_at": 1800000000,
    "scope": SCOPE,
}
GIVEN = Tokens(
    access_token="AT",
    refresh_token="RT",
    access_expires_at=later(days=30),
    ends_at=later(days=60),
    scopes=tuple(SCOPE.split()),
)
ON_THE_BOARD = {"board_id": "801"}
PUBLISHED = Published(remote_id="900", url="https://www.pinterest.com/pin/900/")
FORM = {"x-amz-date": "20261124T100000Z", "key": "uploads/910", "policy": "p", "Content-Type": "multipart/form-data"}
MEDIA = {"media_id": "910", "media_type": "video", "upload_url": STORAGE, "upload_parameters": FORM}
CALLER = ("CONTENT_REJECTED", "caller")
OWNER = ("TOKEN_REVOKED", "account_owner")
OPERATOR = ("PLATFORM_UNAVAILABLE", "operator")


def get(path: str, answer: Any, status: int = 200, **params: Any) -> Call:
    sends: dict[str, Any] = {"headers": BEARER} | ({"params": params} if params else {})
    return Call("GET", f"{API}/{path}", sends, make_answer(status, answer))


def board_page(*boards: Mapping[str, Any], after: str = "", then: str | None = None) -> Call:
    params: dict[str, Any] = {"page_size": 250} | ({"bookmark": after} if after else {})
    return get("boards", {"items": [{**each, "pin_count": 5} for each in boards], "bookmark": then}, **params)


def section_page(board: str, *sections: Mapping[str, str], status: int = 200) -> Call:
    return get(f"boards/{board}/sections", {"items": [*sections], "bookmark": None}, status, page_size=250)


def pin(**fields: Any) -> Call:
    answer = make_answer(201, {"id": "900", "created_at": "2026-11-24T09:59:57", "board_id": "801"})
    return Call("POST", f"{API}/pins", {"headers": BEARER, "json": {"board_id": "801"} | fields}, answer)


def inline(media_id: str, mime_type: str = "image/jpeg") -> dict[str, str]:
    return {"content_type": mime_type, "data": base64.b64encode(f"bytes of {media_id}".encode()).decode()}


def registered(given: str = "910", **values: Any) -> dict[str, Any]:
    """Return what is kept of a video."""
    return {"uploads": {"media_1": {"given": given, "at": NOW.isoformat(), **values}}}


def register() -> Call:
    sends = {"headers": BEARER, "json": {"media_type": "video"}}
    return Call("POST", f"{API}/media", sends, make_answer(201, MEDIA))


def store(status: int = 204, body: bytes = b"") -> Call:
    sends = {"data": FORM, "files": {"file": ("media_1.mp4", b"bytes of media_1", "video/mp4")}}
    return Call("POST", STORAGE, sends, make_answer(status, body=body))


def shown(status: str) -> Call:
    return get("media/910", {"media_id": "910", "media_type": "video", "status": status})


def listing(*pins: Mapping[str, Any], after: str = "", then: str = "") -> Call:
    params: dict[str, Any] = {"page_size": 100} | ({"bookmark": after} if after else {})
    return get("boards/801/pins", {"items": list(pins), "bookmark": then or None}, **params)


def listed(**fields: Any) -> dict[str, Any]:
    written = {"title": "Rye", "description": "Fresh", "link": "https://example.com/rye"}
    return {"id": "900", "created_at": "2026-11-24T09:59:57", "board_id": "801"} | written | fields


def pinned(text: str = "", **values: Any) -> Content:
    """A valid Pin of one image."""
    facts: dict[str, Any] = {"media": (make_image(),), "options": ON_THE_BOARD}
    return Content(text=text, **facts | values)


class TestPinterest(LookCase, OAuth2Case):
    connector = Pinterest(App(client_id="id", client_secret="secret"))
    account = Account(
        remote_id="800", access_token="AT", refresh_token="RT", username="bakery", metadata={"boards": BOARDS}
    )
    consent_url = (
        "https://www.pinterest.com/oauth/?response_type=code&client_id=id"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=one%2Ctwo&state=STATE"
    )
    exchange_calls = (
        Call(
            "POST",
            f"{API}/oauth/token",
            {
                "headers": BASIC,
                "data": {
                    "grant_type": "authorization_code",
                    "code": "CODE",
                    "redirect_uri": "https://app.example/back",
                },
            },
            make_answer(200, TOKENS),
        ),
    )
    exchanged = GIVEN
    code_refused = make_answer(400, {"code": 1, "message": "Invalid request: the code has expired."})
    candidate_calls = (get("user_account", ME), board_page(BOARDS[0], then="b1"), board_page(BOARDS[1], after="b1"))
    candidates = [Candidate(remote_id="800", type="business", profile=PROFILE, tokens=GIVEN)]
    refresh_calls = (
        Call(
            "POST",
            f"{API}/oauth/token",
            {"headers": BASIC, "data": {"grant_type": "refresh_token", "refresh_token": "RT"}},
            make_answer(200, TOKENS | {"access_token": "AT2", "refresh_token": "RT2"}),
        ),
    )
    refreshed = replace(GIVEN, access_token="AT2", refresh_token="RT2")
    revoke_calls = ()
    profile_calls = (*candidate_calls, section_page("801", RYE), section_page("802"))
    profile = replace(PROFILE, metadata={"boards": WITH_SECTIONS})
    publications = {
        "image": Publication(
            Content(
                text="Fresh",
                title="Rye",
                media=(make_image(alt_text="A loaf"),),
                options=ON_THE_BOARD | {"link": "https://example.com/rye"},
            ),
            (),
            (
                pin(
                    title="Rye",
                    description="Fresh",
                    link="https://example.com/rye",
                    alt_text="A loaf",
                    media_source={"source_type": "image_base64", **inline("media_1")},
                ),
            ),
            PUBLISHED,
        ),
        "image alone": Publication(
            pinned(media=(make_image(mime_type="image/png"),)),
            (),
            (pin(media_source={"source_type": "image_base64", **inline("media_1", "image/png")}),),
            PUBLISHED,
        ),
        "the post's link": Publication(
            pinned(link="https://example.com/post"),
            (),
            (
                pin(
                    link="https://example.com/post",
                    media_source={"source_type": "image_base64", **inline("media_1")},
                ),
            ),
            PUBLISHED,
        ),
        "section": Publication(
            pinned(options=ON_THE_BOARD | {"board_section_id": "5"}),
            (),
            (pin(board_section_id="5", media_source={"source_type": "image_base64", **inline("media_1")}),),
            PUBLISHED,
        ),
        "carousel": Publication(
            pinned(media=(make_image("media_1", alt_text="Rye"), make_image("media_2"), make_image("media_3"))),
            (),
            (
                pin(
                    alt_text="Rye",
                    media_source={
                        "source_type": "multiple_image_base64",
                        "items": [inline("media_1"), inline("media_2"), inline("media_3")],
                        "index": 0,
                    },
                ),
            ),
            PUBLISHED,
        ),
        "video": Publication(
            pinned("Moving", media=(make_video(alt_text="A mixer"),)),
            (register(), store(), shown("succeeded")),
            (
                pin(
                    description="Moving",
                    alt_text="A mixer",
                    media_source={"source_type": "video_id", "media_id": "910", "cover_image_key_frame_time": 0},
                ),
            ),
            PUBLISHED,
        ),
        "video with a cover": Publication(
            pinned(media=(make_video(),), options=ON_THE_BOARD | {"cover_image_key_frame_time": 1500}),
            (register(), store(), shown("succeeded")),
            (pin(media_source={"source_type": "video_id", "media_id": "910", "cover_image_key_frame_time": 1500}),),
            PUBLISHED,
        ),
    }
    usual = "image"
    uploading = "video"
    nameless: ClassVar[Mapping[str, str]] = {"video": "video"}
    own, other = listed(), listed(id="7", title="Wheat")
    dated, before = ("created_at",), "2026-11-24T09:59:54"
    recover_calls = (listing(own),)
    nothing_found = make_answer(200, {"items": [], "bookmark": None})
    refused = make_answer(400, {"code": 1, "message": "Invalid request: 'title' is longer than 100."})
    over_quota = make_answer(
        429,
        {"code": 8, "message": "You have exceeded your rate limit. Try again later."},
        x_ratelimit_limit="100, 100;w=1, 1000;w=60",
        x_ratelimit_remaining="0",
        x_ratelimit_reset="120",
    )
    token_over = make_answer(401, {"code": 2, "message": "Authentication failed."})

    def page(self, *posts: Mapping[str, Any], after: str = "", then: str = "") -> Call:
        return listing(*posts, after=after, then=then)

    def test_an_answer_without_a_refresh_token_leaves_the_stored_one(self) -> None:
        without = {name: value for name, value in TOKENS.items() if not name.startswith("refresh")}
        call = replace(self.refresh_calls[0], gets=make_answer(200, without))

        tokens = self.connector.refresh(FakeSession(call), self.account, now=NOW)

        assert tokens == replace(GIVEN, refresh_token="", ends_at=None)

    def test_an_answer_about_nobody_is_no_profile_without_a_name(self) -> None:
        with pytest.raises(Unknown):
            self.connector.profile(FakeSession(get("user_account", {"code": 0})), self.account)

    @pytest.mark.parametrize(("said", "account_type"), [("PINNER", "pinner"), ("BUSINESS", "business"), ("", "pinner")])
    def test_an_account_is_a_persons_or_a_business(self, said: str, account_type: str) -> None:
        person = ME | {"account_type": said, "business_name": None}

        [candidate] = self.connector.candidates(FakeSession(get("user_account", person), board_page()), GIVEN)

        assert (candidate.type, candidate.profile.name) == (account_type, "bakery")
        assert candidate.profile.metadata == {"boards": []}

    def test_boards_that_cannot_be_read_are_not_taken_for_none(self) -> None:
        broken = get("boards", {"code": 0}, page_size=250)

        with pytest.raises(Unknown):
            self.connector.profile(FakeSession(get("user_account", ME), broken), self.account)

    def test_of_boards_whose_sections_cannot_be_read_none_are_known(self) -> None:
        calls = (*self.candidate_calls, section_page("801", RYE), section_page("802", status=503))

        profile = self.connector.profile(FakeSession(*calls), self.account)

        assert profile.metadata == {"boards": [WITH_SECTIONS[0], BOARDS[1]]}

    def test_only_the_sections_of_the_first_boards_are_read(self) -> None:
        boards = [{"id": str(each), "name": "Bread", "privacy": "PUBLIC"} for each in range(21)]
        calls = (get("user_account", ME), board_page(*boards), *(section_page(str(each)) for each in range(20)))

        profile = self.connector.profile(FakeSession(*calls), self.account)

        assert [each for each in profile.metadata["boards"] if "sections" not in each] == boards[20:]

    def test_who_refreshes_an_account_does_not_wait_long_for_sections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("accounts.platforms.pinterest.SECTIONS_SECONDS", 0)

        assert self.connector.profile(FakeSession(*self.candidate_calls), self.account) == PROFILE

    def test_an_app_on_trial_has_no_calls_to_spare_for_sections(self) -> None:
        trial = Pinterest(App(client_id="id", product="trial"))

        assert trial.profile(FakeSession(*self.candidate_calls), self.account) == PROFILE

    @pytest.mark.parametrize(
        ("board", "section", "rules"),
        [
            ("801", "5", []),
            ("801", "6", [("option_invalid", "options.board_section_id")]),
            ("802", "5", [("option_invalid", "options.board_section_id")]),
            ("803", "6", []),
        ],
    )
    def test_a_section_is_looked_for_on_its_board(self, board: str, section: str, rules: list[tuple[str, str]]) -> None:
        content = pinned(options={"board_id": board, "board_section_id": section})

        unread = {"id": "803", "name": "Plans", "privacy": "PUBLIC"}

        assert self.rules(content, {"boards": [*WITH_SECTIONS, unread]}) == rules

    @pytest.mark.parametrize(
        ("host", "shows_pins"),
        [
            ("www.pinterest.de", True),
            ("pinterest.co.uk", True),
            ("br.pinterest.com", True),
            ("pinterest-login.de", False),
            ("pinterest.de.example.com", False),
            ("pinterest.example", False),
        ],
    )
    def test_pins_are_shown_at_its_country_domains_and_at_none_that_looks_like_one(
        self, host: str, shows_pins: bool
    ) -> None:
        assert self.connector.shows_posts_at(host) is shows_pins

    def test_the_operator_may_set_another_version(self) -> None:
        newer = Pinterest(App(client_id="id", client_secret="secret", version="v6"))
        call = replace(self.refresh_calls[0], url="https://api.pinterest.com/v6/oauth/token")

        assert newer.refresh(FakeSession(call), self.account, now=NOW) == self.refreshed

    def test_a_lost_answer_is_cleared_up_on_the_board(self) -> None:
        assert self.connector.recovery_of(self.operation(self.first.content)) == Recovery.LOOK

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (pinned("Fresh"), listed(title=None, link=None)),
            (pinned("Fresh"), listed(title="", link="", created_at="2026-11-24T09:59:57Z")),
            (pinned("Fresh"), listed(title=None, link=None, created_at="2026-11-24T09:59:55")),
            (pinned(" Cafe\u0301 "), listed(title=None, link=None, description="Caf\u00e9")),
            (pinned("Fresh", title="Rye", link="http://example.com/rye/"), listed()),
        ],
    )
    def test_a_pin_is_recognised_as_pinterest_shows_it(self, content: Content, found: dict[str, Any]) -> None:
        assert self.recovers(self.operation(content, armed_at=NOW), listing(found)) == [PUBLISHED]

    def test_a_time_without_an_offset_is_utc_wherever_this_machine_stands(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()

        try:
            assert self.recovered(*self.recover_calls) == [PUBLISHED]
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_a_pin_in_a_section_is_looked_for_in_the_list_of_the_section(self) -> None:
        content = pinned("Fresh", options=ON_THE_BOARD | {"board_section_id": "5"})
        found = listed(title=None, link=None, board_section_id="5")

        recovered = self.recovers(
            self.operation(content, armed_at=NOW),
            get("boards/801/sections/5/pins", {"items": [found], "bookmark": None}, page_size=100),
        )

        assert recovered == [PUBLISHED]

    @pytest.mark.parametrize(
        "change",
        [
            {"title": "Wheat"},
            {"description": "Stale"},
            {"description": None},
            {"link": "https://example.com/wheat"},
            {"created_at": "2026-11-24T09:00:01+00:00"},
        ],
    )
    def test_another_pin_is_not_taken_for_it(self, change: dict[str, Any]) -> None:
        operation = self.operation(self.first.content, armed_at=NOW)

        assert self.recovers(operation, listing(listed(**change))) == []

    def test_images_are_read_and_converted_ahead_of_the_visible_call(self) -> None:
        opened = Mock(side_effect=lambda: io.BytesIO(b"bytes of media_1"))
        saved = Saved()
        operation = self.operation(pinned(media=(make_image(open=opened, converted="made smaller"),)))
        call = pin(media_source={"source_type": "image_base64", **inline("media_1")})

        self.prepares(operation, save=saved)
        reads_before = opened.call_count
        published = self.commits(operation, call)

        assert (reads_before, opened.call_count, saved.handles, published) == (1, 1, [{}], PUBLISHED)

    def stored(self, handles: Handles, *calls: Call, at: Any = NOW) -> tuple[Handles, list[tuple[Handles, float]]]:
        """Prepare the video from these handles on; return the handles, and all that was saved and for how long."""
        saved = Saved()
        done = self.prepares(self.operation(self.steps.content, now=at, handles=handles), *calls, save=saved)
        return done, list(zip(saved.handles, saved.seconds, strict=True))

    def test_time_is_asked_for_before_the_upload(self) -> None:
        done, saved = self.stored({"other": 1}, *self.steps.prepares)

        assert saved == [
            ({"other": 1} | registered(form={"url": STORAGE, "fields": FORM}), 600),
            ({"other": 1} | registered(), 0),
            ({"other": 1} | registered(ready=True), 0),
        ]
        assert done == saved[-1][0]

    @pytest.mark.parametrize("status", ["registered", "processing", "", "something new"])
    def test_a_video_that_is_worked_on_is_waited_for(self, status: str) -> None:
        saved = Saved()
        operation = self.operation(self.steps.content)

        with pytest.raises(StillWorking) as caught:
            self.prepares(operation, register(), store(), shown(status), save=saved)

        assert caught.value.retry_after == 10
        done, _ = self.stored(saved.handles[-1], shown("succeeded"))
        assert done["uploads"]["media_1"]["ready"]

    def test_a_video_that_pinterest_cannot_use_is_refused_and_forgotten(self) -> None:
        waiting = {"other": 1} | registered()
        saved = Saved()

        with pytest.raises(Rejected) as caught:
            self.prepares(self.operation(self.steps.content, handles=waiting), shown("failed"), save=saved)

        assert (caught.value.code, caught.value.who_acts) == ("MEDIA_REJECTED", "caller")
        assert saved.handles == [{"other": 1}]

    def test_a_video_that_was_dropped_is_uploaded_again(self) -> None:
        waiting = registered()
        saved = Saved()
        gone = get("media/910", {"code": 4, "message": "Not found."}, status=404)

        with pytest.raises(Unavailable):
            self.prepares(self.operation(self.steps.content, handles=waiting), gone, save=saved)

        assert saved.handles == [{}]

    def test_a_question_that_is_refused_otherwise_says_why(self) -> None:
        waiting = registered()
        refused = get("media/910", {"code": 3, "message": "Scope missing."}, status=403)

        with pytest.raises(Rejected) as caught:
            self.stored(waiting, refused)

        assert caught.value.network_code == "3"

    def test_a_storage_that_refuses_is_registered_at_anew(self) -> None:
        xml = b"<Error><Code>AccessDenied</Code><Message>Policy expired.</Message></Error>"
        saved = Saved()

        with pytest.raises(Unavailable) as caught:
            self.prepares(self.operation(self.steps.content), register(), store(403, xml), save=saved)

        assert (caught.value.network_code, caught.value.status) == ("AccessDenied", 403)
        assert saved.handles[-1] == {}

    @pytest.mark.parametrize(("status", "code"), [(400, "EntityTooLarge"), (400, "EntityTooSmall"), (413, "")])
    def test_a_file_that_the_storage_refuses_for_its_size_is_not_uploaded_again(self, status: int, code: str) -> None:
        refused = store(status, f"<Error><Code>{code}</Code></Error>".encode())

        with pytest.raises(Rejected) as caught:
            self.stored({}, register(), refused)

        assert (caught.value.code, caught.value.network_code) == ("MEDIA_REJECTED", code)

    @pytest.mark.parametrize(
        ("gets", "error"),
        [(make_answer(503), Unavailable), (make_answer(302, body=b"<html>"), Unavailable), (LOST, Unknown)],
    )
    def test_a_storage_that_does_not_take_the_file_gets_the_same_form_again(
        self, gets: Any, error: type[Exception]
    ) -> None:
        saved = Saved()

        with pytest.raises(error):
            self.prepares(self.operation(self.steps.content), register(), replace(store(), gets=gets), save=saved)

        self.stored(saved.handles[-1], store(), shown("succeeded"))

    @pytest.mark.parametrize(
        ("video", "age"),
        [
            ({"form": {"url": "https://over.example/", "fields": {}}}, timedelta(minutes=31)),
            ({}, timedelta(hours=13)),
            ({"ready": True}, timedelta(hours=13)),
        ],
    )
    def test_what_is_too_old_is_made_again(self, video: dict[str, Any], age: timedelta) -> None:
        done, _ = self.stored(registered("1", **video), *self.steps.prepares, at=NOW + age)

        assert done["uploads"]["media_1"]["given"] == "910"

    @pytest.mark.parametrize("said", [{}, {"media_id": "910"}, MEDIA | {"upload_parameters": None}, [1]])
    def test_a_registration_that_does_not_say_where_to_upload_is_made_again(self, said: Any) -> None:
        with pytest.raises(Unavailable):
            self.stored({}, replace(register(), gets=make_answer(201, said)))

    @pytest.mark.parametrize(
        ("status", "code", "words", "meaning"),
        [
            (401, 2, "Authentication failed.", (AuthExpired, *OWNER)),
            (401, 1104, "Invalid token.", (AuthExpired, *OWNER)),
            (400, 1104, "Invalid token.", (AuthExpired, *OWNER)),
            (403, 3, "Your application doesn't have the scope.", (Rejected, *OWNER)),
            (401, 3, "Your token does not have sufficient permissions to perform this operation.", (Rejected, *OWNER)),
            (401, 29, "You are not permitted to access that resource.", (Rejected, *OPERATOR)),
            (401, None, "", (AuthExpired, *OWNER)),
            (403, 7, "You are not permitted to access that board.", (Rejected, *CALLER)),
            (403, 29, "You are not permitted.", (Rejected, *OPERATOR)),
            (403, 2625, "Account disapproved.", (Rejected, "CONTENT_REJECTED", "account_owner")),
            (403, 2625, "Disapproved for spam.", (Rejected, "CONTENT_REJECTED", "account_owner")),
            (400, 2626, "Account under review.", (Rejected, "CONTENT_REJECTED", "account_owner")),
            (429, 8, "You have exceeded your rate limit.", (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (403, 8, "You have exceeded your rate limit.", (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (429, None, "", (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (500, 0, "Internal error.", (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (504, None, "", (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (400, 1, "Invalid request: 'link' is not a 'uri'.", (Rejected, *CALLER)),
            (400, 1, "Sorry! Your image is too small.", (Rejected, "MEDIA_REJECTED", "caller")),
            (404, 40, "Board not found.", (Rejected, *CALLER)),
            (404, 2031, "Board section not found.", (Rejected, *CALLER)),
            (404, 50, "Pin not found.", (Rejected, *CALLER)),
            (418, 9999, "A teapot.", (Rejected, *CALLER)),
        ],
    )
    def test_a_refusal_says_who_can_mend_it(
        self, status: int, code: int | None, words: str, meaning: tuple[Any, ...]
    ) -> None:
        error = self.connector.classify(make_answer(status, {"code": code, "message": words}))

        assert (type(error), error.code, error.who_acts) == meaning
        assert error.network_code == ("" if code is None else str(code))

    def test_a_refusal_tells_what_to_do(self) -> None:
        def told(code: int, **words: str) -> str:
            return self.connector.classify(make_answer(404, {"code": code} | words)).message

        assert told(40, message="Board not found.") == "Pinterest says: Board not found. Choose another board."
        assert told(1, message_detail="No such thing.") == "Pinterest says: No such thing."

    @pytest.mark.parametrize("status", [400, 403, 429])
    def test_what_looks_like_spam_rests_for_hours(self, status: int) -> None:
        words = "This Pin was blocked because it may be Spam."

        assert self.waits(make_answer(status, {"code": 8, "message": words}, x_ratelimit_reset="1")) == 6 * 3600

    @pytest.mark.parametrize("status", [400, 403, 429])
    def test_a_blocked_link_fails_its_own_post_alone(self, status: int) -> None:
        words = "Sorry! We blocked this link because it may lead to spam."

        error = self.connector.classify(make_answer(status, {"code": 9, "message": words}))

        assert (type(error), error.code, error.who_acts) == (Rejected, "CONTENT_REJECTED", WhoActs.CALLER)

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({"x_ratelimit_reset": "0"}, None),
            ({"x_ratelimit_reset": "nan"}, None),
            ({"x_ratelimit_reset": "9e9"}, 86400),
            ({"x_ratelimit_reset": "soon", "Retry_After": "7"}, 7),
            ({}, None),
        ],
    )
    def test_a_quota_whose_reset_makes_no_sense_leaves_the_wait_to_us(
        self, headers: dict[str, Any], wait: float | None
    ) -> None:
        assert self.waits(make_answer(429, {"code": 8, "message": "Too many."}, **headers)) == wait

    @pytest.mark.parametrize(
        ("status", "code", "refreshed", "exchanged"),
        [
            (401, 2, (AuthExpired, *OWNER), (Rejected, *OWNER)),
            (400, 2, (AuthExpired, *OWNER), (Rejected, *OWNER)),
            (400, 1, (Rejected, *OPERATOR), (Rejected, *OWNER)),
            (403, 29, (Rejected, *OPERATOR), (Rejected, *OPERATOR)),
        ],
    )
    def test_a_refused_token_is_for_its_owner_to_mend_and_a_refused_app_for_the_operator(
        self, status: int, code: int, refreshed: tuple[Any, ...], exchanged: tuple[Any, ...]
    ) -> None:
        gets = make_answer(status, {"code": code, "message": "No."})

        with pytest.raises(PlatformError) as at_refresh:
            self.refresh(gets)
        with pytest.raises(PlatformError) as at_exchange:
            self.exchange(FakeSession(replace(self.exchange_calls[0], gets=gets)))

        for error, meaning in ((at_refresh.value, refreshed), (at_exchange.value, exchanged)):
            assert (type(error), error.code, error.who_acts) == meaning
            assert (error.status, error.network_code) == (status, str(code))

    def test_only_its_maker_sees_what_an_app_on_trial_posts(self) -> None:
        trial = Pinterest(App(client_id="id", product="trial"))

        told = [[(each.rule, each.severity) for each in of.validate(pinned(), {})] for of in (trial, self.connector)]

        assert told == [[("app_on_trial", "warning")], []]

    def rules(self, content: Content, account: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
        metadata = self.account.metadata if account is None else account
        return [(each.rule, each.field) for each in self.connector.validate(content, metadata)]

    @pytest.mark.parametrize(
        ("content", "issue"),
        [
            (pinned(options={}), ("option_required", "options.board_id")),
            (pinned(options={"board_id": "803"}), ("option_invalid", "options.board_id")),
            (pinned(options={"board_id": 801}), ("option_invalid", "options.board_id")),
            (
                pinned(options=ON_THE_BOARD | {"board_section_id": "Rye"}),
                ("option_invalid", "options.board_section_id"),
            ),
            (pinned(options=ON_THE_BOARD | {"first_comment": "Hi"}), ("option_unknown", "options.first_comment")),
            (pinned(options=ON_THE_BOARD | {"link": "example.com"}), ("link_invalid", "options.link")),
            (pinned(options=ON_THE_BOARD | {"link": "https://nowhere/"}), ("link_invalid", "options.link")),
            (pinned(options=ON_THE_BOARD | {"link": "https://example.com/a b"}), ("link_invalid", "options.link")),
            (pinned(options=ON_THE_BOARD | {"link": "https://[broken"}), ("link_invalid", "options.link")),
            (
                pinned(options=ON_THE_BOARD | {"link": "https://example.com/" + "x" * 2029}),
                ("option_too_long", "options.link"),
            ),
            (pinned(link="ftp://example.com/x"), ("link_invalid", "link")),
            (pinned(link="https://example.com/" + "x" * 2029), ("link_too_long", "link")),
            (pinned(title="x" * 101), ("title_too_long", "title")),
            (pinned(media=()), ("media_required", "media")),
            (pinned(media=(make_image(alt_text="x" * 501),)), ("alt_text_too_long", "media.0.alt_text")),
            (pinned(media=(make_image(mime_type="image/webp"),)), ("image_type_unsupported", "media.0")),
            (pinned(media=(make_image(size=5_000_001),)), ("image_too_large", "media.0")),
            (pinned(media=tuple(make_image(str(each)) for each in range(6))), ("too_many_images", "media")),
            (pinned(media=(make_image(), make_video())), ("images_and_videos_mixed", "media")),
            (pinned(media=(*map(make_image, "abcd"), make_image("e", size=2_000_001))), ("image_too_large", "media.4")),
            (pinned(media=(make_video(seconds=3.9),)), ("video_duration_too_small", "media.0")),
            (pinned(media=(make_video(seconds=900.1),)), ("video_duration_too_large", "media.0")),
            (pinned(media=(make_video(width=490, height=1000),)), ("video_ratio_too_small", "media.0")),
            (pinned(media=(make_video(width=1920, height=1000),)), ("video_ratio_too_large", "media.0")),
            (pinned(media=(make_video(video_codec="av1"),)), ("video_codec_unsupported", "media.0")),
            (pinned(media=(make_video(mime_type="video/webm"),)), ("video_type_unsupported", "media.0")),
            (pinned(media=(make_video(size=2_000_000_001),)), ("video_too_large", "media.0")),
            (
                pinned(media=(make_video(),), options=ON_THE_BOARD | {"cover_image_key_frame_time": 20_001}),
                ("cover_outside_the_video", "options.cover_image_key_frame_time"),
            ),
            (
                pinned(media=(make_video(),), options=ON_THE_BOARD | {"cover_image_key_frame_time": -1}),
                ("cover_outside_the_video", "options.cover_image_key_frame_time"),
            ),
            (
                pinned(media=(make_video(),), options=ON_THE_BOARD | {"cover_image_key_frame_time": 1.5}),
                ("option_invalid", "options.cover_image_key_frame_time"),
            ),
        ],
    )
    def test_what_pinterest_refuses_is_named(self, content: Content, issue: tuple[str, str]) -> None:
        assert self.rules(content) == [issue]

    @pytest.mark.parametrize(
        "content",
        [
            pinned(link="http://example.com/"),
            pinned(link="https://example.com/" + "x" * 2028),
            pinned(options=ON_THE_BOARD | {"link": "https://example.com/" + "x" * 2028}),
            pinned(media=(make_image(size=5_000_000), make_image("b", size=5_000_000))),
            pinned(media=tuple(make_image(each, size=2_000_000) for each in "abcde")),
            pinned(media=(make_image(), make_image("b", width=0, height=0))),
            pinned(media=(make_video(),), options=ON_THE_BOARD | {"cover_image_key_frame_time": 0}),
            pinned(media=(make_video(),), options=ON_THE_BOARD | {"cover_image_key_frame_time": 20_000}),
            pinned(media=(make_video(seconds=0),), options=ON_THE_BOARD | {"cover_image_key_frame_time": 20_000}),
        ],
    )
    def test_what_just_fits_is_valid(self, content: Content) -> None:
        assert self.rules(content) == []

    def test_a_text_is_refused_above_800_and_warned_of_above_500_characters(self) -> None:
        def severities(count: int) -> list[tuple[str, str]]:
            issues = self.connector.validate(pinned("ü" * count), self.account.metadata)
            return [(each.rule, each.severity) for each in issues]

        long = ("description_long", "warning")
        assert severities(500) == []
        assert severities(501) == severities(800) == [long]
        assert severities(801) == [("text_too_long", "error"), long]

    def test_only_the_first_alt_text_of_a_carousel_is_taken(self) -> None:
        images = (make_image(alt_text="Rye"), make_image("b", alt_text="Wheat"))

        [issue] = self.connector.validate(pinned(media=images), self.account.metadata)

        assert (issue.rule, issue.field, issue.severity) == (
            "alt_text_of_the_first_image",
            "media.1.alt_text",
            "warning",
        )

    def test_a_board_is_looked_for_among_those_of_the_account(self) -> None:
        unknown = pinned(options={"board_id": "803"})

        assert self.rules(unknown, {}) == []
        assert self.rules(unknown, {"boards": []}) == [("no_boards", "options.board_id")]
        [issue] = self.connector.validate(unknown, self.account.metadata)
        assert "801" in issue.fix

    def test_an_image_of_unknown_size_is_not_said_to_differ(self) -> None:
        assert self.rules(pinned(media=(make_image(width=0, height=0), make_image("b")))) == []

    def analytics(self, pin_id: str, names: str, summary: Any, lifetime: Any = None, **change: str) -> Call:
        days = {"start_date": "2026-11-20", "end_date": "2026-11-24"} | change
        all_of_it = {"daily_metrics": [], "lifetime_metrics": lifetime or {}, "summary_metrics": summary}
        params: dict[str, Any] = days | {"metric_types": names, "split_field": "NO_SPLIT", "app_types": "ALL"}
        return get(f"pins/{pin_id}/analytics", {"all": all_of_it}, **params)

    IMAGE_NAMES = "IMPRESSION,OUTBOUND_CLICK,SAVE,TOTAL_COMMENTS,TOTAL_REACTIONS,PIN_CLICK,USER_FOLLOW,PROFILE_VISIT"

    def numbers(self, *calls: Call, now: Any = NOW) -> dict[str, PostNumbers]:
        return self.counted(["900"], *calls, now=now)

    def test_an_image_has_numbers(self) -> None:
        shown = get("pins/900", listed(created_at="2026-11-20T23:00:00"), pin_metrics="true")
        summary = {"IMPRESSION": 40, "OUTBOUND_CLICK": 2, "PIN_CLICK": 3, "SAVE": 1, "SAVE_RATE": 0.025}

        found = self.numbers(
            shown, self.analytics("900", self.IMAGE_NAMES, summary, {"TOTAL_COMMENTS": 1, "TOTAL_REACTIONS": 4})
        )

        own = {"saves": 1, "comments": 1, "reactions": 4, "pin_clicks": 3}
        assert found == {"900": PostNumbers(impressions=40, engagement=6, clicks=2, own=own)}
        assert set(own) <= set(self.connector.metrics)

    @pytest.mark.parametrize("absurd", [10**30, 1e30, float("inf"), float("nan"), True, "40", None])
    def test_a_number_that_makes_no_sense_is_none(self, absurd: Any) -> None:
        shown = get("pins/900", listed(created_at="2026-11-20T23:00:00"), pin_metrics="true")

        found = self.numbers(shown, self.analytics("900", self.IMAGE_NAMES, {"IMPRESSION": absurd, "SAVE": 1}))

        assert found == {"900": PostNumbers(engagement=1, own={"saves": 1})}

    def test_a_video_has_numbers_of_its_own(self) -> None:
        video = listed(created_at="2026-11-20T23:00:00", media={"media_type": "video"})
        names = f"{self.IMAGE_NAMES},VIDEO_MRC_VIEW,VIDEO_START"

        found = self.numbers(
            get("pins/900", video, pin_metrics="true"),
            self.analytics("900", names, {"VIDEO_MRC_VIEW": 7, "VIDEO_START": 9.0}),
        )

        assert found == {"900": PostNumbers(own={"video_views": 7, "video_starts": 9})}

    def test_what_the_whole_life_brought_counts_for_more_than_the_last_90_days(self) -> None:
        lifetime = {"pin_click": 7, "impression": 50, "clickthrough": 3, "reaction": 10, "comment": 2, "new": 1}
        old = listed(created_at="2026-01-01T10:00:00", pin_metrics={"90d": {}, "lifetime_metrics": lifetime})

        found = self.numbers(
            get("pins/900", old, pin_metrics="true"),
            self.analytics("900", self.IMAGE_NAMES, {"IMPRESSION": 4, "SAVE": 1}, start_date="2026-08-27"),
        )

        own = {"saves": 1, "comments": 2, "reactions": 10, "pin_clicks": 7}
        assert found == {"900": PostNumbers(impressions=50, engagement=13, clicks=3, own=own)}

    def test_a_pin_whose_day_is_not_told_is_asked_for_as_far_back_as_can_be(self) -> None:
        found = self.numbers(
            get("pins/900", {"id": "900"}, pin_metrics="true"),
            self.analytics("900", self.IMAGE_NAMES, {}, start_date="2026-08-27"),
        )

        assert found == {"900": PostNumbers()}

    def test_one_metric_that_is_refused_does_not_cost_the_others(self) -> None:
        refused = make_answer(400, {"code": 1, "message": "metric_types"})

        def asked(names: str, answer: Any = None) -> Call:
            call = self.analytics("900", names, answer)
            return call if answer is not None else replace(call, gets=refused)

        found = self.numbers(
            get("pins/900", listed(created_at="2026-11-20T23:00:00"), pin_metrics="true"),
            asked(self.IMAGE_NAMES),
            asked("IMPRESSION,OUTBOUND_CLICK,SAVE,TOTAL_COMMENTS", {"IMPRESSION": 40, "SAVE": 2}),
            asked("TOTAL_REACTIONS,PIN_CLICK,USER_FOLLOW,PROFILE_VISIT"),
            asked("TOTAL_REACTIONS,PIN_CLICK", {"PIN_CLICK": 3}),
            asked("USER_FOLLOW,PROFILE_VISIT"),
            asked("USER_FOLLOW"),
            asked("PROFILE_VISIT", {"PROFILE_VISIT": 5}),
        )

        own = {"saves": 2, "pin_clicks": 3, "profile_visits": 5}
        assert found == {"900": PostNumbers(impressions=40, engagement=2, own=own)}

    def test_without_its_analytics_a_pin_keeps_its_other_numbers(self) -> None:
        beside = listed(created_at="2026-11-20T23:00:00", pin_metrics={"lifetime_metrics": {"impression": 9}})
        refused = make_answer(403, {"code": 29, "message": "Only for businesses."})

        found = self.numbers(
            get("pins/900", beside, pin_metrics="true"),
            replace(self.analytics("900", self.IMAGE_NAMES, {}), gets=refused),
        )

        assert found == {"900": PostNumbers(impressions=9)}

    def test_a_pin_that_is_gone_is_left_out(self) -> None:
        gone = get("pins/900", {"code": 50, "message": "Pin not found."}, status=404, pin_metrics="true")

        assert self.numbers(gone) == {}

    def test_a_pin_that_may_not_be_read_is_not_taken_for_gone(self) -> None:
        with pytest.raises(Rejected):
            self.numbers(get("pins/900", {"code": 3, "message": "Scope."}, status=403, pin_metrics="true"))

    def test_a_quota_on_numbers_is_waited_for(self) -> None:
        shown = get("pins/900", listed(created_at="2026-11-20T23:00:00"), pin_metrics="true")

        with pytest.raises(RateLimited):
            self.numbers(shown, replace(self.analytics("900", self.IMAGE_NAMES, {}), gets=self.over_quota))

    @pytest.mark.parametrize(
        ("status", "numbers"),
        [
            ("READY", {"impressions": 40, "engagement": 9, "clicks": 2}),
            ("PROCESSING", {}),
        ],
    )
    def test_an_account_has_the_numbers_of_its_last_whole_day(self, status: str, numbers: dict[str, Any]) -> None:
        metrics = {"IMPRESSION": 40, "ENGAGEMENT": 9, "OUTBOUND_CLICK": 2}
        day = {"date": "2026-11-23", "data_status": status, "metrics": metrics}
        report = {"all": {"daily_metrics": [day], "lifetime_metrics": {}, "summary_metrics": metrics}}
        asked = get(
            "user_account/analytics",
            report,
            start_date="2026-11-23",
            end_date="2026-11-23",
            metric_types="IMPRESSION,ENGAGEMENT,OUTBOUND_CLICK",
            split_field="NO_SPLIT",
        )

        found = self.account_counted(get("user_account", ME), asked)

        assert found == AccountNumbers(followers=120, following=3, posts=12, **numbers)


def test_a_side_that_the_operator_allows_stays_where_no_images_are_too_heavy() -> None:
    limits = replace(LIMITS, max_image_side_pixels=3000)

    assert limits_for(Content(text=""), limits).max_image_side_pixels == 3000
