"""The product as somebody has it who installed nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adminapi.management.client import Client
from bench.processes import await_answer
from tests.product import NETWORKS, Product

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


@contextmanager
def served(home: Path) -> Iterator[Embedded]:
    """Run `manage.py serve` in this new folder; its client has an account of each of three networks."""
    home.mkdir()
    product = Embedded(home=home, database_url=f"sqlite:///{home}/ouipost.sqlite3")
    product.serve()
    try:
        await_answer(f"{product.base}/readyz")
        made = json.loads(product.manage("bootstrap", *ACCOUNT))
        product.client = Client(product.base, api_key=made["api_key"], workspace_id=made["workspace_id"])
        for network in NETWORKS:
            product.client.connect(network)
        yield product
    finally:
        product.stop()
