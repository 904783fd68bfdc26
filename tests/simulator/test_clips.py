"""What the simulated networks see in a video file."""

from ouipost.simulator.clips import look_at_clip
from tests.simulator.clip import film


def test_a_video_is_as_long_as_thousandths_of_a_second_tell() -> None:
    one_picture_of_three_a_second = film(seconds=1 / 3, fps=3, audio="")

    clip = look_at_clip(one_picture_of_three_a_second)

    assert clip is not None
    assert clip.seconds == 0.333
