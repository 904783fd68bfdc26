"""Facebook's videos, reels and video stories: how they are uploaded, taken, processed and seen."""

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.errors import (
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.shapes import Content, Handles, Media, Operation, Published
from tests.networks.container_case import graph_error
from tests.networks.facebook_calls import (
    ACCOUNT,
    CONNECTOR,
    read,
    stories,
    upload_error,
    write,
)
from tests.networks.platform_case import (
    LOST,
    NOT_SENT,
    NOW,
    Call,
    FakeSession,
    Saved,
    later,
    make_answer,
    make_video,
    named,
    no_save,
)

VIDEO_HOST = "graph-video.facebook.com"
UPLOAD_URL = "https://rupload.facebook.com/video-upload/v26.0/888"
TEN = b"0123456789"
FILE = make_video(content=TEN)
STARTED = {"video_id": "888", "upload_session_id": "99", "start_offset": "0", "end_offset": "4"}
DONE = {
    "video_status": "ready",
    "uploading_phase": {"status": "complete"},
    "processing_phase": {"status": "complete"},
    "publishing_phase": {"status": "complete", "publish_status": "published"},
}
SHOWN = {"status": DONE, "post_id": "556", "permalink_url": "https://www.facebook.com/bakery/videos/888"}
VIDEO = Content(text="How we bake", title="Rye", media=(FILE,))
REEL = Content(text="How we bake", title="Rye", media=(FILE,), options={"post_type": "reel"})
STORY = Content(text="", media=(FILE,), options={"post_type": "story"})
STORY_ROW = {"post_id": "600", "media_id": "888", "media_type": "video", "url": "https://www.facebook.com/stories/600"}
EDGES = {"video": "videos", "reel": "video_reels", "story": "video_stories"}


def start_video() -> Call:
    return write("videos", STARTED, host=VIDEO_HOST, upload_phase="start", file_size="10")


def chunk(start: int, content: bytes, following: tuple[int, int], media: Media = FILE) -> Call:
    fields = {"upload_phase": "transfer", "upload_session_id": "99", "start_offset": str(start)}
    answer = {"start_offset": str(following[0]), "end_offset": str(following[1])}
    call = write("videos", answer, host=VIDEO_HOST, **fields)
    return replace(call, sends={**call.sends, "files": {"video_file_chunk": (media.filename, content, "video/mp4")}})


def start_stream(edge: str = "video_reels") -> Call:
    return write(edge, {"video_id": "888", "upload_url": UPLOAD_URL}, upload_phase="start")


def stream(offset: int = 0) -> Call:
    headers = {"Authorization": "OAuth PAGE_TOKEN", "offset": str(offset), "file_size": "10"}
    return Call("POST", UPLOAD_URL, {"headers": headers, "data": TEN[offset:]}, make_answer(200, {"success": True}))


def finish(kind: str, answer: Any = None) -> Call:
    said = {"success": True} if answer is None else answer
    if kind == "video":
        fields = {"upload_session_id": "99", "title": "Rye", "description": "How we bake"}
        return write("videos", said, host=VIDEO_HOST, upload_phase="finish", **fields)
    if kind == "reel":
        fields = {"video_id": "888", "video_state": "PUBLISHED", "description": "How we bake", "title": "Rye"}
        return write("video_reels", said, upload_phase="finish", **fields)
    return write("video_stories", said, upload_phase="finish", video_id="888")


def looks(answer: Any) -> Call:
    return read("888", answer, fields="status,post_id,permalink_url")


def uploading(there: int | None, word: str = "uploading") -> Call:
    phase = {"status": "in_progress", "source_file_size": 10} | ({} if there is None else {"bytes_transfered": there})
    return read("888", {"status": {"video_status": word, "uploading_phase": phase}, "id": "888"}, fields="status")


PREPARES = {
    "video": (start_video(), chunk(0, b"0123", (4, 8)), chunk(4, b"4567", (8, 10)), chunk(8, b"89", (10, 10))),
    "reel": (start_stream(), stream()),
    "story": (start_stream("video_stories"), stream()),
}
CONTENTS = {"video": VIDEO, "reel": REEL, "story": STORY}


def operation(kind: str, **values: Any) -> Operation:
    return replace(Operation(content=CONTENTS[kind], account=ACCOUNT, now=NOW), **values)


def prepared(kind: str, **values: Any) -> Operation:
    session = FakeSession(*PREPARES[kind])
    handles = CONNECTOR.prepare(session, operation(kind), session.timed(no_save))
    session.assert_done()
    return operation(kind, handles=handles, armed_at=NOW, **values)


def broken_off(kind: str, *calls: Call) -> Handles:
    """Return what was saved last before the answer to the last of these was lost."""
    saved = Saved()
    session = FakeSession(*calls[:-1], replace(calls[-1], gets=LOST))
    save = session.timed(saved)
    with pytest.raises(Unknown):
        CONNECTOR.prepare(session, operation(kind), save)
    return saved.handles[-1]


def taken(kind: str, answer: Any = None) -> tuple[Operation, StillWorking]:
    """Return a publication that Facebook has taken, and what the connector said of it."""
    before = prepared(kind)
    with pytest.raises(StillWorking) as caught:
        CONNECTOR.commit(FakeSession(finish(kind, answer)), before)
    assert caught.value.handles is not None
    return replace(before, handles=caught.value.handles), caught.value


def status(**changes: Any) -> dict[str, Any]:
    return {"status": DONE | {"publishing_phase": {"status": "not_started"}} | changes, "id": "888"}


@pytest.mark.parametrize("kind", EDGES)
def test_what_is_uploaded_is_not_uploaded_again(kind: str) -> None:
    ready = prepared(kind)

    assert CONNECTOR.prepare(FakeSession(), ready, no_save) == ready.handles


def test_a_video_is_taken_and_then_shown() -> None:
    after, said = taken("video")
    session = FakeSession(looks(SHOWN))

    found = CONNECTOR.recover(session, after)

    session.assert_done()
    assert said.retry_after == 5
    assert found == [
        Published(remote_id="1001_556", url="https://www.facebook.com/bakery/videos/888", facts={"video_id": "888"})
    ]


@pytest.mark.parametrize(
    ("said", "shown", "remote_id", "url"),
    [
        ({"success": True}, {"post_id": "1001_556"}, "1001_556", "https://www.facebook.com/reel/888"),
        ({"success": True}, {}, "1001_888", "https://www.facebook.com/reel/888"),
        ({"success": True, "post_id": "557"}, {}, "1001_557", "https://www.facebook.com/reel/888"),
        ({"success": True}, {"permalink_url": "/reel/888/"}, "1001_888", "https://www.facebook.com/reel/888/"),
    ],
)
def test_a_reels_post_is_known_by_whatever_facebook_tells(
    said: Any, shown: Mapping[str, Any], remote_id: str, url: str
) -> None:
    after, _ = taken("reel", said)

    found = CONNECTOR.recover(FakeSession(looks({"status": DONE, **shown})), after)

    assert found == [Published(remote_id=remote_id, url=url, facts={"video_id": "888"})]


def test_a_video_story_is_found_in_the_list_by_its_video() -> None:
    after, _ = taken("story", {"success": True, "post_id": "600"})
    other = STORY_ROW | {"media_id": "889", "post_id": "601"}

    found = CONNECTOR.recover(FakeSession(looks({"status": DONE}), stories(other, STORY_ROW)), after)

    assert found == [Published(remote_id="1001_600", url="https://www.facebook.com/stories/600")]
    with pytest.raises(StillWorking):
        CONNECTOR.recover(FakeSession(looks({"status": DONE}), stories(other)), after)


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize(
    "gets", [LOST, make_answer(500), graph_error(1), make_answer(200, {}), make_answer(200, body=b"<")]
)
def test_a_last_call_that_says_nothing_leaves_the_outcome_unknown(kind: str, gets: Any) -> None:
    with pytest.raises(Unknown):
        CONNECTOR.commit(FakeSession(replace(finish(kind), gets=gets)), prepared(kind))


@pytest.mark.parametrize(
    ("gets", "raised"), [(NOT_SENT, Unavailable), (graph_error(6000, 1363040), Rejected), (graph_error(4), Unavailable)]
)
def test_a_last_call_that_was_surely_not_taken_says_so(gets: Any, raised: type[PlatformError]) -> None:
    with pytest.raises(raised):
        CONNECTOR.commit(FakeSession(replace(finish("reel"), gets=gets)), prepared("reel"))


@pytest.mark.parametrize(("code", "is_of_a_kind"), [(613, True), (4, False)])
def test_a_full_day_of_reels_is_a_quota_of_reels_alone(code: int, is_of_a_kind: bool) -> None:
    full = graph_error(code)

    with pytest.raises(RateLimited) as caught:
        CONNECTOR.commit(FakeSession(replace(finish("reel"), gets=full)), prepared("reel"))

    assert caught.value.is_of_a_kind == is_of_a_kind


@pytest.mark.parametrize("code", [389, 6001])
def test_an_upload_that_failed_is_begun_anew_twice_and_then_given_up(code: int) -> None:
    failing = (start_video(), replace(chunk(0, b"0123", (4, 8)), gets=graph_error(code)))
    saved = Saved({})
    for failures in (1, 2):
        session = FakeSession(*failing)
        with pytest.raises(Unavailable):
            CONNECTOR.prepare(session, operation("video", handles=saved.handles[-1]), session.timed(saved))
        assert saved.handles[-1] == {"failures": failures}

    session = FakeSession(*failing)
    with pytest.raises(ProcessingFailed):
        CONNECTOR.prepare(session, operation("video", handles=saved.handles[-1]), session.timed(saved))


def test_the_upload_after_one_that_failed_remembers_it_and_is_gone_on_with() -> None:
    session = FakeSession(*PREPARES["video"])

    before = {"failures": 1, "taken": True}
    handles = CONNECTOR.prepare(session, operation("video", handles=before), session.timed(no_save))

    assert handles["failures"] == 1
    assert "taken" not in handles
    assert CONNECTOR.prepare(FakeSession(), operation("video", handles=handles), no_save) == handles


@pytest.mark.parametrize("word", ["uploading", "upload_complete"])
def test_a_video_whose_last_call_never_came_is_sent_again(word: str) -> None:
    assert CONNECTOR.recover(FakeSession(looks(status(video_status=word))), prepared("video")) == []


def test_a_video_that_facebook_does_not_know_is_not_there() -> None:
    assert CONNECTOR.recover(FakeSession(replace(looks({}), gets=graph_error(100, 33))), prepared("video")) == []


def test_a_status_that_cannot_be_read_is_not_an_absence() -> None:
    for gets, raised in ((graph_error(200), Rejected), (LOST, Unknown), (make_answer(503), Unavailable)):
        with pytest.raises(raised):
            CONNECTOR.recover(FakeSession(replace(looks({}), gets=gets)), prepared("video"))


def test_a_video_that_was_taken_is_not_sent_again_while_its_status_lags_behind() -> None:
    after, _ = taken("reel")

    with pytest.raises(StillWorking):
        CONNECTOR.recover(FakeSession(looks(status(video_status="upload_complete"))), after)


@pytest.mark.parametrize(
    ("minutes", "wait"), [(0, 5), (2, 24), (60, 60)], ids=["at first", "after two minutes", "after an hour"]
)
def test_the_longer_it_takes_the_more_seldom_it_is_asked(minutes: int, wait: float) -> None:
    waiting = prepared("video", now=later(minutes=minutes))

    with pytest.raises(StillWorking) as caught:
        CONNECTOR.recover(FakeSession(looks(status(video_status="processing"))), waiting)

    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    "changes",
    [
        {"video_status": "processing", "processing_phase": {"status": "in_progress", "error": {"message": "Torn."}}},
        {"video_status": "processing", "processing_phase": {"status": "error"}},
        {"video_status": "processing", "uploading_phase": {"status": "error", "errors": [{"message": "Torn."}]}},
        {"video_status": "processing", "publishing_phase": {"status": "complete", "publish_status": "error"}},
        {"video_status": "error"},
        {"video_status": "upload_failed"},
        {"video_status": "expired"},
    ],
)
def test_a_video_that_facebook_gave_up_is_no_post(changes: dict[str, Any]) -> None:
    after, _ = taken("video")

    with pytest.raises(ProcessingFailed) as caught:
        CONNECTOR.recover(FakeSession(looks(status(**changes))), after)

    assert caught.value.message.startswith("Facebook says: ")
    assert ("Torn." in caught.value.message) == ("Torn." in str(changes))
    assert caught.value.code == "MEDIA_REJECTED"


@pytest.mark.parametrize(
    ("publishing", "out"),
    [
        ({"status": "completed", "publish_status": "published"}, True),
        ({"status": "complete", "publish_status": "draft"}, False),
        ({"status": "complete", "publish_status": "not_published"}, False),
        ({"status": "in_progress", "publish_status": "published"}, False),
        (None, True),
    ],
)
def test_a_video_is_out_when_its_publishing_is_complete(publishing: Any, out: bool) -> None:
    after, _ = taken("video")
    session = FakeSession(looks(status(publishing_phase=publishing)))

    if out:
        assert len(CONNECTOR.recover(session, after)) == 1
        return
    with pytest.raises(StillWorking):
        CONNECTOR.recover(session, after)


@pytest.mark.parametrize(
    ("there", "rest"),
    [
        (4, (chunk(4, b"4567", (8, 10)), chunk(8, b"89", (10, 10)))),
        (8, (chunk(8, b"89", (10, 10)),)),
        (10, ()),
        (None, (chunk(4, b"4567", (8, 10)), chunk(8, b"89", (10, 10)))),
    ],
)
def test_a_chunked_upload_goes_on_where_facebook_says_that_it_stands(there: int | None, rest: tuple[Call, ...]) -> None:
    before = operation("video", handles=broken_off("video", *PREPARES["video"][:3]), now=later(hours=19))
    session = FakeSession(uploading(there), *rest)

    handles = CONNECTOR.prepare(session, before, session.timed(no_save))

    session.assert_done()
    assert handles["sent"] == 10


@pytest.mark.parametrize("there", [0, 3, 10, None])
def test_a_stream_goes_on_where_facebook_says_that_it_stands(there: int | None) -> None:
    before = operation("reel", handles=broken_off("reel", *PREPARES["reel"]))
    rest = () if there == 10 else (stream(there or 0),)
    session = FakeSession(uploading(there), *rest)

    handles = CONNECTOR.prepare(session, before, session.timed(no_save))

    session.assert_done()
    assert handles["sent"] == 10


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize(
    "broken",
    [replace(uploading(0), gets=graph_error(100, 33)), uploading(0, "expired"), uploading(0, "upload_failed")],
    ids=["gone", "expired", "failed"],
)
def test_an_upload_that_facebook_dropped_is_begun_again(kind: str, broken: Call) -> None:
    begun = dict(prepared(kind).handles) | {"sent": 0}
    session = FakeSession(broken, *PREPARES[kind])

    CONNECTOR.prepare(session, operation(kind, handles=begun), no_save)

    session.assert_done()


def test_a_chunk_that_facebook_asks_for_again_and_again_is_sent_later() -> None:
    session = FakeSession(start_video(), chunk(0, b"0123", (4, 8)), chunk(4, b"4567", (4, 8)))

    with pytest.raises(Unavailable):
        CONNECTOR.prepare(session, operation("video"), session.timed(no_save))
    session.assert_done()


def test_an_upload_of_yesterday_is_begun_again_without_asking() -> None:
    session = FakeSession(*PREPARES["video"])

    CONNECTOR.prepare(session, replace(prepared("video"), now=later(hours=21)), no_save)

    session.assert_done()


def test_a_status_that_cannot_be_read_drops_no_upload() -> None:
    begun = dict(prepared("reel").handles) | {"sent": 0}

    with pytest.raises(Rejected):
        CONNECTOR.prepare(
            FakeSession(replace(uploading(0), gets=graph_error(200))), operation("reel", handles=begun), no_save
        )


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("reel", {}),
        ("reel", {"video_id": "888"}),
        ("reel", {"video_id": "888", "upload_url": "https://elsewhere.example/video-upload/v26.0/888"}),
        ("reel", {"video_id": "888", "upload_url": "https://rupload.facebook.com.elsewhere.example/888"}),
        ("video", STARTED | {"video_id": ""}),
        ("video", STARTED | {"start_offset": "soon"}),
    ],
)
def test_an_upload_that_goes_nowhere_or_elsewhere_is_begun_again_later(kind: str, answer: Any) -> None:
    opening = replace(PREPARES[kind][0], gets=make_answer(200, answer))

    with pytest.raises(Unavailable):
        CONNECTOR.prepare(FakeSession(opening), operation(kind), no_save)


@pytest.mark.parametrize(
    ("gets", "raised"),
    [
        (upload_error("PartialRequestError"), Unavailable),
        (make_answer(200, {"success": False}), Unavailable),
        (upload_error("ProcessingFailedError", retriable=False), Rejected),
    ],
)
def test_an_upload_that_broke_off_is_told_from_a_file_that_is_refused(gets: Any, raised: type[PlatformError]) -> None:
    first, second = PREPARES["reel"]

    with pytest.raises(raised) as caught:
        CONNECTOR.prepare(FakeSession(first, replace(second, gets=gets)), operation("reel"), no_save)

    assert type(caught.value) is raised


def test_a_video_is_never_held_in_memory_whole() -> None:
    class Large(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size in (4, -1), "a chunk, or what the session streams itself"
            return super().read(size)

    media = replace(FILE, open=lambda: Large(TEN))
    session = FakeSession(*PREPARES["video"])

    CONNECTOR.prepare(session, operation("video", content=replace(VIDEO, media=(media,))), no_save)

    session.assert_done()


def test_a_video_without_a_name_is_sent_under_one() -> None:
    media = replace(FILE, filename="")
    start, *chunks = PREPARES["video"]
    renamed = [named(call, "video") for call in chunks]
    content = replace(operation("video").content, media=(media,))
    session = FakeSession(start, *renamed)

    CONNECTOR.prepare(session, replace(operation("video"), content=content), no_save)

    session.assert_done()
