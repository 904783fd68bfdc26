"""Workspaces in the console: settings as fields, members, and a deletion that says what goes."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ouipost.events.models import Event
from posts import counts
from tests.analytics.readings import publish
from tests.console.conftest import browser_of, made_as, member_of, page_of, text
from tests.factories import NOW, make_account, make_post, make_schedule, make_user, make_workspace
from workspaces import services
from workspaces.models import Membership, Role, User, Workspace

pytestmark = pytest.mark.any_database

LIST = "/console/workspaces/workspace/"
FORM = {"name": "Bakery", "description": "", "timezone": "", "default_hashtags": ""}


def manager_of(workspace: Workspace) -> tuple[Client, User]:
    """Someone who manages workspaces and is no administrator."""
    user = member_of(workspace, email="m@example.com", permissions=["workspaces.manage"])
    return browser_of(user), user


def test_a_workspace_is_made_with_settings_and_members(staff: Client) -> None:
    user = make_user(email="e@example.com", role=Role.EDITOR)
    form = FORM | {
        "mode": "sandbox",
        "timezone": "Europe/Paris",
        "publish_late_up_to_minutes": "30",
        "auto_hashtags": "on",
        "default_hashtags": "bread rye",
        "members": [user.pk],
    }

    staff.post(f"{LIST}add/", form)

    workspace = Workspace.objects.get()
    assert (workspace.name, workspace.mode) == ("Bakery", "sandbox")
    assert workspace.settings == {
        "timezone": "Europe/Paris",
        "publish_late_up_to_minutes": 30,
        "auto_hashtags": True,
        "default_hashtags": ["#bread", "#rye"],
    }
    assert [each.user_id for each in workspace.memberships.all()] == [user.pk]
    assert Event.objects.get(type="workspace.created").user_email == "staff@example.com"


def test_a_form_that_is_sent_twice_makes_one_workspace_unless_more_are_wanted(staff: Client) -> None:
    form = FORM | {"mode": "live"} | made_as(staff.get(f"{LIST}add/"))
    staff.post(f"{LIST}add/", form)

    again = staff.post(f"{LIST}add/", form)
    made = [workspace.pk for workspace in Workspace.objects.all()]
    staff.post(f"{LIST}add/", form | made_as(again))

    told = "It was added already, so nothing was done. To add one more as it stands here, press the button again."
    assert f"<li>{told}</li>" in text(again).partition('role="alert"')[2]
    assert (made, text(again).count(told)) == ([form["made_as"]], 1)
    assert (Workspace.objects.count(), Event.objects.filter(type="workspace.created").count()) == (2, 2)


def test_settings_are_changed_one_by_one_and_others_are_kept(staff: Client) -> None:
    kept = {"timezone": "Europe/Paris", "publish_late_up_to_minutes": 30, "colour": "green"}
    workspace = make_workspace(settings=kept)

    staff.post(page_of(workspace), FORM | {"publish_late_up_to_minutes": "0", "timezone": "Europe/Paris"})

    workspace.refresh_from_db()
    assert workspace.settings == kept | {"publish_late_up_to_minutes": 0}


def test_an_emptied_setting_is_the_usual_one_again(staff: Client) -> None:
    workspace = make_workspace(settings={"timezone": "Europe/Paris", "publish_late_up_to_minutes": 30})

    staff.post(page_of(workspace), FORM | {"publish_late_up_to_minutes": ""})

    workspace.refresh_from_db()
    assert (workspace.settings, workspace.timezone, workspace.publish_late_up_to_minutes) == ({}, "UTC", 360)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"publish_late_up_to_minutes": "10081"}, "publish_late_up_to_minutes"),
        ({"publish_late_up_to_minutes": "-1"}, "publish_late_up_to_minutes"),
        ({"default_hashtags": "bread #"}, "default_hashtags"),
        ({"name": ""}, "name"),
        ({"members": ["user_nobody"]}, "members"),
    ],
    ids=["no zone", "too late", "before", "no tag", "no name", "nobody"],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_saved(
    staff: Client, given: dict[str, Any], field: str
) -> None:
    workspace = make_workspace()

    answer = staff.post(page_of(workspace), FORM | {"description": "Typed", "default_hashtags": "ok"} | given)

    assert list(answer.context["adminform"].form.errors) == [field]
    assert "Typed" in text(answer)
    workspace.refresh_from_db()
    assert (workspace.settings, workspace.description) == ({}, "")


def test_all_that_is_wrong_is_told_at_once(staff: Client) -> None:
    wrong = {"name": "", "publish_late_up_to_minutes": "-1", "default_hashtags": "bread #"}

    answer = staff.post(page_of(make_workspace()), FORM | wrong)

    assert set(answer.context["adminform"].form.errors) == {*wrong}


def test_members_are_chosen_and_taken_out(staff: Client) -> None:
    workspace = make_workspace()
    first, second = make_user(email="a@example.com", role="editor"), make_user(email="b@example.com", role="editor")
    Membership.objects.create(workspace=workspace, user=first)

    staff.post(page_of(workspace), FORM | {"members": [second.pk]})

    assert list(workspace.memberships.values_list("user", flat=True)) == [second.pk]
    told = Event.objects.get(type="workspace.members_changed").details
    assert (told["before"]["members"], told["after"]["members"]) == ([first.pk], [second.pk])


def test_who_may_not_see_users_sees_the_members_only(db: None) -> None:
    make_user(email="secret@example.com")
    workspace = make_workspace()
    browser, _ = manager_of(workspace)

    page = text(browser.get(page_of(workspace)))

    assert ("m@example.com" in page, "secret@example.com" in page) == (True, False)


def test_nobody_takes_themselves_out_by_mistake(db: None) -> None:
    workspace = make_workspace()
    browser, user = manager_of(workspace)

    answer = browser.post(page_of(workspace), FORM)

    assert list(answer.context["adminform"].form.errors) == ["members"]
    assert workspace.memberships.get().user == user
    unnamed = browser.post(page_of(workspace), FORM | {"name": "", "members": []})
    assert set(unnamed.context["adminform"].form.errors) == {"name", "members"}


def test_deleting_says_what_goes_with_it_and_asks(staff: Client) -> None:
    workspace, other = make_workspace(), make_workspace()
    account = make_account(workspace)
    make_schedule(workspace)
    accounts = [account, make_account(workspace, remote_id="2", default_of=None)]
    posts = [
        make_post(workspace, accounts=accounts, status=status, scheduled_at=NOW)
        for status in ("scheduled", "scheduled", "draft", "published")
    ]

    asked = text(staff.get(page_of(workspace, "delete_workspace")))
    before = Workspace.objects.present().count()
    done = staff.post(page_of(workspace, "delete_workspace"), {"confirmed": "1"})

    assert "its posts (4)" in asked
    assert "accounts (2)" in asked
    assert "schedules (1)" in asked
    assert "<p>2 posts wait for their times, and are never sent.</p>" in asked
    assert [page_of(post) in asked for post in posts] == [True, True, False, False]
    assert (before, Workspace.objects.present().get(), done["Location"]) == (2, other, removal_of(workspace))
    assert Event.objects.get(type="workspace.deleted").user_email == "staff@example.com"


def removal_of(workspace: Workspace) -> str:
    return reverse("console_removal", args=[workspace.pk])


def progress_of(browser: Client, workspace: Workspace) -> tuple[str, str]:
    """Return what the bar and the sentence of the removal's page say."""
    page = text(browser.get(removal_of(workspace)))
    found = re.search(r'<p>([^<]*)</p>\s*<progress [^>]*value="(\d+)"', page)
    assert found is not None, page
    return found[2], found[1]


def test_the_page_of_a_removal_says_how_far_it_is_until_nothing_is_left(staff: Client) -> None:
    workspace = make_workspace()
    publish(make_account(workspace), at=NOW)
    make_post(workspace)
    counts.add_posts(workspace.pk, 0)
    staff.post(page_of(workspace, "delete_workspace"), {"confirmed": "1"})

    told = [progress_of(staff, workspace)]
    may_be_left = "You can leave this page" in text(staff.get(removal_of(workspace)))
    listed = removal_of(workspace) in text(staff.get(reverse("console_jobs")))
    while not services.purge_deleted():
        told.append(progress_of(staff, workspace))
    told.append(progress_of(staff, workspace))

    assert list(dict.fromkeys(told)) == [
        ("0", "Left of its posts: 2 of 2. Left of what was read of them: 1 of 1."),
        ("50", "Left of its posts: 2 of 2. Left of what was read of them: 0 of 1."),
        ("100", "Nothing of it is left here. What was published stays at the networks."),
    ]
    assert (may_be_left, listed) == (True, True)
    assert removal_of(workspace) not in text(staff.get(reverse("console_jobs")))


def test_only_who_deleted_a_workspace_and_administrators_see_its_removal(staff: Client) -> None:
    workspace = make_workspace()
    browser, _ = manager_of(workspace)
    other = make_user(email="o@example.com", role=Role.EDITOR, permissions=["workspaces.manage"])
    browser.post(page_of(workspace, "delete_workspace"), {"confirmed": "1"})

    clients = (browser, staff, browser_of(other))

    assert [each.get(removal_of(workspace)).status_code for each in clients] == [200, 200, 404]
    assert [removal_of(workspace) in text(each.get("/console/jobs/")) for each in clients] == [True, True, False]


def test_who_deleted_a_workspace_sees_no_other_removal_and_their_own_while_they_may(staff: Client) -> None:
    mine, also, other = make_workspace(), make_workspace(), make_workspace()
    browser, user = manager_of(mine)
    Membership.objects.create(workspace=also, user=user)
    browser.post(page_of(mine, "delete_workspace"), {"confirmed": "1"})
    browser.post(page_of(also), FORM | {"name": "Also", "members": [user.pk]})
    staff.post(page_of(other, "delete_workspace"), {"confirmed": "1"})

    opened = [browser.get(removal_of(each)).status_code for each in (mine, also, other)]
    listed = [removal_of(mine) in text(browser.get("/console/jobs/"))]
    User.objects.filter(pk=user.pk).update(permissions=["posts.manage"])
    listed.append(removal_of(mine) in text(browser.get("/console/jobs/")))

    assert (opened, listed) == ([200, 404, 404], [True, False])
    told = Event.objects.get(type="workspace.updated", user_id=user.pk, resource_id=also.pk)
    assert told.details["after"]["name"] == "Also"


def test_nobody_changes_or_deletes_a_workspace_that_is_not_theirs(db: None) -> None:
    other = make_workspace(name="Other")
    browser, _ = manager_of(make_workspace())

    assert browser.post(page_of(other, "delete_workspace"), {"confirmed": "1"}).status_code == 404
    assert browser.post(page_of(other), FORM | {"name": "Taken"}).status_code == 302  # Django's: no such row
    assert "Other" not in text(browser.get(LIST))
    other.refresh_from_db()
    assert (other.name, other.deleted_at) == ("Other", None)


def test_an_account_is_connected_from_the_page_of_its_workspace(staff: Client) -> None:
    workspace = make_workspace()
    browser, _ = manager_of(workspace)

    assert staff.get(page_of(workspace, "connect_account"))["Location"] == f"/console/connect/?workspace={workspace.pk}"
    assert browser.get(page_of(workspace, "connect_account")).status_code == 403


def test_a_workspace_leads_to_its_own_pages(staff: Client, workspace: Workspace) -> None:
    page = text(staff.get(f"/console/workspaces/workspace/{workspace.pk}/change/"))

    for there in ("calendar", "compose", "posts/post", "posts/schedule/add", "accounts/socialaccount", "analytics"):
        assert f'href="/console/{there}/?workspace={workspace.pk}"' in page
        assert staff.get(f"/console/{there}/?workspace={workspace.pk}").status_code == 200


@pytest.mark.parametrize("there", ["calendar", "compose", "connect", "analytics", "posts/schedule/add", "posts/post"])
def test_a_workspace_beyond_those_that_are_listed_can_be_chosen(
    staff: Client, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    monkeypatch.setattr("adminapi.console.workspaces.MOST_OFFERED", 1)
    make_workspace(name="A first one")
    last = make_workspace(name="Zebra")

    page = text(staff.get(f"/console/{there}/?workspace={last.pk}"))

    assert "Zebra" in page
    assert "A first one" in page
    assert ("Find another one" in page) is (there != "posts/post")
