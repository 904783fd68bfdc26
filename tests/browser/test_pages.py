"""What people see, in a real browser, with everything from this installation alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, log_in

pytestmark = pytest.mark.browser


def test_the_first_page_links_to_what_there_is(page: Page, demo: Demo, outside: list[str]) -> None:
    page.goto(demo.base)

    page.get_by_role("link", name="API documentation").click()

    expect(page.get_by_text("/api/posts/{id}/schedule", exact=True)).to_be_visible()
    assert outside == []


def test_redoc_shows_the_whole_description_without_outside_assets(page: Page, demo: Demo, outside: list[str]) -> None:
    page.goto(f"{demo.base}/api/docs/redoc")

    expect(page.get_by_role("heading", name="Oui Post API")).to_be_visible()
    expect(page.get_by_text("/api/posts/{id}/schedule").first).to_be_attached()
    blocked = [entry for entry in outside if "cdn.redoc.ly/redoc/logo-mini.svg" in entry]
    assert outside == blocked  # the bundle asks for one logo, which our policy blocks


def test_staff_find_a_post_and_its_targets_in_the_console(page: Page, demo: Demo, outside: list[str]) -> None:
    log_in(page, demo)

    page.goto(f"{demo.base}/console/posts/post/")
    page.get_by_role("link", name="Hello from Oui Post!").click()

    expect(page.get_by_text(re.compile("https?://.*/sandbox/bsky.app/profile/")).first).to_be_visible()
    assert outside == []


def test_a_person_connects_bluesky_on_our_own_page(page: Page, demo: Demo) -> None:
    body = {"platform": "bluesky", "callback_url": f"{demo.base}/healthz"}
    opened = page.request.post(f"{demo.base}/api/accounts", data=body, headers=demo.headers).json()["data"]

    page.goto(opened["auth_url"])
    page.get_by_label("Handle").fill("baker.bsky.social")
    page.get_by_label("App password").fill("not an app password")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("App password").fill("abcd-efgh-ijkl-mnop")
    page.get_by_role("button", name="Connect").click()

    expect(page).to_have_url(re.compile(rf"/healthz\?code=.+&state={opened['state']}"))
