"""What `manage.py serve` takes with all its processes, as somebody has it who installed nothing else."""

import json
from pathlib import Path

import requests
from django.conf import settings

from adminapi.client import Client
from bench.goals import Goal
from bench.processes import DJANGO, await_answer, pss_mib, web
from tests.product import NETWORKS, Product

THREADS = 64
REQUESTS = 300
ACCOUNT = [
    "--email=admin@example.com",
    "--password=a long pass phrase",
    "--workspace=Bench",
    "--mode=sandbox",
    "--json",
]


class Embedded(Product):
    """The product with none of its settings given: SQLite, no Redis, the simulator on."""

    @property
    def environment(self) -> dict[str, str]:
        given = super().environment
        for name in ("SECRET_KEY", "TOKEN_KEYS", "ALLOWED_HOSTS", "ENGINE_SPEED"):
            given.pop(name, None)
        return given | {"ENVIRONMENT": "embedded", "SIMULATOR": "1"}


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
    home.mkdir()
    product = Embedded(home=home, database_url=f"sqlite:///{home}/ouipost.sqlite3")
    serve = product.serve()
    try:
        await_answer(f"{product.base}/readyz")
        made = json.loads(product.manage("bootstrap", *ACCOUNT))
        _use(Client(product.base, api_key=made["api_key"], workspace_id=made["workspace_id"]))
        return pss_mib(serve.pid)
    finally:
        product.stop()


def _use(client: Client) -> None:
    for network in NETWORKS:
        client.connect(network)
    post = client.call("POST", "/api/posts", json={"content": "Fresh bread", "platforms": list(NETWORKS)})["post"]
    published = client.call("POST", f"/api/posts/{post['id']}/publish")["post"]
    assert published["status"] == "published", published
    for _ in range(REQUESTS):
        client.call("GET", "/api/posts")
