"""What a network sees in a video file."""

from ouipost.simulator.clips import look_at_clip
from tests.simulator.clip import clip


def test_how_long_a_video_runs_is_told_to_a_millisecond() -> None:
    video = clip(seconds=31 / 30, fps=30)

    assert look_at_clip(video).seconds == 1.033
