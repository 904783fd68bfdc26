"""Connected accounts in the console: what is wrong with one is said, and what can be done to it asks first."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.connecting import connect
from accounts.models import Pause, SocialAccount
from accounts.platforms.shapes import Candidate, Profile, Tokens
from adminapi.console.columns import moment
from adminapi.jobs import running
from adminapi.templatetags.charts import DASH
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from posts import pausing
from posts.models import Post, Slot, Target
from tests.accounts.fakes import FakeNetwork
from tests.console.conftest import browser_of, listed, member_of, page_of, text, told
from tests.factories import NOW, make_account, make_post, make_schedule, make_workspace
from workspaces.models import Workspace

pytestmark = pytest.mark.any_database

LIST = "/console/accounts/socialaccount/"


@pytest.fixture
def editor(workspace: Workspace) -> Client:
    return browser_of(member_of(workspace))


def test_the_list_is_searched_and_narrowed(staff: Client, workspace: Workspace) -> None:
    make_account(workspace, name="Bread page")
    make_account(workspace, name="Tweets", platform="twitter", remote_id="2", status="expired")
    make_account(make_workspace(name="Other"), name="Other page", remote_id="3")
    make_account(workspace, name="Old page", remote_id="4", default_of=None, disconnected_at=NOW)

    expected = {
        "": ["Bread page", "Other page", "Tweets"],
        "q=bread": ["Bread page"],
        "platform__exact=twitter": ["Tweets"],
        "status__exact=expired": ["Tweets"],
        f"workspace={workspace.pk}": ["Bread page", "Tweets"],
        "connection=gone": ["Old page"],
        "connection=any": ["Bread page", "Old page", "Other page", "Tweets"],
    }

    assert listed(staff, LIST, expected) == expected


@pytest.mark.parametrize(
    ("values", "is_told"),
    [({}, True), ({"status": "error"}, True), ({"status": "expired"}, False), ({"disconnected_at": NOW}, False)],
    ids=["active", "not read", "expired", "disconnected"],
)
def test_a_token_that_nothing_renews_has_no_day_of_it(
    staff: Client, workspace: Workspace, values: dict[str, Any], is_told: bool
) -> None:
    tokens = Tokens(access_token="t", access_expires_at=datetime(2027, 1, 30, tzinfo=UTC))
    account = make_account(workspace, tokens=tokens, **values)

    page = text(staff.get(page_of(account)))

    assert ("Token renewed before" in page, "2027-01-30" in page) == (True, is_told)


def test_the_kind_of_an_account_is_told_in_the_reader_s_language(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace, type="pinner")

    pages = [text(staff.get(page_of(account), headers={"Accept-Language": each})) for each in ("en", "fr")]

    assert ["personal account" in pages[0], "compte personnel" in pages[1]] == [True, True]


def test_adding_an_account_leads_to_connecting_one(editor: Client) -> None:
    assert editor.get(f"{LIST}add/")["Location"] == "/console/connect/"


@pytest.mark.parametrize(
    ("values", "what", "remedy"),
    [
        (
            {"status": "expired", "last_error": {"code": "TOKEN_REVOKED", "message": "The token was revoked."}},
            "The token was revoked.",
            "has to sign in again",
        ),
        ({"status": "error", "last_error": {"code": "X", "message": "Cannot be read."}}, "Cannot be read.", "refresh"),
        ({"last_error": {"code": "X", "message": "No answer."}}, "No answer.", "Posts still go out"),
        ({"permissions": ["pages_show_list"]}, "Not granted: pages_manage_posts", "Sign in again and allow it"),
        ({"tokens": Tokens(access_token="t", ends_at=NOW)}, "The connection has ended", "has to sign in again"),
        ({"disconnected_at": NOW, "default_of": None}, "It was disconnected on", "connect it again"),
    ],
    ids=["expired", "error", "held up", "permissions", "at its end", "disconnected"],
)
def test_it_is_said_what_is_wrong_and_what_to_do(
    staff: Client, workspace: Workspace, values: dict[str, Any], what: str, remedy: str
) -> None:
    page = text(staff.get(page_of(make_account(workspace, **values))))

    assert "All is well" not in page
    assert what in page
    assert remedy in page


def test_the_end_of_a_connection_is_announced_a_week_ahead(staff: Client, workspace: Workspace) -> None:
    in_six, in_eight = (Tokens(access_token="t", ends_at=timezone.now() + timedelta(days=days)) for days in (6, 8))
    soon = make_account(workspace, tokens=in_six)
    later = make_account(workspace, remote_id="2", default_of=None, tokens=in_eight)

    assert re.search(r"The connection ends on \d+ \w+ \d{4}, \d\d:\d\d UTC\.", text(staff.get(page_of(soon))))
    assert "All is well" in text(staff.get(page_of(later)))


def test_each_pause_is_told_with_its_reason_on_the_page_of_an_account(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace)
    make_pause(account)
    pausing.pause("all", reason="Moving", actor=SYSTEM, now=timezone.now())

    page = text(staff.get(page_of(account)))

    told = "The operator has paused all publishing to this account: Too many."
    assert f"{told} The operator has paused all publishing: Moving." in page


def make_pause(account: SocialAccount) -> None:
    Pause.objects.create(
        scope="account",
        subject_id=account.pk,
        in_force=f"account:{account.pk}",
        reason="Too many",
        paused_at=NOW,
    )


def test_name_and_hashtags_are_changed_through_the_service(editor: Client, workspace: Workspace) -> None:
    account = make_account(workspace)
    form = {"name": "Our page", "auto_hashtags": "false", "default_hashtags": "bread rye"}

    editor.post(page_of(account), form)
    editor.post(page_of(account), form | {"auto_hashtags": "", "default_hashtags": ""})

    account.refresh_from_db()
    assert (account.name, account.name_is_ours, account.settings) == ("Our page", True, {})
    first, _ = Event.objects.filter(type="account.updated").order_by("pk")
    assert first.details["after"]["settings"] == {"auto_hashtags": False, "default_hashtags": ["#bread", "#rye"]}


def test_what_becomes_too_long_by_the_hashtags_is_told(editor: Client, workspace: Workspace) -> None:
    account = make_account(workspace, platform="twitter")
    post = make_post(
        workspace, accounts=[account], content="x" * 280, status="scheduled", scheduled_at=NOW + timedelta(days=1)
    )
    form = {"name": account.name, "auto_hashtags": "true", "default_hashtags": "bread"}

    answer = editor.post(page_of(account), form, follow=True)

    assert f"With the hashtags that are added now, {post.pk} would be refused on" in text(answer)


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(editor: Client, workspace: Workspace) -> None:
    account = make_account(workspace)

    answer = editor.post(page_of(account), {"name": "Kept", "auto_hashtags": "", "default_hashtags": "bread #"})

    page = answer.context["adminform"].form
    assert list(page.errors) == ["default_hashtags"]
    assert 'value="Kept"' in text(answer)
    assert 'value="bread #"' in text(answer)
    told = re.search(r'aria-describedby="([^"]+)"[^>]*id="id_default_hashtags"', text(answer))
    assert told
    assert [name for name in told[1].split() if f'id="{name}"' not in text(answer)] == []
    assert not Event.objects.filter(type="account.updated").exists()


def losses_on(answer: Any) -> list[tuple[str, list[str]]]:
    """Return each sentence of a question about what is lost, with the posts and links below it."""
    found = text(answer).partition('<div id="losses">')[2].partition("</div>")[0]
    parts = [part.partition("</p>") for part in found.split("<p>")[1:]]
    return [(said, re.findall(r"<li>(.*?)</li>", posts)) for said, _, posts in parts]


def test_disconnecting_says_what_becomes_of_each_post_and_asks(
    editor: Client, workspace: Workspace, network: FakeNetwork
) -> None:
    account, other = make_account(workspace), make_account(workspace, remote_id="2", default_of=None)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW, content="Rye")
    make_post(workspace, accounts=[account], status="missed", scheduled_at=NOW)
    shared = make_post(workspace, accounts=[account, other], status="scheduled", scheduled_at=NOW, content="Oat")
    for status in ("draft", "published", "failed"):
        make_post(workspace, accounts=[account], status=status, scheduled_at=NOW)
    make_post(workspace, accounts=[other], status="scheduled", scheduled_at=NOW)
    slots = [(0, "09:00", [account.pk]), (1, "09:00", [account.pk, other.pk]), (2, "09:00", [other.pk])]
    schedule = make_schedule(workspace, slots=slots)

    asked = editor.get(page_of(account, "disconnect"))
    before = set(SocialAccount.objects.connected())
    done = editor.post(page_of(account, "disconnect"), {"confirmed": "1"})

    lost = losses_on(asked)
    assert [said for said, _ in lost] == [
        "2 posts go to no other account: they return to draft and lose their times.",
        "1 post goes to its other accounts only.",
        "1 draft does not go there any more.",
        "1 time of a schedule is for nobody else: it is removed.",
        "1 time of a schedule stays for the others.",
        "Connected again, an account gets back the drafts that name it, without a time: schedule them anew. Posts that "
        "stay scheduled and times of schedules do not get it back by themselves.",
    ]
    assert f'<a href="{page_of(post)}">Rye</a> ' in lost[0][1][0]
    assert moment(NOW, workspace.timezone) in lost[0][1][0]
    assert [f'<a href="{page_of(shared)}">Oat</a> ' in each for each in lost[1][1]] == [True]
    assert "<li>Company Page (Facebook)</li>" in text(asked)
    assert (before, set(SocialAccount.objects.connected())) == ({account, other}, {other})
    assert "Disconnect: done." in told(editor, done)
    event = Event.objects.get(type="account.disconnected")
    assert (event.details["cancelled"], event.user_email) == (3, "editor@example.com")
    post.refresh_from_db()
    assert (post.status, post.scheduled_at, schedule.slots.count()) == ("draft", None, 2)


def test_an_account_that_is_connected_again_gets_back_what_the_question_said(
    editor: Client, workspace: Workspace, network: FakeNetwork
) -> None:
    account, other = make_account(workspace), make_account(workspace, remote_id="2", default_of=None)
    for accounts, status in (([account], "scheduled"), ([account, other], "scheduled"), ([account], "draft")):
        make_post(workspace, accounts=accounts, status=status, scheduled_at=NOW)
    Post.objects.update(destinations=[account.pk, other.pk])
    make_schedule(workspace, slots=[(1, "09:00", [account.pk, other.pk])])

    editor.post(page_of(account, "disconnect"), {"confirmed": "1"})
    again = Candidate(
        remote_id=account.remote_id, type="page", profile=Profile(name="Again"), tokens=Tokens(access_token="a")
    )
    connect(workspace, platform="facebook", candidate=again, actor=SYSTEM, now=NOW)

    found = Target.objects.filter(account=account).values_list("status", "post__status", "post__scheduled_at")
    assert sorted(found, key=str) == [
        ("cancelled", "scheduled", NOW),
        ("draft", "draft", None),
        ("draft", "draft", None),
    ]
    assert Slot.objects.get().platforms == [other.pk]


def test_a_question_names_the_first_posts_that_lose_their_time_and_how_many_more(
    editor: Client, workspace: Workspace
) -> None:
    account = make_account(workspace)
    for hour in range(7):
        at = NOW + timedelta(hours=hour)
        make_post(workspace, accounts=[account], status="scheduled", scheduled_at=at, content=f"Loaf {hour}")

    [(said, posts), _] = losses_on(editor.get(page_of(account, "disconnect")))

    assert said == "7 posts go to no other account: they return to draft and lose their times."
    assert re.findall(r"Loaf \d", " ".join(posts)) == [f"Loaf {hour}" for hour in range(5)]
    assert posts[5:] == ["and 2 more"]


def test_who_may_not_see_posts_is_told_how_many_lose_their_time_and_not_which(workspace: Workspace) -> None:
    account = make_account(workspace)
    make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)
    browser = browser_of(member_of(workspace, permissions=["accounts.manage"]))

    [first, _] = losses_on(browser.get(page_of(account, "disconnect")))

    assert first == ("1 post goes to no other account: it returns to draft and loses its time.", [])


def test_several_accounts_are_disconnected_in_the_background_after_a_question_for_each_asks_its_network(
    editor: Client, workspace: Workspace, network: FakeNetwork
) -> None:
    pages = [make_account(workspace), make_account(workspace, remote_id="2", default_of=None)]
    make_post(workspace, accounts=pages, status="scheduled", scheduled_at=NOW)
    chosen = {"action": "disconnect_all", "_selected_action": [page.pk for page in pages]}

    asked = editor.post(LIST, chosen)
    editor.post(LIST, chosen | {"confirmed": "1"})
    within = (SocialAccount.objects.connected().count(), list(network.calls))
    running.work_on_due()

    assert losses_on(asked)[0][0] == "1 post goes to no other account: it returns to draft and loses its time."
    assert within == (2, [])
    assert not SocialAccount.objects.connected().exists()
    assert Post.objects.get().status in ("draft", "cancelled")


def test_another_account_becomes_the_default(editor: Client, workspace: Workspace) -> None:
    old, new = make_account(workspace), make_account(workspace, remote_id="2", default_of=None)

    assert f"/{old.pk}/make_default/" not in text(editor.get(page_of(old)))
    editor.post(page_of(new, "make_default"), {"confirmed": "1"})

    assert [SocialAccount.objects.get(pk=each.pk).is_default for each in (old, new)] == [False, True]


def test_an_account_is_refreshed_at_the_network(editor: Client, workspace: Workspace, network: FakeNetwork) -> None:
    account = make_account(workspace, name="Old name")

    asked = editor.get(page_of(account, "refresh"))
    before = list(network.calls)
    editor.post(page_of(account, "refresh"), {"confirmed": "1"})

    assert (asked.status_code, before) == (200, [])
    assert SocialAccount.objects.get().followers == 15420
    assert Event.objects.get(type="account.refreshed").user_email == "editor@example.com"


def test_signing_in_again_begins_on_the_page_for_it(editor: Client, workspace: Workspace) -> None:
    account = make_account(workspace)

    assert editor.get(page_of(account, "reconnect"))["Location"] == f"/console/connect/?account={account.pk}"


def test_an_account_is_paused_where_everything_is_and_resumed_on_its_page(staff: Client, workspace: Workspace) -> None:
    account, other = make_account(workspace, name="The bakery"), make_account(workspace, platform="twitter")

    form = staff.get(page_of(account, "pause"), follow=True)
    staff.post("/console/pauses/", {**pause_of(account), "reason": "Too many complaints", "confirmed": "1"})
    [paused] = pausing.in_force_for(None)
    offered = [pauses_offered(staff, each) for each in (account, other)]
    staff.post(page_of(account, "resume"), {"confirmed": "1"})
    offered.append(pauses_offered(staff, account))

    assert f'<option value="{account.pk}" selected>The bakery' in text(form)
    assert 'value="account" checked' in text(form)
    assert (paused.subject_id, paused.reason) == (account.pk, "Too many complaints")
    assert offered == [{"resume"}, {"pause"}, {"pause"}]
    assert pausing.in_force_for(None) == []


def pauses_offered(staff: Client, account: SocialAccount) -> set[str]:
    page = text(staff.get(page_of(account)))
    return {name for name in ("pause", "resume") if page_of(account, name) in page}


def pause_of(account: SocialAccount) -> dict[str, str]:
    return {"scope": "account", "id_account": account.pk}


def test_only_who_manages_the_system_pauses(editor: Client, workspace: Workspace) -> None:
    account = make_account(workspace)

    assert f"/{account.pk}/pause/" not in text(editor.get(page_of(account)))
    assert editor.get(page_of(account, "pause")).status_code == 403
    assert editor.post("/console/pauses/", {**pause_of(account), "reason": "x"}).status_code == 403
    assert editor.post(page_of(account, "resume"), {"confirmed": "1"}).status_code == 403


@pytest.mark.parametrize("action", ["disconnect", "refresh", "make_default", "reconnect"])
def test_nobody_acts_on_accounts_of_other_workspaces(editor: Client, action: str) -> None:
    account = make_account(make_workspace(name="Other"), name="Secret page")

    assert editor.post(page_of(account, action), {"confirmed": "1"}).status_code == 404
    assert editor.get(page_of(account)).status_code == 302  # Django's own: there is no such row for this person
    assert "Secret page" not in text(editor.get(LIST))
    assert SocialAccount.objects.get().is_connected


@pytest.mark.parametrize("action", ["disconnect", "refresh", "make_default", "reconnect", "pause", "resume"])
def test_a_disconnected_account_is_looked_at_only(staff: Client, workspace: Workspace, action: str) -> None:
    account = make_account(workspace, disconnected_at=NOW, default_of=None)

    page = text(staff.get(page_of(account)))

    assert (f"/{account.pk}/{action}/" in page, 'name="name"' in page) == (False, False)
    assert staff.post(page_of(account, action), {"confirmed": "1", "reason": "x"}).status_code == 404


@pytest.mark.parametrize("action", ["disconnect", "refresh", "make_default", "resume", "pause"])
def test_looking_changes_nothing(staff: Client, workspace: Workspace, action: str, network: FakeNetwork) -> None:
    account = make_account(workspace, default_of=None)
    before = Event.objects.count()

    staff.get(page_of(account, action))
    staff.get(f"{page_of(account, action)}?confirmed=1")

    assert (Event.objects.count(), network.calls) == (before, [])


def test_what_happened_to_an_account_is_read_in_the_journal(
    staff: Client, editor: Client, workspace: Workspace
) -> None:
    account = make_account(workspace)

    link = re.search(r'href="([^"]+/history/)"', text(staff.get(page_of(account))))
    assert link
    assert staff.get(link[1])["Location"] == f"/console/events/event/?resource_id={account.pk}"
    assert "/history/" not in text(editor.get(page_of(account)))


def test_which_account_is_the_default_is_told_in_a_word_and_no_other_looks_broken(
    staff: Client, workspace: Workspace
) -> None:
    make_account(workspace, name="One")
    make_account(workspace, name="Other", remote_id="2", default_of=None)

    rows = re.findall(r"field-is_the_default[^>]*>\s*([^<]*?)\s*<", text(staff.get(LIST)))

    assert sorted(rows) == ["yes", DASH]
