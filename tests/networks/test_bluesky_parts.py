"""Large videos for Bluesky, which its video service takes in parts."""

from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.errors import PlatformError, Rejected, StillWorking, Unavailable, Unknown
from accounts.platforms.http import Answer, dig_count
from accounts.platforms.shapes import Handles
from tests.networks import test_bluesky as bluesky
from tests.networks.platform_case import LOST, NOW, Call, FakeSession, later, make_answer

OWN = {"Authorization": "Bearer SEND"}
CONTENT = b"bytes of media_1"
PLAN = {"jobId": "up1", "partSizeBytes": 7, "partCount": 3, "expiresAt": "2026-11-24T11:00:00.000Z"}
case = bluesky.TestBluesky()
Gets = Answer | PlatformError | None


@pytest.fixture(autouse=True)
def _small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.platforms.bluesky.video.IN_ONE_CALL", len(CONTENT) - 1)


def begin(gets: Gets = None) -> tuple[Call, ...]:
    asked = {"sizeBytes": len(CONTENT), "mimeType": "video/mp4", "name": "video.mp4"}
    call = Call("POST", f"{bluesky.VIDEO}.startUpload", {"headers": OWN, "json": asked}, gets or make_answer(200, PLAN))
    return (bluesky.SERVICE_AUTH, call)


def part(number: int, content: bytes, gets: Gets = None) -> tuple[Call, ...]:
    sends = {
        "headers": OWN | {"Content-Type": "application/octet-stream"},
        "params": {"jobId": "up1", "partNumber": str(number)},
        "data": content,
    }
    taken = make_answer(200, {"partNumber": number, "sizeBytes": len(content)})
    return (bluesky.SERVICE_AUTH, Call("POST", f"{bluesky.VIDEO}.uploadPart", sends, gets or taken))


def finish(gets: Gets = None) -> tuple[Call, ...]:
    sends = {"headers": OWN, "json": {"jobId": "up1"}}
    done = make_answer(200, {"completedJobId": "job1", "jobStatus": bluesky.DONE})
    return (bluesky.SERVICE_AUTH, Call("POST", f"{bluesky.VIDEO}.finishUpload", sends, gets or done))


def authority_after(hours: int) -> Call:
    asked = bluesky.SERVICE_AUTH.sends["params"] | {"exp": str(int(later(hours=hours, minutes=25).timestamp()))}
    return replace(bluesky.SERVICE_AUTH, sends={**bluesky.SERVICE_AUTH.sends, "params": asked})


def known(sent: int) -> Handles:
    return {"uploads": {"media_1": {"id": "up1", "size": 7, "sent": sent}}}


PARTS = (part(1, b"bytes o"), part(2, b"f media"), part(3, b"_1"))


class Sending:
    """The film on its way; `saved` is what was kept last."""

    def __init__(self) -> None:
        self.saved: Handles = {}
        self.seconds: list[float] = []

    @property
    def parts_sent(self) -> int:
        return -(-(dig_count(self.saved, "uploads", "media_1", "sent") or 0) // 7)

    def go_on(self, *calls: Call, handles: Handles | None = None) -> Handles:
        operation = case.operation(case.publications["video"].content)
        session = FakeSession(*calls)

        def save(handles: Handles, *, seconds: float = 0) -> None:
            self.saved = handles
            self.seconds.append(seconds)

        try:
            return case.connector.prepare(session, replace(operation, handles=handles or {}), save)
        finally:
            session.assert_done()
            self.timeouts = session.timeouts


def test_a_large_video_is_sent_in_parts_and_finished() -> None:
    sending = Sending()

    handles = sending.go_on(*bluesky.ASK_FOR_ROOM, *begin(), *PARTS[0], *PARTS[1], *PARTS[2], *finish())

    assert handles["record"]["embed"]["video"] == bluesky.VIDEO_BLOB
    assert set(handles) == {"uploads", "rkey", "record"}
    assert sending.seconds[:4] == [120] * 4, "each part, and the end, has its time"


def test_a_broken_off_upload_goes_on_behind_its_last_part() -> None:
    sending = Sending()
    with pytest.raises(Unknown):
        sending.go_on(*bluesky.ASK_FOR_ROOM, *begin(), *PARTS[0], *part(2, b"f media", LOST))
    assert sending.saved == known(7)

    with pytest.raises(Unknown):
        sending.go_on(*PARTS[1], *PARTS[2], *finish(LOST), handles=sending.saved)
    assert sending.saved == known(16)
    handles = sending.go_on(*finish(), handles=sending.saved)

    assert handles["record"]["embed"]["video"] == bluesky.VIDEO_BLOB


def test_an_upload_of_hours_is_in_the_accounts_name_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sending = Sending()
    each_part_takes_an_hour = "accounts.platforms.bluesky.video.monotonic"
    monkeypatch.setattr(each_part_takes_an_hour, lambda: 3600.0 * sending.parts_sent)
    proofs = [authority_after(hours) for hours in range(4)]

    working = make_answer(200, {"completedJobId": "job1", "jobStatus": bluesky.BEGUN})
    with pytest.raises(StillWorking):
        sending.go_on(
            *bluesky.ASK_FOR_ROOM,
            *begin(),
            *(call for number, (_, sent) in enumerate(PARTS) for call in (proofs[number], sent)),
            *(proofs[3], finish(working)[1]),
        )

    assert sending.saved == bluesky.working(later(hours=3))


def test_the_work_on_a_video_in_parts_is_waited_for() -> None:
    sending = Sending()

    with pytest.raises(StillWorking):
        sending.go_on(
            *finish(make_answer(200, {"completedJobId": "job1", "jobStatus": bluesky.BEGUN})), handles=known(16)
        )

    assert sending.saved == bluesky.working(NOW)


def test_an_upload_that_is_being_finished_is_asked_for_again() -> None:
    sending = Sending()
    busy = make_answer(400, {"error": "UploadNotReady", "message": "The upload is finishing"})

    with pytest.raises(StillWorking) as caught:
        sending.go_on(*finish(busy), handles=known(16))

    assert (caught.value.retry_after, sending.seconds) == (5, []), "and nothing is forgotten"


@pytest.mark.parametrize("name", ["UploadNotFound", "UploadExpired", "UploadAborted", "UploadFailed", "MissingParts"])
def test_an_upload_that_is_over_is_begun_anew(name: str) -> None:
    sending = Sending()

    with pytest.raises(Unavailable) as caught:
        sending.go_on(*part(3, b"_1", make_answer(400, {"error": name})), handles=known(14))

    assert (type(caught.value), caught.value.network_code, sending.saved) == (Unavailable, name, {})


@pytest.mark.parametrize(
    ("gets", "error", "code"),
    [
        (make_answer(413, {"error": "PayloadTooLarge"}), Rejected, "MEDIA_REJECTED"),
        (make_answer(401, {"error": "AuthenticationRequired"}), Rejected, "MEDIA_REJECTED"),
        (make_answer(200, {"jobStatus": {"error": "unconfirmed_email"}}), Rejected, "MEDIA_REJECTED"),
        (make_answer(503), Unavailable, "PLATFORM_UNAVAILABLE"),
        (make_answer(200, {}), Unavailable, "PLATFORM_UNAVAILABLE"),
        (make_answer(200, PLAN | {"partSizeBytes": 0}), Unavailable, "PLATFORM_UNAVAILABLE"),
    ],
)
def test_an_upload_that_cannot_be_begun_says_why(gets: Answer, error: type[PlatformError], code: str) -> None:
    with pytest.raises(error) as caught:
        Sending().go_on(*bluesky.ASK_FOR_ROOM, *begin(gets))

    assert caught.value.code == code


def test_a_service_that_takes_no_parts_gets_the_video_in_one_call() -> None:
    handles = Sending().go_on(
        *bluesky.ASK_FOR_ROOM, *begin(bluesky.OTHER_SERVER), bluesky.SERVICE_AUTH, bluesky.send_video()
    )

    assert handles["record"]["embed"]["video"] == bluesky.VIDEO_BLOB


def test_a_video_that_fits_is_sent_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.platforms.bluesky.video.IN_ONE_CALL", len(CONTENT))

    handles: Any = Sending().go_on(*bluesky.ASK_FOR_ROOM, bluesky.SERVICE_AUTH, bluesky.send_video())

    assert handles["record"]["embed"]["video"] == bluesky.VIDEO_BLOB
