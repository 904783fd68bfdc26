"""`reconcile` between real processes, counted at the networks: adopted, or failed, and never doubled."""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tests.product import NETWORKS, Product, wait_for

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

REFUSED: dict[str, dict[str, Any]] = {
    "facebook": {"match": "published_posts", "status": 400, "body": {"error": {"message": "No", "code": 10}}},
    "twitter": {
        "match": "GET /2/users",
        "status": 403,
        "body": {"type": "https://api.twitter.com/2/problems/not-authorized-for-resource", "detail": "No"},
    },
    "bluesky": {"status": 400, "body": {"error": "InvalidRequest", "message": "No"}},
}
"""How each network is kept from telling, by a name: at first, Bluesky is asked by the same call again."""


def leave_in_doubt(product: Product, person: str, effect: str) -> dict[str, Any]:
    """Publish to three networks that lose the answer, and then refuse to tell; return the post."""
    accounts = product.connect(person)
    for network in NETWORKS:
        fault = {"network": network, "account": accounts[network]["remote_id"]}
        product.order(**fault, effect=effect, hold=4)
        product.order(**fault, effect="status", **REFUSED[network])
    body = {"content": f"Rye {uuid4().hex[:8]}", "platforms": [account["id"] for account in accounts.values()]}
    post: dict[str, Any] = product.client.call("POST", "/api/posts", json=body)["post"]
    product.client.call("POST", f"/api/posts/{post['id']}/publish", headers={"Prefer": "wait=0"})
    doubtful = settled(product, post)
    assert statuses(doubtful) == dict.fromkeys(NETWORKS, "needs_review")
    return doubtful


def settled(product: Product, post: dict[str, Any]) -> dict[str, Any]:
    """Wait until nothing of the post is being published."""
    return wait_for(
        lambda: found if (found := product.post(post["id"]))["status"] != "publishing" else None,
        what=f"{post['id']} to be settled",
    )


def statuses(post: dict[str, Any]) -> dict[str, str]:
    return {target["platform"]: target["status"] for target in post["targets"]}


def copies_of(product: Product, post: dict[str, Any]) -> list[dict[str, Any]]:
    return [copy for copy in product.copies() if post["content"] in copy["text"]]


def test_what_had_arrived_is_adopted_with_its_own_id_and_not_sent_again(product: Product) -> None:
    post = leave_in_doubt(product, "Alice", "timeout_after_accept")
    before = copies_of(product, post)

    printed = product.manage("reconcile", "--post", post["id"])

    copies = copies_of(product, post)
    published = settled(product, post)
    assert Counter(copy["network"] for copy in copies) == dict.fromkeys(NETWORKS, 1)
    assert copies == before
    assert {target["platform"]: target["post_id"] for target in published["targets"]} == {
        copy["network"]: copy["id"] for copy in copies
    }
    assert (published["status"], printed.splitlines()[-1]) == ("published", "Of 3: 3 published.")


def test_what_had_not_arrived_fails_and_is_sent_once_by_a_retry(product: Product) -> None:
    post = leave_in_doubt(product, "Bob", "timeout_before_accept")
    before = copies_of(product, post)

    printed = product.manage("reconcile", "--post", post["id"])
    failed, asked = settled(product, post), copies_of(product, post)
    product.client.call("POST", f"/api/posts/{post['id']}/retry")
    sent = settled(product, post)

    errors = {target["platform"]: target["error"] for target in failed["targets"] if target["status"] == "failed"}
    assert (before, asked, printed.splitlines()[-1]) == ([], [], "Of 3: 3 failed.")
    assert {name: (error["retryable"], error["message"][:17]) for name, error in errors.items()} == dict.fromkeys(
        NETWORKS, (True, "It did not arrive")
    )
    assert sent["status"] == "published"
    assert Counter(copy["network"] for copy in copies_of(product, post)) == dict.fromkeys(NETWORKS, 1)
