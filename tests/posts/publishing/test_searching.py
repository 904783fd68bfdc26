"""What was sent and not answered is found at the simulated networks, however much was posted there since."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from adminapi.management.client import Client
from ouipost.simulator import models as networks
from posts.models import Target
from tests.conftest import ApiClient
from tests.in_process import BASE, in_process
from tests.posts.fakes import outcomes, publish

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database, pytest.mark.thorough]
LOST = {"status": 500, "after_accept": True}


@pytest.fixture
def client(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of the product, which finds the networks in this process."""
    with in_process(monkeypatch):
        yield Client(BASE, api_key=api.headers["X-API-Key"], workspace_id=api.headers["X-Workspace-ID"])


def send_into_the_dark(client: Client, platform: str) -> Target:
    """Publish to a network that takes the post and loses the answer."""
    client.connect(platform)
    networks.Fault.objects.create(network=platform, effect="status", options=LOST)
    post = client.call("POST", "/api/posts", json={"content": "Rye", "platforms": [platform]})["post"]
    client.call("POST", f"/api/posts/{post['id']}/publish", headers={"Prefer": "wait=0"})
    target = publish(Target.objects.get(post=post["id"]))
    assert target.outcome_unknown
    return target


def post_elsewhere(ours: networks.Post, count: int) -> None:
    """Let somebody post so many times to the account, right after our post."""
    networks.Post.objects.bulk_create(
        networks.Post(
            network=ours.network,
            account=ours.account,
            external_id=f"{ours.account}_{number}",
            text=f"Wheat {number}",
            data=ours.data | {"text": f"Wheat {number}"},
            created_at=ours.created_at + timedelta(microseconds=number),
            listed_at=ours.listed_at,
        )
        for number in range(count)
    )


@pytest.mark.parametrize("platform", ["facebook", "twitter"])
def test_a_post_behind_more_than_a_page_of_newer_ones_is_adopted(client: Client, platform: str) -> None:
    target = send_into_the_dark(client, platform)
    ours = networks.Post.objects.get(text="Rye")
    post_elsewhere(ours, 250)

    settled = publish(target)

    assert (settled.status, settled.remote_id) == ("published", ours.external_id)
    assert networks.Post.objects.filter(text="Rye").count() == 1


@pytest.mark.parametrize("platform", ["facebook", "twitter"])
def test_a_post_behind_more_than_can_be_read_is_never_sent_again(client: Client, platform: str) -> None:
    target = send_into_the_dark(client, platform)
    post_elsewhere(networks.Post.objects.get(text="Rye"), 1000)

    waiting = publish(target)

    assert (waiting.status, waiting.outcome_unknown, waiting.absences) == ("publishing", True, 0)
    assert outcomes(target) == [("commit", "unknown"), ("recover", "unknown")]
    assert networks.Post.objects.filter(text="Rye").count() == 1
