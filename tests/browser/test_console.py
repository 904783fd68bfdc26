"""The console's frame: the same on every page, in two languages, light and dark."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo

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
        accessible(staff)
    assert outside == []
