"""How the simulated networks look at pictures, of which strangers may send any."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageFile, PngImagePlugin
from pytest_django import Settings

from ouipost.simulator import media
from ouipost.simulator.media import look_at
from tests.simulator.conftest import png


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_picture_of_any_format_that_a_network_takes_is_known(kind: str) -> None:
    picture = look_at(png(kind=kind).getvalue())

    assert picture is not None
    assert (picture.format, picture.width, picture.height, picture.frames) == (kind, 8, 6, 1)


def test_a_photo_of_several_frames_is_a_jpeg() -> None:
    photo = io.BytesIO()
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(photo, "MPO", save_all=True, append_images=frames[1:])

    picture = look_at(photo.getvalue())

    assert picture is not None
    assert (picture.format, picture.mime) == ("MPO", "image/jpeg")


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PCX"])
def test_a_picture_of_another_format_is_not_opened(kind: str) -> None:
    assert look_at(png(kind=kind).getvalue()) is None


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = png(8, 6).getvalue()
    settings.IMAGE_MAX_PIXELS = 48
    assert look_at(content) is not None

    settings.IMAGE_MAX_PIXELS = 47
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("It was decoded."))

    assert look_at(content) is None


def test_a_damaged_picture_is_found_unless_decoding_it_would_take_too_much_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    damaged = png(80, 60).getvalue()[:-40]
    assert look_at(damaged) is None

    monkeypatch.setattr(media, "MOST_MEMORY", 80 * 60 * 4 - 1)

    picture = look_at(damaged)
    assert picture is not None
    assert (picture.width, picture.height) == (80, 60)


def test_pictures_of_parallel_requests_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    decoding, together = threading.Semaphore(1), []
    original = PngImagePlugin.PngImageFile.load_end

    def load_end(image: PngImagePlugin.PngImageFile) -> None:
        if not decoding.acquire(blocking=False):
            together.append(image)
            return
        original(image)
        threading.Event().wait(0.01)  # a decoder releases the interpreter, too
        decoding.release()

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_end", load_end)
    content = png().getvalue()

    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(look_at, [content] * 8))

    assert None not in seen
    assert together == []
