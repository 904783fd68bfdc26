"""Many rows at once, as a person does it: begun, seen to go on by itself, left, and found again."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo

pytestmark = pytest.mark.browser
MANY = 21


def test_a_person_deletes_many_posts_leaves_and_finds_the_work_again(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    for number in range(MANY):
        demo.call("POST", "/api/posts", {"content": f"Crumbs {number}", "platforms": ["facebook"]})
    staff.goto(f"{demo.base}/console/posts/post/?q=Crumbs")
    staff.locator("#action-toggle").check()
    staff.locator("select[name=action]").select_option("delete_posts")
    accessible(staff)
    staff.get_by_role("button", name="Run").click()
    expect(staff.get_by_text("It goes on in the background")).to_be_visible()
    staff.get_by_role("button", name="Delete").click()

    staff.wait_for_url(re.compile(r"/console/jobs/job_[0-9a-f-]+/"))
    expect(staff.get_by_role("heading", name="Delete: done")).to_be_visible()  # the page looks again by itself
    expect(staff.get_by_text(f"{MANY} of {MANY} done.")).to_be_visible()
    expect(staff.get_by_role("button", name="Stop it")).to_have_count(0)
    accessible(staff)
    staff.goto(f"{demo.base}/console/")
    staff.get_by_role("link", name="Background work").click()
    staff.wait_for_url(f"{demo.base}/console/jobs/")
    accessible(staff)
    staff.get_by_role("region", name="The latest").get_by_role("link", name="Delete").first.click()

    expect(staff.get_by_text(f"{MANY} of {MANY} done.")).to_be_visible()
    assert outside == []
