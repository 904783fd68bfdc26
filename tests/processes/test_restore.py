"""An old copy of the database takes the place of the present one: what was published since is not published again."""

import json
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.databases import fresh_database
from tests.product import Product, running, wait_for

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

SINCE = "Published after the copy was made"
NEVER = "Due while nothing ran"


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with fresh_database(tmp_path, server="") as url, running(tmp_path, url) as product:
        yield product


def database(product: Product) -> Path:
    return Path(product.database_url.removeprefix("sqlite:///"))


def copy(source: Path, destination: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(destination)) as new:
        old.backup(new)


def restore(product: Product, backup: Path) -> None:
    """End everything, and put the copy in the database's place, as an operator does."""
    product.stop()
    for ending in ("", "-wal", "-shm"):
        Path(f"{database(product)}{ending}").unlink(missing_ok=True)
    copy(backup, database(product))


def schedule(product: Product, account: dict[str, Any], content: str, *, at: datetime) -> str:
    body = {"content": content, "platforms": [account["id"]], "scheduled_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    made: str = product.client.call("POST", "/api/posts", json=body)["post"]["id"]
    return made


def is_published(product: Product, post_id: str) -> bool:
    return bool(product.post(post_id)["status"] == "published")


def copies(product: Product) -> Counter[str]:
    """Return how many copies of each text each network has."""
    return Counter(f"{each['network']}: {each['text']}" for each in product.copies())


def marks(product: Product) -> list[Path]:
    return list(product.home.glob("*.mark"))


def work_for_a_while(product: Product) -> None:
    """Let a worker run until it has noted how far the database is, and end it in good order."""
    worker = product.start("manage.py", "work")
    wait_for(lambda: marks(product), what="the mark")
    worker.terminate()
    worker.wait(timeout=30)


def paused(product: Product) -> str:
    """Return why everything is paused, empty where it is not."""
    with closing(sqlite3.connect(database(product))) as connection:
        rows = connection.execute("SELECT reason FROM accounts_pause WHERE in_force = 'all:'").fetchall()
    return "".join(reason for (reason,) in rows)


def reconcile(product: Product, *options: str) -> Any:
    """Return what came of asking, also where it ends with 1, since something stays in doubt."""
    try:
        return json.loads(product.manage("reconcile", "--json", *options))
    except subprocess.CalledProcessError as error:
        return json.loads(error.stdout)


def test_what_was_published_since_goes_out_no_second_time_and_what_never_was_goes_out_once(
    product: Product, tmp_path: Path
) -> None:
    accounts, unlisted = product.connect("Rita"), product.client.connect("threads", "Rita")
    work_for_a_while(product)
    soon, after = datetime.now(UTC) + timedelta(seconds=3), datetime.now(UTC) + timedelta(seconds=60)
    since = [schedule(product, account, SINCE, at=soon) for account in accounts.values()]
    aside = schedule(product, unlisted, SINCE, at=soon)
    never = [schedule(product, account, NEVER, at=after) for account in accounts.values()]
    copy(database(product), tmp_path / "backup.sqlite3")
    product.start("manage.py", "work")
    wait_for(lambda: all(is_published(product, post) for post in [*since, aside]), seconds=50, what="the posts")
    restore(product, tmp_path / "backup.sqlite3")
    product.web()
    time.sleep(max(0.0, (after - datetime.now(UTC)).total_seconds()))

    product.start("manage.py", "work")
    reason = wait_for(lambda: paused(product), what="the pause")
    planned = reconcile(product, "--after-restore", "--dry-run")
    found, again = reconcile(product, "--after-restore"), reconcile(product)
    before = copies(product)
    product.manage("resume", "--scope", "all")
    wait_for(lambda: all(is_published(product, post) for post in never), what="what was never sent")

    assert "restored from a copy" in reason
    assert len(planned["targets"]) == len(since) + len(never) + 1
    assert found["counts"] == {"published": len(since), "not out": len(never), "not asked about": 1}
    assert [(row["post_id"], row["status"]) for row in again["targets"]] == [(aside, "needs_review")]
    assert {row["post_id"] for row in found["targets"] if row["url"]} == set(since)
    assert before == Counter({f"{network}: {SINCE}": 1 for network in [*accounts, "threads"]})
    assert copies(product) == before + Counter({f"{network}: {NEVER}": 1 for network in accounts})
