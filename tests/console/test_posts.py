"""Posts in the console: where each stands and why, and what can be done to it, through the API's own services."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import Settings

from accounts.models import SocialAccount
from accounts.services import disconnect
from adminapi.console import paging
from adminapi.console.admins import posts as posts_admin
from adminapi.console.admins.posts import PostAdmin
from adminapi.console.columns import moment
from adminapi.console.filters import newest
from adminapi.console.pages import own_page
from adminapi.console.post_page import HEADLINES
from adminapi.jobs.post_actions import BY_WORD
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Event
from posts import duplicating, services
from posts.advice import failure
from posts.counts import bytes_used
from posts.media import storage
from posts.models import Attempt, Media, Post, PostStatus, Target
from posts.status import sync
from posts.timeline.timeline import timeline
from tests.conftest import ApiClient
from tests.console.conftest import browser_of, confirmation, member_of, page_of, text_of
from tests.contract.world import upload
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_post,
    make_schedule,
    make_webhook,
    make_workspace,
)
from tests.posts.media.pictures import picture
from workspaces.models import Role, Workspace

LIST = reverse("admin:posts_post_changelist")
TURNS = "\u202e"
"""Has what follows shown from the right to the left."""
ERROR: dict[str, Any] = {
    "code": "TOKEN_REVOKED",
    "message": "Facebook says: the session is no longer valid.",
    "retryable": False,
    "who_acts": "account_owner",
    "network_code": "190",
}


def do(post: Post, name: str) -> str:
    return reverse("admin:posts_post_do", args=[post.pk, name])


def make_failed(workspace: Workspace, **values: Any) -> Post:
    """Write a post that its network has refused: the target, the attempt, and the journal's word on it."""
    post = make_post(workspace, accounts=[make_account(workspace)], status="failed", **values)
    target = Target.objects.get(post=post)
    Target.objects.update(error=ERROR)
    Attempt.objects.create(
        target=target, number=1, fence=1, step="commit", started_at=NOW, ended_at=NOW + timedelta(seconds=1),
        outcome="auth_expired", http_status=401, code="TOKEN_REVOKED", network_code="190", message=ERROR["message"],
    )  # fmt: skip
    return post


def make_unknown(workspace: Workspace) -> Target:
    post = make_post(workspace, accounts=[make_account(workspace)], status="needs_review")
    Target.objects.update(outcome_unknown=True, error=ERROR | {"code": "OUTCOME_UNKNOWN", "who_acts": "caller"})
    return Target.objects.get(post=post)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"content": "Rye and spelt, " * 9}, "Rye and spelt, Rye and spelt, Rye and spelt, Rye and spelt,…"),
        ({"content": "", "title": "How we bake rye"}, "How we bake rye"),
        ({"content": "", "title": ""}, "(no text)"),
    ],
    ids=["long text", "title alone", "nothing"],
)
def test_a_post_is_called_by_the_beginning_of_what_it_says(
    staff: Client, workspace: Workspace, said: dict[str, str], name: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], **said)

    pages = [staff.get(LIST), staff.get(page_of(post))]

    assert [name in text_of(page) for page in pages] == [True, True]


@pytest.mark.parametrize(
    ("hours", "told"),
    [(-1, "It was to go out on {at}, and waits."), (1, "It goes out on {at}.")],
    ids=["late", "early"],
)
def test_the_top_of_the_page_tells_a_time_that_is_over_from_one_to_come(
    staff: Client, workspace: Workspace, hours: int, told: str
) -> None:
    at = database_now() + timedelta(hours=hours)
    post = make_post(workspace, accounts=[make_account(workspace)], status="scheduled", scheduled_at=at)

    page = text_of(staff.get(page_of(post)))

    assert f"<span>{told.format(at=moment(at, 'UTC'))}</span>" in page


def test_a_post_s_page_tells_all_its_times_by_the_clock_of_its_workspace_and_names_it_once(staff: Client) -> None:
    workspace = make_workspace(settings={"timezone": "Asia/Tokyo"})
    at = datetime(2050, 12, 10, 23, 30, tzinfo=UTC)
    post = make_post(workspace, accounts=[make_account(workspace)])
    services.schedule_post(post, scheduled_at=at, zone="Asia/Tokyo", actor=SYSTEM, now=timezone.now())

    page = text_of(staff.get(page_of(post)))
    late = "Nothing is accepted before 2050-12-10 23:45:10 UTC, and the time for trying is over by then: X says: slow"
    Target.objects.update(error=failure("PLATFORM_UNAVAILABLE", late))
    with_error = text_of(staff.get(page_of(post)))

    assert "<span>It goes out on 11 Dec 2050, 08:30.</span>" in page
    assert "<dd>11 Dec 2050, 08:30</dd>" in page
    assert "The next try is on 11 Dec 2050, 08:30." in page
    assert "The post was scheduled for 11 Dec 2050, 08:30." in page
    assert "Nothing is accepted before 11 Dec 2050, 08:45, and" in with_error
    assert page.count("<strong>Asia/Tokyo</strong>") == 1
    assert "UTC" not in page[page.index('id="post"') :]


def test_the_top_of_the_page_says_why_a_post_did_not_go_out_who_must_act_and_when_the_next_try_comes(
    staff: Client, workspace: Workspace
) -> None:
    page = text_of(staff.get(page_of(make_failed(workspace))))

    top = page[page.index("op-verdict") : page.index('id="says"')]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", top))
    for said in (
        "It did not go out, and is not tried again by itself.",
        "Facebook has refused it.",
        "The reason: Facebook says: the session is no longer valid. (TOKEN_REVOKED, HTTP 401, 190)",
        "The owner of the account must act: connect the account again.",
        "There is no next try: once that is fixed, choose “Retry what failed”.",
    ):
        assert said in words


def test_what_a_network_says_turns_none_of_our_own_words_around(staff: Client, workspace: Workspace) -> None:
    post = make_failed(workspace)
    SocialAccount.objects.update(name=f"Bakery{TURNS}")
    Target.objects.update(error=ERROR | {"message": f"No{TURNS}", "network_code": f"190{TURNS}"})
    Attempt.objects.update(message=f"No{TURNS}", network_code=f"190{TURNS}", remote_id=f"1{TURNS}")

    page = text_of(staff.get(page_of(post)))

    assert page.count(TURNS) > 8
    assert TURNS not in re.sub("<bdi>[^<]*</bdi>", "", page)


@pytest.mark.parametrize(
    ("permissions", "is_there"),
    [(["posts.manage", "accounts.manage"], True), (["posts.manage"], False)],
    ids=["who may", "who may not"],
)
def test_an_account_that_must_be_connected_again_can_be_from_the_post_s_page(
    workspace: Workspace, permissions: list[str], is_there: bool
) -> None:
    post = make_failed(workspace)
    browser = browser_of(member_of(workspace, permissions=permissions))

    page = text_of(browser.get(page_of(post)))

    account = Target.objects.get(post=post).account_id
    link = f'<a href="{reverse("console_connect")}?account={account}">Sign in again</a>'
    assert (link in page) == is_there


@pytest.mark.parametrize(
    ("other", "remedy"),
    [
        ("published", "choose “Retry what failed”."),
        ("failed", "choose “Retry what failed”."),
        ("missed", "choose “Publish now”, or “Back to draft” to change it or to give it another time."),
    ],
)
def test_what_was_missed_says_what_can_be_done_with_its_post(
    staff: Client, workspace: Workspace, other: str, remedy: str
) -> None:
    accounts = [make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")]
    post = make_post(workspace, accounts=accounts, status="missed")
    Target.objects.filter(account=accounts[0]).update(status=other)
    sync(post)

    assert f"There is no next try: {remedy}" in text_of(staff.get(page_of(post)))


@pytest.mark.parametrize(
    ("other", "remedy"),
    [
        (None, "choose “Back to draft” to change it, or “Retry what failed” to send it as it is."),
        ("published", "“Duplicate” makes a draft that you can change, to be sent where this is not out;"),
    ],
    ids=["out nowhere", "out elsewhere"],
)
def test_what_was_refused_for_its_content_says_by_which_buttons_it_can_be_changed(
    staff: Client, workspace: Workspace, other: str | None, remedy: str
) -> None:
    post = make_failed(workspace)
    Target.objects.update(error=ERROR | {"code": "CONTENT_REJECTED", "who_acts": "caller"})
    Attempt.objects.update(outcome="rejected", code="CONTENT_REJECTED")
    if other:
        account = make_account(workspace, platform="twitter", remote_id="2")
        Target.objects.create(post=post, account=account, platform="twitter", status=other)
        sync(post)

    page = text_of(staff.get(page_of(post)))

    assert f"There is no next try: {remedy}" in page
    assert all(f"{button}</button>" in page for button in re.findall("“(.*?)”", remedy))


@pytest.mark.parametrize("status", ["failed", "missed"])
@pytest.mark.parametrize("other", ["needs_review", "scheduled"])
def test_what_cannot_be_sent_again_yet_names_no_button_that_is_not_there(
    staff: Client, workspace: Workspace, status: str, other: str
) -> None:
    accounts = [make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")]
    post = make_post(workspace, accounts=accounts, status=status)
    Target.objects.filter(account=accounts[1]).update(status=other)
    sync(post)

    page = text_of(staff.get(page_of(post)))

    assert "It can be sent again once the other networks are settled." in page
    assert "Retry what failed" not in page


def test_the_list_of_posts_leads_to_a_new_one(staff: Client, workspace: Workspace) -> None:
    shown = text_of(staff.get(LIST))

    opened = staff.get(reverse("admin:posts_post_add"))

    assert f'href="{reverse("admin:posts_post_add")}' in shown
    assert (opened.status_code, opened["Location"]) == (302, reverse("console_compose"))


def test_a_search_that_finds_nothing_says_what_was_looked_through(staff: Client, workspace: Workspace) -> None:
    pages = [text_of(staff.get(LIST, {"q": word})) for word in ("zzz", "")]

    told = [re.search(r"<p[^>]*>[^<]*newest 10,000 posts", page) for page in pages]
    assert list(map(bool, told)) == [True, False]


def test_the_page_tells_every_entry_of_the_api_s_timeline_with_its_cause(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, webhook = make_failed(workspace), make_webhook(events=["post.created"])
    record("created", post, actor=SYSTEM)
    now = database_now()
    monkeypatch.setattr(posts_admin, "database_now", lambda: now)

    entries, page = timeline(post, now=now), text_of(staff.get(page_of(post)))

    assert len(entries) > 1
    assert f"The webhook {webhook.pk} is to be sent post.created." in page
    assert re.findall('<time datetime="(.+?)"', page) == [f"{entry.at:%Y-%m-%dT%H:%M:%SZ}" for entry in entries]
    assert [entry.message for entry in entries if escape(entry.message) not in page] == []


def test_a_post_that_waits_says_when_its_next_try_comes(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="publishing", scheduled_at=NOW)
    Target.objects.update(due_at=timezone.now().replace(microsecond=0) + timedelta(minutes=5), attempts=1, error=ERROR)

    page = text_of(staff.get(page_of(post)))

    assert "The next try is on" in page
    assert "It waits for the next try." in page


IN_FIVE_MINUTES = NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        ([{}], "It could not be sent so far. The next try is on {at}."),
        ([{}, {"due_at": NOW + timedelta(hours=1)}], "It could not be sent so far. The next try is on {at}."),
        ([{"outcome_unknown": True}], "It is not known yet whether it is out. The network is asked on {at}."),
        (
            [{}, {"status": "published", "due_at": None, "error": None}],
            "It is out at some of its networks. The next try at the others is on {at}.",
        ),
        (
            [{"error": None, "attempts": 0}, {"status": "published", "due_at": None, "error": None}],
            "It is out at some of its networks. The next try at the others is on {at}.",
        ),
        ([{}, {"error": None, "attempts": 0}], "It could not be sent so far. The next try is on {at}."),
        ([{}, {"due_at": NOW, "error": None}], "It is being published now."),
        ([{"lease_until": NOW + timedelta(minutes=1)}], "It is being published now."),
        ([{"due_at": NOW}], "It is being published now."),
        ([{"error": None, "waits_for": "The network is at work."}], "It is being published now."),
    ],
    ids=[
        *("one", "two", "in doubt", "partly out", "partly out, in line", "one in line", "one is sent"),
        *("a worker is on it", "due", "at work there"),
    ],
)
def test_the_top_of_the_page_tells_waiting_for_another_try_from_being_published(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, stands: list[dict[str, Any]], told: str
) -> None:
    monkeypatch.setattr(posts_admin, "database_now", lambda: NOW)
    networks = ("facebook", "bluesky")[: len(stands)]
    accounts = [make_account(workspace, platform=name, remote_id=name, default_of=name) for name in networks]
    post = make_post(workspace, accounts=accounts, status="publishing", scheduled_at=NOW)
    for network, values in zip(networks, stands, strict=True):
        waits = {"due_at": IN_FIVE_MINUTES, "attempts": 1, "error": ERROR} | values
        Target.objects.filter(platform=network).update(**waits)

    page = text_of(staff.get(page_of(post)))

    assert f"<span>{told.format(at=moment(IN_FIVE_MINUTES, 'UTC'))}</span>" in page


@pytest.mark.parametrize(
    ("states", "looks"),
    [
        (["publishing"], True), (["scheduled"], True), (["publishing", "needs_review"], False),
        (["published"], False), (["failed"], False),
    ],
    ids=["publishing", "scheduled", "one to be looked at", "published", "failed"],
)  # fmt: skip
def test_the_page_looks_again_by_itself_while_something_is_under_way_and_nobody_types(
    staff: Client, workspace: Workspace, states: list[str], looks: bool
) -> None:
    networks = ("facebook", "bluesky")[: len(states)]
    accounts = [make_account(workspace, platform=name, remote_id=name, default_of=name) for name in networks]
    post = make_post(workspace, accounts=accounts, status=states[0], scheduled_at=NOW)
    for state, network in zip(states, networks, strict=True):
        Target.objects.filter(platform=network).update(status=state)

    page = text_of(staff.get(page_of(post)))

    assert ('hx-select="#post"' in page) == looks


def test_a_post_in_a_queue_on_hold_says_so(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, is_active=False)
    post = make_post(
        workspace, accounts=[make_account(workspace)], status="scheduled", scheduled_at=NOW, schedule=schedule
    )

    assert "It waits in the queue of Mornings, which is on hold" in text_of(staff.get(page_of(post)))


def test_each_network_shows_its_permalink_its_numbers_and_its_calls(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="published", content="<b>Bread</b>")
    Target.objects.update(url="https://facebook.com/1", metrics={"impressions": 1234, "engagement": 0, "clicks": None})
    Attempt.objects.create(
        target=Target.objects.get(), number=1, fence=1, step="commit", started_at=NOW, ended_at=NOW,
        outcome="published", http_status=200, remote_id="fb_1",
    )  # fmt: skip

    page = text_of(staff.get(page_of(post)))

    assert '<a href="https://facebook.com/1" target="_blank" rel="noopener">' in page
    numbers = re.findall(r"<dt>(\w+)</dt><dd class=\"op-figure\">([\d,]+)</dd>", page)
    assert numbers == [("Impressions", "1,234"), ("Engagement", "0")]
    assert ("HTTP 200" in page, "fb_1" in page, "1 call to the network" in page) == (True, True, True)
    assert ("&lt;b&gt;Bread" in page, "<b>Bread" in page) == (True, False)


def test_what_was_asked_and_answered_is_shown_where_it_went_wrong(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="failed")
    asked = {"method": "POST", "url": "https://graph.example/1/feed", "status": 400, "milliseconds": 12}
    Attempt.objects.create(
        target=Target.objects.get(), number=1, fence=1, step="commit", started_at=NOW, ended_at=NOW, outcome="rejected",
        exchanges=[asked | {"sent": {"data": {"message": "<b>Bread</b>"}}, "answer": "No <i>bread</i>"}],
    )  # fmt: skip

    page = text_of(staff.get(page_of(post)))

    assert "POST https://graph.example/1/feed" in page
    assert ("2026-11-25 12:00:00" in page, "<td>Refused.</td>" in page) == (True, True)
    assert ("&lt;b&gt;Bread" in page, "No &lt;i&gt;bread" in page, "<i>bread" in page) == (True, True, False)


def test_a_look_that_was_refused_is_told_by_the_networks_code_alone(staff: Client, workspace: Workspace) -> None:
    """Our own code would say that the account is to be connected again, which is what it is not."""
    target = make_unknown(workspace)
    Target.objects.update(error=failure("OUTCOME_UNKNOWN", "Nobody knows.", network_code="not-authorized"))
    Attempt.objects.create(
        target=target, number=1, fence=1, step="recover", started_at=NOW, ended_at=NOW,
        outcome="auth_expired", http_status=403, code="TOKEN_REVOKED", network_code="not-authorized",
    )  # fmt: skip

    pages = [text_of(staff.get(address)) for address in (page_of(target.post), own_page(Target, target.pk))]
    of_post, of_target = (re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page)) for page in pages)

    assert ("TOKEN_REVOKED" in of_post, "TOKEN_REVOKED" in of_target) == (False, False)
    assert ("Answer HTTP 403 (not-authorized)" in of_post, "HTTP 403 (not-authorized)" in of_target) == (True, True)
    assert "Nobody knows. (OUTCOME_UNKNOWN, not-authorized)" in of_post


def test_a_call_that_was_refused_is_shown_with_both_codes_on_the_page_of_its_target(
    staff: Client, workspace: Workspace
) -> None:
    post = make_failed(workspace)
    Attempt.objects.create(
        target=post.targets.get(), number=1, fence=1, step="commit", started_at=NOW, ended_at=NOW,
        outcome="rejected", http_status=400, code="CONTENT_REJECTED", network_code="2", message="No bread.",
    )  # fmt: skip

    page = text_of(staff.get(own_page(Target, post.targets.get().pk)))

    assert "HTTP 400 CONTENT_REJECTED (2) No bread." in page


def test_an_address_that_is_no_web_address_is_no_link(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="published")
    Target.objects.update(url="javascript:alert(1)")

    assert 'href="javascript:' not in text_of(staff.get(page_of(post)))


def test_files_are_shown_with_their_alt_text_from_this_very_host(
    staff: Client, workspace: Workspace, api: ApiClient
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    upload(api, post, picture(), alt_text="Two loaves")

    page = text_of(staff.get(page_of(post)))

    assert re.search(r'<img src="/media/thumbs/[^"]+" alt="Two loaves"', page)


OFFERED = {
    "draft": {"publish_now", "duplicate", "delete_posts"},
    "scheduled": {"publish_now", "unschedule", "duplicate", "delete_posts"},
    "publishing": {"duplicate"},
    "published": {"duplicate", "delete_posts"},
    "failed": {"retry_failed", "unschedule", "duplicate", "delete_posts"},
    "needs_review": {"duplicate", "delete_posts"},
    "missed": {"publish_now", "unschedule", "duplicate", "delete_posts"},
}


@pytest.mark.parametrize("status", OFFERED)
def test_only_what_the_state_allows_is_offered_and_the_services_agree(
    staff: Client, workspace: Workspace, status: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status=status, scheduled_at=NOW)

    page = text_of(staff.get(page_of(post)))

    assert set(re.findall(rf"{post.pk}/do/(\w+)/", page)) == OFFERED[status]
    assert (f"/console/compose/{post.pk}/" in page) == (status in ("draft", "scheduled"))
    for name in {"retry_failed", "unschedule", "delete_posts"} - OFFERED[status]:
        staff.post(do(post, name), {"confirmed": "1"})
    assert Post.objects.get().status == post.status
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", ["publish_now", "retry_failed", "unschedule", "duplicate", "delete_posts"])
def test_every_action_asks_first_and_a_get_changes_nothing(staff: Client, workspace: Workspace, name: str) -> None:
    post = make_failed(workspace)

    visited, asked = staff.get(do(post, name)), text_of(staff.post(do(post, name)))

    assert (visited.status_code, visited["Location"]) == (302, page_of(post))
    assert ("Do nothing" in asked, page_of(post) in asked, "Fresh bread" in asked) == (True, True, True)
    assert (Post.objects.count(), Post.objects.get().status, Event.objects.count()) == (1, "failed", 0)


def test_a_planned_time_is_told_by_the_clock_that_it_was_planned_by_too(staff: Client, workspace: Workspace) -> None:
    at, zone = datetime(2090, 7, 1, 7, tzinfo=UTC), "Europe/Paris"
    given = {"status": "scheduled", "scheduled_at": at, "scheduled_timezone": zone}
    post = make_post(workspace, accounts=[make_account(workspace)], **given)

    page = re.sub(r"<[^>]+>", "", text_of(staff.get(page_of(post))))

    assert "1 Jul 2090, 07:00 (1 Jul 2090, 09:00 Europe/Paris)" in page


@pytest.mark.parametrize("is_at_once", [False, True], ids=["later", "at the same time"])
def test_a_duplicate_that_is_confirmed_twice_is_made_once(
    staff: Client, workspace: Workspace, is_at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    [key] = re.findall('name="key" value="([^"]*)"', text_of(staff.post(do(post, "duplicate"))))
    first = staff.post(do(post, "duplicate"), {"confirmed": "1", "key": key})
    if is_at_once:  # the other one is not there yet when it is looked for
        found = duplicating._made
        monkeypatch.setattr(duplicating, "_made", lambda *_: monkeypatch.setattr(duplicating, "_made", found))

    second = staff.post(do(post, "duplicate"), {"confirmed": "1", "key": key})

    copy = Post.objects.exclude(pk=post.pk).get()
    assert [first["Location"], second["Location"]] == [page_of(copy)] * 2
    assert Event.objects.filter(type="post.created").count() == 1


def test_duplicates_of_chosen_posts_that_are_confirmed_twice_are_made_once(staff: Client, workspace: Workspace) -> None:
    posts = [make_post(workspace, content=text) for text in ("Rye", "Oat")]
    chosen = {"action": "duplicate", "_selected_action": [post.pk for post in posts]}
    confirmed = confirmation(staff.post(LIST, chosen)) | chosen

    answers = [staff.post(LIST, confirmed, follow=True) for _ in range(2)]

    assert ["Duplicate: 2 done." in text_of(answer) for answer in answers] == [True, True]
    assert sorted(Post.objects.values_list("content", flat=True)) == ["Oat", "Oat", "Rye", "Rye"]


def test_deleting_says_that_what_is_published_stays_at_the_networks(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="published")

    asked = text_of(staff.post(do(post, "delete_posts")))
    gone = staff.post(do(post, "delete_posts"), {"confirmed": "1"})

    assert "What is published stays at the networks" in asked
    assert (gone["Location"], Post.objects.exists()) == (LIST, False)
    assert Event.objects.get().user_email == "staff@example.com"


def test_what_failed_is_retried_and_the_page_is_shown_again(staff: Client, workspace: Workspace) -> None:
    post = make_failed(workspace)

    done = staff.post(do(post, "retry_failed"), {"confirmed": "1"})

    assert (done.status_code, done["Location"], Post.objects.get().status) == (302, page_of(post), "publishing")
    assert Event.objects.get().type == "post.retried"


def test_hashtags_are_shown_as_they_go_out(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, hashtags=["#rye", "#bakery"])

    page = text_of(staff.get(page_of(post)))

    assert ("#rye #bakery" in page, "##" in page) == (True, False)


def test_a_post_shows_its_thread_and_its_comment(staff: Client, workspace: Workspace) -> None:
    account, options = make_account(workspace, platform="twitter"), {"thread": ["Rye."], "first_comment": "From seven."}
    post = make_post(workspace, accounts=[account], platform_content={"twitter": {"options": options}})

    page = text_of(staff.get(page_of(post)))

    assert ("Rye." in page, "From seven." in page) == (True, True)


def test_a_refusal_is_told_in_the_service_s_words(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace)

    page = text_of(staff.post(do(post, "publish_now"), {"confirmed": "1"}, follow=True))

    assert "No account is connected for some of the post" in page


def test_a_refusal_calls_states_as_the_pages_do(staff: Client, workspace: Workspace) -> None:
    post = make_unknown(workspace).post

    page = text_of(staff.post(do(post, "retry_failed"), {"confirmed": "1"}, follow=True))

    assert "The state of the post is needs review; this is possible only if it is failed or partially publ" in page


def test_a_duplicate_is_a_draft_of_its_own_with_copies_of_the_files(
    staff: Client, workspace: Workspace, api: ApiClient
) -> None:
    account = make_account(workspace)
    values = {"title": "T", "link": "https://example.com/", "hashtags": ["#a"]}
    post = make_post(workspace, accounts=[account], platform_content={"facebook": {"content": "Other"}}, **values)
    for alt in ("One", "Two"):
        upload(api, post, picture(), alt_text=alt)
    Media.objects.filter(alt_text="One").update(position=9)
    before = bytes_used()
    post.refresh_from_db()

    done = staff.post(do(post, "duplicate"), {"confirmed": "1"})

    copy = Post.objects.exclude(pk=post.pk).get()
    assert done["Location"] == page_of(copy)
    same = ("content", "platform_content", "destinations", "platforms", *values)
    assert [getattr(copy, name) for name in same] == [getattr(post, name) for name in same]
    assert (copy.status, copy.scheduled_at, Target.objects.get(post=copy).account_id) == ("draft", None, account.pk)
    files, copies = (list(Media.objects.filter(post=each).order_by("position")) for each in (post, copy))
    assert [media.alt_text for media in copies] == ["Two", "One"]
    assert [media["name"] for media in copy.media] == [media.stored_name for media in copies]
    assert not {media.stored_name for media in files} & {media.stored_name for media in copies}
    for media, other in zip(files, copies, strict=True):
        assert bytes_of(media) == bytes_of(other)
        assert storage.exists(other.thumbnail_name)
    assert bytes_used() == before * 2


def bytes_of(media: Media) -> bytes:
    with storage.open_stored(media.stored_name) as file:
        return bytes(file.read())


def test_a_duplicate_leaves_out_an_account_that_is_gone_and_keeps_a_network_that_waits_for_one(
    staff: Client, workspace: Workspace
) -> None:
    kept, gone = make_account(workspace), make_account(workspace, platform="bluesky", remote_id="2")
    post = make_post(workspace, accounts=[kept, gone], platform_content={gone.pk: {"content": "Other"}})
    post.destinations = [kept.pk, gone.pk, "twitter"]
    post.save()
    type(gone).objects.filter(pk=gone.pk).update(disconnected_at=NOW, default_of=None)

    staff.post(do(post, "duplicate"), {"confirmed": "1"})

    copy = Post.objects.exclude(pk=post.pk).get()
    assert (copy.destinations, copy.platform_content) == ([kept.pk, "twitter"], {})


def test_a_duplicate_that_fails_leaves_no_file_behind(
    staff: Client, workspace: Workspace, api: ApiClient, settings: Settings
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    for _ in range(2):
        upload(api, post, picture())
    stored = files_in(settings)
    storage.remove(Media.objects.order_by("pk")[1].stored_name)

    page = text_of(staff.post(do(post, "duplicate"), {"confirmed": "1"}, follow=True))

    assert "is not in the storage any more" in page
    assert (Post.objects.count(), files_in(settings)) == (1, stored - 1)


def files_in(settings: Settings) -> int:
    return sum(path.is_file() for path in Path(settings.MEDIA_ROOT).rglob("*"))


def test_an_unknown_outcome_is_settled_with_the_address_that_was_typed(staff: Client, workspace: Workspace) -> None:
    target = make_unknown(workspace)
    page = reverse("admin:posts_post_resolve", args=[target.post_id, target.pk])
    form = {"outcome": "published", "url": "https://facebook.com/1"}

    asked = text_of(staff.post(page, form))
    assert Target.objects.get().status == "needs_review"
    carried = dict(re.findall(r'<input type="hidden" name="(outcome|url)" value="([^"]*)">', asked))
    staff.post(page, carried | {"confirmed": "1"})

    target.refresh_from_db()
    assert "It counts as published at Company Page (Facebook, companypage), at https://facebook.com/1." in asked
    assert "is it the right one?" not in asked
    assert (carried, target.status, target.url) == (form, "published", "https://facebook.com/1")
    assert Event.objects.filter(type="post.resolved", user_email="staff@example.com").count() == 1


def test_an_address_at_another_network_is_asked_about(staff: Client) -> None:
    target = make_unknown(make_workspace(mode="live"))
    page = reverse("admin:posts_post_resolve", args=[target.post_id, target.pk])

    asked = text_of(staff.post(page, {"outcome": "published", "url": "https://x.com/a/status/1"}))

    assert "It is an address at x.com, not at facebook.com: is it the right one?" in asked


def test_an_address_that_is_missing_is_told_beside_its_field_and_nothing_is_lost(
    staff: Client, workspace: Workspace
) -> None:
    target = make_unknown(workspace)
    page = reverse("admin:posts_post_resolve", args=[target.post_id, target.pk])

    missing = staff.post(page, {"outcome": "published", "url": ""})
    wrong = staff.post(page, {"outcome": "published", "url": "facebook dot com"})

    assert (missing.status_code, wrong.status_code) == (400, 400)
    assert "address is required" in missing.content.decode()
    assert re.search(r'value="facebook dot com"[^>]* autofocus', wrong.content.decode())
    assert "Must be an http or https address." in wrong.content.decode()


def test_the_address_of_another_post_is_told_beside_its_field_before_anything_is_asked(
    staff: Client, workspace: Workspace
) -> None:
    target = make_unknown(workspace)
    other = make_post(workspace, accounts=[target.account], status="published")
    Target.objects.filter(post=other).update(remote_id="1001_7")
    page = reverse("admin:posts_post_resolve", args=[target.post_id, target.pk])

    refused = staff.post(page, {"outcome": "published", "url": "https://www.facebook.com/1001_7"})

    assert refused.status_code == 400
    assert "Another post of this account has this address" in refused.content.decode()


def test_what_is_not_there_is_sent_again_and_the_network_can_be_asked_once_more(
    staff: Client, workspace: Workspace
) -> None:
    target = make_unknown(workspace)

    asked = text_of(
        staff.post(reverse("admin:posts_post_resolve", args=[target.post_id, target.pk]), {"outcome": "not_published"})
    )
    look = reverse("admin:posts_post_look", args=[target.post_id, target.pk])
    asked_of_look = text_of(staff.post(look))
    staff.post(look, {"confirmed": "1"})

    assert "If it is found, what is to follow it, such as the rest of a thread, goes out at once." in asked_of_look
    assert "It is sent to Company Page (Facebook, companypage) again at once." in asked
    assert "otherwise it will be there twice" in asked
    assert Target.objects.get().status == "publishing"
    assert Event.objects.get().type == "post.reconcile_requested"


def test_what_is_not_there_stays_unsent_where_the_account_is_disconnected(staff: Client, workspace: Workspace) -> None:
    target = make_unknown(workspace)
    disconnect(target.account, actor=SYSTEM, now=NOW)
    resolve = reverse("admin:posts_post_resolve", args=[target.post_id, target.pk])

    page = text_of(staff.get(reverse("admin:posts_post_change", args=[target.post_id])))
    asked = staff.post(resolve, {"outcome": "not_published"})
    staff.post(resolve, confirmation(asked))

    assert ("No: send it again" in page, "No: it stays unsent" in page) == (False, True)
    assert "Nothing more is sent: the account is disconnected." in text_of(asked)
    assert Target.objects.get().status == "cancelled"


def test_a_confirmation_is_for_the_attempt_whose_outcome_it_was_asked_about(
    staff: Client, workspace: Workspace
) -> None:
    target = make_unknown(workspace)
    page = reverse("admin:posts_post_resolve", args=[target.post_id, target.pk])
    asked = confirmation(staff.post(page, {"outcome": "not_published"}))
    Target.objects.update(fence=F("fence") + 1)  # somebody else sent it again, and that outcome is unknown too

    staff.post(page, asked)

    assert Target.objects.get().status == target.status


def test_chosen_posts_are_named_before_anything_is_done_to_them(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace)
    posts = [make_post(workspace, accounts=[account], content=f"Bread {number}") for number in range(3)]
    form = {"action": "delete_posts", "_selected_action": [post.pk for post in posts[:2]]}

    asked = text_of(staff.post(LIST, form))
    assert "<h2>Delete: 2 posts</h2>" in asked
    assert [f"Bread {number}" in asked for number in range(3)] == [True, True, False]
    page = text_of(staff.post(LIST, form | {"confirmed": "1"}, follow=True))

    assert ("Delete: 2 done." in page, [post.content for post in Post.objects.all()]) == (True, ["Bread 2"])


def test_a_post_that_is_refused_is_quoted_before_the_reason(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], content="Gingerbread is back.")

    page = text_of(staff.post(do(post, "unschedule"), {"confirmed": "1"}, follow=True))

    assert "“Gingerbread is back.”: The state of the post is draft" in page


@pytest.mark.parametrize(("action", "look"), [("delete_posts", "op-danger"), ("publish_now", "op-primary")])
def test_what_cannot_be_undone_is_confirmed_in_red(staff: Client, workspace: Workspace, action: str, look: str) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    asked = [
        text_of(staff.post(LIST, {"action": action, "_selected_action": [post.pk]})),
        text_of(staff.post(do(post, action))),
    ]

    buttons = [re.findall(r'<button type="submit" class="op-button ([\w-]+)">([^<]+)<', page) for page in asked]

    title = str(BY_WORD[action].title)
    assert buttons == [[(look, title)]] * 2
    assert [f"<h2>{title}</h2>" in page for page in asked] == [True, True]


def found(client: Client, **query: str) -> list[str]:
    """Return the texts that a list shows."""
    return re.findall(r"Bread \w+", re.sub(r"<[^>]+>", " ", text_of(client.get(LIST, query)).split("<tbody", 1)[-1]))


def test_posts_are_found_by_text_id_workspace_state_network_account_and_day(
    staff: Client, workspace: Workspace
) -> None:
    account, other = make_account(workspace), make_workspace(name="Other")
    elsewhere = make_account(other, platform="bluesky", remote_id="2")
    one = make_post(workspace, accounts=[account], content="Bread one", moment=NOW)
    make_post(other, accounts=[elsewhere], content="Bread two", moment=NOW, status="failed")
    Post.objects.filter(content="Bread two").update(moment=NOW + timedelta(days=3))

    assert sorted(found(staff)) == ["Bread one", "Bread two"]
    assert found(staff, q="READ T") == ["Bread two"]
    assert found(staff, q=one.pk) == ["Bread one"]
    assert found(staff, workspace=other.pk) == ["Bread two"]
    assert found(staff, status__exact="failed") == ["Bread two"]
    assert found(staff, platform__exact="facebook") == ["Bread one"]
    assert found(staff, workspace=workspace.pk, account=account.pk) == ["Bread one"]
    assert found(staff, **{"from": "2026-11-28"}) == ["Bread two"]
    assert found(staff, to="2026-11-25") == ["Bread one"]
    assert found(staff, **{"from": "2026-11-26", "to": "2026-11-27"}) == []
    assert sorted(found(staff, **{"from": "no day"})) == ["Bread one", "Bread two"]


def test_text_is_looked_for_in_the_newest_rows_alone(workspace: Workspace) -> None:
    for number in range(5):
        make_post(workspace, content=f"Bread {number}")

    kept = newest(Post.objects.all(), 3)

    assert sorted(post.content for post in kept) == ["Bread 2", "Bread 3", "Bread 4"]
    assert newest(Post.objects.all(), 6).count() == 5


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({}, []),
        ({"p": "1"}, []),
        ({"status__exact": "draft"}, ["1 result (Show all)"]),
        ({"q": "Bread"}, ["2 results (Show all)"]),
    ],
)
def test_a_list_offers_all_rows_where_some_are_left_out(
    staff: Client, workspace: Workspace, query: dict[str, str], told: list[str]
) -> None:
    make_post(workspace, content="Bread one")
    make_post(workspace, accounts=[make_account(workspace)], content="Bread two", status="scheduled")

    page = re.sub(r"<[^>]+>", "", text_of(staff.get(LIST, query)))

    assert re.findall(r"\d+ results? \(Show all\)", page) == told


def test_a_list_counts_to_its_bound_and_says_that_there_are_more(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST", 2)
    for number in range(3):
        make_post(workspace, content=f"Bread {number}")

    page = text_of(staff.get(LIST))

    assert "There are more: narrow the list down" in page
    assert "2 posts" in re.sub(r"\s+", " ", page)


def test_each_page_of_a_list_has_its_own_rows_in_their_order(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostAdmin, "list_per_page", 2)
    for number in range(5):
        make_post(workspace, content=f"Bread {number}")

    pages = [found(staff, p=str(number)) for number in (1, 2, 3)]

    assert pages == [["Bread 4", "Bread 3"], ["Bread 2", "Bread 1"], ["Bread 0"]]


def test_no_list_counts_its_filters_even_if_asked_to(staff: Client, workspace: Workspace) -> None:
    make_post(workspace)

    assert staff.get(LIST, {"_facets": "True"}).context["cl"].add_facets is False


def test_staff_see_and_touch_the_posts_of_their_own_workspaces_alone(workspace: Workspace) -> None:
    client, other = browser_of(member_of(workspace)), make_workspace(name="Other")
    own, theirs = make_post(workspace, content="Bread own"), make_post(other, content="Bread theirs")
    target = make_unknown(other)

    answers = [
        client.get(page_of(theirs)),
        client.post(do(theirs, "delete_posts"), {"confirmed": "1"}),
        client.post(reverse("admin:posts_post_resolve", args=[target.post_id, target.pk]), {"outcome": "published"}),
        client.post(reverse("admin:posts_post_look", args=[target.post_id, target.pk]), {"confirmed": "1"}),
    ]
    client.post(LIST, {"action": "delete_posts", "_selected_action": theirs.pk, "confirmed": "1"})

    assert [answer.status_code for answer in answers] == [404] * 4
    assert (found(client), client.get(page_of(own)).status_code) == (["Bread own"], 200)
    assert other.name not in text_of(client.get(LIST))
    assert Post.objects.filter(workspace=other).count() == 2


def test_a_post_s_page_takes_no_form_and_a_viewer_sees_none(staff: Client, workspace: Workspace) -> None:
    post, viewer = make_post(workspace), browser_of(member_of(workspace, role=Role.VIEWER))

    assert staff.post(page_of(post), {"content": "Other"}).status_code == 403
    answers = [viewer.get(LIST), viewer.get(page_of(post)), viewer.post(do(post, "delete_posts"), {"confirmed": "1"})]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert staff.get(page_of(Post(pk="post_none"))).status_code == 404
    assert staff.post(reverse("admin:posts_post_do", args=[post.pk, "explode"])).status_code == 404


def test_targets_are_found_by_the_id_of_their_post_and_by_the_network_s_own(
    staff: Client, workspace: Workspace
) -> None:
    post = make_failed(workspace, content="Bread one")
    make_post(workspace, accounts=[make_account(workspace, platform="bluesky", remote_id="2")], content="Bread two")
    Target.objects.filter(post=post).update(remote_id="fb_1", url="https://facebook.com/1")
    page = reverse("admin:posts_target_changelist")
    queries: list[dict[str, str]] = [
        {"q": post.pk}, {"q": "fb_1"}, {"status__exact": "failed"}, {"platform__exact": "facebook"},
        {"workspace": workspace.pk, "q": post.pk},
    ]  # fmt: skip

    pages = [text_of(staff.get(page, query)) for query in queries]

    assert [("Bread one" in each, "Bread two" in each) for each in pages] == [(True, False)] * len(queries)
    assert ERROR["message"] in pages[0]
    assert 'href="https://facebook.com/1" target="_blank" rel="noopener">' in pages[0]


@pytest.mark.parametrize(
    "model", ["posts_post", "posts_target", "posts_schedule", "events_webhook", "events_delivery", "events_event"]
)
def test_the_link_of_a_row_in_a_list_opens_its_page(staff: Client, workspace: Workspace, model: str) -> None:
    schedule = make_schedule(workspace)
    make_post(workspace, accounts=[make_account(workspace)], content="Bread one")
    record("created", schedule, actor=SYSTEM)
    make_delivery(make_webhook())
    page = text_of(staff.get(reverse(f"admin:{model}_changelist")))

    links = re.findall(rf'href="(/console/{model.replace("_", "/")}/[^"]+/change/)', page)

    assert links
    assert text_of(staff.get(links[0]))


@pytest.mark.parametrize("model", ["posts_post", "posts_target", "events_delivery", "events_event"])
def test_a_long_list_keeps_to_the_order_that_an_index_has(staff: Client, workspace: Workspace, model: str) -> None:
    record("created", make_post(workspace, accounts=[make_account(workspace)]), actor=SYSTEM)
    make_delivery(make_webhook())

    page = text_of(staff.get(reverse(f"admin:{model}_changelist")))

    assert re.findall(r'href="\?[^"]*\bo=[^"]*"', page) == []


def test_every_state_of_a_post_has_words() -> None:
    assert set(HEADLINES) == set(PostStatus)
