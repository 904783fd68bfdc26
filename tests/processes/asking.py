"""Waiting for the processes of a product."""

from typing import Any

from tests.product import Product, wait_for


def settled(product: Product, post: dict[str, Any], *statuses: str, seconds: float = 30) -> dict[str, Any]:
    """Wait until the post has one of these statuses."""
    return wait_for(
        lambda: found if (found := product.post(post["id"]))["status"] in statuses else None,
        seconds=seconds,
        what=f"{post['id']} to be {' or '.join(statuses)}",
    )


WEB = ("--interface", "wsgi", "--blocking-threads", "16", "--no-ws", "--log-level", "error", "ouipost.wsgi:application")
