"""Bodies that no client should send, to a real web process: it refuses them, and is as small as before."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from bench.processes import pss_mib
from tests import product as products
from tests.contract.bodies import ENDPOINTS, MALFORMED
from tests.databases import fresh_database
from tests.product import Product, running

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

THREADS = 4
"""A production's web process has so many."""
MOST_MIB = 50


def send(product: Product, post: str, *bodies: bytes) -> set[int]:
    """Send these bodies to every endpoint, and return with what statuses they were answered."""
    headers = product.client.headers | {"Content-Type": "application/json"}
    addresses = [(method, f"{product.base}{path.format(post=post)}") for method, path in ENDPOINTS.values()]
    return {
        requests.request(method, address, data=body, headers=headers, timeout=30).status_code
        for body in bodies
        for method, address in addresses
    }


def test_two_hundred_bad_bodies_leave_a_web_process_as_small_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(products, "WEB_THREADS", THREADS)
    with fresh_database(tmp_path) as url, running(tmp_path, url) as product:
        account = product.client.connect("facebook")["id"]
        post = product.client.call("POST", "/api/posts", json={"content": "x", "platforms": [account]})["post"]["id"]
        send(product, post, *[b"{"] * 20)  # all that it needs for them is loaded by then
        before = pss_mib(product.processes[0].pid)

        statuses = send(product, post, *MALFORMED.values())

        grown = pss_mib(product.processes[0].pid) - before
    record_property("numbers", f"66, {len(MALFORMED) * len(ENDPOINTS)} bad bodies: grown by {grown:.1f} MiB")
    assert (statuses, grown < MOST_MIB) == ({400, 413}, True), grown
