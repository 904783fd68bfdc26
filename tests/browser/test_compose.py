"""Composing a post as a person does: with a picture, an issue seen and mended, and out it goes."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, FilePayload, Page, expect

from tests.browser.conftest import Demo, log_in
from tests.posts.media.pictures import picture

pytestmark = pytest.mark.browser
DEMO = re.compile("Demo")
"""The account that the demo has connected: another test connects a second one."""
AWAITS = """address => {
  const part = document.createElement("ul");
  part.setAttribute("hx-get", address);
  part.setAttribute("hx-trigger", "every 1s");
  document.getElementById("compose-uploads").before(part);
  htmx.process(part);
}"""
"""Puts into the page the part that asks whether a large file has come."""
ABOVE_THE_BAR = """() => {
  const [field, bar] = [document.activeElement, document.querySelector(".op-compose-main")];
  return bar.getBoundingClientRect().top - field.getBoundingClientRect().bottom;
}"""
TOO_LONG = "Fresh bread every morning. " * 12


def a_picture(name: str) -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": picture(size=(1200, 900))}


def test_a_person_writes_a_post_with_a_picture_mends_it_and_publishes_it(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Instagram").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_role("group", name="Twitter/X").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill(TOO_LONG)
    preview = staff.get_by_role("complementary", name="Preview")
    expect(preview.get_by_text("This network takes no post of this kind without a file.")).to_be_visible()
    expect(preview.get_by_text("323 of 280 characters")).to_be_visible()
    expect(staff.get_by_text("2 things to fix before it can go out.")).to_be_visible()
    accessible(staff)

    staff.get_by_label("Add pictures, videos or a document").set_input_files(a_picture("loaf.jpg"))
    staff.get_by_label("What it shows, for people who cannot see it").fill("A loaf of rye")
    expect(preview.get_by_text("A loaf of rye").first).to_be_visible()
    preview.get_by_role("link", name="Text").click()
    expect(staff.get_by_label("Text", exact=True)).to_be_focused()
    staff.keyboard.press("Control+A")
    staff.keyboard.type("Fresh bread every morning")
    expect(staff.get_by_text("It can go out as it is.")).to_be_visible()
    accessible(staff)
    staff.get_by_role("button", name="Publish now").click()
    staff.get_by_role("button", name="Yes, publish it").click()

    staff.wait_for_url(re.compile(r"/console/posts/post/post_[0-9a-f-]+/change/"))
    expect(staff.get_by_text("The post is on its way.")).to_be_visible()
    assert published(staff, demo) == ("published", "Fresh bread every morning", "A loaf of rye")
    assert outside == []


def test_pictures_are_put_in_order_with_the_keyboard_and_kept_so(staff: Page, demo: Demo, outside: list[str]) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Two loaves")
    staff.get_by_label("Add pictures, videos or a document").set_input_files(
        [a_picture("rye.jpg"), a_picture("wheat.jpg")]
    )
    expect(staff.locator(".op-compose-file")).to_have_count(2)
    expect(staff).to_have_url(re.compile(r"/console/compose/post_"))

    staff.get_by_role("button", name="Move wheat.jpg forward").press("Enter")
    expect(staff.get_by_text("wheat.jpg is now number 1 of 2.")).to_be_attached()
    staff.locator("[data-file]", has_text="rye.jpg").get_by_label("Remove when the post is saved").check()
    staff.get_by_role("button", name="Save as draft").click()

    expect(staff.get_by_text("Saved as a draft.")).to_be_visible()
    expect(staff.locator(".op-compose-filename")).to_have_text([re.compile("wheat.jpg")])
    expect(staff.get_by_label("Text", exact=True)).to_have_value("Two loaves")
    assert outside == []


def test_who_was_logged_out_meanwhile_keeps_what_is_written_and_goes_on_after_a_login(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Written for an hour")
    staff.context.clear_cookies(name="sessionid")

    staff.get_by_role("button", name="Save as draft").click()

    expect(staff.get_by_text("what you wrote is still here").first).to_be_visible()
    expect(staff.get_by_label("Text", exact=True)).to_have_value("Written for an hour")
    with staff.context.new_page() as other:
        log_in(other, demo)
    staff.evaluate("window.dispatchEvent(new Event('focus'))")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_text("Saved as a draft.")).to_be_visible()
    expect(staff.get_by_label("Text", exact=True)).to_have_value("Written for an hour")


def test_a_post_without_an_account_is_refused_before_it_is_asked_about(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/compose/")

    staff.get_by_role("button", name="Publish now").click()

    expect(staff.get_by_text("Choose at least one account.").first).to_be_visible()
    expect(staff.get_by_text("Publish this post now?")).to_be_hidden()


def test_the_bar_with_the_buttons_hides_no_field_that_the_keyboard_is_in(staff: Page, demo: Demo) -> None:
    staff.set_viewport_size({"width": 390, "height": 844})
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_label("Text", exact=True).focus()

    gaps = []
    for _ in range(4):
        staff.keyboard.press("Tab")
        gaps.append(staff.evaluate(ABOVE_THE_BAR))

    assert [gap >= 0 for gap in gaps] == [True] * 4
    assert staff.locator(".op-compose-main").evaluate("bar => bar.offsetHeight") < 100


def test_the_first_tab_leads_past_the_navigation(staff: Page, demo: Demo, accessible: Callable[[Page], None]) -> None:
    staff.goto(f"{demo.base}/console/posts/post/")

    staff.keyboard.press("Tab")
    expect(staff.get_by_role("link", name="Go to the content")).to_be_in_viewport()
    accessible(staff)
    staff.keyboard.press("Enter")
    staff.keyboard.press("Tab")

    assert staff.evaluate("document.getElementById('content').contains(document.activeElement)")


def test_navigation_and_filters_open_by_keyboard(staff: Page, demo: Demo) -> None:
    staff.set_viewport_size({"width": 1024, "height": 800})
    staff.goto(f"{demo.base}/console/posts/post/")

    navigation = staff.get_by_role("button", name="Navigation")
    navigation.press("Enter")
    expect(navigation).to_have_attribute("aria-expanded", "true")
    expect(staff.get_by_role("link", name="Calendar").first).to_be_in_viewport()
    navigation.press("Escape")
    staff.get_by_role("button", name="Filters").press("Enter")
    expect(staff.get_by_role("button", name="Filters")).to_have_attribute("aria-expanded", "true")


@pytest.mark.parametrize("is_refused", [False, True], ids=["lost", "refused"])
def test_a_post_does_not_go_out_without_a_picture_that_did_not_arrive(
    staff: Page, demo: Demo, is_refused: bool
) -> None:
    text = f"Look at this, {is_refused}"
    staff.goto(f"{demo.base}/console/compose/")
    if not is_refused:
        staff.route("**/compose/files/", lambda route: route.abort("connectionreset"))
    file = a_picture("rye.jpg") | ({"buffer": b"only words"} if is_refused else {})
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Add pictures, videos or a document").set_input_files(file)

    publish(staff, text)

    expect(staff.get_by_text("rye.jpg did not arrive: try it again, or leave it out.")).to_be_visible()
    expect(staff.get_by_role("button", name="Try again")).to_be_focused()
    assert text not in texts(staff, demo)
    staff.get_by_role("button", name="Leave it out").click()
    expect(staff.get_by_text("It can go out as it is.")).to_be_visible()
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_text("Saved as a draft.")).to_be_visible()


def test_a_button_that_is_pressed_twice_counts_once(staff: Page, demo: Demo, outside: list[str]) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Only once")

    staff.get_by_role("button", name="Save as draft").dblclick()

    expect(staff.get_by_text("Saved as a draft.")).to_be_visible()
    assert texts(staff, demo).count("Only once") == 1
    assert outside == []


def test_whoever_goes_back_and_publishes_again_makes_no_second_post(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    publish(staff, "Published once")
    expect(staff.get_by_text("The post is on its way.")).to_be_visible()
    staff.go_back()
    publish(staff, "Published once")
    expect(staff.get_by_text("Nothing was done a second time.")).to_be_visible()
    staff.go_back()
    made_as = staff.locator("input[name=made_as]").input_value()
    publish(staff, "Another one")
    expect(staff.get_by_text("A post was made from this page already.")).to_be_visible()
    staff.go_back()
    assert staff.locator("input[name=made_as]").input_value() == made_as
    staff.reload()
    assert staff.locator("input[name=made_as]").input_value() != made_as

    publish(staff, "Another one")

    expect(staff.get_by_text("The post is on its way.")).to_be_visible()
    assert texts(staff, demo).count("Published once") == 1
    assert texts(staff, demo).count("Another one") == 1


def test_whoever_comes_back_finds_all_that_was_written_and_its_preview(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Twitter/X").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Post 1")
    staff.locator("details[data-network=twitter] summary").click()
    staff.get_by_label("Text: something else for Twitter/X").check()
    staff.get_by_label("Text for Twitter/X").fill("Post 1 at X")
    thread = staff.locator("textarea[name='platform_content.twitter.options.thread']")
    thread.fill("Post 2")
    staff.locator("details[data-network=twitter]").get_by_role("button", name="Add another").click()
    thread.nth(1).fill("Post 3")
    away_and_back(staff)

    expect(staff.get_by_role("complementary", name="Preview").get_by_text("Post 1 at X")).to_be_visible()
    expect(staff.locator("details[data-network=twitter] summary")).to_be_visible()
    staff.get_by_role("button", name="Publish now").click()
    staff.get_by_role("button", name="Yes, publish it").click()

    expect(staff.get_by_text("The post is on its way.")).to_be_visible()
    found = re.search("post_[0-9a-f-]+", staff.url)
    assert found
    said = demo.call("GET", f"/api/posts/{found[0]}")["post"]["platform_content"]["twitter"]
    assert said == {"content": "Post 1 at X", "options": {"thread": ["Post 2", "Post 3"]}}


def test_whoever_comes_back_to_a_draft_finds_its_files_as_they_were_and_goes_over_nobodys_change(
    staff: Page, demo: Demo
) -> None:
    post = demo.call("POST", "/api/posts", {"content": "Two loaves", "platforms": ["facebook"]})["post"]
    staff.goto(f"{demo.base}/console/compose/{post['id']}/")
    staff.get_by_label("Add pictures, videos or a document").set_input_files(
        [a_picture("rye.jpg"), a_picture("wheat.jpg")]
    )
    expect(staff.locator(".op-compose-file")).to_have_count(2)
    staff.get_by_role("button", name="Move wheat.jpg forward").click()
    staff.locator("[data-file]", has_text="wheat.jpg").locator("textarea").fill("A loaf of wheat")
    demo.call("PUT", f"/api/posts/{post['id']}", {"content": "Written by a colleague"})
    away_and_back(staff)

    expect(staff.locator(".op-compose-filename")).to_have_text([re.compile("wheat.jpg"), re.compile("rye.jpg")])
    staff.get_by_label("Text", exact=True).fill("Mine")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_text("They wrote: Written by a colleague").last).to_be_visible()
    staff.get_by_role("button", name="Save as draft").click()

    expect(staff.get_by_text("Saved as a draft.")).to_be_visible()
    first = staff.locator("[data-file]").first
    expect(first.locator("textarea")).to_have_value("A loaf of wheat")


def test_the_browser_asks_whoever_leaves_what_no_button_has_saved(staff: Page, demo: Demo) -> None:
    asked = questions(staff)
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_label("Text", exact=True).click()
    away_and_back(staff)
    assert asked == []

    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Written for an hour")
    away_and_back(staff)
    assert asked == ["beforeunload"]
    away_and_back(staff)
    assert asked == ["beforeunload"] * 2

    staff.get_by_role("textbox", name="Link").fill("nowhere")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_role("heading", name="Not done yet")).to_be_visible()
    assert asked == ["beforeunload"] * 2
    staff.get_by_role("link", name="Calendar").first.click()
    staff.wait_for_url(re.compile("/console/calendar/"))
    assert asked == ["beforeunload"] * 3


def test_nobody_is_asked_about_what_is_saved(staff: Page, demo: Demo) -> None:
    asked = questions(staff)
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Saved by its picture")
    staff.get_by_label("Add pictures, videos or a document").set_input_files(a_picture("rye.jpg"))
    expect(staff.locator(".op-compose-file")).to_have_count(1)
    away_and_back(staff)
    staff.get_by_label("Text", exact=True).fill("Saved by a button")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_text("Saved as a draft.")).to_be_visible()
    staff.get_by_label("Add pictures, videos or a document").set_input_files(a_picture("wheat.jpg"))
    expect(staff.locator(".op-compose-file")).to_have_count(2)
    away_and_back(staff)

    assert asked == []


def test_enter_in_the_field_of_the_time_schedules(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Not before 2090")
    staff.get_by_label("Date and time").fill("2090-07-01T09:30")

    staff.get_by_label("Date and time").press("Enter")

    expect(staff.get_by_text("Scheduled for Sat 1 Jul 2090, 09:30")).to_be_visible()


def questions(staff: Page) -> list[str]:
    """Say yes to all that the browser asks, and return a list in which the kinds of its questions are noted."""
    asked: list[str] = []

    def say_yes(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    staff.on("dialog", say_yes)
    return asked


def away_and_back(staff: Page) -> None:
    """Leave the page by a link, and come back to it."""
    staff.get_by_role("link", name="Calendar").first.click()
    staff.wait_for_url(re.compile("/console/calendar/"))
    staff.go_back()
    staff.wait_for_url(re.compile("/console/compose/"))


def publish(staff: Page, text: str) -> None:
    """Write a post for the demo's account at Facebook, and publish it."""
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill(text)
    staff.get_by_role("button", name="Publish now").click()
    staff.get_by_role("button", name="Yes, publish it").click()


def texts(staff: Page, demo: Demo) -> list[str]:
    """Return what all posts say."""
    answer = staff.request.get(f"{demo.base}/api/posts?limit=100", headers=demo.headers)
    return [post["content"] for post in answer.json()["data"]["posts"]]


def test_a_logout_is_told_and_what_is_written_can_still_be_saved(staff: Page, demo: Demo) -> None:
    staff.goto(f"{demo.base}/console/compose/")
    staff.get_by_role("group", name="Facebook").get_by_role("checkbox", name=DEMO).check()
    staff.get_by_label("Text", exact=True).fill("Typed before")
    expect(staff.get_by_text("It can go out as it is.")).to_be_visible()

    staff.context.clear_cookies()
    staff.get_by_label("Text", exact=True).press_sequentially(" the logout")
    told = staff.get_by_role("complementary", name="Preview").get_by_text("The preview could not be made.")
    expect(told).to_be_visible()
    with staff.context.new_page() as other:
        log_in(other, demo)
    staff.evaluate("window.dispatchEvent(new Event('focus'))")
    staff.get_by_role("button", name="Save as draft").click()

    expect(staff.get_by_text("Saved as a draft.")).to_be_visible()
    expect(staff.get_by_label("Text", exact=True)).to_have_value("Typed before the logout")


def test_what_is_written_stays_when_the_session_ends_while_a_file_is_checked(staff: Page, demo: Demo) -> None:
    post = demo.call("POST", "/api/posts", {"content": "Rye", "platforms": ["facebook"]})["post"]
    staff.goto(f"{demo.base}/console/compose/{post['id']}/")
    staff.get_by_label("Text", exact=True).fill("Written while a film is checked")
    preview = staff.get_by_role("complementary", name="Preview")
    expect(preview.get_by_text("Written while a film is checked")).to_be_visible()

    staff.context.clear_cookies()
    staff.evaluate(AWAITS, f"{demo.base}/console/compose/{post['id']}/arrivals")

    expect(preview.get_by_text("what you wrote is still here")).to_be_visible()
    expect(staff.get_by_label("Text", exact=True)).to_have_value("Written while a film is checked")


def test_who_writes_on_at_a_post_that_was_deleted_is_told_so(staff: Page, demo: Demo) -> None:
    post = demo.call("POST", "/api/posts", {"content": "Rye", "platforms": ["facebook"]})["post"]
    staff.goto(f"{demo.base}/console/compose/{post['id']}/")
    demo.call("DELETE", f"/api/posts/{post['id']}")

    staff.get_by_label("Text", exact=True).fill("Rye, and a lot of it")
    expect(staff.get_by_text("The post is not there any more").first).to_be_visible()
    staff.get_by_role("button", name="Save as draft").click()

    expect(staff.get_by_role("status").get_by_text("The post is not there any more")).to_be_in_viewport()
    expect(staff.get_by_label("Text", exact=True)).to_have_value("Rye, and a lot of it")


def published(staff: Page, demo: Demo) -> tuple[str, str, str]:
    """Return how the post whose page is open ended by the API, once it is settled: its status, text and picture."""
    found = re.search("post_[0-9a-f-]+", staff.url)
    assert found
    address = f"{demo.base}/api/posts/{found[0]}"
    headers = demo.headers
    staff.request.post(f"{address}/publish", headers=headers | {"Prefer": "wait=30"}, data={})
    post = staff.request.get(address, headers=headers).json()["data"]["post"]
    file = staff.request.get(f"{demo.base}/api/media/{post['media'][0]['id']}", headers=headers).json()["data"]
    return post["status"], post["content"], file["media"]["alt_text"]
