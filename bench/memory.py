"""What `manage.py serve` takes with all its processes, as somebody has it who installed nothing else."""

from pathlib import Path

import requests
from django.conf import settings

from adminapi.management.client import Client
from bench.embedded import served
from bench.goals import Goal
from bench.processes import DJANGO, pss_mib, web
from tests.product import NETWORKS

THREADS = 64
REQUESTS = 300


def run() -> list[Goal]:
    """Use a running product for a while, then look at its memory, and at that of a web process that does nothing."""
    used = _used_product(settings.OUIPOST_HOME / "memory")
    with web("bench.baselines.empty", workers=1, threads=THREADS, served=DJANGO) as (address, pid):
        for _ in range(REQUESTS):
            requests.get(address, timeout=5)
        empty = pss_mib(pid)
    sentence = "memory of serve and all its processes"
    return [
        Goal(number="M", sentence=sentence, unit="MiB", figure=used, at_most=300),
        Goal(number="M", sentence=f"{sentence}, beside an empty web process", unit="MiB", figure=used, baseline=empty),
    ]


def _used_product(home: Path) -> float:
    """Return the memory of a product that has connected accounts, published, and answered some hundred requests."""
    with served(home) as product:
        _use(product.client)
        return pss_mib(product.processes[0].pid)


def _use(client: Client) -> None:
    post = client.call("POST", "/api/posts", json={"content": "Fresh bread", "platforms": list(NETWORKS)})["post"]
    published = client.call("POST", f"/api/posts/{post['id']}/publish")["post"]
    assert published["status"] == "published", published
    for _ in range(REQUESTS):
        client.call("GET", "/api/posts")
