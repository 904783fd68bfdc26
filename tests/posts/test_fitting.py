"""An image that a network would refuse for its weight or kind goes out as a smaller JPEG."""

import io
from dataclasses import replace

import pytest

from accounts.platforms.base import Limits, Media, Rejected
from posts.fitting import fit
from tests.networks.platform_case import make_image
from tests.posts.pictures import noise, opened, picture

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


def test_an_image_of_a_refused_kind_becomes_a_jpeg() -> None:
    content = picture("WEBP")

    fitted = fit(holding(content, "image/webp"), LIMITS)

    assert (fitted.mime_type, fitted.size) == ("image/jpeg", len(content))
    assert (opened(fitted.read()).format, opened(fitted.read()).size) == ("JPEG", (60, 40))


def test_a_network_without_a_limit_of_weight_still_gets_its_kinds() -> None:
    fitted = fit(holding(picture("WEBP"), "image/webp"), replace(LIMITS, max_image_bytes=None))

    assert opened(fitted.read()).format == "JPEG"


def test_an_image_that_cannot_be_made_to_fit_is_refused() -> None:
    fitted = fit(holding(b"no picture", "image/webp"), LIMITS)

    with pytest.raises(Rejected) as refused:
        fitted.read()

    assert refused.value.error_code == "MEDIA_REJECTED"
