"""Pictures made in code: valid ones, and hostile ones."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import GifImagePlugin, Image, ImageCms

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def picture(format_name: str = "JPEG", *, size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    """A red picture with a blue left half."""
    image = Image.new(mode, size, "red")
    image.paste("blue", (0, 0, size[0] // 2, size[1]))
    return encoded(image, format_name, **options)


def noise(size: tuple[int, int], format_name: str = "PNG") -> bytes:
    """A picture that compresses badly."""
    return encoded(Image.effect_noise(size, 100).convert("RGB"), format_name)


PHONE_SECRETS = (b"Secret", b"SERIAL", b"Exif", b"ns.adobe", b"JFXX", b"ICC_PROFILE")
"""Private data in a phone's photo."""


def phone_photo() -> bytes:
    """A JPEG as a phone makes it: rotated by EXIF, with place, time and camera."""
    image = Image.new("RGB", (80, 40), BLUE)
    image.paste(RED, (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretMaker"
    exif[0xA431] = "SERIAL-12345"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.9), 3: "E", 4: (2.0, 17.0, 40.2)})
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0SecretComment"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = encoded(image, "JPEG", exif=exif, icc_profile=profile, comment=b"SecretNote", quality=95)
    packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>SecretPlace</x:xmpmeta>"
    embedded = b"JFXX\0\x10" + picture(size=(16, 8))
    return photo[:2] + _segment(0xE1, packet) + _segment(0xE0, embedded) + photo[2:]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def grey_profile(*, gamma: float) -> bytes:
    """A colour profile of greys that get brighter by this power."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return _profile(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": curve})


def ink_profile() -> bytes:
    """A colour profile of four inks of which each prints as a green."""
    white, green = bytes((255, 128, 128)), bytes((224, 42, 211))
    unchanged, matrix = bytes(range(256)), struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    colours = white + green * 15  # of all that each ink makes, there or not
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + unchanged * 4 + colours + unchanged * 3
    return _profile(b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(space: bytes, told_in: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, of version 2, of a printer."""
    start, directory, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    told = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x02100000, b"prtr", space, told_in)
    header = told.ljust(36, b"\0") + b"acsp"
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body


def animation(format_name: str, *, durations: list[int], **options: Any) -> bytes:
    """A white square that moves over blue, one step a frame."""
    frames = []
    for step in range(len(durations)):
        frame = Image.new("RGB", (60, 40), BLUE)
        frame.paste("white", (step * 10, 10, step * 10 + 10, 20))
        frames.append(frame)
    options |= {"save_all": True, "append_images": frames[1:], "duration": durations}
    return encoded(frames[0], format_name, **options)


def sticker(kinds: str, *, duration: int) -> bytes:
    """A GIF whose frames are each cleared before the next: red in a corner, green in another, full, or empty."""
    parts = {"r": (1, (0, 0, 3, 3)), "g": (2, (3, 3, 8, 8)), "f": (3, (0, 0, 8, 8)), "-": (0, (0, 0, 8, 8))}
    content = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x81, 0, 0) + bytes((0, 0, 0, *RED, *GREEN, *BLUE))
    content += b"!\xff\x0bNETSCAPE2.0\x03\x01\x02\x00\x00"
    for kind in kinds:
        frame = Image.new("P", (8, 8), 0)
        frame.paste(*parts[kind])
        content += b"".join(GifImagePlugin.getdata(frame, duration=duration, disposal=2, transparency=0))
    return content + b";"


def gif_with_palettes(first: bytes, shared: bytes) -> bytes:
    """A GIF of two frames, each all of its second colour: the first has a palette of its own, the other the shared."""
    frame = Image.new("P", (8, 8), 1)
    frame.putpalette(first)
    content = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + shared
    content += b"".join(GifImagePlugin.getdata(frame, duration=100, include_color_table=True))
    return content + b"".join(GifImagePlugin.getdata(frame, duration=100)) + b";"


def png_header_of(width: int, height: int) -> bytes:
    """A PNG of these dimensions that has no pixels to speak of."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0" * 1000))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def keyed_png(depth: int, shown: tuple[int, ...], clear: tuple[int, ...], *, profile: bytes = b"") -> bytes:
    """A PNG of so many bits a sample whose right half is of the colour that stands for transparency."""
    halves = ["".join(f"{sample:0{depth}b}" for sample in colour * 8) for colour in (shown, clear)]
    row = b"\0" + int("".join(halves), 2).to_bytes(2 * len(shown) * depth)
    header = struct.pack(">IIBBBBB", 16, 8, depth, 2 if len(shown) == 3 else 0, 0, 0, 0)
    colours = _chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)) if profile else b""
    key, pixels = struct.pack(f">{len(clear)}H", *clear), zlib.compress(row * 8)
    chunks = _chunk(b"IHDR", header) + colours + _chunk(b"tRNS", key) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def gif_of(frames: int, *, width: int, height: int) -> bytes:
    """A GIF of many frames, each of which changes one pixel of a large canvas."""
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(RED + BLUE)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return header + frame * frames + b";"
