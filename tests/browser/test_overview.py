"""The console's first page and its numbers, as staff open them."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo

pytestmark = pytest.mark.browser


def test_staff_see_how_all_is_and_read_a_chart_as_a_table(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    staff.goto(f"{demo.base}/console/")

    chart = staff.get_by_role("img", name="Chart: Posts by state, last 30 days.")
    expect(chart).to_be_visible()
    assert chart.evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(x => x)"
    )
    numbers = staff.get_by_role("table", name="Posts by state, last 30 days")
    expect(numbers).to_be_hidden()
    staff.get_by_text("The numbers as a table").first.click()
    expect(numbers.get_by_role("columnheader", name="published", exact=True)).to_be_visible()
    expect(staff.get_by_role("heading", name="Going out next")).to_be_visible()
    accessible(staff)
    staff.emulate_media(color_scheme="dark")
    accessible(staff)
    assert outside == []


def test_staff_choose_a_network_and_take_its_numbers_along(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    demo.product.manage("sync_analytics", "--all")
    staff.get_by_role("link", name="Analytics").first.click()
    staff.get_by_role("combobox", name="Network").select_option("Bluesky")
    staff.get_by_role("button", name="Show", exact=True).click()

    expect(staff.get_by_role("img", name="Chart: Posts over time.")).to_be_visible()
    accessible(staff)
    with staff.expect_download() as downloading:
        staff.get_by_role("link", name="Download as CSV").click()
    downloading.value.save_as(tmp_path / "numbers.csv")
    with (tmp_path / "numbers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["platform"] for row in rows} == {"bluesky"}
    staff.get_by_text("Show the table").click()
    expect(staff.get_by_role("group", name="All numbers").get_by_role("row")).to_have_count(1 + len(rows))
    assert outside == []


def test_both_pages_fit_a_telephone(staff: Page, demo: Demo) -> None:
    staff.set_viewport_size({"width": 390, "height": 800})
    demo.product.manage("sync_analytics", "--all")

    widths = []
    for address in ("/console/", "/console/analytics/"):
        staff.goto(f"{demo.base}{address}")
        widths.append(staff.evaluate("document.documentElement.scrollWidth"))

    assert widths == [390, 390]


SCROLLED = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.ariaLabel)"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_table_of_numbers_scrolls_sideways_on_a_telephone(
    staff: Page, demo: Demo, accessible: Callable[[Page], None], language: str
) -> None:
    demo.product.manage("sync_analytics", "--all")
    staff.context.add_cookies([{"name": "django_language", "value": language, "url": demo.base}])
    staff.set_viewport_size({"width": 390, "height": 800})

    tables, scrolled = [], []
    for address in ("", f"?workspace={demo.workspace_id}"):
        staff.goto(f"{demo.base}/console/analytics/{address}")
        for each in staff.locator("details.op-numbers > summary").all():
            each.click()
        scrolled += staff.locator(".op-scroll").evaluate_all(SCROLLED)
        tables.append(staff.locator(".op-stack").count())
        accessible(staff)

    assert (min(tables) >= 2, scrolled) == (True, [])
