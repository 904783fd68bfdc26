"""Another key while posts go out: killed halfway, resumed, the old key dropped, and nothing fails."""

import base64
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.product import NETWORKS, ROOT, Product, wait_for
from tests.services import free_port

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

POSTS, PEOPLE = 50, 4
NOBODY = "redis://127.0.0.1:1/0"
ROTATE_SLOWLY = """
import os, signal
import django
django.setup()
from django.core.management import call_command
from ouipost.db import sealed
sealed.AT_ONCE = 3
move, steps = sealed._move, iter(range(2))
def moved(*given):
    if next(steps, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return move(*given)
sealed._move = moved
call_command("rotate_encryption")
"""
"""Three rows at a time, and killed before the third step."""


def restart(product: Product) -> None:
    product.stop()
    product.web()
    product.start("manage.py", "work")


def run(product: Product, *command: str) -> "subprocess.CompletedProcess[str]":
    arguments, environment = [sys.executable, *command], product.environment | {"CELERY_BROKER_URL": NOBODY}
    return subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def schedule(product: Product, account: dict[str, Any], content: str, at: datetime) -> str:
    body = {"content": content, "platforms": [account["id"]], "scheduled_at": at.isoformat()}
    made: str = product.client.call("POST", "/api/posts", json=body)["post"]["id"]
    return made


def statuses(product: Product, posts: list[str]) -> Counter[str]:
    return Counter(product.post(post)["status"] for post in posts)


def test_fifty_posts_go_out_while_the_key_is_changed_and_the_old_one_is_dropped(
    idle: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [idle.client.connect(network, f"P{number}") for number in range(PEOPLE) for network in NETWORKS]
    old = os.environ["TOKEN_KEYS"]
    new = f"another:{base64.urlsafe_b64encode(b'n' * 32).decode()}"
    monkeypatch.setenv("TOKEN_KEYS", f"{new},{old}")
    restart(idle)
    first = datetime.now(UTC) + timedelta(seconds=3)
    posts = [
        schedule(idle, accounts[number % len(accounts)], f"Rye {number}", first + timedelta(seconds=number / 10))
        for number in range(POSTS)
    ]

    killed = run(idle, "-c", ROTATE_SLOWLY)
    early = run(idle, "manage.py", "rotate_encryption", "--dry-run")
    resumed = run(idle, "manage.py", "rotate_encryption")
    wait_for(lambda: statuses(idle, posts)["published"] == POSTS, what="all posts")
    monkeypatch.setenv("TOKEN_KEYS", new)
    restart(idle)
    after = [schedule(idle, account, f"Later {number}", datetime.now(UTC)) for number, account in enumerate(accounts)]
    wait_for(lambda: statuses(idle, after)["published"] == len(after), what="posts with the new key alone")

    assert killed.returncode == -9
    assert "6 of 12 moved" in killed.stdout
    assert "access_token: 6 would be moved" in early.stdout
    assert (resumed.returncode, resumed.stdout.splitlines()[-1]) == (
        0, f"All is encrypted with another: {old.partition(':')[0]} can be taken out of TOKEN_KEYS."
    )  # fmt: skip
    assert set(Counter(copy["text"] for copy in idle.copies()).values()) == {1}

    monkeypatch.setenv("TOKEN_KEYS", old)
    beside = replace(idle, port=free_port())  # its web process still runs
    refused = [
        run(beside, "manage.py", "work"),
        run(beside, "manage.py", "serve"),
        run(beside, "-c", "import ouipost.wsgi"),
        run(beside, "-m", "celery", "-A", "ouipost", "worker", "-Q", "default"),
        run(beside, "-m", "celery", "-A", "ouipost", "beat"),
    ]
    assert {each.returncode for each in refused} == {1}
    assert all("TOKEN_KEYS has no key another" in each.stderr for each in refused)
