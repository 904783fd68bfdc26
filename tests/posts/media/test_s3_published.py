"""From the upload to the network with the files in a store: what is sent, what is pulled, and what is fitted."""

import pytest
from pytest_django import Settings

from accounts.platforms.meta.failures import MOST_FAILURES
from adminapi.management.client import Client
from ouipost.simulator.models import Post as Copy
from tests.conftest import ApiClient
from tests.posts.fakes import publish
from tests.posts.media.clips import clip
from tests.posts.media.pictures import picture
from tests.posts.media.sandboxed import make_due, published
from tests.stores import Bucket, held
from workspaces.models import Workspace

pytestmark = [
    pytest.mark.django_db(databases=["default", "simulator"], transaction=True),
    pytest.mark.any_database,
    pytest.mark.thorough,
]


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    workspace.mode = "sandbox"
    workspace.save()
    return workspace


@pytest.mark.parametrize(
    ("network", "content"),
    [
        ("facebook", picture("WEBP", size=(900, 900))),
        ("instagram", picture("WEBP", size=(900, 900))),
        ("instagram", picture(size=(900, 900))),
        ("threads", picture(size=(900, 900))),
        ("tiktok", picture(size=(900, 900))),
        ("facebook", clip(codec="libx264", seconds=4)),
        ("instagram", clip(codec="libx264", seconds=4)),
    ],
    ids=[
        "picture sent",
        "picture made and pulled",
        "picture pulled",
        "picture pulled by Threads",
        "picture pulled by TikTok",
        "video sent",
        "video pulled",
    ],
)
def test_files_in_a_store_reach_the_network_once_the_store_is_there(
    client: Client,
    api: ApiClient,
    workspace: Workspace,
    bucket: Bucket,
    settings: Settings,
    network: str,
    content: bytes,
) -> None:
    target = make_due(client, api, network, content)

    with held(settings, bucket, answers=False):
        waiting = [publish(target).error or {} for _ in range(MOST_FAILURES + 1)]
    done = published(target)

    told = [(each["message"], each["who_acts"], each["retryable"]) for each in waiting]
    assert set(told) == {("The storage does not give a file of the post.", "operator", True)}
    assert (done.status, done.error) == ("published", None)
    [copy] = Copy.objects.alive().filter(network=network)
    assert (copy.text, len(copy.media)) == ("Fresh bread", 1)
    assert {name.split("/")[0] for name in bucket.names()} <= {"media", "thumbs", "renditions"}
