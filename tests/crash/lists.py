"""Lists of posts that are asked for at a steady rate, out of many."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from tests.crash.campaign import Numbers, Result
from tests.crash.soak import CLIENTS, Clients, steadily
from tests.product import Product

A_SECOND = 50
LIMIT = 20
FILL = """
from bench import data
from workspaces.models import Workspace
workspace = Workspace.objects.get()
data.fill(workspace, data.connect(workspace), {posts})
"""


@dataclass(frozen=True, kw_only=True)
class Listed(Result):
    """The speed of pages; a missing or failed answer counts as lost."""

    answers: int
    p95_first: float
    p95_last: float


def listed(product: Product, *, posts: int, page: int, seconds: float) -> Listed:
    """Ask for the first page at a steady rate for so many seconds, and then for another one."""
    product.manage("shell", "-v", "0", "-c", FILL.format(posts=posts))
    first, last = (_asked(product, f"/api/posts?limit={LIMIT}&page={number}", seconds) for number in (1, page))
    answers = [*first, *last]
    return Listed(
        numbers=Numbers(posts=posts, lost=sum(status != 200 for status, _ in answers), seconds=2 * seconds),
        answers=len(answers),
        p95_first=_p95(first),
        p95_last=_p95(last),
    )


def _asked(product: Product, path: str, seconds: float) -> list[tuple[int, float]]:
    clients, over = Clients(product, ""), Event()
    with ThreadPoolExecutor(CLIENTS) as pool, ThreadPoolExecutor(1) as loop:
        running = loop.submit(steadily, pool, lambda _: clients.call("GET", path), A_SECOND, over)
        time.sleep(seconds)
        over.set()
        running.result()
    return clients.answers


def _p95(answers: list[tuple[int, float]]) -> float:
    return statistics.quantiles([took for _, took in answers], n=20, method="inclusive")[-1]
