"""What becomes of posts that the simulated YouTube does not take from a channel, or does not show."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adminapi.management.client import Client
from ouipost.events.models import Event
from ouipost.simulator import clock
from ouipost.simulator import models as networks
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.networks.working_off import work_off
from tests.simulator.clip import film

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database]
FILM = film()
DAY = 86_400


def publish(client: Client, api: ApiClient, title: str, content: bytes = FILM) -> Target:
    """Publish a video, and let all happen that is due about it."""
    options = {"title": title, "options": {"made_for_kids": False}}
    body = {"content": title, "platforms": ["youtube"], "platform_content": {"youtube": options}}
    post = Post.objects.get(pk=client.call("POST", "/api/posts", json=body)["post"]["id"])
    assert upload(api, post, content, filename="film.mp4").status_code == 201
    client.call("POST", f"/api/posts/{post.pk}/publish", headers={"Prefer": "wait=0"})
    return work_off(Target.objects.get(post=post))


def shown(client: Client, target: Target) -> dict[str, Any]:
    [found] = client.call("GET", f"/api/posts/{target.post_id}")["post"]["targets"]
    result: dict[str, Any] = found
    return result


def moment_in(message: str) -> datetime:
    """Return the time before which nothing is accepted."""
    [moment] = re.findall(r"before (\S+ \S+) UTC", message)
    return datetime.fromisoformat(f"{moment}+00:00")


def titles() -> list[str]:
    """Return the titles of all videos that anybody can see, the oldest first."""
    return [post.data["title"] for post in networks.Post.objects.alive().order_by("pk")]


def uploads() -> int:
    """Return the number of uploads that YouTube let begin."""
    return networks.Request.objects.filter(method="POST", path__contains="/upload/youtube", status=200).count()


def test_a_video_beyond_its_channels_limit_fails_with_the_time_and_goes_out_once_when_it_is_retried_then(
    client: Client, api: ApiClient
) -> None:
    client.connect("youtube", "Ann Limited")
    assert publish(client, api, "Bread").status == "published"

    refused = publish(client, api, "Rolls")
    told = shown(client, refused)["error"]

    assert refused.status == "failed"
    assert (told["code"], told["retryable"], told["who_acts"]) == ("RATE_LIMITED_BY_PLATFORM", True, "network")
    assert timedelta(hours=23, minutes=59) < moment_in(told["message"]) - datetime.now(UTC) <= timedelta(hours=24)
    assert (titles(), uploads()) == (["Bread"], 1)

    clock.advance(DAY + 1)
    client.call("POST", f"/api/posts/{refused.post_id}/retry", headers={"Prefer": "wait=0"})

    assert work_off(refused).status == "published"
    assert (titles(), uploads()) == (["Bread", "Rolls"], 2)


def test_a_video_that_its_channel_has_already_fails_with_the_reason_and_is_never_published(
    client: Client, api: ApiClient
) -> None:
    client.connect("youtube", "Ann Unique")
    assert publish(client, api, "Bread").status == "published"

    rejected = publish(client, api, "Rolls")
    told = shown(client, rejected)

    assert (told["status"], told["post_id"], told["url"]) == ("failed", None, None)
    assert told["error"] == {
        "code": "MEDIA_REJECTED",
        "message": "YouTube does not show the video, because the video is a duplicate of one that the channel has"
        " already.",
        "retryable": False,
        "who_acts": "caller",
        "network_code": "duplicate",
    }
    assert (titles(), uploads()) == (["Bread"], 2)
    events = set(Event.objects.filter(resource_id=rejected.post_id).values_list("type", flat=True))
    assert ("post.failed" in events, "post.published" in events) == (True, False)
