"""The title of a post, at the networks that show one: where it is sent, and nowhere else."""

from typing import Any

import pytest

from accounts.platforms.shapes import Content
from tests.networks.platform_case import make_document, make_image, make_video
from tests.networks.tables import NETWORKS

BY_ID = {network.id: network for network in NETWORKS}
TEXT: dict[str, Any] = {}
LINKED: dict[str, Any] = {"link": "https://example.com/"}
PICTURE: dict[str, Any] = {"media": (make_image(),)}
FILM: dict[str, Any] = {"media": (make_video(),)}
PAPER: dict[str, Any] = {"media": (make_document(),)}


@pytest.mark.parametrize(
    ("platform", "given", "is_shown"),
    [
        ("facebook", TEXT, False),
        ("facebook", LINKED, False),
        ("facebook", PICTURE, False),
        ("facebook", FILM, True),
        ("facebook", FILM | {"options": {"post_type": "reel"}}, True),
        ("facebook", FILM | {"options": {"post_type": "story"}}, False),
        ("instagram", FILM, False),
        ("twitter", FILM, False),
        ("linkedin", TEXT, False),
        ("linkedin", LINKED, True),
        ("linkedin", PICTURE, False),
        ("linkedin", FILM, True),
        ("linkedin", PAPER, True),
        ("tiktok", PICTURE, True),
        ("tiktok", FILM, False),
        ("youtube", FILM, True),
        ("pinterest", PICTURE, True),
        ("pinterest", FILM, True),
        ("threads", PICTURE, False),
        ("bluesky", LINKED, False),
    ],
)
def test_a_network_shows_a_title_where_it_gets_one(platform: str, given: dict[str, Any], is_shown: bool) -> None:
    content = Content(text="Fresh bread", title="Oven news", **given)

    assert BY_ID[platform].shows_title(content) == is_shown
    assert BY_ID[platform].has_titles or not is_shown
