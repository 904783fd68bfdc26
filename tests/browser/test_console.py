"""The console's frame: the same on every page, in two languages, light and dark."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, log_in

pytestmark = pytest.mark.browser
ENDS = """p => {
  const words = document.createRange();
  words.selectNodeContents(p);
  const [inner, outer] = [words.getBoundingClientRect(), p.getBoundingClientRect()];
  return [inner.left - outer.left, outer.right - inner.right];
}"""
IS_WHOLE = "a => a.getBoundingClientRect().right <= a.parentElement.getBoundingClientRect().right"
TWICE = "button => { button.click(); setTimeout(() => button.click(), 10); }"
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


def test_what_is_drawn_as_an_icon_has_a_name_in_words(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/workspaces/user/?o=1")

    for name in ("Overview", "Add user", "Toggle sorting", "Remove from sorting"):
        expect(staff.get_by_role("link", name=name, exact=True)).to_have_count(1)
    expect(staff.get_by_role("button", name="Search", exact=True)).to_have_count(1)
    expect(staff.get_by_role("cell", name="yes", exact=True)).to_have_count(1)
    seen = staff.locator("body").aria_snapshot()
    assert [icon for icon in ("space_dashboard", "manage_search", "cancel", "check_small") if icon in seen] == []

    staff.goto(f"{demo.base}/console/accounts/socialaccount/")
    staff.get_by_role("rowheader").get_by_role("link").first.click()
    staff.set_viewport_size({"width": 375, "height": 740})
    expect(staff.get_by_role("link", name="More actions", exact=True)).to_have_count(1)


def test_the_login_waits_where_one_begins_to_type(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.base}/console/")

    expect(page.get_by_label("Email")).to_be_focused()


def test_no_list_breaks_the_name_of_a_network_in_two(staff: Page, demo: Demo) -> None:
    staff.set_viewport_size({"width": 1024, "height": 768})
    staff.goto(f"{demo.base}/console/accounts/socialaccount/")
    lines = "cell => { const r = document.createRange(); r.selectNodeContents(cell); return r.getClientRects().length }"

    assert staff.get_by_role("cell", name="Instagram", exact=True).evaluate(lines) == 1


@pytest.mark.parametrize("width", [1200, 390])
def test_no_line_touches_what_stands_below_it(staff: Page, demo: Demo, width: int) -> None:
    staff.set_viewport_size({"width": width, "height": 844})
    console = f"{demo.base}/console"

    staff.goto(f"{console}/workspaces/workspace/{demo.workspace_id}/change/")
    gaps = [gap(staff, "nav.op-choices", "fieldset.module")]
    staff.goto(f"{console}/old-data/")
    gaps.append(gap(staff, "#old + p", "table.op-table"))
    staff.goto(f"{console}/posts/schedule/add/")
    staff.get_by_role("button", name="Save").click()
    gaps.append(gap(staff, "#schedule > .op-refused", "#schedule > .op-field"))

    assert [each >= 8 for each in gaps] == [True, True, True]


def gap(page: Page, upper: str, lower: str) -> float:
    """Return how many pixels are between two elements, of which one is below the other."""
    boxes = [page.locator(each).first.bounding_box() for each in (upper, lower)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    return boxes[1]["y"] - boxes[0]["y"] - boxes[0]["height"]


def test_arabic_is_shown_from_the_right(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox").first.check()
    staff.get_by_label("Text", exact=True).fill("خبز طازج كل صباح. #خبز")
    shown = staff.locator(".op-compose-mock-text")

    expect(shown).to_be_visible()
    left, right = shown.evaluate(ENDS)
    assert (left > 10, right < 1) == (True, True)


def test_one_long_word_makes_no_page_wider_than_a_phone(staff: Page, demo: Demo) -> None:
    word, at = "x" * 200, (datetime.now(UTC) + timedelta(days=1)).isoformat()
    demo.call("POST", "/api/posts", {"content": word, "platforms": ["facebook"], "scheduled_at": at})
    staff.set_viewport_size({"width": 375, "height": 740})

    widths = {}
    for address, _ in ROOMS:
        staff.goto(f"{demo.base}{address}")
        if "calendar" in address:
            expect(staff.get_by_role("link", name=word[:50])).to_be_visible()
        if "posts" in address:
            assert staff.get_by_role("link", name=word[:50]).evaluate(IS_WHOLE)
        widths[address] = staff.evaluate("document.documentElement.scrollWidth")

    assert widths == {address: 375 for address, _ in ROOMS}


def test_a_long_word_makes_no_question_wider_than_a_phone(staff: Page, demo: Demo) -> None:
    post = demo.call("POST", "/api/posts", {"content": "x" * 200, "platforms": ["facebook"]})["post"]
    staff.set_viewport_size({"width": 375, "height": 740})
    staff.goto(f"{demo.base}/console/posts/post/{post['id']}/change/")
    staff.get_by_role("button", name="Delete").click()

    expect(staff.get_by_role("link", name="Do nothing")).to_be_visible()
    assert staff.evaluate("document.documentElement.scrollWidth") == 375


def test_the_long_name_of_what_is_paused_makes_no_page_wider_than_a_phone(staff: Page, demo: Demo) -> None:
    workspace = demo.call("POST", "/api/workspaces", {"name": "x" * 60})["workspace"]
    staff.set_viewport_size({"width": 375, "height": 740})
    staff.goto(f"{demo.base}/console/pauses/")
    staff.get_by_label("One workspace").check()
    staff.get_by_label("Which workspace").select_option(workspace["id"])
    staff.get_by_label("Why").fill("They move.")
    staff.get_by_role("button", name="See what would wait").click()
    staff.get_by_role("button", name="Pause it").click()

    widths = []
    for address in ("/console/pauses/", "/console/"):
        staff.goto(f"{demo.base}{address}")
        expect(staff.get_by_text("They move.")).to_be_visible()
        widths.append(staff.evaluate("document.documentElement.scrollWidth"))
    demo.call("DELETE", f"/api/workspaces/{workspace['id']}")  # its pause ends with it
    assert widths == [375, 375]


def test_pages_are_read_without_scripts(browser: Browser, demo: Demo) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    log_in(page, demo)

    page.goto(f"{demo.base}/console/calendar/")
    page.get_by_role("link", name="The list of posts").click()
    page.get_by_role("link", name="Hello from Oui Post!").click()

    expect(page.get_by_role("heading", name=re.compile("It has been out at all of its networks"))).to_be_visible()


def test_a_form_that_is_sent_by_two_clicks_is_sent_once(staff: Page, demo: Demo) -> None:
    sent: list[str] = []
    staff.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    for name in ("First", "Second"):
        staff.goto(f"{demo.base}/console/workspaces/apikey/add/")
        staff.get_by_label("Name").fill(name)
        staff.get_by_role("button", name="Save", exact=True).evaluate(TWICE)
        expect(staff.locator("#secret")).to_be_visible()

    assert len(sent) == 2


def test_a_page_with_a_secret_that_is_loaded_again_makes_no_second_key(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/workspaces/apikey/add/")
    staff.get_by_label("Name").fill("Only one")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.locator("#secret")).to_be_visible()

    staff.reload()

    expect(staff.get_by_text("It was added already, so nothing was done.")).to_be_visible()
    staff.goto(f"{demo.base}/console/workspaces/apikey/")
    expect(staff.get_by_role("link", name="Only one")).to_have_count(1)


def test_whoever_was_logged_out_gets_the_login_as_a_whole_page(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/posts/schedule/add/")
    staff.context.clear_cookies(name="sessionid")

    staff.locator("select[name=workspace]").select_option(demo.workspace_id)

    chosen = f"/console/posts/schedule/add/%3Fworkspace%3D{demo.workspace_id}"
    staff.wait_for_url(f"{demo.base}/console/login/?next={chosen}")
    expect(staff.get_by_role("button", name="Log in")).to_be_visible()


def test_a_name_that_runs_from_right_to_left_turns_nothing_beside_it(staff: Page, demo: Demo) -> None:
    row = "<table class='op-table'><tr><td class='op-text'><a>\u05de\u05d0\u05e4\u05d9\u05d4!</a> (3)</td></tr></table>"
    staff.locator("#content").evaluate("(place, row) => { place.innerHTML = row; }", row)

    name, number = staff.evaluate(
        """[document.querySelector("td a").firstChild, document.querySelector("td a").nextSibling].map((text) => {
          const range = document.createRange();
          range.selectNode(text);
          return range.getBoundingClientRect().toJSON();
        })"""
    )

    assert name["right"] <= number["left"]


def test_a_refused_form_leads_with_the_keyboard_to_each_field_that_mends_it(
    staff: Page, demo: Demo, accessible: Callable[[Page], None]
) -> None:
    staff.goto(f"{demo.base}/console/events/webhook/add/")
    staff.get_by_label("Secret").fill("typed before")
    staff.get_by_role("button", name="Save", exact=True).press("Enter")

    refused = staff.get_by_role("alert")
    expect(refused).to_be_focused()
    accessible(staff)
    staff.keyboard.press("Tab")
    staff.keyboard.press("Enter")
    expect(staff.get_by_label("Address")).to_be_focused()
    refused.get_by_role("link", name="Events").press("Enter")
    first = staff.get_by_role("checkbox", name="post.created")
    expect(first).to_be_focused()
    expect(first).to_have_accessible_description(re.compile("This field is required."))
    expect(staff.get_by_label("Secret")).to_have_value("typed before")
