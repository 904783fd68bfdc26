"""From embedded mode to a database server: nothing is lost, and each post goes out once."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.crash.scenarios import publish
from tests.databases import fresh_database
from tests.product import Product, running, wait_for

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

CHANGES = ("--exclude=adminapi.heartbeat", "--exclude=adminapi.mark")
"""What a process that starts writes at once."""


def write(product: Product, account: dict[str, Any], content: str) -> str:
    body = {"content": content, "platforms": [account["id"]]}
    made: str = product.client.call("POST", "/api/posts", json=body)["post"]["id"]
    return made


def is_published(product: Product, *posts: str) -> bool:
    return all(product.post(each)["status"] == "published" for each in posts)


def work(product: Product, *posts: str) -> None:
    """Let a worker run until these are published, and end it in good order."""
    worker = product.start("manage.py", "work")
    wait_for(lambda: is_published(product, *posts), what="the posts")
    worker.terminate()
    worker.wait(timeout=60)


def all_rows(product: Product) -> list[Any]:
    rows = product.manage("dumpdata", "--format=jsonl", "--database=default", *CHANGES)
    return [json.loads(row) for row in rows.splitlines()]  # MySQL keeps an object's members in an order of its own


def test_all_goes_along_and_each_post_goes_out_once(tmp_path: Path) -> None:
    file = tmp_path / "ouipost.sqlite3"
    with running(tmp_path, f"sqlite:///{file}") as old, fresh_database(tmp_path / "new") as url:
        account = old.connect("Ada")["twitter"]
        out = write(old, account, "Out before: é 🥖")
        publish(old, out)
        work(old, out)
        old.manage("pause", "--scope=all", "--reason=We move to a server")
        waiting, draft = write(old, account, "Waits"), write(old, account, "Draft")
        publish(old, waiting)
        old.stop()
        new = replace(old, database_url=url, processes=[])
        new.client, new.control = old.client, old.control

        new.manage("prepare")
        copied = json.loads(new.manage("copy_from_sqlite", str(file), "--json"))["rows"]

        assert (copied["posts_post"], copied["events_event"] > 10) == (3, True)
        assert all_rows(new) == all_rows(old)
        try:
            new.web()
            assert new.post(waiting)["status"] != "published"
            new.manage("resume", "--scope=all")
            work(new, waiting)
            publish(new, draft)
            work(new, draft)

            assert Counter(each["text"] for each in new.copies()) == {"Out before: é 🥖": 1, "Waits": 1, "Draft": 1}
            assert json.loads(new.manage("verify_audit", "--json"))["holds"]
        finally:
            new.stop()
