"""Work that goes on in the background between real processes: killed, and done once; a file whose sender has left."""

import signal
import socket
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.posts.media.pictures import picture
from tests.product import Product, wait_for

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]
POINTS = ("performed", "written", "committed")
MANY = 25


@pytest.fixture
def browser(idle: Product) -> requests.Session:
    """A session of the console, opened by the administrator."""
    session = requests.Session()
    page = f"{idle.base}/console/login/"
    form = {"username": "admin@example.com", "password": "a long pass phrase", "next": "/console/jobs/"}
    sent = send(session, page, form)
    assert sent.url.endswith("/console/jobs/"), sent.text
    return session


def send(session: requests.Session, page: str, form: dict[str, Any]) -> requests.Response:
    """Send a form as a browser does that has the page open."""
    session.get(page, timeout=30)
    token = session.cookies["csrftoken"]
    return session.post(page, data=form | {"csrfmiddlewaretoken": token}, headers={"Referer": page}, timeout=60)


def drafts(product: Product) -> list[str]:
    listed = product.client.call("GET", "/api/posts?limit=100")["posts"]
    return [post["id"] for post in listed]


def test_a_job_whose_workers_are_killed_at_each_point_does_every_row_once(
    idle: Product, browser: requests.Session
) -> None:
    idle.client.connect("facebook", "Alice")
    for number in range(MANY):
        body = {"content": f"Loaf {number}", "platforms": ["facebook"]}
        idle.client.call("POST", "/api/posts", json=body)
    form = {"action": "duplicate", "_selected_action": drafts(idle), "confirmed": "1"}
    job = send(browser, f"{idle.base}/console/posts/post/", form).url

    hasty = replace(idle, speed=120)
    for point in POINTS:
        wait_for(partial(is_killed, hasty, point), what=f"a death when {point}")
    between = len(drafts(idle))
    idle.worker()
    wait_for(lambda: f"{MANY} of {MANY} done." in browser.get(job, timeout=30).text, what="the end")

    assert MANY < between < 2 * MANY
    assert len(drafts(idle)) == 2 * MANY


def is_killed(product: Product, point: str) -> bool:
    return product.start("-m", "tests.crash.jobber", point).wait(timeout=60) == -signal.SIGKILL


def test_a_file_whose_sender_left_once_it_was_sent_comes_to_the_draft(idle: Product, browser: requests.Session) -> None:
    idle.client.connect("facebook", "Alice")
    account = idle.client.call("GET", "/api/accounts")["accounts"][0]["id"]
    browser.get(f"{idle.base}/console/compose/", timeout=30)
    token = browser.cookies["csrftoken"]
    given = {"csrfmiddlewaretoken": token, "content": "Left at once", "platforms": account, "section": "facebook"}
    asked = requests.Request(
        "POST",
        f"{idle.base}/console/compose/files/",
        data=given,
        files={"file": ("loaf.png", picture("PNG", size=(6000, 6000)), "image/png")},
        headers={"Referer": f"{idle.base}/console/compose/"},
    )
    prepared = browser.prepare_request(asked)
    assert isinstance(prepared.body, bytes)
    lines = [f"POST {prepared.path_url} HTTP/1.1", f"Host: {urlsplit(idle.base).netloc}"]
    lines += [f"{name}: {value}" for name, value in prepared.headers.items() if name != "Connection"]
    with socket.create_connection(("127.0.0.1", idle.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + prepared.body)

    def has_come() -> bool:
        posts = idle.client.call("GET", "/api/posts")["posts"]
        return [(post["content"], len(post["media"])) for post in posts] == [("Left at once", 1)]

    wait_for(has_come, what="the file")
