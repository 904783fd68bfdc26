"""An image that a network would refuse for its weight or kind goes out as a smaller JPEG."""

import io
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from PIL import Image

from accounts.platforms.errors import PlatformError, Rejected, Unavailable, WhoActs
from accounts.platforms.limits import Limits
from accounts.platforms.linkedin import validation as linkedin
from accounts.platforms.pinterest import validation as pinterest
from accounts.platforms.shapes import Content, Media
from posts.media import images, storage
from posts.media.fitting import fit
from tests.factories import NOW
from tests.networks.platform_case import make_image
from tests.posts.media.pictures import animation, encoded, noise, opened, picture

pytestmark = pytest.mark.thorough

LIMITS = Limits(max_characters=100, image_mime_types=("image/jpeg", "image/png"), max_images=1, max_image_bytes=20_000)


def holding(content: bytes, mime_type: str = "image/png") -> Media:
    image = make_image("one", mime_type=mime_type, size=len(content))
    return replace(image, open=lambda: io.BytesIO(content))


@pytest.mark.parametrize(
    "media",
    [
        make_image("one", mime_type="image/png", size=20_000),
        make_image("one", mime_type="image/jpeg", size=1),
        replace(make_image("one", mime_type="video/mp4", size=10**9), type="video"),
    ],
)
def test_what_fits_is_left_as_it_is(media: Media) -> None:
    assert fit(media, LIMITS) is media


def test_the_heaviest_images_of_a_carousel_are_made_as_large_as_the_lightest() -> None:
    side = 2000
    heavy = encoded(Image.frombytes("RGB", (side, side), random.Random(0).randbytes(3 * side**2)), "JPEG")
    five = (replace(holding(heavy, "image/jpeg"), width=side, height=side),) * 5

    fitted = fit(five[0], pinterest.limits_for(Content(text="", media=five), pinterest.LIMITS))

    assert opened(fitted.read()).size == (fitted.width, fitted.height) == (1500, 1500)


def test_a_network_that_takes_no_images_says_so_itself() -> None:
    media = make_image("one", mime_type="image/webp", size=10**9)

    assert fit(media, Limits(max_characters=100)) is media


def test_an_image_that_is_too_heavy_becomes_a_jpeg_under_the_limit() -> None:
    heavy = noise((400, 400))

    fitted = fit(holding(heavy), LIMITS)

    sent = fitted.read()
    assert (fitted.mime_type, fitted.size) == ("image/jpeg", 20_000)
    assert len(sent) <= 20_000 < len(heavy)
    assert opened(sent).format == "JPEG"


@pytest.mark.parametrize("size", [(60, 40), (40, 60)])
def test_an_image_of_a_refused_kind_becomes_a_still_jpeg_of_the_same_shape(size: tuple[int, int]) -> None:
    content = picture("WEBP", size=size)
    media = replace(holding(content, "image/webp"), frames=2, width=size[0], height=size[1])

    fitted = fit(media, replace(LIMITS, max_image_pixels=60 * 40))

    assert (fitted.mime_type, fitted.size, fitted.animated) == ("image/jpeg", len(content), False)
    assert (opened(fitted.read()).format, opened(fitted.read()).size) == ("JPEG", size)
    assert fitted.converted == "written as a JPEG, as a still picture"


def test_a_webp_that_moves_goes_as_a_still_jpeg_also_where_those_are_taken_that_do_not() -> None:
    limits = replace(LIMITS, image_mime_types=("image/jpeg", "image/webp"))
    still = holding(animation("WEBP", durations=[100, 100]), "image/webp")

    fitted = fit(replace(still, frames=2), limits)

    assert fit(still, limits) is still
    assert (opened(fitted.read()).format, fitted.converted) == ("JPEG", "written as a JPEG, as a still picture")


def test_a_network_without_a_limit_of_weight_still_gets_its_kinds() -> None:
    fitted = fit(holding(picture("WEBP"), "image/webp"), replace(LIMITS, max_image_bytes=None))

    assert opened(fitted.read()).format == "JPEG"


def test_an_image_that_cannot_be_made_to_fit_is_refused() -> None:
    fitted = fit(holding(b"no picture", "image/webp"), LIMITS)

    with pytest.raises(Rejected) as refused:
        fitted.read()

    assert refused.value.code == "MEDIA_REJECTED"


def test_an_image_for_which_there_was_no_time_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "WALL_SECONDS", 0.01)
    fitted = fit(holding(picture("WEBP"), "image/webp"), LIMITS)

    with pytest.raises(Unavailable) as failed:
        fitted.read()

    assert failed.value.who_acts == WhoActs.OPERATOR


TOO_COSTLY = """print('{"reason": "too_costly", "message": "It takes too much memory."}')"""
STOPPED = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"


@pytest.mark.parametrize(
    ("code", "error"), [(TOO_COSTLY, Rejected), (STOPPED, Unavailable)], ids=["too costly", "stopped"]
)
def test_an_image_is_tried_again_only_if_it_was_not_its_own_cost_that_ended_the_attempt(
    code: str, error: type[PlatformError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    child.write_text(code)
    monkeypatch.setattr(images, "CHILD", child)

    with pytest.raises(error):
        fit(holding(picture("WEBP"), "image/webp"), LIMITS).read()


def red_pixels(image: Image.Image) -> int:
    red, green, _ = (channel.tobytes() for channel in image.split())
    return sum(1 for strong, weak in zip(red, green, strict=True) if strong > 200 and weak < 60)


UPRIGHT = replace(LIMITS, min_image_ratio=0.8, max_image_ratio=1.91)


@pytest.mark.parametrize(
    ("size", "bars", "shown"),
    [
        ((300, 600), "with bars at its left and right", (480, 600)),
        ((600, 100), "with bars above and below", (600, 315)),
    ],
)
def test_an_image_that_is_too_high_or_wide_gets_bars_and_loses_nothing(
    size: tuple[int, int], bars: str, shown: tuple[int, int]
) -> None:
    content = picture("PNG", size=size, color="red")
    media = replace(holding(content), width=size[0], height=size[1])

    fitted = fit(media, UPRIGHT)

    sent = opened(fitted.read()).convert("RGB")
    assert (fitted.converted, sent.size, (fitted.width, fitted.height)) == (bars, shown, shown)
    assert red_pixels(sent) >= red_pixels(opened(content).convert("RGB")) * 0.95 > 0
    assert sent.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("size", [(12_000, 500), (500, 12_000)], ids=["a panorama", "a page from top to end"])
def test_an_image_whose_bars_would_be_many_times_its_size_is_made_smaller_for_them(size: tuple[int, int]) -> None:
    media = replace(holding(picture("PNG", size=size, color="red")), width=size[0], height=size[1])

    width, height = opened(fit(media, replace(UPRIGHT, max_image_bytes=None)).read()).size

    assert 0.8 <= width / height <= 1.91


@pytest.mark.parametrize("size", [(404, 505), (955, 500), (200, 600), (900, 300)])
def test_an_image_that_is_made_smaller_for_its_weight_is_no_narrower_or_wider_than_it_may_be(
    size: tuple[int, int],
) -> None:
    media = replace(holding(noise(size)), width=size[0], height=size[1])

    sent = {most: fit(media, replace(UPRIGHT, max_image_bytes=most)).read() for most in (20_000, 5_000)}

    ratios = [width / height for width, height in (opened(each).size for each in sent.values())]
    assert [ratio for ratio in ratios if not 0.8 <= ratio <= 1.91] == []
    assert [most for most, each in sent.items() if len(each) > most] == []


@pytest.mark.parametrize(
    ("size", "most", "shown"),
    [
        ((2000, 1000), {"max_image_side_pixels": 1920, "max_image_short_side_pixels": 500}, (1000, 500)),
        ((2000, 1000), {"max_image_side_pixels": 1200}, (1200, 600)),
        ((2000, 1000), {"max_image_short_side_pixels": 400}, (800, 400)),
        ((1, 5000), {"max_image_side_pixels": 1200}, (1, 1200)),
        ((2000, 1000), {"max_image_pixels": 500_000}, (998, 499)),
        ((200, 101), {"max_image_pixels": 20_199}, (199, 100)),
    ],
)
def test_an_image_with_too_many_pixels_is_made_smaller(
    size: tuple[int, int], most: dict[str, Any], shown: tuple[int, int]
) -> None:
    media = replace(holding(picture("PNG", size=size)), width=size[0], height=size[1])

    fitted = fit(media, replace(LIMITS, **most))

    assert opened(fitted.read()).size == (fitted.width, fitted.height) == shown
    assert fitted.converted == "made smaller"


@pytest.mark.parametrize(
    ("size", "converted"),
    [
        ((60, 40), ""),
        ((600, 400), "made smaller"),
        ((61, 40), "with bars above and below, made smaller"),
        ((59, 40), "with bars at its left and right"),
        ((40, 20), "with bars at its left and right, with bars above and below"),
        ((1, 3000), "with bars at its left and right, made smaller"),
    ],
)
def test_images_that_must_have_one_size_get_it_with_bars(size: tuple[int, int], converted: str) -> None:
    media = replace(holding(picture("PNG", size=size)), width=size[0], height=size[1])

    fitted = fit(media, replace(LIMITS, image_width_pixels=60, image_height_pixels=40))

    assert opened(fitted.read()).size == (fitted.width, fitted.height) == (60, 40)
    assert fitted.converted == converted


def test_images_of_several_sizes_are_made_as_large_as_the_first() -> None:
    sizes = [(2000, 3000), (500, 500), (4000, 3000)]
    given = [replace(holding(picture(size=size)), width=size[0], height=size[1]) for size in sizes]

    limits = pinterest.limits_for(Content(text="", media=tuple(given)), pinterest.LIMITS)

    assert [opened(fit(each, limits).read()).size for each in given] == [(1000, 1500)] * 3


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("PNG", "LA")])
def test_a_photo_of_one_pixel_too_many_is_made_smaller(kind: str, mode: str) -> None:
    content = encoded(Image.new(mode, (7360, 4912)), kind)  # the pixels of a Nikon D800
    media = replace(holding(content, f"image/{kind.lower()}"), width=7360, height=4912)

    fitted = fit(media, linkedin.LIMITS)

    assert media.width * media.height == (linkedin.LIMITS.max_image_pixels or 0) + 1
    assert opened(fitted.read()).size == (fitted.width, fitted.height) == (7359, 4911)


def test_what_a_network_pulls_is_kept_for_it_once_a_day_as_it_takes_it() -> None:
    media = replace(holding(picture("WEBP"), "image/webp"))

    with time_machine.travel(NOW, tick=False) as clock:
        addresses = [fit(media, LIMITS).pull_url(), fit(media, LIMITS).pull_url()]
        clock.shift(timedelta(days=1))  # as old as this, it would be swept before its new address is over
        addresses.append(fit(media, LIMITS).pull_url())

    assert f"?expires={int((NOW + timedelta(days=1)).timestamp())}&" in addresses[0]
    first, second, later = (address.split("/media/")[1].split("?")[0] for address in addresses)
    assert first == second != later
    with storage.open_stored(first) as kept:
        assert opened(kept.read()).format == "JPEG"


def test_what_was_pulled_is_swept_after_two_days_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    media = replace(holding(picture("WEBP"), "image/webp"))
    name = fit(media, LIMITS).pull_url().split("/media/")[1].split("?")[0]

    def sweep(**later: int) -> None:
        monkeypatch.setattr(storage, "clock", lambda: timezone.now() + timedelta(**later))
        storage.sweep_orphans(lambda names: set(names))

    sweep(hours=47)
    assert storage.exists(name)
    sweep(hours=49)
    assert not storage.exists(name)
