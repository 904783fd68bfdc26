"""Videos: known by their bytes, copied without what was not picture or sound, and looked into by a child."""

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
import pytest
from PIL import Image
from pytest_django import Settings

from posts.media import video_child
from posts.media.file_types import HEAD_BYTES, video_type
from posts.media.intake import FileTooLarge, InvalidMedia, Processed
from posts.media.videos import process_video
from tests.posts.media import hostile
from tests.posts.media.clips import clip, silence, trimmed, turned

pytestmark = pytest.mark.thorough

PLACE = "+48.8577+002.295/"
MOST_DRAWN_FROM = 3
"""The pictures behind the end without which the last ones could not be drawn."""


@contextmanager
def processed(content: bytes) -> Iterator[Processed]:
    with process_video(io.BytesIO(content), video_type(content[:HEAD_BYTES]) or "video/mp4") as found:
        yield found


@pytest.mark.parametrize(
    ("made", "mime_type", "codecs"),
    [
        ({}, "video/mp4", ("h264", "aac")),
        ({"container": "mov", "codec": "prores_aw", "pixels": "yuv422p10le"}, "video/quicktime", ("prores", "aac")),
        ({"container": "webm", "codec": "libvpx-vp9"}, "video/webm", ("vp9", "opus")),
        ({"sound": False}, "video/mp4", ("h264", "")),
        ({"codec": "libsvtav1"}, "video/mp4", ("av1", "aac")),
    ],
    ids=["mp4", "mov", "webm", "silent", "av1"],
)
def test_its_facts_are_read(made: dict[str, Any], mime_type: str, codecs: tuple[str, str]) -> None:
    with processed(clip(**made)) as video:
        assert (video.type, video.mime_type, video.width, video.height) == ("video", mime_type, 320, 240)
        assert (video.facts["video_codec"], video.facts["audio_codec"]) == codecs
        assert (video.facts["fps"], round(video.facts["seconds"], 1)) == (25.0, 2.0)
        assert video.facts["bit_rate"] > 0
        assert (video.facts["sample_rate"], video.facts["channels"]) == ((48_000, 2) if codecs[1] else (0, 0))


@pytest.mark.parametrize(("pixels", "chroma"), [("yuv420p", "4:2:0"), ("yuv422p10le", "4:2:2"), ("yuv444p", "4:4:4")])
def test_it_is_told_how_finely_its_colours_are_kept(pixels: str, chroma: str) -> None:
    with processed(clip(pixels=pixels, seconds=1)) as video:
        assert video.facts["chroma"] == chroma


def test_what_is_kept_still_plays_and_has_a_frame_to_show() -> None:
    with processed(clip(size=(800, 600))) as video:
        with av.open(str(video.path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 50
        assert video.thumbnail_path is not None
        with Image.open(video.thumbnail_path) as thumbnail:
            assert (thumbnail.format, thumbnail.size) == ("JPEG", (400, 300))


def test_one_as_large_as_phones_record_in_deep_colours_is_taken() -> None:
    content = clip("mov", codec="prores_aw", pixels="yuv422p10le", size=(7680, 4320), seconds=1, fps=1, sound=False)

    with processed(content) as video:
        assert (video.width, video.height) == (7680, 4320)


@pytest.mark.parametrize("called", [b"ftypXAVC", b"ftyp3g2a", b"ftyppana"])
def test_an_mp4_that_its_camera_calls_otherwise_is_one_all_the_same(called: bytes) -> None:
    content = clip()
    cameras = content[:4] + called + content[12:]

    assert video_type(cameras[:HEAD_BYTES]) == "video/mp4"
    with processed(cameras) as video:
        assert video.facts["video_codec"] == "h264"


def test_a_mov_from_before_files_said_what_they_are_is_one() -> None:
    content = clip("mov")
    old = content[:4] + b"wide" + content[8:]

    assert video_type(old[:HEAD_BYTES]) == "video/quicktime"
    with processed(old) as video:
        assert video.facts["video_codec"] == "h264"


@pytest.mark.parametrize(
    "made", [{}, {"sound": False}, {"codec": "libx265", "tag": "hvc1"}], ids=["h264", "silent", "hevc"]
)
def test_a_mov_as_phones_record_it_becomes_an_mp4_which_all_networks_take(made: dict[str, Any]) -> None:
    with processed(clip("mov", **made)) as video:
        assert (video.mime_type, video_type(video.path.read_bytes()[:HEAD_BYTES])) == ("video/mp4", "video/mp4")
        with av.open(str(video.path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 50


def test_a_webm_of_what_webm_does_not_hold_is_told_so() -> None:
    content = clip("matroska").replace(b"\x42\x82\x88matroska", b"\x42\x82\x88webm\0\0\0\0", 1)

    with pytest.raises(InvalidMedia) as refused, processed(content):
        pass

    assert refused.value.message.startswith("Videos in h264 (webm) are not accepted.")


def test_one_that_was_recorded_live_and_does_not_say_its_length_is_measured() -> None:
    content = clip("webm", codec="libvpx-vp9", options=(("live", "1"),))
    with av.open(io.BytesIO(content), "r") as recorded:
        assert recorded.duration is None

    with processed(content) as video:
        assert (round(video.facts["seconds"], 1), video.facts["fps"]) == (2.0, 25.0)


@pytest.mark.parametrize(
    ("container", "codec", "tag", "pixels"),
    [
        ("mp4", "libx265", "hvc1", "yuv420p"),
        ("mov", "libx265", "hvc1", "yuv420p"),
        ("mov", "prores_aw", "apcn", "yuv422p10le"),
    ],
)
def test_it_keeps_the_name_by_which_players_know_its_codec(container: str, codec: str, tag: str, pixels: str) -> None:
    content = clip(container, codec=codec, tag=tag, pixels=pixels)

    with processed(content) as video, av.open(str(video.path), "r") as kept:
        assert kept.streams.video[0].codec_context.codec_tag == tag


def test_where_and_by_whom_it_was_taken_is_left_out() -> None:
    content = clip(metadata=(("location", PLACE), ("artist", "Somebody"), ("com.apple.quicktime.model", "A phone")))
    assert PLACE.encode() in content

    with processed(content) as video:
        kept = video.path.read_bytes()

    assert not [word for word in (PLACE, "Somebody", "A phone") if word.encode() in kept]


def test_titles_chapters_and_time_codes_are_left_out() -> None:
    with processed(hostile.video_that_tells()) as video:
        kept = video.path.read_bytes()
        with av.open(str(video.path)) as container:
            assert ([track.type for track in container.streams], container.chapters()) == (["video", "audio"], [])

    assert [word for word in (b"Secret", b"tmcd") if word in kept] == []


def test_a_cover_is_not_taken_for_the_picture_and_is_left_out() -> None:
    with processed(hostile.video_with_a_cover()) as video:
        assert (video.facts["video_codec"], video.width) == ("h264", 320)
        assert b"SecretNote" not in video.path.read_bytes()


def test_the_index_comes_first_so_that_it_plays_while_it_loads() -> None:
    with processed(clip()) as video:
        kept = video.path.read_bytes()

    assert kept.index(b"moov") < kept.index(b"mdat")


def test_one_that_is_to_be_turned_has_the_sides_that_people_see() -> None:
    with processed(turned(clip())) as video:
        assert (video.width, video.height) == (240, 320)
        assert video.thumbnail_path is not None
        with Image.open(video.thumbnail_path) as thumbnail:
            assert thumbnail.size == (240, 320)
        with av.open(str(video.path)) as container:
            assert abs(next(container.decode(video=0)).rotation) == 90


@pytest.mark.parametrize(("turn", "sides"), [(bytes, (427, 240)), (turned, (240, 427))], ids=["upright", "turned"])
def test_one_whose_pixels_are_not_square_has_the_sides_that_people_see(
    turn: Callable[[bytes], bytes], sides: tuple[int, int]
) -> None:
    with processed(turn(clip(pixel_ratio=Fraction(4, 3)))) as video:
        assert (video.width, video.height) == sides
        assert video.thumbnail_path is not None
        with Image.open(video.thumbnail_path) as thumbnail:
            assert max(thumbnail.size) == 400
            assert thumbnail.width / thumbnail.height == pytest.approx(sides[0] / sides[1], rel=0.01)


def test_one_that_would_be_shown_too_wide_is_refused() -> None:
    with pytest.raises(InvalidMedia) as refused, processed(clip(pixel_ratio=Fraction(30))):
        pass

    assert refused.value.details["reason"] == "too_many_pixels"


@pytest.mark.parametrize("start", [0, 0.8])
def test_what_was_trimmed_away_at_the_end_is_not_in_what_is_kept(start: float) -> None:
    content = trimmed(clip(seconds=6), start=start, seconds=2)
    with av.open(io.BytesIO(content), "r") as given:
        shown = [frame.pts for frame in given.decode(video=0)]

    with processed(content) as video, av.open(str(video.path)) as kept:
        pictures = sum(1 for _ in kept.decode(video=0))
        assert len(shown) <= pictures <= len(shown) + MOST_DRAWN_FROM
        assert 2 <= video.facts["seconds"] <= 2 + MOST_DRAWN_FROM / 25


@pytest.mark.parametrize("made", [{}, {"container": "webm", "codec": "libvpx-vp9"}], ids=["mp4", "webm"])
def test_one_that_ends_before_its_index_says_was_cut_short(made: dict[str, Any]) -> None:
    with processed(clip(seconds=6, **made)) as whole:
        content = whole.path.read_bytes()  # its index comes first

    with pytest.raises(InvalidMedia, match="incomplete") as refused, processed(content[: len(content) // 2]):
        pass

    assert refused.value.details["reason"] == "damaged"
    with processed(content) as again:
        assert round(again.facts["seconds"], 1) == 6.0


def test_sound_without_a_picture_is_no_video() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as target:
        track: Any = target.add_stream("aac", rate=48_000)
        target.mux([packet for frame in silence(track, 1) for packet in track.encode(frame)])
        target.mux(track.encode())

    with pytest.raises(InvalidMedia) as refused, processed(buffer.getvalue()):
        pass

    assert refused.value.details["reason"] == "no_video"


def test_a_video_that_is_too_large_is_told_so(settings: Settings) -> None:
    settings.VIDEO_MAX_BYTES = 1000

    with pytest.raises(FileTooLarge) as refused, processed(clip()):
        pass

    assert refused.value.details == {"limit_bytes": 1000}


def test_a_full_disk_is_not_taken_for_a_damaged_video(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_child, "limit_process", lambda job: None)
    monkeypatch.setattr(video_child, "renew", _raises(OSError(errno.ENOSPC, "No space left on device")))
    job = video_child.VideoJob(source="", mime_type="video/mp4", target="", thumbnail="")

    with pytest.raises(OSError, match="No space left"):
        video_child.answer_to(job)


def _raises(error: Exception) -> Any:
    def raise_it(job: video_child.VideoJob) -> None:
        raise error

    return raise_it


def test_making_a_video_leaves_this_process_at_its_usual_priority() -> None:
    clip(codec="libsvtav1")

    assert os.sched_getscheduler(0) == os.SCHED_OTHER
