"""Eight clients and eight workers at once, over real HTTP and between real processes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from adminapi.management.client import Client
from tests.processes.asking import settled
from tests.product import Product

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURLY = [{"day": day, "time": f"{hour:02}:00", "platforms": ["twitter"]} for day in DAYS for hour in range(24)]
AT_ONCE, EACH = 8, 4


def test_clients_and_workers_that_race_share_no_place_and_skip_none(idle: Product) -> None:
    idle.connect("Alice")
    schedule = idle.client.call("POST", "/api/schedules", json={"name": "Hourly", "slots": HOURLY})["schedule"]
    for _ in range(AT_ONCE):
        idle.worker()

    def work(number: int) -> list[dict[str, Any]]:
        headers = idle.client.headers
        client = Client(idle.base, api_key=headers["X-API-Key"], workspace_id=headers["X-Workspace-ID"])
        return [_queued_and_sent(client, schedule["id"], f"{number}.{turn}") for turn in range(EACH)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = [post for posts in pool.map(work, range(AT_ONCE)) for post in posts]

    shown = idle.client.call("GET", f"/api/schedules/{schedule['id']}")["schedule"]
    times = [datetime.fromisoformat(each["slot_time"]) for each in shown["upcoming_posts"]]
    assert [later - sooner for sooner, later in pairwise(times)] == [timedelta(hours=1)] * (AT_ONCE * EACH - 1)
    assert shown["upcoming_posts"][0]["slot_time"] == shown["stats"]["next_slot"]
    for post in sent:
        settled(idle, post, "published")
    assert sorted(copy["text"] for copy in idle.copies()) == sorted(post["content"] for post in sent)


def _queued_and_sent(client: Client, schedule: str, name: str) -> dict[str, Any]:
    """Put one post into the queue and send another one, which the workers take up meanwhile; returns that one."""
    queued, sent = _written(client, f"Queued {name}"), _written(client, f"Sent {name}")
    client.call("POST", f"/api/posts/{queued['id']}/schedule", json={"schedule_id": schedule})
    client.call("POST", f"/api/posts/{sent['id']}/publish", headers={"Prefer": "wait=0"})
    return sent


def _written(client: Client, text: str) -> dict[str, Any]:
    post: dict[str, Any] = client.call("POST", "/api/posts", json={"content": text, "platforms": ["twitter"]})["post"]
    return post
