"""Networks that fetch files from the public address, while nothing gives files out there."""

from typing import Any

import pytest

from adminapi.management.client import Client
from ouipost.simulator.models import Post as Copy
from posts.media import serving
from posts.media.storage import StorageUnavailable
from posts.models import Target
from tests.conftest import ApiClient
from tests.posts.fakes import publish
from tests.posts.media.clips import clip
from tests.posts.media.pictures import picture
from tests.posts.media.sandboxed import make_due, published
from tests.product import wait_for

pytestmark = pytest.mark.django_db(databases=["default", "simulator"], transaction=True)

PICTURE, FILM = picture(size=(900, 900)), clip(codec="libx264", seconds=4)
FETCHES_IN_VAIN = 5


@pytest.mark.parametrize(
    ("network", "content"),
    [
        ("instagram", PICTURE),
        ("instagram", FILM),
        ("threads", PICTURE),
        ("threads", FILM),
        ("tiktok", PICTURE),
    ],
    ids=["instagram picture", "instagram video", "threads picture", "threads video", "tiktok picture"],
)
def test_a_post_outlasts_that_the_web_process_alone_is_away(
    client: Client, api: ApiClient, monkeypatch: pytest.MonkeyPatch, network: str, content: bytes
) -> None:
    target = make_due(client, api, network, content)
    fetches = []

    def away(name: str) -> Any:
        fetches.append(name)
        raise StorageUnavailable(reason="It is away here only")

    with monkeypatch.context() as patch:
        patch.setattr(serving, "open_stored", away)
        wait_for(lambda: is_waiting(target) and len(fetches) >= FETCHES_IN_VAIN, what="fetches in vain")
    done = published(target)

    assert (done.status, done.error) == ("published", None)
    [copy] = Copy.objects.alive().filter(network=network)
    assert (copy.text, len(copy.media)) == ("Fresh bread", 1)


def is_waiting(target: Target) -> bool:
    """Try once more; the post must not have ended by that."""
    assert publish(target).status == "publishing"
    return True
