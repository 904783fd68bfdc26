"""Who is told to stop is not taken for somebody who has died."""

import signal
from pathlib import Path

import pytest

from adminapi.processes.heartbeats import of_queue
from ouipost import queues
from tests.databases import fresh_database
from tests.product import Product, wait_for

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]
LOOK = """
from adminapi.models import Heartbeat
print(*Heartbeat.objects.values_list("pk", flat=True))
"""


def heard(product: Product) -> set[str]:
    """Return what has shown life and has not taken it back: processes by their kind, and queues."""
    return {name.partition(":")[0] for name in product.manage("shell", "-v", "0", "-c", LOOK).split()}


def test_a_node_and_its_beat_that_are_told_to_stop_leave_no_sign_of_life(tmp_path: Path, redis_url: str) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url, redis_url=redis_url)
        try:
            product.migrate()
            processes = [product.celery("-c", "1"), product.beat()]
            all_of_them = {"node", "beat", *map(of_queue, queues.ALL)}
            wait_for(lambda: all_of_them <= heard(product), what="the first signs of life")

            for process in processes:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)

            assert not heard(product) & {"node", "beat"}
        finally:
            product.stop()
