"""Every kind of post of every network, as a client of the API requests it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.posts.media.clips import clip, pdf
from tests.posts.media.pictures import animation, picture

SQUARE = partial(picture, "JPEG", size=(600, 600))
OTHER = partial(picture, "PNG", size=(600, 600), color="green")
UPRIGHT = partial(clip, seconds=5, size=(720, 1280), fps=30, noisy=True)
"""A video as large as LinkedIn requires."""
MOVING = partial(animation, "GIF", durations=[100, 100])
DOCUMENT = partial(pdf, 3)
LINK = "https://bread.com/rye"
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "tiktok": {"privacy_level": "PUBLIC_TO_EVERYONE"},
    "youtube": {"made_for_kids": False},
}
"""The options that a network requires with every post; Pinterest's board comes from the account."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """One kind of post of one network; `parts` is the number of its visible parts."""

    network: str
    name: str
    files: Sequence[Callable[[], bytes]] = ()
    """Functions that make the files, as most processes that load the kinds need none."""
    body: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    parts: int = 1
    choose: int = 0
    """The index of the account among those of a sign-in."""

    def __str__(self) -> str:
        return f"{self.network} {self.name}"

    def request(self, text: str, account: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of POST /api/posts for this account."""
        options = dict(NEEDED.get(self.network, {})) | dict(self.options)
        if boards := account["metadata"].get("boards"):
            options["board_id"] = boards[0]["id"]
        given = {"content": text, "platforms": [account["id"]]} | dict(self.body)
        return given | ({"platform_content": {self.network: {"options": options}}} if options else {})


def kind(
    network: str,
    name: str,
    *files: Callable[[], bytes],
    parts: int = 1,
    body: Any = None,
    choose: int = 0,
    **options: Any,
) -> Kind:
    return Kind(network=network, name=name, files=files, body=body or {}, options=options, parts=parts, choose=choose)


THREAD: dict[str, Any] = {"thread": ["And a second.", "And a third."]}
COMMENT: dict[str, Any] = {"first_comment": "By the way."}

KINDS = (
    kind("facebook", "text"),
    kind("facebook", "link", body={"link": LINK}),
    kind("facebook", "image", SQUARE),
    kind("facebook", "images", SQUARE, OTHER),
    kind("facebook", "video", UPRIGHT),
    kind("facebook", "reel", UPRIGHT, post_type="reel"),
    kind("facebook", "photo story", SQUARE, post_type="story"),
    kind("facebook", "video story", UPRIGHT, post_type="story"),
    kind("facebook", "comment", parts=2, **COMMENT),
    kind("instagram", "image", SQUARE),
    kind("instagram", "carousel", SQUARE, UPRIGHT),
    kind("instagram", "reel", UPRIGHT),
    kind("instagram", "photo story", SQUARE, post_type="story"),
    kind("instagram", "video story", UPRIGHT, post_type="story"),
    kind("instagram", "comment", SQUARE, parts=2, **COMMENT),
    kind("twitter", "text"),
    kind("twitter", "link", body={"link": LINK}),
    kind("twitter", "image", SQUARE),
    kind("twitter", "images", SQUARE, OTHER),
    kind("twitter", "gif", MOVING),
    kind("twitter", "video", UPRIGHT),
    kind("twitter", "thread", parts=3, **THREAD),
    kind("twitter", "comment", parts=2, **COMMENT),
    kind("linkedin", "text"),
    kind("linkedin", "link", body={"link": LINK}),
    kind("linkedin", "image", SQUARE),
    kind("linkedin", "images", SQUARE, OTHER),
    kind("linkedin", "video", UPRIGHT),
    kind("linkedin", "document", DOCUMENT, body={"title": "Bread"}),
    kind("linkedin", "comment", parts=2, **COMMENT),
    kind("linkedin", "text of an organization", choose=1),
    kind("linkedin", "images of an organization", SQUARE, OTHER, choose=1),
    kind("linkedin", "comment of an organization", parts=2, choose=1, **COMMENT),
    kind("tiktok", "video", UPRIGHT),
    kind("tiktok", "photos", SQUARE, OTHER),
    kind("youtube", "video", UPRIGHT, body={"title": "Bread"}),
    kind("youtube", "short", UPRIGHT, body={"title": "Bread"}, post_type="short"),
    kind("youtube", "comment", UPRIGHT, body={"title": "Bread"}, parts=2, **COMMENT),
    kind("pinterest", "image", SQUARE, body={"title": "Bread"}),
    kind("pinterest", "link", SQUARE, body={"link": LINK}),
    kind("pinterest", "carousel", SQUARE, OTHER),
    kind("pinterest", "video", UPRIGHT),
    kind("threads", "text"),
    kind("threads", "link", body={"link": LINK}),
    kind("threads", "image", SQUARE),
    kind("threads", "carousel", SQUARE, UPRIGHT),
    kind("threads", "video", UPRIGHT),
    kind("threads", "thread", parts=3, **THREAD),
    kind("threads", "comment", parts=2, **COMMENT),
    kind("bluesky", "text"),
    kind("bluesky", "link", body={"link": LINK}),
    kind("bluesky", "image", SQUARE),
    kind("bluesky", "images", SQUARE, OTHER),
    kind("bluesky", "video", UPRIGHT),
    kind("bluesky", "thread", parts=3, **THREAD),
    kind("bluesky", "comment", parts=2, **COMMENT),
)
