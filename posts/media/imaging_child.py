"""Decode one picture in a process of its own and rewrite it from its pixels, within limits on memory and time.

`images.py` runs this file as a script. It imports nothing of the product but `child.py` and `shapes.py`.
"""

import errno
import math
import resource
import struct
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import (
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    ImageSequence,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from posts.media.child import MEBIBYTE, Refused, address_space, answered, limit, main
from posts.media.shapes import Shape, times

PLUGINS = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Imported by name: otherwise Pillow loads all its plugins when it meets a format that it does not know yet."""

MEMORY = 256 * MEBIBYTE
CPU_SECONDS = 10
MAX_OUTPUT = 100 * MEBIBYTE
MAX_SIDE = 16_000
MAX_ANIMATION_PIXELS = 200_000_000
MAX_CANVAS_PIXELS = 25_000_000
"""The most pixels of a picture with its bars, which may be many times the picture's own: no network shows more."""
THUMBNAIL_SIDE = 400
QUALITIES = ((90, 0), (82, 2), (74, 2))
"""Quality and subsampling tried in turn for a network's JPEG; the first, without subsampling, keeps coloured letters
sharp."""
DAMAGED = "The image is damaged or incomplete, or too large to be converted. Export it again."

BYTES_PER_PIXEL = {"JPEG": 13, "PNG": 13, "GIF": 24, "WEBP": 32}
"""Peak memory of a job, as measured: three copies of the pixels and a mask, or the canvases of animations.

Making a picture slightly smaller takes three: itself, the one of which only the width is right, and the result.
"""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that makes a picture upright, by its EXIF orientation."""

WITH_ALPHA = {"L": "LA", "RGB": "RGBA", "P": "RGBA"}
KEY_SCALES = {"L;2": 85, "L;4": 17, "I;16B": 1 / 256, "RGB;16B": 1 / 256}
"""Factors for a PNG's transparent colour, equal to those by which Pillow scales the pixels to 8 bits."""

KEPT_MODES = {"JPEG": ("L", "RGB"), "PNG": ("1", "L", "LA", "P", "RGB", "RGBA"), "WEBP": ("RGB", "RGBA")}

SCREEN_PIXELS = 8_500_000
"""A PNG of at most this many pixels is packed at the usual level; larger photos would take too long.

No PNG is packed at zlib's highest level: some pictures take ten times as long as others, beyond a child's limit.
"""

STEPS_AT_50 = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
"""The JPEG standard's example table, from which libjpeg computes its qualities."""


@dataclass(frozen=True, kw_only=True)
class ImageJob(Shape):
    """One job: `renew` writes target and thumbnail, `shape` a JPEG of this shape."""

    task: str
    source: str
    format: str
    target: str
    max_pixels: int
    thumbnail: str = ""


def answer_to(job: ImageJob) -> dict[str, Any]:
    """Do the job; whatever goes wrong becomes a reason and a message."""
    limit_process()
    return answered(
        lambda: _done(job),
        too_costly="The image takes too much memory to decode. Make it smaller.",
        damaged=DAMAGED,
        is_ours=lambda number: number != errno.EFBIG,
    )


def _done(job: ImageJob) -> dict[str, Any]:
    try:
        return renew(job) if job.task == "renew" else shape(job)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused("too_many_pixels", _pixels_message(job)) from error


def limit_process() -> None:
    """Limit processor time and output, and make Pillow refuse truncated files and decompression bombs."""
    limit(resource.RLIMIT_CPU, CPU_SECONDS)
    limit(resource.RLIMIT_FSIZE, MAX_OUTPUT)
    limit(resource.RLIMIT_CORE, 0)
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # Frames that share a palette stay as they are: no colour is lost, and nothing is quantized again.
    GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_AFTER_DIFFERENT_PALETTE_ONLY


def limit_memory(format_name: str, *, pixels: int, frames: int) -> None:
    """Allow 256 MB beyond the memory in use now, or as much as an image within the limits truly takes."""
    if not BASELINE:
        return
    needed = 64 * MEBIBYTE + pixels * BYTES_PER_PIXEL[format_name] + (pixels * frames if frames > 1 else 0)
    limit(resource.RLIMIT_AS, BASELINE + max(MEMORY, needed))


BASELINE = address_space()


def open_checked(job: ImageJob) -> tuple[Image.Image, int]:
    """Return the picture, its pixels not decoded yet, and its number of frames; raises Refused when over a limit."""
    Image.MAX_IMAGE_PIXELS = job.max_pixels
    limit_memory(job.format, pixels=job.max_pixels, frames=1)
    image = Image.open(job.source, formats=[job.format])
    scale_key(image)
    if has_palette_of_its_own(image):  # with which Pillow would draw all frames that have none
        GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_AFTER_FIRST
    pixels = image.width * image.height
    if max(image.size) > MAX_SIDE or pixels > job.max_pixels:
        raise Refused("too_many_pixels", _pixels_message(job))
    frames = getattr(image, "n_frames", 1) if job.format in ("GIF", "WEBP") else 1
    if frames > 1 and frames * pixels > MAX_ANIMATION_PIXELS:
        limit = MAX_ANIMATION_PIXELS // 1_000_000
        raise Refused("too_many_frames", f"The frames of an animation may have {limit} megapixels in all. Shorten it.")
    limit_memory(job.format, pixels=pixels, frames=frames)
    return image, frames


def scale_key(image: ImageFile.ImageFile) -> None:
    """Scale the transparent colour, which Pillow leaves as in the file, to the depth of the pixels."""
    if isinstance(image, PngImagePlugin.PngImageFile) and (scale := KEY_SCALES.get(str(image.tile[0].args))):
        match image.info.get("transparency"):
            case int(grey):
                image.info["transparency"] = int(grey * scale)
            case tuple(colour):
                image.info["transparency"] = tuple(int(each * scale) for each in colour)


def has_palette_of_its_own(image: Image.Image) -> bool:
    """Return whether the first frame of a GIF has other colours than those that frames without a palette have."""
    shared = image.global_palette if isinstance(image, GifImagePlugin.GifImageFile) else None
    return shared is not None and image.palette is not None and image.palette.palette != shared.palette


def _pixels_message(job: ImageJob) -> str:
    return (
        f"An image may have {job.max_pixels // 1_000_000} megapixels and {MAX_SIDE:,} pixels a side. Make it smaller."
    )


def renew(job: ImageJob) -> dict[str, Any]:
    """Write the picture upright, in sRGB and without metadata, and a thumbnail of it."""
    image, frames = open_checked(job)
    if frames > 1:
        thumbnail = save_thumbnail(image.copy(), job.thumbnail)
        save_animation(image, job)
        with Image.open(job.target, formats=[job.format]) as written:  # without those that change nothing
            frames = getattr(written, "n_frames", 1)
    else:
        options = still_options(image, job.format)
        image = bare(upright_in_srgb(image), job.format)
        write(image, job.target, job.format, **options)
        thumbnail = save_thumbnail(image, job.thumbnail)  # last: `convert` leaves a palette that GIF cannot write
    return {"width": image.width, "height": image.height, "frames": frames, "thumbnail_format": thumbnail}


def still_options(image: Image.Image, format_name: str) -> dict[str, Any]:
    """Return the save options by which a still picture neither grows nor loses much."""
    match format_name:
        case "JPEG":
            return jpeg_options(image)
        case "PNG":
            return {"compress_level": 6 if image.width * image.height <= SCREEN_PIXELS else 4}
        case "WEBP":
            return {"quality": 90, "method": 2}
    return {}


def jpeg_options(image: Image.Image) -> dict[str, Any]:
    """Return the save options that keep a JPEG's own quality: below it colours blur, above it the file only grows."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or 0 not in image.quantization:
        return {"quality": 90}
    told = sum(image.quantization[0])
    quality = next((each for each in range(1, 100) if sum(steps_at(each)) <= told), 100)
    return {"quality": quality, "subsampling": JpegImagePlugin.get_sampling(image)}


def steps_at(quality: int) -> list[int]:
    """Return the steps in which libjpeg keeps brightness at this quality."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(255, max(1, (step * scale + 50) // 100)) for step in STEPS_AT_50]


def upright_in_srgb(image: Image.Image) -> Image.Image:
    """Decode the picture and apply its orientation and its colour profile."""
    image.load()
    profile = image.info.get("icc_profile")
    turn = TURNS.get(orientation(image))
    upright = with_bytes(image if turn is None else image.transpose(turn))
    return in_srgb(upright, profile) if profile else upright


def with_bytes(image: Image.Image) -> Image.Image:
    """Return a picture of 65,536 greys with 256; Pillow's own conversion would turn nearly all of them white."""
    if image.mode != "I;16":
        return image
    return image.point(lambda value: value / 256).convert("L")


def orientation(image: Image.Image) -> Any:
    """Return the EXIF orientation, or None; unreadable EXIF turns nothing, as in browsers."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))  # `getexif` also reads XMP, which browsers do not
        return exif.get(ExifTags.Base.Orientation)
    except (SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error):
        return None


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the picture with its colours converted; a profile that does not fit is ignored, as browsers do."""
    if image.has_transparency_data:  # the conversion would change a transparent colour
        image = _in_mode(image, WITH_ALPHA.get(image.mode, image.mode))
    elif image.mode == "P":
        image = image.convert("RGB")
    if image.mode == "LA":
        grey = in_srgb(image.getchannel("L"), profile)
        grey.putalpha(image.getchannel("A"))
        return grey
    if image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=mode, inPlace=image.mode == mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return _in_mode(converted or image, "L" if image.mode == "L" else mode)


def bare(image: Image.Image, format_name: str) -> Image.Image:
    """Return the picture in a mode that the format can hold, with nothing beside the pixels."""
    kept = KEPT_MODES.get(format_name, ("1", "L", "P", "RGB", "RGBA"))
    transparent = image.has_transparency_data
    if image.mode not in kept or (transparent and image.mode in ("1", "L", "RGB") and format_name != "GIF"):
        image = image.convert("RGBA" if transparent and format_name != "JPEG" else "RGB")
    image.info = {"transparency": image.info["transparency"]} if "transparency" in image.info else {}
    return image


def save_thumbnail(image: Image.Image, path: str) -> str:
    """Write a small copy and return its format: PNG where the picture is transparent in places, else JPEG."""
    scale = min(1.0, THUMBNAIL_SIDE / max(image.size))
    small = scaled(_in_mode(image, "RGBA" if image.has_transparency_data else "RGB"), scale)
    small.info = {}
    if small.mode == "RGBA" and small.getchannel("A").getextrema() != (255, 255):
        write(small, path, "PNG")
        return "PNG"
    write(small.convert("RGB"), path, "JPEG", quality=85)
    return "JPEG"


def write(image: Image.Image, path: str, format_name: str, **options: Any) -> None:
    """Write a still picture, whole or not at all: Pillow itself ignores that a full disk took only half of it."""
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    Path(path).write_bytes(buffer.getbuffer())


def scaled(image: Image.Image, scale: float) -> Image.Image:
    """Return the picture with its sides multiplied, at least one pixel each."""
    return resized(image, times(image.size, scale))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return the picture itself if it has the mode already: `convert` would copy it."""
    return image if image.mode == mode else image.convert(mode)


def save_animation(image: Image.Image, job: ImageJob) -> None:
    """Write all frames with their durations, frame by frame."""
    if job.format == "GIF" and image.has_transparency_data:
        save_sticker(image, job.target)
        return
    loop = {"loop": image.info["loop"]} if "loop" in image.info else {}
    if job.format == "GIF":
        image.save(job.target, "GIF", save_all=True, comment=b"", **loop)
        return
    durations = []
    for frame in ImageSequence.Iterator(image):
        frame.load()
        durations.append(frame.info.get("duration", 0))
    image.seek(0)
    nothing: dict[str, Any] = {"icc_profile": b"", "exif": b"", "xmp": b""}
    image.save(job.target, "WEBP", save_all=True, duration=durations, quality=90, method=0, **loop, **nothing)


def save_sticker(image: Image.Image, path: str) -> None:
    """Write a GIF that is transparent in places: each frame whole, and cleared so that it does not show in the next.

    Pillow itself writes a file header instead of an empty frame, and does not clear a full one.
    """
    with Path(path).open("wb") as file:
        file.write(b"GIF89a" + struct.pack("<HHBBB", *image.size, 0, 0, 0))
        if "loop" in image.info:
            file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", image.info["loop"], 0))
        for each in ImageSequence.Iterator(image):
            frame, clear = with_clear_colour(each)
            box = frame.point([255 * (index != clear) for index in range(256)], "L").getbbox() or (0, 0, 1, 1)
            told = {"duration": each.info.get("duration", 0), "disposal": 2, "transparency": clear}
            file.writelines(GifImagePlugin.getdata(frame.crop(box), box[:2], include_color_table=True, **told))
        file.write(b";")


def with_clear_colour(image: Image.Image) -> tuple[Image.Image, int]:
    """Return the present frame with a palette, and which of its colours is the transparent one."""
    image.load()
    clear = image.info.get("transparency")
    if image.mode == "P" and isinstance(clear, int):
        return image.copy(), clear
    whole = image.convert("RGBA")
    frame = whole.quantize(255, Image.Quantize.FASTOCTREE)  # thrice as fast as the others
    colours = frame.getpalette() or []
    clear = len(colours) // 3
    frame.putpalette([*colours, 0, 0, 0])
    frame.paste(clear, mask=whole.getchannel("A").point([255 * (alpha == 0) for alpha in range(256)]))
    return frame, clear


def shape(job: ImageJob) -> dict[str, Any]:
    """Write a JPEG within the limits: bars for the ratio, then less quality for the bytes; transparency turns white."""
    image, _ = open_checked(job)
    image = on_white(upright_in_srgb(image))
    image = with_bars(image, job)
    image.info = {}
    size = job.within(*image.size)
    image = image if size == image.size else resized(image, size)
    for quality, subsampling in QUALITIES:
        encoded = jpeg(image, quality, subsampling)
        if len(encoded) <= job.max_bytes:
            break
    while len(encoded) > job.max_bytes:
        size = job.with_bars(*times(image.size, min(0.9, math.sqrt(job.max_bytes / len(encoded)))))
        if size == image.size:
            raise Refused("too_large", f"The image cannot be made to fit into {job.max_bytes} bytes.")
        image = resized(image, size)
        encoded = jpeg(image, *QUALITIES[-1])
    Path(job.target).write_bytes(encoded)
    return {}


def with_bars(image: Image.Image, job: ImageJob) -> Image.Image:
    """Return the picture in the middle of a white one that has the ratio or size of the job."""
    width, height = job.with_bars(*image.size)
    if (width, height) == image.size:
        return image
    if width * height > MAX_CANVAS_PIXELS:
        return with_bars(scaled(image, 0.99 * math.sqrt(MAX_CANVAS_PIXELS / (width * height))), job)
    canvas = Image.new("RGB", (width, height), "white")
    canvas.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return canvas


def on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return _in_mode(image, "RGB")
    layer = _in_mode(image, "RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def jpeg(image: Image.Image, quality: int, subsampling: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


if __name__ == "__main__":
    main(answer_to, ImageJob)
