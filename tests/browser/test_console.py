"""The console's frame: the same on every page, in two languages, light and dark."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, log_in

pytestmark = pytest.mark.browser
ROOMS = (
    ("/console/", "Vue d’ensemble"),
    ("/console/calendar/", "Calendrier"),
    ("/console/compose/", "Nouvelle publication"),
    ("/console/posts/post/", "Publications"),
    ("/console/accounts/socialaccount/", "Comptes"),
    ("/console/analytics/", "Statistiques"),
)


def test_the_console_turns_french_and_dark_and_stays_readable(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    menu = staff.get_by_role("button", name=re.compile(demo.email))
    menu.press("Enter")
    accessible(staff)
    staff.get_by_role("button", name="Français").press("Enter")
    expect(staff.locator("html")).to_have_attribute("lang", "fr")
    menu.press("Enter")
    staff.get_by_role("button", name="Sombre").press("Enter")
    expect(staff.locator("html")).to_have_class(re.compile("dark"))

    for address, title in ROOMS:
        staff.goto(f"{demo.base}{address}")
        expect(staff.get_by_role("link", name=title).first).to_be_visible()
        expect(staff.locator("html")).to_have_class(re.compile("dark"))
        expect(staff.get_by_role("main")).to_have_count(1)
        expect(staff.get_by_label("scrollable content")).to_have_count(0)
        accessible(staff)
    assert outside == []


def test_one_long_word_makes_no_page_wider_than_a_phone(staff: Page, demo: Demo) -> None:
    word, at = "x" * 200, (datetime.now(UTC) + timedelta(days=1)).isoformat()
    demo.call("POST", "/api/posts", {"content": word, "platforms": ["facebook"], "scheduled_at": at})
    staff.set_viewport_size({"width": 375, "height": 740})

    widths = {}
    for address, _ in ROOMS:
        staff.goto(f"{demo.base}{address}")
        if "calendar" in address:
            expect(staff.get_by_role("link", name=word[:50])).to_be_visible()
        widths[address] = staff.evaluate("document.documentElement.scrollWidth")

    assert widths == {address: 375 for address, _ in ROOMS}


def test_pages_are_read_without_scripts(browser: Browser, demo: Demo) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    log_in(page, demo)

    page.goto(f"{demo.base}/console/calendar/")
    page.get_by_role("link", name="The list of posts").click()
    page.get_by_role("link", name="Hello from Oui Post!").click()

    expect(page.get_by_role("heading", name=re.compile("It is out at all of its networks"))).to_be_visible()
