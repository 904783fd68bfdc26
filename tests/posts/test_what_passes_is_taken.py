"""What validate and preview let through is never refused by a network for its content: tried at every limit's edge."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from adminapi.management.client import Client
from ouipost.simulator import models as networks
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.posts.fakes import claim_targets, publish_claimed
from tests.posts.media.pictures import animation, noise, picture

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database, pytest.mark.thorough]

FAMILY = "👨‍👩‍👧‍👦"
ACCENT = "\u0301"
LONG_LINK = f"https://bread.com/{'x' * 200}"
SMALL = partial(picture, size=(40, 30))
MOVING = partial(animation, "GIF", durations=[100, 100])
PNG, WEBP = partial(picture, "PNG"), partial(picture, "WEBP")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A post for one network, and the rule that it breaks, if any."""

    platform: str
    breaks: str = ""
    files: Sequence[Callable[[], bytes]] = ()
    alt_text: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = {name: f"{str(value)[:12]}…{len(value)}" for name, value in self.body.items()}
        return f"{self.platform} {told} {len(self.files)} files {self.breaks}"


def text(platform: str, content: str, breaks: str = "", **body: Any) -> Case:
    return Case(platform=platform, breaks=breaks, body={"content": content, **body})


def files(
    platform: str, *given: Callable[[], bytes], breaks: str = "", alt_text: str = "", content: str = "Bread"
) -> Case:
    return Case(platform=platform, breaks=breaks, files=given, alt_text=alt_text, body={"content": content})


CASES = [
    text("twitter", "x" * 280),
    text("twitter", "x" * 281, "text_too_long"),
    text("twitter", "字" * 140),
    text("twitter", "字" * 141, "text_too_long"),
    text("twitter", FAMILY * 140),
    text("twitter", FAMILY * 141, "text_too_long"),
    text("twitter", f"{'x' * 256} {LONG_LINK}"),
    text("twitter", f"{'x' * 257} {LONG_LINK}", "text_too_long"),
    text("twitter", f"{'字' * 128}{LONG_LINK}"),
    text("twitter", f"{'x' * 256}.{LONG_LINK}"),
    text("twitter", f"{'x' * 272} node.js"),
    text("twitter", f"{'x' * 256} bread.kitchen/{'x' * 100}"),
    text("twitter", "x" * 255, link=LONG_LINK),
    text("twitter", "x" * 256, "text_too_long", link=LONG_LINK),
    text("twitter", "x" * 274, hashtags=["rye"]),
    text("twitter", "x" * 275, "text_too_long", hashtags=["rye"]),
    text("twitter", "Up goes $RYE"),
    text("twitter", "Up go $RYE and $BUN", "too_many_cashtags"),
    text("twitter", "", "text_or_media_required"),
    text("twitter", " \n ", "text_or_media_required"),
    files("twitter", *[SMALL] * 4),
    files("twitter", *[SMALL] * 5, breaks="too_many_images"),
    files("twitter", MOVING),
    files("twitter", MOVING, SMALL, breaks="gif_not_alone"),
    files("twitter", WEBP, PNG, content=""),
    files("twitter", SMALL, alt_text="x" * 1000),
    files("twitter", SMALL, alt_text="x" * 1001, breaks="alt_text_too_long"),
    files("twitter", partial(noise, (1400, 1400))),
    text("bluesky", "x" * 300),
    text("bluesky", "x" * 301, "text_too_long"),
    text("bluesky", "é" * 300),
    text("bluesky", FAMILY * 120),
    text("bluesky", FAMILY * 121, "text_too_many_bytes"),
    text("bluesky", f"{'x' * 281} {LONG_LINK[:18]}"),
    text("bluesky", "x" * 300, link=LONG_LINK),
    text("bluesky", "", link="http://bakery"),
    text("bluesky", "", "text_or_media_required"),
    text("bluesky", "x" * 294, hashtags=["rye"]),
    text("bluesky", "x" * 295, "text_too_long", hashtags=["rye"]),
    text("bluesky", f"#{'x' * 64} #{'y' * 65} #z{ACCENT * 700}"),
    text("bluesky", "Salut @alice.bsky.social @nobody.invalid @bob"),
    text("bluesky", "Hi", platform_content={"bluesky": {"options": {"langs": ["en", "fr", "de"]}}}),
    text("bluesky", "Hi", "too_many_entries", platform_content={"bluesky": {"options": {"langs": ["en"] * 4}}}),
    files("bluesky", *[SMALL] * 4),
    files("bluesky", *[SMALL] * 5, breaks="too_many_images"),
    files("bluesky", MOVING, WEBP, PNG, content=""),
    files("bluesky", SMALL, alt_text="x" * 2000),
    files("bluesky", partial(noise, (700, 700))),
    text("facebook", "x" * 63_206),
    text("facebook", "x" * 63_207, "text_too_long"),
    text("facebook", FAMILY * 9_029),
    text("facebook", FAMILY * 9_030, "text_too_long"),
    text("facebook", "", link=LONG_LINK),
    text("facebook", "x" * 63_206, link=LONG_LINK),
    text("facebook", "Hi", "link_unreachable", link="http://bakery/"),
    text("facebook", "", "text_or_media_required"),
    text("facebook", "x" * 63_200, hashtags=["rye"]),
    text("facebook", "x" * 63_201, "text_too_long", hashtags=["rye"]),
    files("facebook", *[SMALL] * 10),
    files("facebook", *[SMALL] * 11, breaks="too_many_images"),
    files("facebook", WEBP, MOVING, PNG, content=""),
    files("facebook", WEBP, content="x" * 63_206),
    files("facebook", partial(noise, (1950, 1950))),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_passes_is_published_and_what_does_not_is_stopped_here(client: Client, api: ApiClient, case: Case) -> None:
    account = client.connect(case.platform)
    post = _write(client, api, case)

    [shown] = client.call("GET", f"/api/posts/{post.pk}/preview")["targets"]
    published = api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")
    for claim in claim_targets(10):
        publish_claimed(claim)

    target = Target.objects.get(post=post)
    copies = list(networks.Post.objects.filter(account=account["remote_id"]).values_list("text", flat=True))
    refused = [issue["rule"] for issue in shown["issues"] if issue["severity"] == "error"]
    assert refused == ([case.breaks] if case.breaks else [])
    assert (published.status_code, target.status) == ((422, "draft") if case.breaks else (202, "published")), (
        target.error
    )
    assert copies == ([] if case.breaks else [shown["text"]])


def _write(client: Client, api: ApiClient, case: Case) -> Post:
    body = {"platforms": [case.platform]} | case.body
    validated = client.call("POST", "/api/posts/validate", json=body)
    post = Post.objects.get(pk=client.call("POST", "/api/posts", json=body)["post"]["id"])
    for make in case.files:
        assert upload(api, post, make(), alt_text=case.alt_text).status_code == 201
    if not case.files:
        assert validated["valid"] is not bool(case.breaks)
    return post
