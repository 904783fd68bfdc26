"""What was sent and not answered is found at the simulated networks, however much was posted there since."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Pause
from adminapi.management.client import Client
from ouipost.claims import database_now
from ouipost.simulator import clock
from ouipost.simulator import models as networks
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.networks.working_off import work_off
from tests.posts.fakes import outcomes, publish
from tests.simulator.clip import clip

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database, pytest.mark.thorough]
FILM = clip(width=540, height=960, seconds=3, fps=24, codec="libx264")
LOST = {"status": 500, "after_accept": True}


def send_into_the_dark(client: Client, platform: str, **body: Any) -> Target:
    """Publish to a network that takes the post and loses the answer."""
    client.connect(platform)
    networks.Fault.objects.create(network=platform, effect="status", options=LOST)
    post = client.call("POST", "/api/posts", json={"content": "Rye", "platforms": [platform]} | body)["post"]
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


def test_a_container_that_is_out_is_not_called_refused_while_its_status_lags_behind(client: Client) -> None:
    target = send_into_the_dark(client, "threads")
    container = target.handles["uploads"]["post"]["given"]
    lagging = {"status": 200, "body": {"status": "FINISHED"}}
    refusal = {"status": 400, "body": {"error": {"message": "Invalid parameter", "code": 100}}}
    again = f"POST /{target.account.remote_id}/threads_publish"
    for match, options, times in ((f"GET /{container}", lagging, 2), (again, refusal, 1)):
        networks.Fault.objects.create(network="threads", effect="status", match=match, options=options, times=times)

    settled = publish(target)

    assert (settled.status, settled.sends, networks.Post.objects.count()) == ("published", 2, 1)


def test_a_reply_that_went_out_after_the_copy_was_made_is_there_once(client: Client) -> None:
    thread = {"platform_content": {"threads": {"options": {"thread": ["Wheat"]}}}}
    target = send_into_the_dark(client, "threads", **thread)
    copy = Target.objects.filter(pk=target.pk).values().get()
    publish(target)
    assert work_off(target).status == "published"
    Target.objects.filter(pk=target.pk).update(**copy)
    Pause.objects.create(scope="all", reason="It was restored.", paused_at=database_now(), after_restore=True)

    publish(target)
    settled = publish(target)

    assert (settled.status, len(settled.parts)) == ("published", 2)
    assert list(networks.Post.objects.order_by("pk").values_list("text", flat=True)) == ["Rye", "Wheat"]


@pytest.mark.parametrize("post_type", ["feed", "reel", "story"])
def test_a_video_that_is_out_is_not_called_refused_while_its_status_lags_behind(
    client: Client, api: ApiClient, post_type: str
) -> None:
    client.connect("facebook")
    options = {"facebook": {"options": {"post_type": post_type}}}
    body = {"content": "" if post_type == "story" else "Rye", "platforms": ["facebook"], "platform_content": options}
    post = Post.objects.get(pk=client.call("POST", "/api/posts", json=body)["post"]["id"])
    assert upload(api, post, FILM, filename="film.mp4").status_code == 201
    networks.Fault.objects.create(network="facebook", effect="status", options=LOST)
    client.call("POST", f"/api/posts/{post.pk}/publish", headers={"Prefer": "wait=0"})
    target = publish(Target.objects.get(post=post))
    lagging = {"status": 200, "body": {"status": {"video_status": "upload_complete"}}}
    match = f"GET /{target.handles['video_id']}"
    networks.Fault.objects.create(network="facebook", effect="status", match=match, options=lagging, times=2)

    doubted = publish(target)
    waiting = publish(doubted)
    clock.advance(3)
    settled = publish(waiting)

    assert [each.status for each in (doubted, waiting, settled)] == ["publishing", "publishing", "published"]
    assert (settled.sends, networks.Post.objects.count()) == (2, 1)
