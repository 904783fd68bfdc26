"""What a person does to let a workspace post somewhere, and to give a program another key."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo

pytestmark = pytest.mark.browser


def test_a_person_connects_a_facebook_page_and_chooses_which(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    staff.goto(f"{demo.base}/console/accounts/socialaccount/")
    staff.get_by_role("link", name="Add").first.click()
    expect(staff.get_by_role("heading", name="Which network should Demo post to?")).to_be_visible()
    accessible(staff)
    staff.get_by_role("button", name="Sign in at Facebook").click()

    staff.get_by_label("You are").fill("Alice")
    staff.locator("button.yes").click()  # the network asks who it is first, then what may be used
    if staff.locator("button.yes").count():
        staff.locator("button.yes").click()
    expect(staff.get_by_role("heading", name="Choose what to connect")).to_be_visible()
    accessible(staff)
    staff.get_by_role("checkbox", name=re.compile("Alice Books")).check()
    staff.get_by_role("button", name="Connect").click()

    expect(staff.get_by_text("Connected to Demo: Alice Books.")).to_be_visible()
    expect(staff.get_by_text("All is well")).to_be_visible()
    accessible(staff)
    names = [account["name"] for account in demo.call("GET", "/api/accounts?platform=facebook")["accounts"]]
    assert ("Alice Books" in names, "Alice Bakery" in names) == (True, False)
    assert outside == []


def test_a_person_who_refuses_at_the_network_is_told_so_and_starts_again(
    staff: Page, demo: Demo, accessible: Callable[[Page], None]
) -> None:
    staff.goto(f"{demo.base}/console/connect/")
    staff.get_by_role("button", name="Sign in at Facebook").click()
    staff.get_by_role("button", name="Deny").click()

    expect(staff.get_by_text("Access was not allowed at Facebook.")).to_be_visible()
    accessible(staff)
    staff.get_by_role("link", name="Start again").click()
    expect(staff.get_by_role("button", name="Sign in at Facebook")).to_be_visible()


def test_a_person_rotates_a_key_and_sees_the_new_secret_once(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    staff.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=demo.base)
    staff.goto(f"{demo.base}/console/workspaces/apikey/")
    staff.get_by_role("link", name=re.compile("Demo")).first.click()
    staff.wait_for_url(re.compile("/change/"))
    accessible(staff)
    staff.get_by_role("link", name="Rotate").click()
    staff.wait_for_url(re.compile("/rotate"))
    accessible(staff)
    staff.get_by_role("button", name="Rotate").click()

    field = staff.get_by_label("Copy it now")
    expect(field).to_have_value(re.compile(r"^pk_test_\w{32}$"))
    secret = field.input_value()
    accessible(staff)
    staff.get_by_role("button", name="Copy", exact=True).click()
    expect(staff.get_by_text("Copied")).to_be_visible()
    assert staff.evaluate("navigator.clipboard.readText()") == secret
    staff.get_by_role("link", name="I have it: go on").click()
    expect(staff.get_by_role("heading", name="What it may do")).to_be_visible()
    assert secret not in staff.content()
    assert outside == []
