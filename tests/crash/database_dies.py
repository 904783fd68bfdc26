"""A database server that is killed while posts fall due, and started again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash import matrix, storms
from tests.crash.asking import Answers, asking, seconds_until_it_answers
from tests.crash.campaign import Campaign, Result
from tests.databases import Server, fresh_database, own_server
from tests.product import NETWORKS, SPEED, Product, running

ACCOUNTS = 30
STUCK_SECONDS = 300


@dataclass(kw_only=True)
class Place:
    """A product without a worker, on a server of its own."""

    product: Product
    server: Server


@contextmanager
def place(home: Path, *, speed: int = SPEED) -> Iterator[Place]:
    """Give such a product, and end all of it after the block."""
    with own_server() as server, fresh_database(home, server.url) as url, running(home, url, speed=speed) as product:
        yield Place(product=product, server=server)


@dataclass(frozen=True, kw_only=True)
class Killed(Result):
    """The results of posts whose database died, and the API's answers meanwhile."""

    answers: Answers
    back_seconds: float
    """The time from the server's first connection until the API answered normally."""

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and self.answers.is_good and self.answers.away > 0


def killed(place: Place, *, publications: int, per_second: float, away: float) -> Killed:
    """Kill the server after a third of the posts, and start it again after so many seconds."""
    campaign = Campaign(place.product)
    accounts = storms.connect(campaign, ACCOUNTS, *NETWORKS)
    seconds = publications / per_second
    with storms.workers(matrix.Stage(product=place.product, runner="work"), herd=2):
        storms.schedule(campaign, accounts, seconds=seconds, per_second=per_second)
        time.sleep(seconds / 3)
        place.server.kill()
        with asking(place.product, accounts[0]["id"]) as answers:
            time.sleep(away)
        place.server.again()
        back = seconds_until_it_answers(place.product)
        campaign.wait(seconds=STUCK_SECONDS)
    return Killed(numbers=campaign.numbers(kills=1), answers=answers, back_seconds=back)
