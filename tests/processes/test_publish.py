"""Publishing over real HTTP between real processes, counted at the networks."""

import http.client
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import pytest
import requests

from tests.crash.scenarios import control
from tests.posts.media.pictures import PHONE_SECRETS, opened, phone_photo, picture
from tests.processes.asking import settled
from tests.product import NETWORKS, Product, wait_for

pytestmark = pytest.mark.crash

RENEWED = {"twitter": "POST /2/oauth2/token", "bluesky": "com.atproto.server.refreshSession"}
"""Networks whose tokens live for two hours, and what the call for new ones has in it."""
LIVES_SECONDS, ROUNDS = 7300, 5


def write(product: Product, accounts: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Write a post with a text of its own to these accounts."""
    body = {"content": f"Fresh bread {uuid4().hex[:8]}", "platforms": [each["id"] for each in accounts.values()]}
    post: dict[str, Any] = product.client.call("POST", "/api/posts", json=body | values)["post"]
    return post


def copies_of(product: Product, post: dict[str, Any]) -> Counter[str]:
    """Count the visible copies of a post, by network."""
    return Counter(copy["network"] for copy in product.copies() if post["content"] in copy["text"])


@pytest.mark.any_database
def test_a_scheduled_post_with_a_picture_reaches_three_networks_within_two_seconds_of_its_time(
    product: Product,
) -> None:
    accounts = product.connect("Alice")
    post = write(product, accounts)
    files = {"file": ("bread.jpg", picture(size=(1200, 800)), "image/jpeg")}
    product.client.call("POST", f"/api/posts/{post['id']}/media", files=files, data={"alt_text": "A loaf"})

    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    product.client.call("POST", f"/api/posts/{post['id']}/schedule", json={"scheduled_at": due.isoformat()})
    published = settled(product, post, "published", "failed")

    mine = [copy for copy in product.copies() if copy["text"] == post["content"]]
    lateness = [datetime.fromisoformat(copy["created_at"]) - due for copy in mine]
    assert Counter((copy["network"], copy["media_count"]) for copy in mine) == {(network, 1): 1 for network in NETWORKS}
    assert all(timedelta(seconds=-0.1) <= late <= timedelta(seconds=2) for late in lateness)
    pages = [requests.get(each["url"], timeout=10) for each in published["platform_posts"]]
    assert [(page.status_code, post["content"] in page.text) for page in pages] == [(200, True)] * 3


@pytest.mark.any_database
def test_a_phones_photo_reaches_networks_upright_and_tells_them_neither_place_nor_maker(product: Product) -> None:
    post = write(product, product.connect("Heidi"))
    files = {"file": ("photo.jpg", phone_photo(), "image/jpeg")}
    product.client.call("POST", f"/api/posts/{post['id']}/media", files=files)

    product.client.call("POST", f"/api/posts/{post['id']}/publish")
    published = settled(product, post, "published", "failed")

    pages = [requests.get(each["url"], timeout=10) for each in published["platform_posts"]]
    shown = [urljoin(page.url, path) for page in pages for path in re.findall(r'"([^"]+/_media/\d+)"', page.text)]
    sent = [requests.get(address, timeout=10).content for address in shown]
    assert [opened(file).width < opened(file).height for file in sent] == [True] * len(NETWORKS)
    assert [secret for secret in PHONE_SECRETS for file in sent if secret in file] == []


@pytest.mark.any_database
def test_tokens_that_end_before_each_post_fail_none_of_them(product: Product) -> None:
    accounts = {network: product.client.connect(network, "Ivan") for network in RENEWED}
    before = {network: len(product.requests(network=network, match=call)) for network, call in RENEWED.items()}

    for _ in range(ROUNDS):
        control(product, "POST", "clock", advance=LIVES_SECONDS)
        post = write(product, accounts)
        product.client.call("POST", f"/api/posts/{post['id']}/publish", headers={"Prefer": "wait=0"})
        settled(product, post, "published")
        assert copies_of(product, post) == dict.fromkeys(RENEWED, 1)
    control(product, "POST", "clock", advance=-ROUNDS * LIVES_SECONDS)

    after = {network: len(product.requests(network=network, match=call)) for network, call in RENEWED.items()}
    assert {network: after[network] - before[network] for network in RENEWED} == dict.fromkeys(RENEWED, ROUNDS)


@pytest.mark.any_database
def test_a_slow_network_is_answered_with_202_and_published_later(product: Product) -> None:
    accounts = {"twitter": product.client.connect("twitter", "Bob")}
    post = write(product, accounts)
    product.order(network="twitter", account=accounts["twitter"]["remote_id"], effect="drip", interval=0.02)

    headers = product.client.headers | {"Prefer": "wait=1"}
    answer = requests.post(f"{product.base}/api/posts/{post['id']}/publish", headers=headers, timeout=30)

    assert (answer.status_code, answer.elapsed.total_seconds() < 2) == (202, True)
    shown = answer.json()["data"]["post"]
    assert (shown["status"], shown["platform_results"][0]["status"]) == ("publishing", "pending")
    assert answer.headers["Location"] == f"/api/posts/{post['id']}"
    settled(product, post, "published")
    assert copies_of(product, post) == {"twitter": 1}


def test_twenty_publish_calls_at_once_leave_one_copy(product: Product) -> None:
    accounts = product.connect("Carol")
    post = write(product, accounts)

    def publish(_: int) -> str:
        status: str = product.client.call("POST", f"/api/posts/{post['id']}/publish")["post"]["status"]
        return status

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(publish, range(20)))

    assert set(answers) <= {"publishing", "published"}
    settled(product, post, "published")
    assert copies_of(product, post) == dict.fromkeys(NETWORKS, 1)


@pytest.mark.any_database
def test_a_client_that_hangs_up_changes_nothing(product: Product) -> None:
    accounts = product.connect("Dora")
    post = write(product, accounts)
    product.order(network="twitter", account=accounts["twitter"]["remote_id"], effect="drip", interval=0.02)

    connection = http.client.HTTPConnection("127.0.0.1", product.port)
    connection.request("POST", f"/api/posts/{post['id']}/publish", headers=product.client.headers)
    settled(product, post, "publishing")  # else the server may hear of the end before the beginning
    connection.close()

    settled(product, post, "published")
    assert copies_of(product, post) == dict.fromkeys(NETWORKS, 1)


def test_equal_due_times_of_one_account_go_out_one_by_one_in_order(product: Product) -> None:
    accounts = {"bluesky": product.client.connect("bluesky", "Erin")}
    due = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="seconds")
    posts = [write(product, accounts, scheduled_at=due) for _ in range(5)]

    for post in posts:
        settled(product, post, "published")

    texts = [copy["text"] for copy in product.copies() if copy["account"] == accounts["bluesky"]["remote_id"]]
    assert texts == [post["content"] for post in posts]


@pytest.mark.any_database
def test_a_person_settles_what_cannot_be_found_out(product: Product) -> None:
    accounts = {"facebook": product.client.connect("facebook", "Frank")}
    fault = {"network": "facebook", "account": accounts["facebook"]["remote_id"]}
    refusal = {"error": {"message": "No permission", "type": "OAuthException", "code": 10, "fbtrace_id": "x"}}
    was_sent, was_not = write(product, accounts), write(product, accounts)

    def leave_unknown(post: dict[str, Any], effect: str) -> str:
        product.order(**fault, effect=effect, hold=4)
        product.order(**fault, effect="status", status=400, body=refusal, match="published_posts", times=1)
        product.client.call("POST", f"/api/posts/{post['id']}/publish", headers={"Prefer": "wait=0"})
        target: str = settled(product, post, "needs_review")["targets"][0]["id"]
        return f"/api/posts/{post['id']}/targets/{target}/resolve"

    first = leave_unknown(was_sent, "timeout_after_accept")
    second = leave_unknown(was_not, "timeout_before_accept")
    product.client.call("POST", first, json={"outcome": "published", "url": "https://www.facebook.com/1_2"})
    product.client.call("POST", second, json={"outcome": "not_published"})

    settled(product, was_not, "published")
    assert product.post(was_sent["id"])["status"] == "published"
    assert (copies_of(product, was_sent), copies_of(product, was_not)) == ({"facebook": 1}, {"facebook": 1})


@pytest.mark.any_database
def test_disconnecting_cancels_what_waits_and_lets_what_is_out_end(product: Product) -> None:
    accounts = {"twitter": product.client.connect("twitter", "Grace")}
    later = (datetime.now(UTC) + timedelta(seconds=6)).isoformat(timespec="seconds")
    waiting = [write(product, accounts, scheduled_at=later) for _ in range(3)]
    out = write(product, accounts)
    product.order(network="twitter", account=accounts["twitter"]["remote_id"], effect="drip", interval=0.01)
    product.client.call("POST", f"/api/posts/{out['id']}/publish", headers={"Prefer": "wait=0"})
    wait_for(lambda: copies_of(product, out), what="the post to be out")

    gone = product.client.call("DELETE", f"/api/accounts/{accounts['twitter']['id']}")

    settled(product, out, "published")
    time.sleep(max(0, (datetime.fromisoformat(later) - datetime.now(UTC)).total_seconds() + 1))
    assert (gone["cancelled_posts"], [each["post_id"] for each in gone["in_flight"]]) == (3, [out["id"]])
    assert [copies_of(product, post) for post in waiting] == [Counter()] * 3
    assert [product.post(post["id"])["status"] for post in waiting] == ["draft"] * 3


@pytest.mark.on_servers
def test_three_workers_at_once_leave_one_copy_of_each(idle: Product) -> None:
    accounts = [idle.connect(f"Person{number}") for number in range(4)]
    due = (datetime.now(UTC) + timedelta(seconds=3)).isoformat(timespec="seconds")
    posts = [write(idle, accounts[number % 4], scheduled_at=due) for number in range(12)]

    for _ in range(3):
        idle.worker()

    for post in posts:
        settled(idle, post, "published")
    assert [copies_of(idle, post) for post in posts] == [dict.fromkeys(NETWORKS, 1)] * 12
