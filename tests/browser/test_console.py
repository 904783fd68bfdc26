"""The console's frame: the same on every page, in two languages, light and dark."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_the_console_turns_french_and_dark_and_stays_readable(
    staff: Page, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    accessible(staff)
    assert outside == []
