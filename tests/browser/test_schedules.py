"""A schedule as a person writes it with the keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo

pytestmark = pytest.mark.browser


def test_a_refused_schedule_leads_with_the_keyboard_to_each_field_that_mends_it(
    staff: Page, demo: Demo, accessible: Callable[[Page], None]
) -> None:
    staff.goto(f"{demo.base}/console/posts/schedule/add/")
    staff.get_by_label("Time zone").fill("Mars")
    staff.get_by_role("button", name="Save").press("Enter")

    expect(staff.get_by_role("alert")).to_be_focused()
    accessible(staff)
    name = staff.get_by_label("Name", exact=True)
    expect(name).to_have_accessible_description("This field may not be blank.")
    staff.keyboard.press("Tab")
    staff.keyboard.press("Enter")
    expect(name).to_be_focused()
    staff.get_by_role("alert").get_by_role("link", name="Monday 09:00").press("Enter")
    expect(staff.get_by_role("group", name="Networks")).to_be_focused()


def test_times_that_were_added_and_removed_are_so_after_a_step_back(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/posts/schedule/add/")
    staff.get_by_label("Name", exact=True).fill("Evenings")
    for _ in range(2):
        staff.get_by_role("button", name="Add a time").press("Enter")
    staff.get_by_label("Time of the day").last.fill("17:15")
    staff.get_by_role("checkbox", name="Bluesky").last.check()
    staff.get_by_role("button", name="Remove").first.press("Enter")
    staff.get_by_role("link", name="Calendar").first.click()
    staff.wait_for_url("**/console/calendar/")
    staff.go_back()

    expect(staff.get_by_label("Name", exact=True)).to_have_value("Evenings")
    times = staff.get_by_label("Time of the day")
    expect(times).to_have_count(2)
    expect(times.last).to_have_value("17:15")
    boxes = staff.get_by_role("checkbox", name="Bluesky")
    assert [box.is_checked() for box in boxes.all()] == [False, True]
    staff.get_by_role("button", name="Add a time").press("Enter")
    expect(staff.locator("[name=slot-3-time]")).to_have_count(1)


def test_accounts_of_a_chosen_workspace_stay_marked_after_a_step_back(staff: Page, demo: Demo) -> None:
    other = demo.call("POST", "/api/workspaces", {"name": "Other"})["workspace"]  # of several, one must be chosen
    staff.goto(f"{demo.base}/console/posts/schedule/add/")
    staff.get_by_label("Workspace", exact=True).select_option(demo.workspace_id)
    staff.get_by_text("Only some accounts").click()
    account = staff.locator("#slots details input[type=checkbox]").first
    account.check()
    marked = account.get_attribute("value")
    staff.get_by_role("link", name="Calendar").first.click()
    staff.wait_for_url("**/console/calendar/")
    staff.go_back()

    expect(staff.get_by_label("Workspace", exact=True)).to_have_value(demo.workspace_id)
    kept = staff.locator(f'#slots input[value="{marked}"]')
    expect(kept).to_be_checked()
    expect(kept).to_be_visible()
    demo.call("DELETE", f"/api/workspaces/{other['id']}")
