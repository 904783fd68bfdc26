"""Networks that fetch files from the public address, while nothing gives files out there."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import SocialAccount
from adminapi.management.client import Client
from ouipost.claims import database_now
from ouipost.simulator.models import Post as Copy
from posts.media import serving
from posts.media.storage import StorageUnavailable
from posts.models import Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.factories import make_post
from tests.in_process import BASE, in_process
from tests.posts.fakes import publish
from tests.posts.media.clips import clip
from tests.posts.media.pictures import picture
from tests.product import wait_for
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(databases=["default", "simulator"], transaction=True)

PICTURE, FILM = picture(size=(900, 900)), clip(codec="libx264", seconds=4)
FETCHES_IN_VAIN = 5


@pytest.fixture
def client(api: ApiClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    workspace.mode = "sandbox"
    workspace.save()
    with in_process(monkeypatch):
        yield Client(BASE, api_key=api.headers["X-API-Key"], workspace_id=api.headers["X-Workspace-ID"])


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
    client: Client, api: ApiClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, network: str, content: bytes
) -> None:
    client.connect(network)
    account = SocialAccount.objects.select_related("workspace").get()
    own = {"tiktok": {"options": {"privacy_level": "PUBLIC_TO_EVERYONE"}}}
    post = make_post(workspace, accounts=[account], content="Fresh bread", status="scheduled", platform_content=own)
    assert upload(api, post, content).status_code == 201
    Target.objects.filter(post=post).update(status="publishing", give_up_at=database_now() + timedelta(hours=6))
    target = Target.objects.get(post=post)
    fetches = []

    def away(name: str) -> Any:
        fetches.append(name)
        raise StorageUnavailable(reason="It is away here only")

    with monkeypatch.context() as patch:
        patch.setattr(serving, "open_stored", away)
        while len(fetches) < FETCHES_IN_VAIN:
            assert publish(target).status == "publishing"
    done = wait_for(lambda: ended(publish(target)), what="the network")

    assert (done.status, done.error) == ("published", None)
    [copy] = Copy.objects.alive().filter(network=network)
    assert (copy.text, len(copy.media)) == ("Fresh bread", 1)


def ended(target: Target) -> Target | None:
    return None if target.status == "publishing" else target
