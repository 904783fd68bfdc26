"""A video's way to TikTok: chunk by chunk, then polled until it is shown or given up."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.http import Answer
from accounts.platforms.shapes import Handles
from accounts.platforms.tiktok import media as tiktok_media
from accounts.platforms.tiktok.media import LEAST_CHUNK, Plan
from tests.networks.platform_case import LOST, NOT_SENT, NOW, Call, FakeSession, Saved, later, make_answer, make_video
from tests.networks.tiktok_calls import (
    FIRST,
    POST_ID,
    PRIVATE,
    PUBLISH_ID,
    VIDEO,
    Steps,
    bad,
    chunk,
    complete,
    creator_info,
    film,
    good,
    status,
    video_init,
)


@pytest.fixture(autouse=True)
def small_chunks() -> Iterator[None]:
    """Cut videos into chunks of eight bytes."""
    with patch.object(tiktok_media, "LEAST_CHUNK", 8):
        yield


class TestChunks:
    @pytest.mark.parametrize(
        ("size", "count", "chunk"),
        [(1, 1, 1), (15, 1, 15), (16, 2, 8), (17, 2, 8), (31, 3, 10), (8000, 1000, 8)],
    )
    def test_they_are_even_and_keep_to_the_rule(self, size: int, count: int, chunk: int) -> None:
        plan = Plan(size=size)

        assert (plan.count, plan.chunk) == (count, chunk)
        assert plan.count == size // plan.chunk
        ends = [plan.end(start * chunk) for start in range(count)]
        assert ends == [*(chunk * number for number in range(1, count)), size]

    @pytest.mark.parametrize("size", [5_242_880, 10_485_759, 10_485_760, 64_000_001, 4_000_000_000])
    def test_they_are_of_a_size_that_tiktok_takes_and_at_most_a_thousand(self, size: int) -> None:
        with patch.object(tiktok_media, "LEAST_CHUNK", LEAST_CHUNK):
            plan = Plan(size=size)
            sizes = (plan.count, plan.chunk, size - plan.last)

        count, chunk, last = sizes
        assert count == size // chunk
        assert 1 <= count <= 1000
        assert 5_000_000 <= chunk <= 64_000_000
        assert chunk <= last <= 128_000_000

    @pytest.mark.parametrize("size", [1, 4_999_999])
    def test_a_small_video_is_one_chunk(self, size: int) -> None:
        with patch.object(tiktok_media, "LEAST_CHUNK", LEAST_CHUNK):
            plan = Plan(size=size)

            assert (plan.count, plan.chunk) == (1, size)


class TestVideo(Steps):
    @pytest.mark.parametrize("code", [206, 416])
    @pytest.mark.parametrize("told", ["bytes 0-7/16", "bytes 0-8/16"])
    def test_a_chunk_that_has_arrived_is_told_by_its_last_byte_or_by_the_number_of_bytes(
        self, code: int, told: str
    ) -> None:
        operation = self.operation(film(), handles=self.begun(sent=0))

        handles = self.prepare(operation, chunk(0, FIRST, 16, code, Content_Range=told))

        assert handles["sent"] == 8

    def begun(self, **handles: Any) -> Handles:
        prepared = dict(self.prepared(VIDEO).handles)
        return prepared | handles

    def test_a_chunk_that_had_arrived_in_part_is_completed(self) -> None:
        operation = self.operation(film(), handles=self.begun(sent=0))

        handles = self.prepare(
            operation,
            chunk(0, FIRST, 16, 206, Content_Range="bytes 0-2/16"),
            chunk(3, FIRST[3:], 16, 206, Content_Range="bytes 0-7/16"),
        )

        assert handles["sent"] == 8

    @pytest.mark.parametrize(
        ("code", "headers", "meaning"),
        [
            (416, {"Content_Range": "bytes */16"}, Unavailable),
            (416, {"Content_Range": "bytes 0-0/16"}, Unavailable),
            (416, {}, Unavailable),
            (400, {}, Rejected),
            (503, {}, Unavailable),
        ],
    )
    def test_a_chunk_that_is_not_taken_is_told(
        self, code: int, headers: dict[str, str], meaning: type[PlatformError]
    ) -> None:
        operation = self.operation(film(), handles=self.begun(sent=0))

        with pytest.raises(PlatformError) as caught:
            self.prepare(operation, chunk(0, FIRST, 16, code, **headers))

        assert type(caught.value) is meaning

    @pytest.mark.parametrize("told", ["bytes 0-7/32", "bytes 0-8/32"])
    def test_a_chunk_that_did_not_stay_is_sent_again(self, told: str) -> None:
        saved = Saved()
        content = replace(film(), media=(make_video(content=b"c" * 32),))
        third = chunk(16, b"c" * 8, 32, 416, Content_Range=told)
        begun = self.operation(content, handles=self.begun(sent=16))

        with pytest.raises(Unavailable):
            self.connector.prepare(FakeSession(third), begun, saved)

        assert saved.handles[-1]["sent"] == 8

    @pytest.mark.parametrize("code", [403, 404])
    def test_an_upload_that_is_over_is_begun_anew(self, code: int) -> None:
        saved = Saved()
        operation = self.operation(film(), handles=self.begun(sent=0))

        with pytest.raises(Unavailable):
            self.connector.prepare(FakeSession(chunk(0, FIRST, 16, code)), operation, saved)

        assert list(saved.handles[-1]) == ["uploads"]
        self.prepare(replace(operation, handles=saved.handles[-1]), *VIDEO.prepares[1:])

    @pytest.mark.parametrize("sent", [0, 8])
    def test_an_upload_from_an_hour_ago_whose_last_chunk_was_not_sent_is_begun_anew(self, sent: int) -> None:
        handles = {name: handle for name, handle in self.begun(sent=sent).items() if name != "last"}
        operation = replace(self.operation(film(), handles=handles), now=later(minutes=56))

        self.prepare(operation, *VIDEO.prepares)

    def test_of_an_upload_from_an_hour_ago_it_is_asked_first_whether_its_last_chunk_came(self) -> None:
        operation = replace(self.operation(film(), handles=self.begun()), now=later(minutes=56))

        self.prepare(operation, status(PUBLISH_ID, "PROCESSING_UPLOAD", uploaded_bytes=8), *VIDEO.prepares)
        assert self.prepare(operation, complete(PUBLISH_ID)) == self.begun(complete=True)

    def test_a_lost_answer_to_init_is_a_new_init(self) -> None:
        with pytest.raises(Unknown):
            self.prepare(self.operation(film()), creator_info(), replace(video_init(16, 8, 2), gets=LOST))

    def test_an_init_without_an_address_is_made_again(self) -> None:
        with pytest.raises(Unavailable):
            self.prepare(
                self.operation(film()), creator_info(), replace(video_init(16, 8, 2), gets=good(publish_id="v"))
            )

    @pytest.mark.parametrize("code", ["spam_risk_too_many_posts", "reached_active_user_cap"])
    def test_a_creator_who_has_posted_enough_is_asked_again_in_an_hour(self, code: str) -> None:
        with pytest.raises(RateLimited) as caught:
            self.prepare(self.operation(film()), replace(creator_info(), gets=bad(200, code)))

        assert (caught.value.retry_after, caught.value.network_code) == (3600, code)

    @pytest.mark.parametrize(
        ("changed", "options", "code"),
        [
            ({"privacy_level_options": ["FOLLOWER_OF_CREATOR", "SELF_ONLY"]}, {}, "CONTENT_REJECTED"),
            ({"max_video_post_duration_sec": 10}, {}, "MEDIA_REJECTED"),
            ({"comment_disabled": True}, {"disable_comment": False}, "CONTENT_REJECTED"),
        ],
    )
    def test_what_the_creator_has_forbidden_meanwhile_is_refused_before_a_byte_is_sent(
        self, changed: dict[str, Any], options: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(Rejected) as caught:
            self.prepare(self.operation(film(**options)), creator_info(**changed))

        assert caught.value.code == code

    def test_what_the_creator_has_turned_off_stays_off_unasked(self) -> None:
        calls = (
            creator_info(comment_disabled=True, duet_disabled=True),
            video_init(16, 8, 2, disable_comment=True, disable_duet=True),
            VIDEO.prepares[2],
        )

        self.prepare(self.operation(film()), *calls)

    @pytest.mark.parametrize(
        ("gets", "told"),
        [
            (make_answer(201), {"complete": True}),
            (make_answer(416, Content_Range="bytes 0-15/16"), {"complete": True}),
            (make_answer(416, Content_Range="bytes 0-16/16"), {"complete": True}),
            (make_answer(416, Content_Range="bytes 0-8/16"), {"sent": 8}),
            (make_answer(416, Content_Range="bytes 0-0/16"), {"sent": 0}),
            (make_answer(416, Content_Range="bytes 0-3/16"), {"sent": 4}),
            (make_answer(206, Content_Range="bytes 0-3/16"), {"sent": 4}),
            (make_answer(416), {}),
            (make_answer(416, Content_Range="bytes */16"), {}),
            (make_answer(403), {"gone": True}),
            (make_answer(404), {"gone": True}),
        ],
    )
    def test_the_last_chunk_is_always_followed_by_a_look_at_the_status(self, gets: Answer, told: Handles) -> None:
        operation = self.prepared(VIDEO)

        with pytest.raises(StillWorking) as caught:
            self.connector.commit(FakeSession(replace(VIDEO.commits[0], gets=gets)), operation)

        assert caught.value.handles == {**operation.handles, **told}

    @pytest.mark.parametrize(
        ("gets", "meaning"),
        [
            (LOST, Unknown),
            (make_answer(500), Unknown),
            (make_answer(408), Unknown),
            (make_answer(400), Rejected),
            (make_answer(429), RateLimited),
            (NOT_SENT, Unavailable),
        ],
    )
    def test_another_answer_to_the_last_chunk_is_what_it_is(
        self, gets: Answer | PlatformError, meaning: type[PlatformError]
    ) -> None:
        assert type(self.commit(VIDEO, gets)) is meaning

    def test_what_became_of_a_video_is_asked_by_its_publish_id(self) -> None:
        assert self.connector.recovery_of(self.prepared(VIDEO)) == Recovery.HANDLE
        assert self.recover(self.prepared(VIDEO), complete(PUBLISH_ID, int(POST_ID))) == [VIDEO.published]

    @pytest.mark.parametrize(
        ("handles", "arrived", "is_absent"),
        [
            ({}, {"uploaded_bytes": 8}, True),
            ({}, {}, True),
            ({}, {"uploaded_bytes": 16}, False),
            ({"complete": True}, {"uploaded_bytes": 8}, False),
            ({"complete": True}, {}, False),
            ({"gone": True}, {"uploaded_bytes": 8}, True),
            ({"gone": True}, {}, False),
        ],
    )
    def test_a_video_whose_last_chunk_is_missing_is_surely_not_there(
        self, handles: Handles, arrived: dict[str, int], is_absent: bool
    ) -> None:
        operation = self.operation(film(), armed_at=NOW, handles={**self.begun(), **handles})
        asked = status(PUBLISH_ID, "PROCESSING_UPLOAD", **arrived)

        if is_absent:
            assert self.recover(operation, asked) == []
        else:
            assert self.waiting(operation, asked).handles is None

    @pytest.mark.parametrize(("arrived", "is_absent"), [({"uploaded_bytes": 8}, True), ({}, False)])
    def test_where_nothing_can_be_sent_again_only_bytes_that_are_told_to_be_missing_are(
        self, arrived: dict[str, int], is_absent: bool
    ) -> None:
        operation = replace(self.prepared(VIDEO), now=later(minutes=56))
        asked = status(PUBLISH_ID, "PROCESSING_UPLOAD", **arrived)

        if is_absent:
            assert self.recover(operation, asked) == []
        else:
            assert self.waiting(operation, asked).handles is None

    def test_after_an_absence_the_last_chunk_is_sent_again_to_the_same_address(self) -> None:
        operation = self.prepared(VIDEO)

        handles = self.prepare(operation)

        assert handles == operation.handles
        with pytest.raises(StillWorking):
            self.connector.commit(FakeSession(*VIDEO.commits), replace(operation, handles=handles))

    def test_after_an_absence_what_is_missing_is_sent(self) -> None:
        operation = self.operation(film(), armed_at=NOW, handles=self.begun(sent=0))

        assert self.prepare(operation, VIDEO.prepares[2])["sent"] == 8

    def test_after_an_absence_at_a_closed_upload_the_video_is_begun_anew(self) -> None:
        operation = self.operation(film(), armed_at=NOW, handles=self.begun(gone=True))
        asked = status(PUBLISH_ID, "PROCESSING_UPLOAD", uploaded_bytes=8)

        assert self.prepare(operation, asked, *VIDEO.prepares[1:]) == self.begun()

    def test_a_video_that_tiktok_gave_up_at_a_closed_upload_is_begun_anew(self) -> None:
        operation = self.operation(film(), handles=self.begun(gone=True))

        self.prepare(operation, status(PUBLISH_ID, "FAILED", fail_reason="internal"), *VIDEO.prepares[1:])

    @pytest.mark.parametrize(
        "asked",
        [
            complete(PUBLISH_ID, int(POST_ID)),
            complete(PUBLISH_ID),
            status(PUBLISH_ID, "PROCESSING_UPLOAD", uploaded_bytes=16),
            status(PUBLISH_ID, "PROCESSING_UPLOAD"),
            replace(status(PUBLISH_ID), gets=good()),
            replace(status(PUBLISH_ID), gets=bad(400, "invalid_publish_id")),
        ],
        ids=["public", "without id", "whole", "not told", "nothing", "refused"],
    )
    def test_beside_a_video_that_may_be_whole_at_a_closed_upload_none_is_begun_and_nothing_is_sent(
        self, asked: Call
    ) -> None:
        operation = self.operation(film(), handles=self.begun(gone=True))

        handles = self.prepare(operation, asked)

        assert handles == self.begun(gone=True, complete=True)
        with pytest.raises(StillWorking) as caught:
            self.connector.commit(FakeSession(), replace(operation, handles=handles))
        assert caught.value.retry_after == 5

    @pytest.mark.parametrize("gets", [LOST, make_answer(503)], ids=["lost", "away"])
    def test_beside_a_video_that_cannot_be_asked_about_none_is_begun(self, gets: Any) -> None:
        operation = self.operation(film(), handles=self.begun(gone=True))

        with pytest.raises((Unknown, Unavailable)):
            self.prepare(operation, replace(status(PUBLISH_ID), gets=gets))

    @pytest.mark.parametrize(("seconds", "pause"), [(0, 5), (8, 5), (60, 30), (3600, 300)])
    def test_it_is_asked_ever_slower(self, seconds: float, pause: float) -> None:
        operation = replace(self.sent(VIDEO), now=later(seconds=seconds))

        assert self.waiting(operation, status(PUBLISH_ID, "PROCESSING_UPLOAD")).retry_after == pause

    def test_a_public_post_is_waited_for_until_it_has_its_id_but_not_for_long(self) -> None:
        operation = self.sent(VIDEO)
        asked = complete(PUBLISH_ID)

        assert self.waiting(replace(operation, now=later(seconds=59)), asked).retry_after == 10
        assert self.recover(replace(operation, now=later(seconds=60)), asked) == [PRIVATE.published]

    def test_one_that_was_sent_anew_days_later_is_waited_for_as_long(self) -> None:
        operation = replace(self.sent(VIDEO), handles=self.begun(begun_at=later(days=3).isoformat()))
        asked = complete(PUBLISH_ID)

        assert self.waiting(replace(operation, now=later(days=3, seconds=59)), asked).retry_after == 10
        assert self.recover(replace(operation, now=later(days=3, seconds=60)), asked) == [PRIVATE.published]

    def test_a_status_that_says_nothing_is_unknown(self) -> None:
        with pytest.raises(Unknown):
            self.recover(self.sent(VIDEO), replace(status(PUBLISH_ID), gets=good()))

    @pytest.mark.parametrize(
        ("reason", "code", "acts"),
        [
            ("file_format_check_failed", "MEDIA_REJECTED", "caller"),
            ("duration_check_failed", "MEDIA_REJECTED", "caller"),
            ("frame_rate_check_failed", "MEDIA_REJECTED", "caller"),
            ("picture_size_check_failed", "MEDIA_REJECTED", "caller"),
            ("spam_risk_text", "CONTENT_REJECTED", "caller"),
            ("spam_risk", "CONTENT_REJECTED", "caller"),
            ("publish_cancelled", "CONTENT_REJECTED", "caller"),
            ("spam_risk_too_many_posts", "RATE_LIMITED_BY_PLATFORM", "caller"),
            ("spam_risk_user_banned_from_posting", "CONTENT_REJECTED", "account_owner"),
            ("auth_removed", "TOKEN_REVOKED", "account_owner"),
            ("moon_phase", "CONTENT_REJECTED", "caller"),
            ("", "CONTENT_REJECTED", "caller"),
        ],
    )
    def test_a_post_that_tiktok_gave_up_has_failed(self, reason: str, code: str, acts: str) -> None:
        with pytest.raises(ProcessingFailed) as caught:
            self.recover(self.sent(VIDEO), status(PUBLISH_ID, "FAILED", fail_reason=reason))

        error = caught.value
        assert (error.code, error.who_acts, error.network_code) == (code, acts, reason)
        assert ("which is unknown here" in error.message) == (reason in {"moon_phase", ""})

    def test_what_tiktok_gave_up_for_an_error_of_its_own_is_sent_once_more(self) -> None:
        operation = self.sent(VIDEO)
        failed = status(PUBLISH_ID, "FAILED", fail_reason="internal")

        again = self.waiting(operation, failed)
        assert again.handles is not None
        operation = replace(operation, handles=again.handles)
        assert (again.retry_after, self.connector.recovery_of(operation)) == (60, Recovery.HANDLE)
        assert self.recover(operation) == []
        operation = replace(operation, handles=self.prepare(operation, *VIDEO.prepares[1:]))
        with pytest.raises(ProcessingFailed) as caught:
            self.recover(operation, failed)

        assert (caught.value.code, caught.value.who_acts) == ("PLATFORM_UNAVAILABLE", "network")
