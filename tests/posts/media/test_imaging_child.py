"""What the child makes of pixels: its functions are called here, so that single pixels can be looked at."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from PIL.PngImagePlugin import PngInfo

from posts.media import imaging_child
from posts.media.imaging_child import ImageJob, answer_to, steps_at
from tests.posts.media import pictures

ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that was held so lays down the picture."""


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits would hold for the tests' own process."""
    monkeypatch.setattr(imaging_child, "limit", lambda kind, value: None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def job(folder: Path, content: bytes, format_name: str, **values: Any) -> ImageJob:
    source = folder / "source"
    source.write_bytes(content)
    given: dict[str, Any] = {"task": "renew", "target": str(folder / "target"), "max_pixels": 1_000_000}
    given |= {"source": str(source), "format": format_name, "thumbnail": str(folder / "thumbnail")}
    return ImageJob(**given | values)


def renewed(folder: Path, content: bytes, format_name: str, **values: Any) -> Image.Image:
    answer = answer_to(job(folder, content, format_name, **values))

    assert "reason" not in answer
    return pictures.opened((folder / "target").read_bytes())


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_turned_upright(orientation: int, tmp_path: Path) -> None:
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste("red", (0, 0, 10, 10))
    turn = ORIENTATIONS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = pictures.encoded(upright.transpose(turn) if turn is not None else upright, "PNG", exif=exif)

    found = renewed(tmp_path, content, "PNG")

    assert found.size == (40, 20)
    assert found.tobytes() == upright.tobytes()


def test_exif_that_cannot_be_read_turns_nothing(tmp_path: Path) -> None:
    content = pictures.picture("PNG", exif=b"Exif\0\0nonsense that is no TIFF")

    assert renewed(tmp_path, content, "PNG").size == (60, 40)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_only_exif_turns_a_picture(format_name: str, tmp_path: Path) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    told = PngInfo()
    told.add_itxt("XML:com.adobe.xmp", packet.decode())
    content = pictures.picture(format_name, xmp=packet, pnginfo=told)

    assert renewed(tmp_path, content, format_name).size == (60, 40)


def test_colours_are_converted_from_their_profile(tmp_path: Path) -> None:
    content = pictures.picture("PNG", icc_profile=_profile_with_red_and_blue_exchanged())

    found = renewed(tmp_path, content, "PNG")

    left = found.getpixel((5, 5))
    assert isinstance(left, tuple)
    assert (left[0] > 200, left[2] < 80, "icc_profile" in found.info) == (True, True, False)


def _profile_with_red_and_blue_exchanged() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def test_a_palette_picture_is_converted_from_its_profile_too(tmp_path: Path) -> None:
    palette = pictures.opened(pictures.picture("PNG")).convert("P")
    content = pictures.encoded(palette, "PNG", icc_profile=_profile_with_red_and_blue_exchanged())

    left = renewed(tmp_path, content, "PNG").convert("RGB").getpixel((5, 5))

    assert isinstance(left, tuple)
    assert (left[0] > 200, left[2] < 80) == (True, True)


def test_a_profile_that_makes_no_sense_is_dropped_and_the_colours_stay(tmp_path: Path) -> None:
    found = renewed(tmp_path, pictures.picture("PNG", icc_profile=b"nonsense"), "PNG")

    assert (found.getpixel((5, 5)), "icc_profile" in found.info) == (pictures.BLUE, False)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_each_kind_of_png_keeps_its_look(mode: str, tmp_path: Path) -> None:
    image = Image.new("L", (60, 40), 255).convert(mode if mode != "I;16" else "L")
    if mode == "I;16":
        image = Image.new("I;16", (60, 40), 65535)
    content = pictures.encoded(image, "PNG")

    found = renewed(tmp_path, content, "PNG")

    assert found.convert("RGBA").getpixel((5, 5)) == (255, 255, 255, 255)


@pytest.mark.parametrize(("deep", "grey"), [(0, 0), (300, 1), (32_768, 128), (65_535, 255)])
def test_a_png_of_65_536_greys_keeps_them_as_well_as_256_can(deep: int, grey: int, tmp_path: Path) -> None:
    content = pictures.encoded(Image.new("I;16", (60, 40), deep), "PNG")

    assert renewed(tmp_path, content, "PNG").getpixel((5, 5)) == grey


@pytest.mark.parametrize("profiled", [False, True], ids=["plain", "with a profile"])
@pytest.mark.parametrize(
    ("depth", "shown", "clear"),
    [
        (1, (1,), (0,)),
        (2, (3,), (1,)),
        (4, (15,), (5,)),
        (8, (255,), (90,)),
        (16, (65_535,), (0x5D17,)),
        (8, pictures.RED, (10, 20, 200)),
        (16, (65_535, 0, 0), (0x1234, 0x5678, 0x9ABC)),
    ],
    ids=["2 greys", "4 greys", "16 greys", "256 greys", "65,536 greys", "colours", "deep colours"],
)
def test_the_colour_that_stands_for_transparency_stays_transparent(
    depth: int, shown: tuple[int, ...], clear: tuple[int, ...], profiled: bool, tmp_path: Path
) -> None:
    fitting = pictures.grey_profile(gamma=1.0) if len(shown) == 1 else _profile_with_red_and_blue_exchanged()
    content = pictures.keyed_png(depth, shown, clear, profile=fitting if profiled else b"")

    found = renewed(tmp_path, content, "PNG").convert("RGBA")

    small = pictures.opened((tmp_path / "thumbnail").read_bytes()).convert("RGBA")
    assert [found.getchannel("A").getpixel(point) for point in ((2, 2), (13, 2))] == [255, 0]
    assert [small.getchannel("A").getpixel(point) for point in ((2, 2), (13, 2))] == [255, 0]


HALF = """
import resource, sys
from PIL import Image
from posts.media import imaging_child
picture = Image.effect_noise((300, 200), 100)
room = len(imaging_child.jpeg(picture, 90, 2)) - 1
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
imaging_child.write(picture, sys.argv[1], "JPEG", quality=90)
"""


def test_a_picture_that_was_written_but_for_its_last_byte_was_not_written(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HALF, str(tmp_path / "picture")]

    done = subprocess.run(command, capture_output=True, text=True)

    assert "File too large" in done.stderr


def test_a_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    content = pictures.encoded(Image.new("CMYK", (60, 40), (0, 255, 255, 0)), "JPEG")

    found = renewed(tmp_path, content, "JPEG")

    assert (found.mode, found.size) == ("RGB", (60, 40))


def test_inks_are_converted_from_their_profile(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (60, 40), (255, 0, 0, 0))
    content = pictures.encoded(cyan, "JPEG", icc_profile=pictures.ink_profile())

    found = renewed(tmp_path, content, "JPEG").getpixel((5, 5))

    assert isinstance(found, tuple)
    assert (found[0] < 80, found[1] > 200, found[2] < 80) == (True, True, True)


@pytest.mark.parametrize(("gamma", "shown"), [(1.0, 188), (2.2, 128), (3.0, 98)])
def test_greys_are_converted_from_their_profile(gamma: float, shown: int, tmp_path: Path) -> None:
    content = pictures.encoded(Image.new("L", (60, 40), 128), "JPEG", icc_profile=pictures.grey_profile(gamma=gamma))

    found = renewed(tmp_path, content, "JPEG")

    assert found.mode == "L"
    assert found.getpixel((5, 5)) == pytest.approx(shown, abs=3)


@pytest.mark.parametrize(("mode", "mid"), [("I;16", 32_768), ("LA", (128, 255))])
def test_greys_of_any_png_are_converted_from_their_profile(mode: str, mid: Any, tmp_path: Path) -> None:
    content = pictures.encoded(Image.new(mode, (60, 40), mid), "PNG", icc_profile=pictures.grey_profile(gamma=1.0))

    shown = renewed(tmp_path, content, "PNG").convert("LA").getpixel((5, 5))

    assert isinstance(shown, tuple)
    assert (abs(shown[0] - 188) <= 3, shown[1]) == (True, 255)


def test_a_profile_of_other_colours_than_the_picture_has_is_dropped(tmp_path: Path) -> None:
    content = pictures.picture("PNG", mode="L", icc_profile=_profile_with_red_and_blue_exchanged())

    assert renewed(tmp_path, content, "PNG").tobytes() == pictures.opened(content).tobytes()


def test_a_png_of_a_screen_does_not_grow(tmp_path: Path) -> None:
    with Image.open(Path(__file__).parents[3] / "docs/images/calendar.png") as screenshot:
        content = pictures.encoded(screenshot, "PNG")

    renewed(tmp_path, content, "PNG", max_pixels=2_000_000)

    assert (tmp_path / "target").stat().st_size <= len(content)


@pytest.mark.parametrize("quality", [1, 35, 50, 75, 90, 100])
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_jpeg_is_kept_as_finely_as_it_was(quality: int, sampling: int, tmp_path: Path) -> None:
    content = pictures.picture(size=(300, 200), quality=quality, subsampling=sampling)

    found = renewed(tmp_path, content, "JPEG")

    kept = pictures.opened(content)
    assert isinstance(kept, JpegImageFile)
    assert isinstance(found, JpegImageFile)
    assert (found.quantization, get_sampling(found)) == (kept.quantization, sampling)


def test_a_jpeg_of_an_encoder_with_steps_of_its_own_neither_grows_nor_shrinks_much(tmp_path: Path) -> None:
    noise = Image.effect_noise((300, 200), 40).convert("RGB")
    content = pictures.encoded(noise, "JPEG", qtables=[[step + 1 for step in steps_at(80)]])

    renewed(tmp_path, content, "JPEG")

    assert (tmp_path / "target").stat().st_size == pytest.approx(len(content), rel=0.1)


def test_transparent_parts_become_white_in_a_jpeg(tmp_path: Path) -> None:
    content = pictures.encoded(Image.new("RGBA", (60, 40), (255, 0, 0, 0)), "PNG")

    answer_to(job(tmp_path, content, "PNG", task="shape", max_bytes=10_000))

    assert pictures.opened((tmp_path / "target").read_bytes()).getpixel((5, 5)) == (255, 255, 255)


def test_coloured_letters_stay_sharp_in_a_jpeg(tmp_path: Path) -> None:
    image = Image.new("RGB", (301, 301), "blue")
    image.paste("red", (150, 0, 151, 301))

    answer_to(job(tmp_path, pictures.encoded(image, "PNG"), "PNG", task="shape", max_bytes=1_000_000))

    line, beside = (pictures.opened((tmp_path / "target").read_bytes()).getpixel((x, 100)) for x in (150, 151))
    assert isinstance(line, tuple)
    assert isinstance(beside, tuple)
    assert (line[0] > 180, beside[2] > 180) == (True, True)


def test_a_picture_never_grows_to_fill_its_thumbnail(tmp_path: Path) -> None:
    answer_to(job(tmp_path, pictures.picture(size=(7, 300)), "JPEG"))

    assert pictures.opened((tmp_path / "thumbnail").read_bytes()).size == (7, 300)


def test_a_sliver_keeps_one_pixel_in_its_thumbnail(tmp_path: Path) -> None:
    answer_to(job(tmp_path, pictures.picture(size=(2, 4000)), "JPEG"))

    assert pictures.opened((tmp_path / "thumbnail").read_bytes()).size == (1, 400)


def test_a_format_that_the_bytes_do_not_have_is_refused(tmp_path: Path) -> None:
    answer = answer_to(job(tmp_path, pictures.picture("PNG"), "JPEG"))

    assert answer["reason"] == "damaged"


def test_too_little_memory_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging_child, "open_checked", _raises(MemoryError()))

    assert answer_to(job(tmp_path, pictures.picture(), "JPEG"))["reason"] == "too_costly"


def test_a_full_disk_is_not_taken_for_a_damaged_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging_child, "open_checked", _raises(OSError(28, "No space left on device")))

    with pytest.raises(OSError, match="No space left"):
        answer_to(job(tmp_path, pictures.picture(), "JPEG"))


def _raises(error: Exception) -> Any:
    def raise_it(job: ImageJob) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize(
    ("megabytes", "ended_by"), [(200, ""), (300, "MemoryError")], ids=["under the limit", "over the limit"]
)
def test_a_child_gets_256_mb_and_no_more(megabytes: int, ended_by: str) -> None:
    code = f"""
from posts.media import imaging_child
imaging_child.limit_memory("JPEG", pixels=1_000_000, frames=1)
bytearray({megabytes} * 1024 * 1024)
"""

    done = _run(code)

    assert (ended_by in done.stderr, done.returncode) == (True, 1 if ended_by else 0)


def test_a_child_gets_10_seconds_of_work_and_no_large_files(tmp_path: Path) -> None:
    code = """
import resource
from posts.media import imaging_child
imaging_child.limit_process()
print([resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)])
"""

    done = _run(code)

    assert done.stdout.strip() == str([10, 100 * 1024 * 1024, 0])


def test_the_child_starts_without_django() -> None:
    done = _run("import sys; from posts.media import imaging_child; print('django' in sys.modules)")

    assert done.stdout.strip() == "False"


def _run(code: str) -> "subprocess.CompletedProcess[str]":
    root = Path(imaging_child.__file__).parents[2]
    return subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
