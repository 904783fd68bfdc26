"""What a person does about a post that did not go out, and about a webhook that was not heard."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.browser
REFUSAL = json.dumps({"error": {"message": "Invalid parameter", "type": "OAuthException", "code": 100}})


def test_a_person_finds_why_a_post_did_not_go_out_retries_it_and_opens_it(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    demo.order(network="facebook", effect="status", status=400, body=REFUSAL)
    post = demo.call("POST", "/api/posts", {"content": "Bread that is refused", "platforms": ["facebook"]})["post"]
    demo.call("POST", f"/api/posts/{post['id']}/publish")

    staff.goto(f"{demo.base}/console/posts/post/?status__exact=failed")
    staff.get_by_role("link", name="Bread that is refused").click()
    top = staff.get_by_role("region", name=re.compile("It did not go out"))
    expect(top).to_contain_text("Facebook says: Invalid parameter (CONTENT_REJECTED, HTTP 400, 100)")
    expect(top).to_contain_text("Whoever writes the posts must act.")
    expect(top).to_contain_text("There is no next try")
    staff.get_by_text(re.compile(r"POST https://graph\.facebook\.com/.+/feed")).click()
    expect(staff.get_by_text('"appsecret_proof": "[masked]"')).to_be_visible()
    expect(staff.get_by_text('"code": 100')).to_be_visible()
    accessible(staff)

    staff.get_by_role("button", name="Retry what failed").click()
    expect(staff.get_by_text("What failed or was missed is sent again at once")).to_be_visible()
    accessible(staff)
    staff.get_by_role("button", name="Retry what failed").click()
    expect(staff.get_by_text("Retry what failed: done.")).to_be_visible()
    link = staff.get_by_role("link", name="Open it at the network")
    expect(link).to_be_visible()  # the page looks again by itself
    with staff.expect_popup() as opened:
        link.click()

    expect(opened.value.get_by_text("Bread that is refused")).to_be_visible()
    assert outside == []


def test_on_a_phone_what_a_network_answered_is_not_broken_within_a_word(staff: Page, demo: Demo) -> None:
    demo.order(network="facebook", effect="status", status=400, body=REFUSAL)
    post = demo.call("POST", "/api/posts", {"content": "Bread on a phone", "platforms": ["facebook"]})["post"]
    demo.call("POST", f"/api/posts/{post['id']}/publish")
    staff.set_viewport_size({"width": 390, "height": 844})

    staff.goto(f"{demo.base}/console/posts/post/{post['id']}/change/")
    code = staff.get_by_role("group", name="Calls to the network").get_by_text("CONTENT_REJECTED")

    lines = code.evaluate(
        """(element) => {
            const text = [...element.childNodes].find((node) => node.data?.includes("CONTENT_REJECTED"));
            const word = document.createRange();
            const start = text.data.indexOf("CONTENT_REJECTED");
            word.setStart(text, start);
            word.setEnd(text, start + "CONTENT_REJECTED".length);
            return word.getClientRects().length;
        }"""
    )
    assert lines == 1


def test_what_a_person_opened_stays_open_while_the_page_looks_again(staff: Page, demo: Demo) -> None:
    demo.order(network="threads", effect="status", status=503, times=5)
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    body = {"content": "Bread that takes a while", "platforms": ["threads"], "scheduled_at": soon}
    post = demo.call("POST", "/api/posts", body)["post"]
    calls = staff.locator("summary", has_text="to the network")
    for _ in range(30):
        staff.goto(f"{demo.base}/console/posts/post/{post['id']}/change/")
        if calls.count():
            break
        staff.wait_for_timeout(1_000)
    before = calls.inner_text()

    one = staff.locator("summary", has_text="graph.threads.net").first
    one.press("Enter")
    expect(calls).not_to_have_text(before)

    expect(one.locator("xpath=..")).to_have_attribute("open", "")
    expect(one).to_be_focused()


def test_a_person_sends_a_delivery_again(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    receiver = Receiver()
    staff.goto(f"{demo.base}/console/events/webhook/add/")
    staff.get_by_label("Address").fill(receiver.url)
    staff.get_by_label("post.created: A post was created.").check()
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.get_by_label("Copy it now")).to_have_value(re.compile("^whsec_"))
    accessible(staff)
    staff.get_by_role("link", name="I have it: go on").click()
    demo.call("POST", "/api/posts", {"content": "Bread that is told of", "platforms": ["facebook"]})

    sent = staff.get_by_role("link", name="post.created")
    for _ in range(30):
        staff.reload()
        if sent.count() and receiver.calls and staff.get_by_text("delivered", exact=True).count():
            break
        staff.wait_for_timeout(1_000)
    accessible(staff)
    sent.click()
    expect(staff.get_by_text("HTTP 204")).to_be_visible()
    accessible(staff)
    staff.get_by_role("button", name="Send again").click()
    staff.get_by_role("button", name="Send again").click()
    expect(staff.get_by_text("Send again: done.")).to_be_visible()
    for _ in range(30):
        if len(receiver.calls) > 1:
            break
        staff.wait_for_timeout(1_000)
    receiver.close()

    assert len({call.id for call in receiver.calls}) == 1
    assert len(receiver.calls) == 2
    assert outside == []


def test_a_person_makes_a_schedule_and_pauses_a_network(
    staff: Page, demo: Demo, outside: list[str], accessible: Callable[[Page], None]
) -> None:
    staff.goto(f"{demo.base}/console/posts/schedule/add/")
    staff.get_by_label("Name").fill("Evenings")
    expect(staff.get_by_text("Only some accounts").first).to_have_css("position", "relative")  # its arrow stands there
    staff.get_by_label("Facebook", exact=True).check()
    staff.get_by_role("button", name="Add a time").click()
    second = staff.get_by_role("group", name="A time of the week").nth(1)
    second.get_by_role("combobox").select_option("friday")
    second.get_by_label("Time of the day").fill("18:30")
    second.get_by_label("Bluesky", exact=True).check()
    accessible(staff)
    staff.get_by_role("button", name="Save").click()
    expect(staff.get_by_role("heading", name="The next ten times")).to_be_visible()
    expect(staff.get_by_text("18:30").first).to_be_visible()
    accessible(staff)

    staff.goto(f"{demo.base}/console/pauses/")
    staff.get_by_label("Which network").select_option("pinterest")
    staff.get_by_label("Why").fill("They have an outage.")
    staff.get_by_label("One network").check()
    accessible(staff)
    staff.get_by_role("button", name="See what would wait").click()
    staff.get_by_role("button", name="Pause it").click()
    staff.get_by_role("button", name="Resume Pinterest").click()
    staff.get_by_role("button", name="Resume it").click()
    expect(staff.get_by_text("Nothing is paused")).to_be_visible()

    staff.goto(f"{demo.base}/console/events/event/?action=pause.started")
    accessible(staff)
    staff.locator("#result_list").get_by_role("link").first.click()
    expect(staff.get_by_text("They have an outage.")).to_be_visible()
    accessible(staff)
    assert outside == []


def test_a_new_schedule_offers_the_accounts_of_the_workspace_that_is_chosen(
    staff: Page, demo: Demo, outside: list[str]
) -> None:
    staff.goto(f"{demo.base}/console/posts/schedule/add/")
    workspace = staff.locator("select[name=workspace]")
    accounts = staff.locator("#slots").get_by_text("Only some accounts")
    staff.get_by_label("Name").fill("Evenings")
    staff.get_by_label("Time of the day").fill("18:30")

    workspace.select_option(label="Choose one")
    expect(accounts).to_have_count(0)
    workspace.focus()
    staff.keyboard.press("ArrowDown")
    expect(accounts).to_have_count(1)
    staff.get_by_role("button", name="Add a time").click()

    expect(accounts).to_have_count(2)
    assert staff.get_by_label("Name").input_value() == "Evenings"
    assert staff.get_by_label("Time of the day").first.input_value() == "18:30"
    assert outside == []


def test_what_an_event_means_is_not_cut_off_on_a_phone(staff: Page, demo: Demo) -> None:
    staff.set_viewport_size({"width": 390, "height": 844})
    staff.goto(f"{demo.base}/console/events/webhook/add/")

    told = staff.locator("label span", has_text=re.compile(r"post\.deleted: "))

    expect(told).to_be_visible()
    assert told.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_no_page_of_posts_schedules_webhooks_or_the_log_scrolls_sideways_on_a_phone(
    staff: Page, demo: Demo, outside: list[str]
) -> None:
    post = demo.call("GET", "/api/posts?status=published")["posts"][0]
    staff.set_viewport_size({"width": 390, "height": 844})
    pages = (
        *("posts/post/", f"posts/post/{post['id']}/change/", "posts/target/", "posts/schedule/", "posts/schedule/add/"),
        *("events/webhook/", "events/webhook/add/", "events/delivery/", "events/event/", "pauses/"),
    )

    widths = {}
    for page in pages:
        staff.goto(f"{demo.base}/console/{page}")
        widths[page] = staff.evaluate("document.documentElement.scrollWidth")

    assert {page: width for page, width in widths.items() if width > 390} == {}
    assert outside == []


def test_the_long_name_of_an_account_makes_no_page_wider_than_a_phone(staff: Page, demo: Demo) -> None:
    post = demo.call("GET", "/api/posts?status=published")["posts"][0]
    staff.set_viewport_size({"width": 360, "height": 740})
    staff.goto(f"{demo.base}/console/posts/post/{post['id']}/change/")

    staff.locator("article h3").evaluate_all("all => all.forEach(each => each.prepend('x'.repeat(100)))")

    assert staff.evaluate("document.documentElement.scrollWidth") == 360
