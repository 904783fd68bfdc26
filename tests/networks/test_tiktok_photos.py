"""Photos that TikTok fetches: found again after a lost answer, sent at most twice without TikTok's word on them."""

from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import ProcessingFailed, RateLimited, StillWorking, Unknown
from accounts.platforms.shapes import Content, Operation
from tests.networks.platform_case import NOW, Call, FakeSession, Saved, later, make_image
from tests.networks.tiktok_calls import (
    ONESELF,
    PHOTO_ID,
    PHOTOS,
    Steps,
    bad,
    complete,
    creator_info,
    good,
    listed,
    listing,
    photos,
    status,
)

UNFETCHED = status(PHOTO_ID, "FAILED", fail_reason="photo_pull_failed")
OWN, OTHER = listed("Three loaves"), listed("Four loaves", id="5")


class TestPhotos(Steps):
    def test_public_photos_are_looked_for_until_their_publish_id_is_known(self) -> None:
        lost = self.prepared(PHOTOS)

        assert self.connector.recovery_of(lost) == Recovery.LOOK
        assert self.connector.recovery_of(self.sent(PHOTOS)) == Recovery.HANDLE

    def test_nobody_can_tell_what_became_of_lost_photos_that_are_not_public(self) -> None:
        lost = self.prepared(replace(PHOTOS, content=photos(**ONESELF)))

        assert self.connector.recovery_of(lost) == Recovery.PARK

    def test_photos_that_were_sent_twice_are_not_sent_a_third_time(self) -> None:
        operation = self.prepared(PHOTOS)
        assert self.recover(operation, listing()) == []

        again = replace(operation, handles=self.prepare(operation))

        assert [self.connector.may_send_again(each) for each in (operation, again)] == [True, False]
        assert self.recover(again, listing(OWN)) == [PHOTOS.published]

    def test_photos_that_were_sent_anew_days_later_are_waited_for_until_they_have_their_id(self) -> None:
        anew, asked = replace(self.prepared(PHOTOS), now=later(days=3)), complete(PHOTO_ID)
        with pytest.raises(StillWorking) as taken:
            self.connector.commit(FakeSession(*PHOTOS.commits), anew)
        assert taken.value.handles is not None
        sent = replace(anew, handles=taken.value.handles)

        assert self.waiting(replace(sent, now=later(days=3, seconds=59)), asked).retry_after == 10
        [found] = self.recover(replace(sent, now=later(days=3, seconds=60)), asked)
        assert found.remote_id == PHOTO_ID

    @pytest.mark.parametrize(
        ("minutes", "pause"), [(0, 60), (0.5, 60), (1, 120), (30, 3600), (60, 7200), (239, 7200), (240, None)]
    )
    def test_photos_that_tiktok_could_not_fetch_are_sent_again_for_six_hours(
        self, minutes: float, pause: float | None
    ) -> None:
        operation = replace(self.sent(PHOTOS), now=later(minutes=minutes))

        with pytest.raises(ProcessingFailed if pause is None else StillWorking) as caught:
            self.recover(operation, UNFETCHED)

        assert getattr(caught.value, "retry_after", None) == pause
        assert caught.value.network_code == "photo_pull_failed"

    def test_photos_that_tiktok_could_not_fetch_are_not_looked_for_before_they_are_sent_again(self) -> None:
        operation = self.sent(PHOTOS)

        operation = self.given_up(operation, UNFETCHED)
        assert self.recover(operation) == []
        operation = replace(operation, handles=self.prepare(operation))

        assert self.connector.recovery_of(operation) == Recovery.LOOK
        assert self.connector.may_send_again(operation)

    def test_photos_whose_first_answer_was_lost_are_sent_again_only_by_tiktoks_word(self) -> None:
        lost = self.prepared(PHOTOS)
        again = replace(lost, handles=self.prepare(lost))

        unfetched = self.given_up(replace(again, handles={**again.handles, "publish_id": PHOTO_ID}), UNFETCHED)
        once_more = replace(unfetched, handles=self.prepare(unfetched))

        assert [self.connector.may_send_again(each) for each in (again, unfetched, once_more)] == [False, True, False]

    def given_up(self, operation: Operation, failed: Call) -> Operation:
        handles = self.waiting(operation, failed).handles
        assert handles is not None
        return replace(operation, handles=handles)

    @pytest.mark.parametrize("before", [{}, {"given_up": "internal"}], ids=["answer lost", "given up"])
    def test_a_worker_that_dies_before_it_sends_the_photos_once_more_has_not_sent_them_twice(
        self, before: dict[str, Any]
    ) -> None:
        saved = Saved()
        media = (make_image(converted="written as a JPEG"),)
        operation = replace(self.operation(replace(photos(), media=media), armed_at=NOW), handles=before)

        self.connector.prepare(FakeSession(creator_info()), operation, saved)

        assert len(saved.handles) == 2
        for handles in saved.handles:
            left = replace(operation, handles=handles)
            assert self.recover(left, *([] if before else [listing()])) == []
            assert self.connector.recovery_of(left) == self.connector.recovery_of(operation)

    def test_the_addresses_are_ready_before_the_visible_call(self) -> None:
        saved = Saved()
        media = (make_image(converted="written as a JPEG"), make_image("media_2"))

        handles = self.connector.prepare(
            FakeSession(creator_info()),
            self.operation(replace(photos(), media=media)),
            saved,
        )

        assert handles["photos"] == ["https://ours.example/media/media_1", "https://ours.example/media/media_2"]
        assert len(saved.handles) == 2

    def test_a_refusal_with_a_good_status_is_a_refusal(self) -> None:
        assert type(self.commit(PHOTOS, bad(200, "spam_risk_too_many_posts"))) is RateLimited

    def test_an_internal_error_leaves_the_outcome_unknown(self) -> None:
        assert type(self.commit(PHOTOS, bad(200, "internal_error"))) is Unknown

    @pytest.mark.parametrize(
        ("content", "video"),
        [
            (replace(photos(), text="Salt\n and  bread "), listed("Salt and bread")),
            (replace(photos(), text="Cafe\u0301"), listed("Caf\u00e9")),
            (replace(photos(), text="x" * 200), listed("x" * 150)),
            (replace(photos(), text="🍞" * 200), listed("🍞" * 75)),
            (replace(photos(), text="x" * 149 + "🍞" * 9), listed("x" * 149 + "\ud83c")),
            (replace(photos(), text="x" * 200), listed("x" * 147 + "...")),
            (replace(photos(), text="", title="Loaves"), listed("", title="Loaves")),
            (replace(photos(), text=""), listed("")),
        ],
    )
    def test_a_post_is_recognised_as_tiktok_shows_it(self, content: Content, video: dict[str, Any]) -> None:
        operation = self.operation(content, armed_at=NOW)

        assert self.recover(operation, listing(video)) == [PHOTOS.published]

    @pytest.mark.parametrize(
        "video",
        [
            listed("Three"),
            listed("Three loaves" + "x" * 138),
            listed("Three loaves!"),
        ],
    )
    def test_another_post_is_not_taken_for_it(self, video: dict[str, Any]) -> None:
        assert self.recover(self.operation(photos(), armed_at=NOW), listing(video)) == []

    def test_a_video_of_the_same_text_is_neither_taken_for_photos_nor_for_proof_that_they_are_not_there(self) -> None:
        operation = self.operation(photos(), armed_at=NOW)
        video, own = (
            OWN | {"id": post_id, "share_url": f"https://www.tiktok.com/@bakery/{kind}/{post_id}"}
            for kind, post_id in (("video", "999"), ("photo", OWN["id"]))
        )

        assert self.recover(operation, listing(video, own)) == [PHOTOS.published]
        with pytest.raises(Unknown):
            self.recover(operation, listing(video))

    def test_a_list_that_goes_on_without_saying_where_is_unknown(self) -> None:
        call = replace(listing(), gets=good(videos=[OTHER], has_more=True))

        with pytest.raises(Unknown):
            self.recover(self.operation(photos(), armed_at=NOW), call)
