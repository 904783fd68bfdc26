"""A database that refuses writes at the very moment when a worker wants to arm."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.crash.campaign import Campaign, Result
from tests.crash.matrix import SETTLED_WITHIN_SECONDS, is_frozen
from tests.crash.storms import VISIBLE
from tests.databases import fresh_database, own_server
from tests.product import SPEED, Product, running, wait_for

STOP_SECONDS = 60
USER = "CREATE USER ouipost@'127.0.0.1'", "GRANT ALL ON `ouipost%`.* TO ouipost@'127.0.0.1'"
"""A user without the privilege to write despite `read_only`, as a product's must be."""

SetReadOnly = Callable[[bool], None]


@dataclass(kw_only=True)
class Place:
    """A database, and the way to make it refuse writes; a product may have the home."""

    home: Path
    url: str
    set_read_only: SetReadOnly
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refused(Result):
    """The results of posts that could not be armed for a while."""

    sent_meanwhile: int

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and not self.sent_meanwhile


@contextmanager
def sqlite(home: Path) -> Iterator[Place]:
    """Give a file whose connections in the worker refuse writes while another file is there."""
    flag = home / "read-only"

    def set_read_only(on: bool) -> None:
        flag.touch() if on else flag.unlink(missing_ok=True)

    with fresh_database(home, "") as url:
        yield Place(home=home, url=url, set_read_only=set_read_only, options=("--read-only", str(flag)))


@contextmanager
def mariadb(home: Path) -> Iterator[Place]:
    """Give a server of its own that can be set to read-only."""
    import MySQLdb  # only where there is a server

    with own_server() as server, fresh_database(home, server.url) as own:
        parts = urlsplit(own)
        root: Any = MySQLdb.connect(host=parts.hostname, port=parts.port or 3306, user="root")
        for statement in USER:
            root.cursor().execute(statement)
        with closing(root):
            yield Place(
                home=home,
                url=own.replace("root@", "ouipost@"),
                set_read_only=lambda on: root.cursor().execute(f"SET GLOBAL read_only = {int(on)}"),
            )


def nothing_can_be_armed(place: Place, *, posts: int, seconds: float) -> Refused:
    """Freeze a worker before it arms, make the database read-only, and let both go on after so many seconds."""
    with running(place.home, place.url, speed=SPEED) as product:
        campaign = Campaign(product)
        for number in range(posts):
            campaign.write(campaign.connect(f"P{number}").values())
        campaign.publish()
        file = place.home / "hits"
        worker = product.start(
            *("-m", "tests.crash.worker", "prepared", "1", str(file), "--blow", "stop", "--threads", "1"),
            *place.options,
        )
        try:
            wait_for(lambda: file.exists() and is_frozen(worker.pid), what="the worker to freeze")
            return _refuse(product, campaign, place, worker, seconds=seconds)
        finally:
            place.set_read_only(False)
            _end(worker)


def _refuse(
    product: Product, campaign: Campaign, place: Place, worker: "subprocess.Popen[bytes]", *, seconds: float
) -> Refused:
    already = _sent(campaign)
    place.set_read_only(True)
    worker.send_signal(signal.SIGCONT)
    time.sleep(seconds)
    sent = _sent(campaign) - already
    place.set_read_only(False)
    campaign.wait(seconds=SETTLED_WITHIN_SECONDS)
    return Refused(sent_meanwhile=sent, numbers=campaign.numbers())


def _sent(campaign: Campaign) -> int:
    return sum(each["path"].endswith(VISIBLE) for each in campaign.requests())


def _end(worker: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.kill(worker.pid, signal.SIGCONT)
    worker.terminate()
    worker.wait(timeout=STOP_SECONDS)
