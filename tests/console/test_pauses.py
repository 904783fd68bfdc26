"""Pausing and resuming in the console: how many posts wait is said first, and why is kept."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Pause, SocialAccount
from adminapi.console.pages import own_page
from ouipost.events.journal import SYSTEM, Actor
from ouipost.events.models import Event
from posts import pausing
from posts.models import Post
from tests.console.composing import written
from tests.console.conftest import browser_of, member_of, text_of
from tests.factories import NOW, make_account, make_post, make_user
from workspaces.models import Role, Workspace

PAGE, RESUME = reverse("console_pauses"), reverse("console_resume")
NOTHING = {"id_network": "", "id_workspace": "", "id_account": "", "reason": ""}
FORM = NOTHING | {"scope": "network", "id_network": "facebook", "reason": "An outage."}


@pytest.fixture
def staff(db: None) -> Client:
    """Somebody who may run the installation, and nothing else."""
    return browser_of(make_user(email="staff@example.com", role=Role.VIEWER, permissions=["system.manage"]))


def paused(scope: str, subject: str = "") -> Pause:
    return pausing.pause(scope, subject, reason="An outage.", actor=SYSTEM, now=NOW)


def test_a_pause_says_first_how_many_posts_would_wait(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace)
    for _ in range(3):
        make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)

    page = text_of(staff.post(PAGE, FORM))

    assert ("3 posts, counted at each network, wait there" in page, "Pause: Facebook" in page) == (True, True)
    assert not Pause.objects.exists()


def subject_of(scope: str, account: SocialAccount) -> str:
    return {"all": "", "network": "facebook", "workspace": account.workspace_id, "account": account.pk}[scope]


@pytest.mark.parametrize("scope", ["all", "network", "workspace", "account"])
@pytest.mark.parametrize("status", ["scheduled", "publishing"])
def test_a_post_all_of_which_is_paused_says_that_it_waits(workspace: Workspace, scope: str, status: str) -> None:
    client, account = browser_of(member_of(workspace)), make_account(workspace)
    values: dict[str, Any] = {"status": status, "scheduled_at": NOW}
    post = make_post(workspace, accounts=[account], **values)
    goes_on = make_post(workspace, accounts=[make_account(workspace, platform="twitter")], **values)
    paused(scope, subject_of(scope, account))

    days = {"workspace": workspace.pk, "from": f"{NOW:%Y-%m-%d}", "to": f"{NOW:%Y-%m-%d}"}
    tiles = client.get(reverse("console_calendar_events"), days).json()["posts"]
    pages = [text_of(client.get(own_page(Post, each.pk))) for each in (post, goes_on)]

    is_all = scope in ("all", "workspace")
    assert {each["id"]: each["paused"] for each in tiles} == {post.pk: True, goes_on.pk: is_all}
    assert ["<span>It waits: publishing is paused.</span>" in page for page in pages] == [True, is_all]


@pytest.mark.parametrize("may_resume", [True, False])
def test_a_post_names_all_that_holds_it_up_and_leads_there_whoever_may_end_it(
    workspace: Workspace, may_resume: bool
) -> None:
    permissions = ["posts.manage", *(["system.manage"] if may_resume else [])]
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)
    paused("all")
    pausing.pause("network", "facebook", reason="A ban.", actor=SYSTEM, now=NOW)

    page = text_of(browser_of(member_of(workspace, permissions=permissions)).get(own_page(Post, post.pk)))

    told = "paused all publishing: An outage. The operator has paused all publishing to Facebook: A ban. It goes out"
    assert told in page
    assert (f'<a href="{PAGE}">To the pauses</a>' in page) == may_resume


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([], "It waits: publishing is paused."),
        (["twitter"], "The post is on its way. This page shows what became of it"),
    ],
)
def test_whoever_publishes_is_told_that_all_of_it_waits(workspace: Workspace, others: list[str], told: str) -> None:
    accounts = [make_account(workspace, platform=name) for name in ["facebook", *others]]
    paused("network", "facebook")

    answer = browser_of(member_of(workspace)).post(
        reverse("console_compose"), written(*accounts, do="publish"), follow=True
    )

    assert str(next(iter(answer.context["messages"]))).startswith(told)


@pytest.mark.parametrize("scope", ["all", "network", "workspace", "account"])
def test_each_scope_is_paused_with_its_reason_and_resumed(staff: Client, workspace: Workspace, scope: str) -> None:
    account = make_account(workspace)
    subject = subject_of(scope, account)
    form = NOTHING | {"scope": scope, f"id_{scope}": subject, "reason": "An outage."}

    done = staff.post(PAGE, form | {"confirmed": "1"})
    page = text_of(staff.get(PAGE))
    asked = text_of(staff.post(RESUME, form))

    pause = Pause.objects.get()
    assert (done.status_code, pause.scope, pause.subject_id, pause.reason) == (302, scope, subject, "An outage.")
    assert (pause.paused_by, "An outage." in page, "goes out at once" in asked) == ("staff@example.com", True, True)
    staff.post(RESUME, form | {"confirmed": "1"})
    assert Pause.objects.get().resumed_at is not None
    assert "Nothing is paused" in text_of(staff.get(PAGE))
    kinds = list(Event.objects.order_by("created_at", "pk").values_list("type", "user_email"))
    assert kinds == [("pause.started", "staff@example.com"), ("pause.ended", "staff@example.com")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"reason": ""}, "Say why."),
        ({"reason": " "}, "Say why."),
        ({"scope": ""}, "Mark what shall wait."),
        ({"scope": "workspace", "id_network": ""}, "Which workspace?"),
        ({"scope": "account", "id_network": "", "id_account": "acc_none"}, "There is no such account."),
        ({"scope": "galaxy"}, "Must be one of"),
    ],
    ids=["no reason", "a blank reason", "nothing marked", "no workspace", "no such account", "no such scope"],
)
def test_what_is_wrong_is_told_and_what_was_typed_stays(staff: Client, typed: dict[str, str], said: str) -> None:
    page = text_of(staff.post(PAGE, FORM | typed | {"confirmed": "1"}), 400)

    alert = page.partition('role="alert" tabindex="-1" autofocus>')[2].partition("</ul>")[0]
    [(goes, told)] = re.findall(r'<li><a [^>]*href="#([^"]+)" data-goes>(.*?)</a>', alert)
    assert said in told
    assert page.count(f'aria-describedby="{goes}-error"') == (1 if "reason" in typed else 4)
    assert page.count(f'id="{goes}-error"') == page.count(f'id="{goes}"') == 1
    assert f'value="{(FORM | typed)["reason"]}"' in page
    assert not Pause.objects.exists()


def test_nothing_is_marked_or_chosen_before_a_person_does_it(staff: Client) -> None:
    page = text_of(staff.get(PAGE))

    assert " checked" not in page
    assert re.findall(r'<select[^>]*name="(id_\w+)"[^>]*><option value="">', page) == [
        "id_network",
        "id_workspace",
        "id_account",
    ]


@pytest.mark.parametrize("scope", ["all", "network", "account"])
def test_a_choice_in_another_list_than_the_one_marked_is_refused(
    staff: Client, workspace: Workspace, scope: str
) -> None:
    account = make_account(workspace)
    form = NOTHING | {"scope": scope, f"id_{scope}": subject_of(scope, account), "reason": "An outage."}

    page = text_of(staff.post(PAGE, form | {"id_workspace": workspace.pk}), 400)

    assert "is marked, and something is chosen at “One workspace”: mark that, or choose nothing there." in page
    assert (f'<option value="{workspace.pk}" selected' in page, "An outage." in page) == (True, True)
    assert not Pause.objects.exists()


def test_whoever_pauses_what_is_paused_is_shown_the_reason_that_theirs_replaces(staff: Client) -> None:
    pausing.pause("network", "facebook", reason="A ban.", actor=Actor(user_email="colleague@example.com"), now=NOW)

    asked = text_of(staff.post(PAGE, FORM))
    staff.post(PAGE, FORM | {"confirmed": "1"})
    page = text_of(staff.get(PAGE))

    assert "It is paused already: <bdi>A ban.</bdi>" in asked
    assert ("<bdi>An outage.</bdi>" in page, "This reason is by staff@example.com." in page) == (True, True)
    assert "colleague@example.com" not in page


def test_the_same_reason_stays_whose_it_was(staff: Client) -> None:
    pausing.pause("network", "facebook", reason="An outage.", actor=Actor(user_email="first@example.com"), now=NOW)

    staff.post(PAGE, FORM | {"confirmed": "1"})

    assert Pause.objects.get().paused_by == "first@example.com"


def test_what_a_person_wrote_is_shown_as_it_is(staff: Client) -> None:
    pausing.pause("network", "facebook", reason="draft", actor=SYSTEM, now=NOW)

    page = text_of(staff.get(PAGE, headers={"Accept-Language": "fr"}))

    assert "<bdi>draft</bdi>" in page


def test_looking_at_the_pages_changes_nothing(staff: Client) -> None:
    paused("all")

    answers = [staff.get(PAGE), staff.get(RESUME)]

    assert [answer.status_code for answer in answers] == [200, 302]
    assert Pause.objects.get().resumed_at is None


def test_a_pause_names_what_people_know_it_by(staff: Client, workspace: Workspace) -> None:
    paused("workspace", workspace.pk)
    paused("account", make_account(workspace).pk)
    paused("network", "bluesky")

    page = text_of(staff.get(PAGE))

    names = ("Bakery", "Company Page (Facebook, Bakery)", "Bluesky")
    assert [f'<th scope="row">{name}</th>' in page for name in names] == [True, True, True]
