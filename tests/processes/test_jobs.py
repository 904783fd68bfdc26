"""Work that goes on in the background between real processes: killed, and done once."""

import signal
from dataclasses import replace
from typing import Any

import pytest
import requests

from tests.product import Product, wait_for

pytestmark = pytest.mark.crash
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
        wait_for(lambda point=point: is_killed(hasty, point), seconds=60, what=f"a death when {point}")  # type: ignore[misc]
    between = len(drafts(idle))
    idle.worker()
    wait_for(lambda: f"{MANY} of {MANY} done." in browser.get(job, timeout=30).text, seconds=60, what="the end")

    assert MANY < between < 2 * MANY
    assert len(drafts(idle)) == 2 * MANY


def is_killed(product: Product, point: str) -> bool:
    return product.start("-m", "tests.crash.jobber", point).wait(timeout=60) == -signal.SIGKILL
