"""Uploads become clean images or are refused, and what decodes them can do no harm."""

import io
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageChops
from pytest_django import Settings

from posts.media import images
from posts.media.children import ChildBroken, Stopped, TooBusy
from posts.media.images import process_image, to_jpeg
from posts.media.intake import FileTooLarge, InvalidMedia, Processed, clean_filename
from posts.media.shapes import Shape
from posts.media.storage import StorageUnavailable
from tests.memory import growing
from tests.posts.media import pictures


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where uploads are worked on; whatever a test does, nothing may be left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


def upload(content: bytes, name: str = "picture.jpg", declared: str = "image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type=declared)


def renewed(content: bytes) -> tuple[bytes, Image.Image]:
    """Return the bytes that an upload becomes, and the picture in them."""
    with process_image(upload(content)) as image:
        new = image.path.read_bytes()
    return new, pictures.opened(new)


def thumbnail_of(image: Processed) -> bytes:
    assert image.thumbnail_path is not None
    return image.thumbnail_path.read_bytes()


@pytest.mark.parametrize(
    ("format_name", "mime_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_an_image_keeps_its_format_and_size_and_gets_a_thumbnail(format_name: str, mime_type: str) -> None:
    content = pictures.picture(format_name, size=(1000, 500))

    with process_image(upload(content, "x.bin", "application/octet-stream")) as image:
        thumbnail = pictures.opened(thumbnail_of(image))
        found = pictures.opened(image.path.read_bytes())

        assert (image.mime_type, image.width, image.height) == (mime_type, 1000, 500)
        assert (found.format, found.size, image.size) == (format_name, (1000, 500), image.path.stat().st_size)
        assert (thumbnail.size, thumbnail.format, image.thumbnail_mime_type) == ((400, 200), "JPEG", "image/jpeg")


def test_an_upload_that_was_read_before_is_read_from_its_start() -> None:
    file = upload(pictures.picture())
    file.read()

    with process_image(file) as image:
        assert image.width == 60


def test_a_transparent_image_has_a_transparent_thumbnail() -> None:
    content = pictures.encoded(Image.new("RGBA", (800, 800), (255, 0, 0, 100)), "PNG")

    with process_image(upload(content)) as image:
        thumbnail = pictures.opened(thumbnail_of(image))
        assert (image.thumbnail_mime_type, thumbnail.getpixel((5, 5))) == ("image/png", (255, 0, 0, 100))


@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_gif_with_a_transparent_colour_keeps_all_the_others(mode: str) -> None:
    colours = Image.merge("RGB", [Image.linear_gradient("L"), Image.radial_gradient("L"), Image.linear_gradient("L")])
    image = colours.quantize(64) if mode == "P" else colours.convert(mode)
    content = pictures.encoded(image, "GIF", transparency=image.getpixel((0, 0)))

    _, found = renewed(content)

    kept, given = found.convert("RGBA"), pictures.opened(content).convert("RGBA")
    assert kept.getchannel("A").getextrema() == (0, 255)
    assert not ImageChops.difference(kept, given).getbbox(alpha_only=False)


def test_a_phone_photo_comes_out_upright_and_tells_nothing_of_its_maker() -> None:
    content = pictures.phone_photo()
    assert all(secret in content for secret in pictures.PHONE_SECRETS)

    with process_image(upload(content)) as image:
        files = image.path.read_bytes(), thumbnail_of(image)
        size = (image.width, image.height)

    assert not [secret for secret in pictures.PHONE_SECRETS for file in files if secret in file]
    for file in files:
        found = pictures.opened(file)
        top, bottom = found.convert("RGB").getpixel((20, 5)), found.convert("RGB").getpixel((20, 75))
        assert (size, found.size, dict(found.getexif())) == ((40, 80), (40, 80), {})
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert (top[0] > 200, bottom[2] > 200) == (True, True)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP"])
def test_an_animation_keeps_its_frames_durations_and_loops(format_name: str) -> None:
    durations = [50, 120, 200, 80]
    before = pictures.animation(format_name, durations=durations, loop=3, comment=b"Secret", xmp=b"<Secret/>")

    with process_image(upload(before)) as image:
        after, thumbnail = image.path.read_bytes(), thumbnail_of(image)

    original, found = pictures.opened(before), pictures.opened(after)
    kept = []
    for number in range(4):
        original.seek(number)
        found.seek(number)
        difference = ImageChops.difference(original.convert("L"), found.convert("L"))
        assert not any(difference.histogram()[40:])
        kept.append(found.info["duration"])
    assert (kept, found.info["loop"], b"Secret" in after + thumbnail) == (durations, 3, False)


def test_frames_that_change_nothing_are_left_out_and_not_counted() -> None:
    with process_image(upload(pictures.gif_of(3, width=8, height=8))) as image:
        found = pictures.opened(image.path.read_bytes())

    assert (image.facts, getattr(found, "n_frames", 1)) == ({}, 1)


@pytest.mark.parametrize("kinds", ["-r-r", "-rg-f-", "rfrg", "f-fr"])
def test_a_sticker_that_blinks_is_cleared_before_each_frame(kinds: str) -> None:
    before = pictures.sticker(kinds, duration=120)

    after, found = renewed(before)

    original, shown = pictures.opened(before), []
    for number in range(len(kinds)):
        original.seek(number)
        found.seek(number)
        both = Image.new("RGBA", (8, 8)), Image.new("RGBA", (8, 8))
        for canvas, frame in zip(both, (original, found), strict=True):
            canvas.alpha_composite(frame.convert("RGBA"))
        shown.append((not ImageChops.difference(*both).getbbox(alpha_only=False), found.info["duration"]))
    assert (shown, found.info["loop"]) == ([(True, 120)] * len(kinds), 2)
    assert after.count(b"GIF8") == 1


def test_a_frame_without_a_palette_of_its_own_has_the_colours_that_all_share() -> None:
    before = pictures.gif_with_palettes(bytes((0, 0, 0, *pictures.RED)), bytes((0, 0, 0, *pictures.GREEN)))

    _, found = renewed(before)

    shown = []
    for number in range(2):
        found.seek(number)
        shown.append(found.convert("RGB").getpixel((4, 4)))
    assert shown == [pictures.RED, pictures.GREEN]


def test_of_a_jpeg_with_several_pictures_the_first_is_kept() -> None:
    second = Image.new("RGB", (30, 30), "green")
    content = pictures.encoded(Image.new("RGB", (60, 40), "red"), "MPO", save_all=True, append_images=[second])

    new, found = renewed(content)

    assert (found.format, found.size, new.count(b"\xff\xd8\xff")) == ("JPEG", (60, 40), 1)


def test_a_file_above_the_limit_is_refused_while_it_is_read(settings: Settings) -> None:
    settings.IMAGE_MAX_BYTES = 200_000
    file = upload(pictures.picture() + bytes(5_000_000))

    with pytest.raises(FileTooLarge) as refused, process_image(file):
        pass

    assert (refused.value.status, refused.value.details) == (413, {"limit_bytes": 200_000})
    assert file.tell() < 300_000


def test_a_file_just_at_the_limit_is_taken(settings: Settings) -> None:
    content = pictures.picture()
    settings.IMAGE_MAX_BYTES = len(content)

    with process_image(upload(content)) as image:
        assert image.width == 60


def test_the_pixel_limit_is_the_setting(settings: Settings) -> None:
    settings.IMAGE_MAX_PIXELS = 60 * 40 - 1

    with pytest.raises(InvalidMedia, match="megapixels"), process_image(upload(pictures.picture())):
        pass


def test_this_process_stays_small_while_a_large_image_is_decoded() -> None:
    content = pictures.encoded(Image.new("L", (6000, 4000), 100), "JPEG")
    grown = growing()

    with process_image(upload(content)):
        pass

    assert grown() < 10_000_000


def script(tmp_path: Path, code: str) -> Path:
    """Return a child of our own making, to take the place of the real one."""
    path = tmp_path / "child.py"
    path.write_text(code)
    return path


def test_a_child_that_gets_no_time_is_ended_and_its_image_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "CHILD", script(tmp_path, "import time; time.sleep(60)"))
    monkeypatch.setattr(images, "WALL_SECONDS", 0.2)

    with pytest.raises(TooBusy) as failed, process_image(upload(pictures.picture())):
        pass

    assert (failed.value.status, failed.value.code) == (503, "SERVICE_UNAVAILABLE")
    assert failed.value.details == {"retry_after": 30}


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_child_that_is_ended_from_outside_says_nothing_of_its_image(
    ended_by: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = "for each in (signal.SIGINT, signal.SIGHUP): signal.signal(each, signal.SIG_DFL)"  # nohup ignores these
    child = f"import os, signal\n{usual}\nos.kill(os.getpid(), {ended_by.value})"
    monkeypatch.setattr(images, "CHILD", script(tmp_path, child))

    with pytest.raises(Stopped) as failed, process_image(upload(pictures.picture())):
        pass

    assert (failed.value.status, failed.value.code) == (503, "SERVICE_UNAVAILABLE")
    assert failed.value.details == {"retry_after": 30}


@pytest.mark.parametrize("ended_by", [signal.SIGXCPU, signal.SIGSEGV, signal.SIGABRT])
def test_a_child_that_dies_refuses_its_image_and_no_other(
    ended_by: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(images, "CHILD", script(tmp_path, f"import os; os.kill(os.getpid(), {ended_by.value})"))
        with pytest.raises(InvalidMedia, match="too long"), process_image(upload(pictures.picture())):
            pass

    with process_image(upload(pictures.picture())) as image:
        assert image.width == 60


def test_a_child_that_uses_up_its_processor_time_refuses_its_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spin = "import resource; from posts.media.child import limit; limit(resource.RLIMIT_CPU, 1)\nwhile True: pass"
    monkeypatch.setattr(images, "CHILD", script(tmp_path, spin))

    with pytest.raises(InvalidMedia, match="too long"), process_image(upload(pictures.picture())):
        pass


def test_trouble_of_the_machine_is_not_blamed_on_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "CHILD", script(tmp_path, "raise OSError(28, 'No space left on device')"))

    with pytest.raises(StorageUnavailable) as failed, process_image(upload(pictures.picture())):
        pass

    assert failed.value.reason == "OSError: [Errno 28] No space left on device."


def test_a_child_sees_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "environment"
    code = f"import os; open({str(seen)!r}, 'w').write(repr(dict(os.environ))); raise SystemExit(1)"
    monkeypatch.setattr(images, "CHILD", script(tmp_path, code))
    monkeypatch.setenv("TOKEN_KEYS", "k1:planted")

    with pytest.raises(ChildBroken), process_image(upload(pictures.picture())):
        pass

    assert "PATH" in seen.read_text()
    assert "planted" not in seen.read_text()


@pytest.mark.parametrize("most", [400_000, 40_000, 3_000])
def test_an_image_is_made_to_fit_a_networks_limit_with_its_proportions(most: int) -> None:
    content = pictures.noise((1200, 600))

    fitted = to_jpeg(io.BytesIO(content), Shape(max_bytes=most))

    found = pictures.opened(fitted)
    assert (found.format, len(fitted) <= most, len(fitted) > most / 4) == ("JPEG", True, True)
    assert found.width / found.height == pytest.approx(2, rel=0.05)


def test_an_image_that_fits_at_full_size_keeps_it() -> None:
    fitted = to_jpeg(io.BytesIO(pictures.noise((300, 200))), Shape(max_bytes=1_000_000))

    assert pictures.opened(fitted).size == (300, 200)


def test_a_stored_image_above_the_upload_limit_can_still_be_made_to_fit(settings: Settings) -> None:
    content = pictures.noise((300, 200))
    settings.IMAGE_MAX_BYTES = len(content) - 1

    assert len(to_jpeg(io.BytesIO(content), Shape(max_bytes=20_000))) <= 20_000


def test_what_cannot_be_made_to_fit_is_refused() -> None:
    with pytest.raises(InvalidMedia) as refused:
        to_jpeg(io.BytesIO(pictures.picture("PNG")), Shape(max_bytes=10))

    assert refused.value.details["reason"] == "too_large"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("a\0.jpg", "a.jpg"),
        ("a\r\nSet-Cookie: x=1.jpg", "aSet-Cookie: x=1.jpg"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("cafe\u0301.png", "caf\u00e9.png"),
        ("e\u200b\u0301.png", "\u00e9.png"),
        ("half\ud800.png", "half.png"),
        ("..", "file"),
        ("", "file"),
        ("folder/", "file"),
        (" .hidden. ", "hidden"),
    ],
)
def test_a_name_is_shown_without_what_could_deceive(given: str, shown: str) -> None:
    assert clean_filename(given) == shown


@pytest.mark.parametrize(
    ("given", "length", "ending"),
    [
        ("x" * 5000 + ".jpeg", 255, "x.jpeg"),
        ("\u00e9" * 5000 + ".jpeg", 254, "\u00e9.jpeg"),
        ("x" * 5000, 255, "xxx"),
        ("x." + "y" * 5000, 255, "yyy"),
    ],
)
def test_a_long_name_is_cut_to_255_bytes_and_keeps_its_ending(given: str, length: int, ending: str) -> None:
    shown = clean_filename(given)

    assert len(shown.encode()) in (length, length + 1)
    assert len(shown.encode()) <= 255
    assert shown.endswith(ending)
