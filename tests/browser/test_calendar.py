"""The calendar, as a person uses it: with a mouse, and with the keyboard alone."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Demo

pytestmark = pytest.mark.browser

MONTH = datetime.now(UTC).replace(day=15) + timedelta(days=80)
"""A month in which nobody else has posts."""


@pytest.fixture(autouse=True)
def _in_paris(page: Page, demo: Demo) -> Iterator[None]:
    """Have the demo's clock in Paris, which has summer time, and afterwards again where it was."""
    set_zone(page, demo, "Europe/Paris")
    yield
    set_zone(page, demo, "UTC")


def test_a_person_drags_a_post_to_another_day_and_finds_it_there(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    post = scheduled(staff, demo, day(10), "Dragged by the mouse")
    open_calendar(staff, demo)

    tile = staff.get_by_role("link", name=re.compile("Dragged by the mouse"))
    drag(staff, tile, cell(staff, day(12)))

    expect(staff.get_by_role("status")).to_contain_text("The post goes out on")
    staff.reload()
    expect(cell(staff, day(12)).get_by_role("link", name=re.compile("Dragged by the mouse"))).to_be_visible()
    assert at_the_api(staff, demo, post) == f"{day(12)}T09:30:00"
    accessible(staff)
    staff.get_by_role("button", name="Week").click()
    expect(staff.locator(".fc-timegrid")).to_be_visible()
    accessible(staff)
    assert outside == []


def test_a_draft_is_scheduled_by_dragging_it_into_the_calendar(staff: Page, demo: Demo) -> None:
    body = {"content": "Dragged from the drafts", "platforms": ["bluesky"]}
    post = called(staff, demo, "/api/posts", body)["post"]["id"]
    open_calendar(staff, demo)
    tile = staff.get_by_role("link", name=re.compile("Dragged from the drafts"))

    drag(staff, staff.locator(".op-calendar-draft", has_text="Dragged from the drafts"), cell(staff, day(11)))

    expect(staff.get_by_role("status")).to_contain_text("The post goes out on")
    expect(cell(staff, day(11)).get_by_role("link", name=re.compile("Dragged from the drafts"))).to_be_visible()
    expect(tile).to_have_count(1)
    assert at_the_api(staff, demo, post) == f"{day(11)}T09:00:00"


def test_a_refused_drag_snaps_back_and_says_why(staff: Page, demo: Demo) -> None:
    post = scheduled(staff, demo, day(10), "Held by the past")
    open_calendar(staff, demo)
    staff.request.delete(f"{demo.base}/api/posts/{post}", headers=demo.headers)

    drag(staff, staff.get_by_role("link", name=re.compile("Held by the past")), cell(staff, day(13)))

    expect(staff.locator("#calendar-refused")).to_contain_text("stays where it was")
    expect(cell(staff, day(10)).get_by_role("link", name=re.compile("Held by the past"))).to_be_visible()


def test_a_post_that_somebody_has_called_back_is_not_scheduled_by_an_old_calendar(staff: Page, demo: Demo) -> None:
    post = scheduled(staff, demo, day(10), "Called back")
    open_calendar(staff, demo)
    called(staff, demo, f"/api/posts/{post}/unschedule", {})

    drag(staff, staff.get_by_role("link", name=re.compile("Called back")), cell(staff, day(13)))

    expect(staff.locator("#calendar-refused")).to_contain_text("Somebody has changed this post")
    expect(staff.locator(".op-calendar-draft", has_text="Called back")).to_be_visible()
    expect(staff.locator(".fc-event", has_text="Called back")).to_have_count(0)


def test_a_post_in_a_queue_is_dragged_only_after_it_was_said_that_it_leaves_its_slot(staff: Page, demo: Demo) -> None:
    post = scheduled(staff, demo, day(10), "Waits in a queue")
    slots = [{"day": "wednesday", "time": "11:00", "platforms": ["bluesky"]}]
    schedule = called(staff, demo, "/api/schedules", {"name": "Wednesdays", "slots": slots})["schedule"]["id"]
    taken = called(staff, demo, f"/api/posts/{post}/schedule", {"schedule_id": schedule})["post"]["scheduled_at"]
    slot = datetime.fromisoformat(taken).astimezone(ZoneInfo("Europe/Paris")).date()
    open_calendar(staff, demo, date=f"{slot:%Y-%m-15}")
    tile = staff.get_by_role("link", name=re.compile("Waits in a queue"))

    drag(staff, tile, cell(staff, f"{slot + timedelta(days=1)}"))
    dialog = staff.get_by_role("dialog", name="Move the post")
    expect(dialog.get_by_text("waits in the queue of Wednesdays")).to_be_visible()
    staff.keyboard.press("Escape")
    expect(cell(staff, f"{slot}").get_by_role("link", name=re.compile("Waits in a queue"))).to_be_visible()
    drag(staff, tile, cell(staff, f"{slot + timedelta(days=1)}"))
    staff.get_by_role("button", name="Set this time").click()

    expect(staff.get_by_role("status")).to_contain_text("It left its slot in Wednesdays.")
    free = cell(staff, f"{slot}").get_by_role("link", name="11:00 Wednesdays: free slot")
    expect(free).to_contain_text("11:00 Wednesdays")  # who speaks to the browser says what is seen
    staff.request.delete(f"{demo.base}/api/schedules/{schedule}", headers=demo.headers)


def test_a_person_moves_a_post_by_the_keyboard_alone(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    post = scheduled(staff, demo, day(11), "Moved by the keyboard")
    open_calendar(staff, demo, view="agenda", date=day(11))

    button = staff.get_by_role("button", name="Move to another time: Moved by the keyboard")
    button.focus()
    staff.keyboard.press("Enter")
    dialog = staff.get_by_role("dialog", name="Move the post")
    expect(dialog).to_be_visible()
    accessible(staff)
    staff.get_by_label("Time", exact=True).fill("18:45")
    staff.keyboard.press("Enter")

    expect(dialog).to_be_hidden()
    expect(staff.get_by_role("status")).to_contain_text("18:45")
    assert at_the_api(staff, demo, post) == f"{day(11)}T18:45:00"
    assert outside == []


def test_a_time_that_comes_twice_is_chosen_with_a_button(staff: Page, demo: Demo) -> None:
    year = MONTH.year + 1
    back = datetime(year, 10, 31, tzinfo=UTC)
    back -= timedelta(days=(back.weekday() + 1) % 7)  # the last Sunday of October
    post = scheduled(staff, demo, f"{year}-10-20", "Chosen of two")
    open_calendar(staff, demo, date=f"{year}-10-15")
    expect(staff.get_by_text("the clocks go back: after 03:00 comes 02:00 again.")).to_be_visible()

    staff.get_by_role("link", name=re.compile("Chosen of two")).hover()
    button = staff.get_by_role("button", name="Move to another time: Chosen of two")
    button.click()
    staff.keyboard.press("Escape")
    expect(button).to_be_focused()
    button.click()
    staff.get_by_label("Date", exact=True).fill(f"{back:%Y-%m-%d}")
    staff.get_by_label("Time", exact=True).fill("02:30")
    staff.get_by_role("button", name="Set this time").click()
    staff.get_by_role("button", name=re.compile(r"02:30 \(UTC\+01:00\)")).click()

    expect(staff.get_by_role("status")).to_contain_text("02:30")
    assert at_the_api(staff, demo, post) == f"{back:%Y-%m-%d}T02:30:00"


def day(number: int) -> str:
    return f"{MONTH:%Y-%m}-{number}"


def set_zone(page: Page, demo: Demo, zone: str) -> None:
    body = {"settings": {"timezone": zone}}
    answer = page.request.put(f"{demo.base}/api/workspaces/{demo.workspace_id}", data=body, headers=demo.headers)
    assert answer.ok, answer.text()


def scheduled(page: Page, demo: Demo, on: str, content: str) -> str:
    """Schedule a post for half past nine in the workspace's zone, Paris, and return its id."""
    body = {"content": content, "platforms": ["bluesky"], "scheduled_at": f"{on}T09:30:00"}
    return str(called(page, demo, "/api/posts", body)["post"]["id"])


def called(page: Page, demo: Demo, path: str, body: dict[str, Any]) -> Any:
    """Return what the API answers to a POST."""
    answer = page.request.post(f"{demo.base}{path}", data=body, headers=demo.headers)
    assert answer.ok, answer.text()
    return answer.json()["data"]


def at_the_api(page: Page, demo: Demo, post: str) -> str:
    """Return the post's time by the clock of Paris."""
    answer: dict[str, Any] = page.request.get(f"{demo.base}/api/posts/{post}", headers=demo.headers).json()["data"][
        "post"
    ]
    at = datetime.fromisoformat(answer["scheduled_at"]).astimezone(ZoneInfo("Europe/Paris"))
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def open_calendar(page: Page, demo: Demo, *, view: str = "month", date: str = "") -> None:
    page.goto(
        f"{demo.base}/console/calendar/?workspace={demo.workspace_id}&view={view}&date={date or day(15)}",
        wait_until="networkidle",
    )


def cell(page: Page, date: str) -> Locator:
    return page.locator(f".fc-daygrid-day[data-date='{date}']")


def drag(page: Page, what: Locator, where: Locator) -> None:
    """Move the mouse as a hand does: a drag begins with a few steps."""
    where.scroll_into_view_if_needed()
    what.scroll_into_view_if_needed()
    start, end = what.bounding_box(), where.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 8, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=12)
    page.mouse.up()
