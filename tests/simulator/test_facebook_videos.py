"""Videos, reels and stories of Facebook pages as the facts describe them."""

import functools
import io
import json
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import av
import pytest
from pytest_django import Settings

from ouipost.simulator.models import Post
from ouipost.simulator.networks.facebook import processing as facebook_processing
from ouipost.simulator.networks.facebook import videos as facebook_videos
from tests.simulator.conftest import GRAPH, Net, Page, body, png
from tests.simulator.meta import error

pytestmark = pytest.mark.django_db(databases=["simulator"])
VIDEO = "graph-video.facebook.com/v26.0"


@functools.cache
def clip(width: int = 540, height: int = 960, seconds: float = 3, fps: int = 25, codec: str = "libx264") -> bytes:
    """Return an MP4 file without sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        stream.options = {"preset": "ultrafast"} if codec == "libx264" else {}
        frame = av.VideoFrame(width, height, "yuv420p")
        for number in range(int(seconds * fps)):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def ask(net: Net, page: Page, edge: str, phase: str, **values: Any) -> Any:
    return net.form(f"{GRAPH}/{page.id}/{edge}", page.token, upload_phase=phase, **values)


def send_video(net: Net, page: Page, **values: Any) -> Any:
    """Call the host of videos, which takes a token only as a parameter."""
    return net.form(f"{VIDEO}/{page.id}/videos", access_token=page.token, **values)


def send_file(net: Net, page: Page, **values: Any) -> Any:
    """The same with a file."""
    return net.client.post(f"/sandbox/{VIDEO}/{page.id}/videos", {"access_token": page.token} | values)


def stream(net: Net, page: Page, video_id: str, content: bytes, offset: int = 0, **more: str) -> Any:
    headers = {"Authorization": f"OAuth {page.token}", "offset": str(offset)} | more
    address = f"rupload.facebook.com/video-upload/v26.0/{video_id}"
    return net.call("POST", address, "", content, headers=headers)


def upload(net: Net, page: Page, edge: str, content: bytes) -> str:
    """Open an upload, send the bytes, and return the id of the video."""
    video_id: str = body(ask(net, page, edge, "start"))["video_id"]
    sent = stream(net, page, video_id, content, file_size=str(len(content)))
    assert body(sent) == {"success": True}
    return video_id


def reel(net: Net, page: Page, content: bytes | None = None, **values: str) -> Any:
    """Return the answer to the call that publishes a reel."""
    video_id = upload(net, page, "video_reels", content or clip())
    values = {"video_id": video_id, "video_state": "PUBLISHED", "description": "Rye"} | values
    return video_id, ask(net, page, "video_reels", "finish", **values)


def status(net: Net, page: Page, video_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = body(net.get(f"{GRAPH}/{video_id}", page.token, fields="status,post_id,permalink_url"))
    return answer


def phases(net: Net, page: Page, video_id: str) -> tuple[str, ...]:
    found = status(net, page, video_id)["status"]
    names = ("uploading_phase", "processing_phase", "publishing_phase")
    return found["video_status"], *(found[name]["status"] for name in names)


def test_the_upload_host_takes_a_token_behind_the_word_oauth_alone(net: Net, page: Page) -> None:
    video_id = body(ask(net, page, "video_reels", "start"))["video_id"]
    facts = {"offset": "0", "file_size": str(len(clip()))}
    address = f"rupload.facebook.com/video-upload/v26.0/{video_id}"

    refused = net.call("POST", address, page.token, clip(), headers=facts)

    assert error(refused) == (400, 2500, None)
    assert body(stream(net, page, video_id, clip(), file_size=facts["file_size"])) == {"success": True}


def test_chunks_go_to_the_host_of_videos_with_the_token_as_a_parameter(net: Net, page: Page) -> None:
    start = {"upload_phase": "start", "file_size": 100}

    assert error(net.form(f"{GRAPH}/{page.id}/videos", page.token, **start)) == (400, 100, None)
    assert error(net.form(f"{VIDEO}/{page.id}/videos", page.token, **start)) == (400, 2500, None)
    assert "upload_session_id" in body(send_video(net, page, **start))


def test_a_video_comes_in_the_chunks_that_are_asked_for(net: Net, page: Page) -> None:
    content = clip()
    size = len(content) // 2 + 1
    with patch.object(facebook_videos, "CHUNK_BYTES", size):
        started = body(send_video(net, page, upload_phase="start", file_size=len(content)))
        assert (started["start_offset"], started["end_offset"]) == ("0", str(size))
        session = {"upload_session_id": started["upload_session_id"]}
        offsets = []
        start, end = 0, size
        while start < end:
            chunk = io.BytesIO(content[start:end])
            chunk.name = "chunk"
            values = session | {"upload_phase": "transfer", "start_offset": start, "video_file_chunk": chunk}
            answer = body(send_file(net, page, **values))
            start, end = int(answer["start_offset"]), int(answer["end_offset"])
            offsets.append((start, end))
    assert offsets == [(size, len(content)), (len(content), len(content))]
    assert phases(net, page, started["video_id"]) == ("upload_complete", "complete", "not_started", "not_started")
    assert net.posts() == []

    finish = {"upload_phase": "finish", "title": "Rye", "description": "How we bake"} | session
    first, again = send_video(net, page, **finish), send_video(net, page, **finish)

    assert (body(first), error(again)) == ({"success": True}, (400, 100, None))
    assert [(post["text"], post["media_count"]) for post in net.posts()] == [("How we bake", 1)]
    assert phases(net, page, started["video_id"]) == ("processing", "complete", "in_progress", "not_started")
    net.wait(3)
    assert phases(net, page, started["video_id"]) == ("ready", "complete", "complete", "complete")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"upload_phase": "start"}, 382),
        ({"upload_phase": "start", "file_size": "10000000001"}, 6000),
        ({"upload_phase": "start", "file_size": "many"}, 100),
        ({"upload_phase": "start", "file_size": "9" * 5000}, 100),
        ({"upload_phase": "pause"}, 100),
        ({"upload_phase": "transfer", "upload_session_id": "1"}, 100),
        ({"upload_phase": "finish"}, 100),
        ({"description": "x" * 63_207}, 100),
        ({}, 6000),
        ({"file_url": "https://elsewhere.example/a.mp4"}, 389),
    ],
)
def test_a_wrong_video_call_is_refused(net: Net, page: Page, values: dict[str, str], code: int) -> None:
    response = send_video(net, page, **values)

    assert (response.status_code, body(response)["error"]["code"]) == (400, code)


def test_a_chunk_that_was_not_asked_for_is_refused_and_changes_nothing(net: Net, page: Page) -> None:
    started = body(send_video(net, page, upload_phase="start", file_size=100))
    session = {"upload_phase": "transfer", "upload_session_id": started["upload_session_id"]}

    def send(start: int, size: int) -> Any:
        chunk = io.BytesIO(b"x" * size)
        chunk.name = "chunk"
        values = session | {"start_offset": start, "video_file_chunk": chunk}
        return send_file(net, page, **values)

    assert error(send(10, 10)) == error(send(0, 101)) == (400, 6001, None)
    assert error(send_video(net, page, **session)) == (400, 100, None)
    send(0, 40)
    assert error(send(0, 40)) == (400, 6001, None)
    assert status(net, page, started["video_id"])["status"]["uploading_phase"] == {
        "status": "in_progress",
        "bytes_transfered": 40,
        "source_file_size": 100,
    }
    finish = {"upload_phase": "finish", "upload_session_id": started["upload_session_id"]}
    assert error(send_video(net, page, **finish)) == (400, 6000, None)
    cancel = finish | {"upload_phase": "cancel"}
    assert body(send_video(net, page, **cancel)) == {"success": True}
    assert error(net.get(f"{GRAPH}/{started['video_id']}", page.token)) == (400, 100, 33)


def test_a_short_video_may_come_in_one_request(net: Net, page: Page, settings: Settings) -> None:
    source = io.BytesIO(clip())
    source.name = "video.mp4"
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:1"

    video_id = body(send_file(net, page, source=source, description="Sent"))["id"]
    with patch("ouipost.simulator.pulling.fetch", autospec=True, return_value=clip()):
        pulled = send_video(net, page, file_url="http://127.0.0.1:1/a.mp4")

    assert pulled.status_code == 200
    assert [post["text"] for post in net.posts()] == ["Sent", ""]
    for module, longest in ((facebook_videos, "MAX_SIMPLE_SECONDS"), (facebook_processing, "LONGEST_SECONDS")):
        source.seek(0)
        with patch.object(module, longest, 1):
            assert error(send_file(net, page, source=source)) == (400, 6000, None)
    assert phases(net, page, video_id)[0] == "processing"


def test_a_reel_is_seen_only_when_it_is_processed(net: Net, page: Page) -> None:
    video_id, answer = reel(net, page, title="Loaf")
    assert body(answer) == {"success": True}
    assert status(net, page, video_id).keys() == {"id", "status"}
    listing = f"{GRAPH}/{page.id}/published_posts"
    assert body(net.get(listing, page.token))["data"] == []

    net.wait(3)

    found = status(net, page, video_id)
    assert found["status"]["publishing_phase"].items() >= {"status": "complete", "publish_status": "published"}.items()
    assert found["permalink_url"] == f"https://www.facebook.com/reel/{video_id}"
    assert net.get(f"www.facebook.com/reel/{video_id}").status_code == 200
    assert net.get("www.facebook.com/reel/1").status_code == 404
    [post] = body(net.get(listing, page.token, fields="id,message,attachments{media_type,target{id}}"))["data"]
    assert post["id"] == f"{page.id}_{found['post_id']}"
    assert post["attachments"]["data"] == [{"media_type": "video", "target": {"id": video_id}}]
    reels = body(net.get(f"{GRAPH}/{page.id}/video_reels", page.token))["data"]
    assert [(each["id"], each["description"]) for each in reels] == [(video_id, "Rye")]
    shown = body(net.get(f"{GRAPH}/{video_id}", page.token, fields="title,description"))
    assert (shown["title"], shown["description"]) == ("Loaf", "Rye")


def test_a_post_with_a_video_is_known_by_the_videos_id_too(net: Net, page: Page) -> None:
    video_id, _ = reel(net, page)
    assert error(net.form(f"{GRAPH}/{video_id}/comments", page.token, message="early")) == (400, 100, 33)
    net.wait(3)
    post_id = f"{page.id}_{status(net, page, video_id)['post_id']}"

    comments = [
        net.form(f"{GRAPH}/{each}/comments", page.token, message="Mine")
        for each in (post_id, video_id, f"{page.id}_{video_id}")
    ]
    views = body(net.get(f"{GRAPH}/{page.id}_{video_id}/insights", page.token, metric="post_video_views"))

    assert [comment.status_code for comment in comments] == [200] * 3
    assert len(net.posts()[0]["parts"]) == 3
    assert views["data"][0]["values"] == [{"value": 0}]
    assert error(net.get(f"{GRAPH}/{video_id}/insights", page.token, metric="post_video_views")) == (400, 100, None)
    assert net.call("DELETE", f"{GRAPH}/{video_id}", page.token).status_code == 200
    assert net.posts() == []


@pytest.mark.parametrize(
    ("kind", "subcode"),
    [
        ({"width": 960, "height": 540}, 1363040),
        ({"width": 270, "height": 480}, 1363127),
        ({"seconds": 2}, 1363128),
        ({"fps": 12}, 1363129),
        ({"codec": "mpeg4"}, None),
    ],
    ids=["aspect", "resolution", "duration", "frame rate", "codec"],
)
def test_a_reel_of_the_wrong_kind_is_refused(net: Net, page: Page, kind: dict[str, Any], subcode: int | None) -> None:
    _, answer = reel(net, page, clip(**kind))

    assert error(answer) == (400, 6000, subcode)
    assert net.posts() == []


def test_a_reel_must_be_complete_its_own_and_published_at_once(net: Net, page: Page) -> None:
    started = body(ask(net, page, "video_reels", "start"))
    finish = {"video_id": started["video_id"], "video_state": "PUBLISHED"}

    assert error(ask(net, page, "video_reels", "finish", **finish)) == (400, 6000, None)
    assert error(ask(net, page, "video_reels", "finish", **finish | {"video_id": "1"})) == (400, 100, 33)
    assert error(ask(net, page, "video_reels", "finish", **finish | {"video_state": "DRAFT"})) == (400, 100, None)
    assert error(ask(net, page, "video_reels", "transfer")) == (400, 100, None)
    assert error(ask(net, page, "video_stories", "finish", video_id=started["video_id"])) == (400, 100, 33)
    other = body(net.get(f"{GRAPH}/me/accounts", page.user))["data"][1]
    foreign = stream(net, Page(other["id"], other["access_token"], page.user), started["video_id"], b"x")
    assert error(foreign) == (400, 100, 33)


def test_a_page_publishes_thirty_reels_a_day(net: Net, page: Page) -> None:
    with patch.object(facebook_videos, "REELS_PER_DAY", 1):
        reel(net, page)
        _, second = reel(net, page)
        net.wait(5000)
        assert error(second) == (400, 613, None)
    assert len(net.posts()) == 1


def test_an_interrupted_upload_goes_on_where_the_status_says(net: Net, page: Page) -> None:
    content = clip()
    video_id = body(ask(net, page, "video_reels", "start"))["video_id"]
    size = str(len(content))

    cut_off = stream(net, page, video_id, content[:1000], file_size=size)
    assert (cut_off.status_code, body(cut_off)["debug_info"]["type"]) == (400, "PartialRequestError")
    uploading = status(net, page, video_id)["status"]["uploading_phase"]
    assert uploading == {"status": "in_progress", "bytes_transfered": 1000, "source_file_size": len(content)}
    for offset in (0, 1001):
        wrong = stream(net, page, video_id, content, offset, file_size=size)
        assert (wrong.status_code, body(wrong)["debug_info"]["type"]) == (400, "OffsetInvalidError")
    broken = stream(net, page, video_id, b"", 1000, file_size="many")
    assert body(broken)["debug_info"]["type"] == "OffsetInvalidError"

    rest = stream(net, page, video_id, content[1000:], 1000, file_size=size)

    assert body(rest) == {"success": True}
    assert phases(net, page, video_id)[0] == "upload_complete"


def test_the_bytes_of_a_reel_may_be_fetched(net: Net, page: Page) -> None:
    video_id = body(ask(net, page, "video_reels", "start"))["video_id"]

    with patch("ouipost.simulator.pulling.fetch", autospec=True, return_value=clip()):
        fetched = stream(net, page, video_id, b"", file_url="http://127.0.0.1:1/a.mp4")

    assert body(fetched) == {"success": True}
    assert phases(net, page, video_id)[0] == "upload_complete"


def test_a_stream_must_say_where_it_begins_and_is_for_reels_and_stories_alone(net: Net, page: Page) -> None:
    reel_id = body(ask(net, page, "video_reels", "start"))["video_id"]
    video_id = body(send_video(net, page, upload_phase="start", file_size=100))["video_id"]
    headers = {"Authorization": f"OAuth {page.token}"}

    lost = net.call("POST", f"rupload.facebook.com/video-upload/v26.0/{reel_id}", "", clip(), headers=headers)

    assert (lost.status_code, body(lost)["debug_info"]["type"]) == (400, "OffsetInvalidError")
    assert error(stream(net, page, video_id, clip())) == (400, 100, 33)


def test_a_server_that_drops_headers_with_underscores_loses_nothing(net: Net, page: Page) -> None:
    video_id = body(ask(net, page, "video_reels", "start"))["video_id"]

    assert body(stream(net, page, video_id, clip())) == {"success": True}
    assert phases(net, page, video_id)[0] == "upload_complete"


@pytest.mark.parametrize("is_video", [False, True])
def test_an_error_stands_in_its_phase_while_the_status_still_says_processing(
    net: Net, page: Page, is_video: bool
) -> None:
    if is_video:
        net.fault("facebook", "processing_failed", match="POST rupload.facebook.com/video-upload")
    video_id, answer = reel(net, page, clip() if is_video else b"no video at all")
    assert body(answer) == {"success": True}

    net.wait(3)

    found = status(net, page, video_id)["status"]
    assert (found["video_status"], found["processing_phase"]["status"]) == ("processing", "error")
    assert found["processing_phase"]["error"]["message"]
    net.wait(facebook_processing.SAID_LATE_SECONDS)
    assert phases(net, page, video_id)[0] == "error"
    assert net.posts() == []


def test_an_upload_dies_after_a_day(net: Net, page: Page) -> None:
    video_id = upload(net, page, "video_reels", clip())

    with patch.object(facebook_processing, "SESSION_LIFETIME", facebook_processing.SESSION_LIFETIME * 0):
        late = upload(net, page, "video_reels", clip())

    finish = {"video_state": "PUBLISHED"}
    assert error(ask(net, page, "video_reels", "finish", video_id=late, **finish)) == (400, 6000, None)
    assert phases(net, page, late)[0] == "expired"
    assert phases(net, page, video_id)[0] == "upload_complete"


def test_a_photo_becomes_a_story_once(net: Net, page: Page) -> None:
    photo_id = body(net.upload(f"{GRAPH}/{page.id}/photos", page.token, source=png(), published="false"))["id"]

    answer = body(net.form(f"{GRAPH}/{page.id}/photo_stories", page.token, photo_id=photo_id))

    assert answer.keys() == {"success", "post_id"}
    again = net.form(f"{GRAPH}/{page.id}/photo_stories", page.token, photo_id=photo_id)
    attached = json.dumps([{"media_fbid": photo_id}])
    used = net.form(f"{GRAPH}/{page.id}/feed", page.token, attached_media=attached)
    assert error(again) == error(used) == (400, 100, 1366051)
    assert error(net.form(f"{GRAPH}/{page.id}/photo_stories", page.token)) == (400, 100, 33)
    [story] = body(net.get(f"{GRAPH}/{page.id}/stories", page.token))["data"]
    expected = {"post_id": answer["post_id"], "status": "PUBLISHED", "media_type": "photo", "media_id": photo_id}
    assert story.items() >= expected.items()
    assert net.get(story["url"].removeprefix("https://")).status_code == 200
    assert body(net.get(f"{GRAPH}/{page.id}/published_posts", page.token))["data"] == []
    comment = net.form(f"{GRAPH}/{page.id}_{answer['post_id']}/comments", page.token, message="x")
    assert error(comment) == (400, 100, 33)


def test_a_video_becomes_a_story(net: Net, page: Page) -> None:
    video_id = upload(net, page, "video_stories", clip())

    answer = body(ask(net, page, "video_stories", "finish", video_id=video_id))
    assert body(net.get(f"{GRAPH}/{page.id}/stories", page.token))["data"] == []
    assert error(ask(net, page, "video_stories", "finish", video_id=video_id)) == (400, 100, None)
    net.wait(3)

    [story] = body(net.get(f"{GRAPH}/{page.id}/stories", page.token))["data"]
    assert (story["media_type"], story["media_id"]) == ("video", video_id)
    assert story["post_id"] == answer["post_id"] == status(net, page, video_id)["post_id"]
    assert status(net, page, video_id)["status"]["publishing_phase"]["publish_status"] == "published"
    assert len(net.posts()) == 1


def test_a_story_is_over_after_a_day_and_still_listed(net: Net, page: Page) -> None:
    photo_id = body(net.upload(f"{GRAPH}/{page.id}/photos", page.token, source=png(), published="false"))["id"]
    net.form(f"{GRAPH}/{page.id}/photo_stories", page.token, photo_id=photo_id)
    Post.objects.update(created_at="2026-01-01T00:00:00Z")

    [story] = body(net.get(f"{GRAPH}/{page.id}/stories", page.token))["data"]

    assert story["status"] == "ARCHIVED"


def test_a_story_of_a_minute_is_the_longest(net: Net, page: Page) -> None:
    video_id = upload(net, page, "video_stories", clip(seconds=61, fps=24))

    answer = ask(net, page, "video_stories", "finish", video_id=video_id)

    assert error(answer) == (400, 6000, 1363128)
