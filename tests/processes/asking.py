"""The processes of a product: waiting for them, and who began which."""

from pathlib import Path
from typing import Any

from tests.product import Product, wait_for


def settled(product: Product, post: dict[str, Any], *statuses: str) -> dict[str, Any]:
    """Wait until the post has one of these statuses."""
    return wait_for(
        lambda: found if (found := product.post(post["id"]))["status"] in statuses else None,
        what=f"{post['id']} to be {' or '.join(statuses)}",
    )


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


WEB = ("--interface", "wsgi", "--blocking-threads", "16", "--no-ws", "--log-level", "error", "ouipost.wsgi:application")
