"""Two people who have the same page open: each changes what they changed, and nothing that they only saw."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.urls import reverse

from adminapi.console import base
from adminapi.console.admins.users import UserForm
from adminapi.console.admins.workspaces import WorkspaceForm
from adminapi.jobs import kinds
from ouipost.events import webhooks
from ouipost.events.journal import SYSTEM
from posts import services as posts
from posts.models import Post, Target
from tests.console.conftest import browser_of, comes_between, confirmation, text_of, told
from tests.factories import NOW, make_account, make_key, make_post, make_user, make_webhook, make_workspace
from workspaces import services, users
from workspaces.keys import services as keys
from workspaces.models import Workspace

pytestmark = pytest.mark.thorough

Typed = dict[str, Any]
Case = tuple[Any, Typed, Callable[[Any], Any], Typed]
"""A row, what one person types, what another does meanwhile, and what the row has in the end."""


class Form(HTMLParser):
    """What a browser would send of the form that a page has, where nothing is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._text = self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        is_chosen = given.get("type") not in ("checkbox", "radio", "submit") or "checked" in given
        if tag == "input" and name and is_chosen:
            self.sent.setdefault(name, []).append(value or ("on" if given.get("type") == "checkbox" else ""))
        if tag == "textarea":
            self._text = name
            self.sent[name] = [""]
        if tag == "select":
            self._choice = name
        if tag == "option" and "selected" in given:
            self.sent[self._choice] = [value]

    def handle_data(self, data: str) -> None:
        if self._text:
            self.sent[self._text] = [data.removeprefix("\r\n").removeprefix("\n").replace("\n", "\r\n")]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""


def opened(browser: Client, page: str) -> Typed:
    """Return what the page would send as it is."""
    form = Form()
    form.feed(text_of(browser.get(page)))
    return dict(form.sent)


def of_user() -> Case:
    user = make_user(email="u@example.com", name="U", role="admin")
    values = {"role": "viewer", "is_active": False}
    return (
        user,
        {"name": "Una"},
        lambda row: users.update_user(row, values=values, actor=SYSTEM, now=NOW),
        values | {"name": "Una", "email": "u@example.com", "permissions": None},
    )


def of_key() -> Case:
    key, _ = make_key(tier="starter", expires_at=NOW)
    values = {"is_active": False, "permissions": ["posts.read"], "expires_at": None}
    return (
        key,
        {"tier": "professional"},
        lambda row: keys.update_key(row, values=values, actor=SYSTEM),
        values | {"tier": "professional", "name": "Test"},
    )


def of_workspace() -> Case:
    kept = {"timezone": "Europe/Paris", "default_hashtags": ["#rye"]}
    workspace = make_workspace(name="Bakery", description="Bread\nand more", settings=kept)
    settings = {"timezone": "Asia/Kolkata", "publish_late_up_to_minutes": 5}
    changed = {"name": "Bread", "description": "Rye", "settings": settings}
    return (
        workspace,
        {"default_hashtags": "rye oat"},
        lambda row: services.update_workspace(row, values=changed, actor=SYSTEM),
        {"name": "Bread", "description": "Rye", "settings": {"default_hashtags": ["#rye", "#oat"], **settings}},
    )


def of_webhook() -> Case:
    webhook = make_webhook(url="https://1.1.1.1/hook", workspace_ids=[make_workspace().pk])
    values = {"is_active": False, "events": ["post.failed"]}
    return (
        webhook,
        {"url": "https://1.1.1.1/other"},
        lambda row: webhooks.update_webhook(row, values=values, actor=SYSTEM),
        values | {"url": "https://1.1.1.1/other", "workspace_ids": webhook.workspace_ids},
    )


PAGES: dict[str, Callable[[], Case]] = {
    "workspaces/user": of_user,
    "workspaces/apikey": of_key,
    "workspaces/workspace": of_workspace,
    "events/webhook": of_webhook,
}


@pytest.mark.parametrize("name", PAGES)
def test_what_another_changed_since_the_page_was_opened_stays(staff: Client, name: str) -> None:
    row, typed, change, expected = PAGES[name]()
    page = f"/console/{name}/{row.pk}/change/"
    sent = opened(staff, page)

    change(row)
    answer = staff.post(page, sent | typed)

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    row = type(row)._default_manager.get(pk=row.pk)
    assert {field: getattr(row, field) for field in expected} == expected


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_sent_as_it_was_opened_changes_nothing(staff: Client, name: str) -> None:
    row = PAGES[name]()[0]
    page, before = f"/console/{name}/{row.pk}/change/", type(row)._default_manager.values().get(pk=row.pk)

    assert staff.post(page, opened(staff, page)).status_code == 302

    assert type(row)._default_manager.values().get(pk=row.pk) == before


@pytest.mark.parametrize(
    ("meanwhile", "sent", "left"),
    [
        pytest.param("b", "abc", "bc", id="another took one out, and one is added"),
        pytest.param("abc", "a", "ac", id="another added one, and one is taken out"),
    ],
)
def test_members_that_another_changed_stay_as_they_are_where_others_are_changed(
    staff: Client, meanwhile: str, sent: str, left: str
) -> None:
    people = {each: make_user(email=f"{each}@example.com", role="editor").pk for each in "abc"}
    workspace = make_workspace()
    users.set_members(workspace, user_ids=[people[each] for each in "ab"], actor=SYSTEM)
    page = f"/console/workspaces/workspace/{workspace.pk}/change/"
    form = opened(staff, page)

    users.set_members(workspace, user_ids=[people[each] for each in meanwhile], actor=SYSTEM)
    staff.post(page, form | {"members": [people[each] for each in sent]})

    assert set(workspace.memberships.values_list("user", flat=True)) == {people[each] for each in left}


def test_a_member_that_is_gone_since_is_no_mistake_of_who_changes_the_name(staff: Client) -> None:
    first, second = (make_user(email=f"{each}@example.com", role="editor") for each in "ab")
    workspace = make_workspace()
    users.set_members(workspace, user_ids=[first.pk, second.pk], actor=SYSTEM)
    page = f"/console/workspaces/workspace/{workspace.pk}/change/"
    sent = opened(staff, page) | {"members": [first.pk, second.pk], "name": "Bread"}

    users.delete_user(first, actor=SYSTEM)
    staff.post(page, sent)

    workspace.refresh_from_db()
    assert workspace.name == "Bread"
    assert list(workspace.memberships.values_list("user", flat=True)) == [second.pk]


@pytest.mark.usefixtures("db")
def test_a_workspace_that_a_webhook_has_lost_since_is_no_mistake_of_who_changes_its_address() -> None:
    first, second = make_workspace(), make_workspace()
    member = make_user(email="m@example.com", role="viewer", permissions=["webhooks.manage"])
    for workspace in (first, second):
        users.set_members(workspace, user_ids=[member.pk], actor=SYSTEM)
    webhook = make_webhook(url="https://1.1.1.1/hook", workspace_ids=[first.pk, second.pk])
    browser = browser_of(member)
    page = f"/console/events/webhook/{webhook.pk}/change/"
    sent = opened(browser, page)

    users.set_members(second, user_ids=[], actor=SYSTEM)
    webhooks.update_webhook(webhook, values={"workspace_ids": [first.pk]}, actor=SYSTEM)
    answer = browser.post(page, sent | {"url": "https://1.1.1.1/other"})

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    webhook.refresh_from_db()
    assert (webhook.url, webhook.workspace_ids) == ("https://1.1.1.1/other", [first.pk])


@pytest.mark.parametrize("kept", [["system.view"], None])
def test_another_role_leaves_what_a_user_may_as_somebody_else_has_set_it(staff: Client, kept: list[str] | None) -> None:
    user = make_user(email="u@example.com", role="editor", permissions=["system.view", "webhooks.manage"])
    page = f"/console/workspaces/user/{user.pk}/change/"
    sent = opened(staff, page)

    users.update_user(user, values={"permissions": kept}, actor=SYSTEM, now=NOW)
    staff.post(page, sent | {"role": "viewer"})

    user.refresh_from_db()
    assert (user.role, user.permissions) == ("viewer", kept)


def comes_while_checked(
    monkeypatch: pytest.MonkeyPatch, form: type[forms.ModelForm[Any]], field: str, change: Callable[[], object]
) -> None:
    """Have another person's change come while a form checks what was typed: it has read its row already."""
    checked = getattr(form, f"clean_{field}")

    def overtaken(self: Any) -> Any:
        change()
        return checked(self)

    monkeypatch.setattr(form, f"clean_{field}", overtaken)


@pytest.mark.parametrize("kept", [["system.view"], None])
def test_what_a_user_may_stays_as_it_is_set_while_their_role_is_being_saved(
    staff: Client, monkeypatch: pytest.MonkeyPatch, kept: list[str] | None
) -> None:
    user = make_user(email="u@example.com", role="editor", permissions=["system.view", "webhooks.manage"])
    page = f"/console/workspaces/user/{user.pk}/change/"
    sent = opened(staff, page)

    def theirs() -> None:
        users.update_user(user, values={"permissions": kept}, actor=SYSTEM, now=NOW)

    comes_while_checked(monkeypatch, UserForm, "email", theirs)
    staff.post(page, sent | {"role": "viewer"})

    user.refresh_from_db()
    assert (user.role, user.permissions) == ("viewer", kept)


def test_members_that_are_added_and_removed_while_the_page_is_being_saved_stay_so(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {each: make_user(email=f"{each}@example.com", role="editor").pk for each in "abcd"}
    workspace = make_workspace()
    users.set_members(workspace, user_ids=[people[each] for each in "abc"], actor=SYSTEM)
    page = f"/console/workspaces/workspace/{workspace.pk}/change/"
    form = opened(staff, page)

    def theirs() -> None:
        users.set_members(workspace, user_ids=[people[each] for each in "acd"], actor=SYSTEM)

    comes_while_checked(monkeypatch, WorkspaceForm, "timezone", theirs)
    staff.post(page, form | {"members": [people[each] for each in "bc"]})

    assert set(workspace.memberships.values_list("user", flat=True)) == {people[each] for each in "cd"}


def test_what_was_typed_is_saved_once_another_field_is_mended(staff: Client) -> None:
    key, _ = make_key(workspace_ids=[])
    workspace = make_workspace()
    page = f"/console/workspaces/apikey/{key.pk}/change/"
    typed = {"expires_at_0": "2031-01-02", "expires_at_1": "10:00:00", "workspaces": [workspace.pk], "is_active": []}

    form = Form()
    form.feed(text_of(staff.post(page, opened(staff, page) | typed | {"name": ""})))
    staff.post(page, dict(form.sent) | {"name": "Shop"})

    key.refresh_from_db()
    assert (key.name, key.workspace_ids, key.is_active) == ("Shop", [workspace.pk], False)
    assert key.expires_at == datetime(2031, 1, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("told", ["", "5", "[5", "{}", '[{"at": 1}]', "[" * 50_000, "2026-13-01"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_says_nonsense_of_what_it_showed_is_taken_as_it_is_typed(
    staff: Client, name: str, told: str
) -> None:
    row, typed, _change, _expected = PAGES[name]()
    page = f"/console/{name}/{row.pk}/change/"
    sent = opened(staff, page) | typed

    answer = staff.post(page, sent | {each: told for each in sent if each.startswith("initial-")})

    assert answer.status_code == 302
    row = type(row)._default_manager.get(pk=row.pk)
    assert {field: getattr(row, field, value) for field, value in typed.items()} == typed


def test_an_account_keeps_the_name_that_another_gave_it(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace, name="Page")
    page = f"/console/accounts/socialaccount/{account.pk}/change/"
    sent = opened(staff, page)

    type(account).objects.filter(pk=account.pk).update(name="Renamed", settings={"auto_hashtags": True})
    staff.post(page, sent | {"default_hashtags": "rye"})

    account.refresh_from_db()
    assert (account.name, account.settings) == ("Renamed", {"auto_hashtags": True, "default_hashtags": ["#rye"]})


def test_a_row_that_somebody_removes_while_those_before_it_are_done_stands_in_the_way_of_no_other(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = {"status": "scheduled", "scheduled_at": NOW}
    account = make_account(workspace)
    texts = ("Rye", "Oats", "Corn")
    first, second, third = (make_post(workspace, accounts=[account], content=text, **planned) for text in texts)
    unscheduled = posts.unschedule_post

    def removing_the_second(post: Post, **given: Any) -> Post:
        Post.objects.filter(pk=second.pk).delete()
        return unscheduled(post, **given)

    monkeypatch.setattr(posts, "unschedule_post", removing_the_second)
    address, chosen = reverse("admin:posts_post_changelist"), [each.pk for each in (first, second, third)]
    answer = staff.post(address, {"action": "unschedule", "_selected_action": chosen, "confirmed": "1"})

    assert set(Post.objects.values_list("pk", "status")) == {(first.pk, "draft"), (third.pk, "draft")}
    said = told(staff, answer)
    assert ("“Oats”: It is gone, or not yours any more." in said, "Back to draft: 2 done." in said) == (True, True)


PLANNED = {"status": "scheduled", "scheduled_at": NOW}
ACTIONS: dict[str, Typed] = {"publish_now": PLANNED, "unschedule": PLANNED, "delete_posts": PLANNED} | {
    "retry_failed": {"status": "failed"}
}


def touched(post: Post) -> Any:
    """Change a post as another person does, and return its state then."""
    Post.objects.filter(pk=post.pk).update(content="Theirs", updated_at=NOW)
    return state_of(post)


def state_of(post: Post) -> Any:
    return Post.objects.values("status", "content", "scheduled_at", "updated_at").get(pk=post.pk)


@pytest.mark.parametrize("place", ["its page", "the list"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_post_that_somebody_changes_while_an_action_on_it_begins_is_left_alone(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, action: str, place: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], **ACTIONS[action])
    address, form = reverse("admin:posts_post_do", args=[post.pk, action]), dict[str, Any]()
    if place == "the list":
        address = reverse("admin:posts_post_changelist")
        form = {"action": action, "_selected_action": [post.pk]}
    form |= confirmation(staff.post(address, form)) | {"confirmed": "1"}
    left: list[Any] = []
    comes_between(monkeypatch, kinds, lambda: left.append(touched(post)))

    answer = staff.post(address, form)

    assert [state_of(post)] == left
    assert "Somebody has changed it since you were asked: look at it first." in told(staff, answer)


@pytest.mark.parametrize("change", ["the post", "the target"])
@pytest.mark.parametrize("action", ["resolve", "look"])
def test_a_target_in_doubt_that_changes_while_an_action_on_it_begins_is_left_alone(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, action: str, change: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="needs_review")
    target = post.targets.get()
    Target.objects.filter(pk=target.pk).update(status="needs_review", outcome_unknown=True)
    address = reverse(f"admin:posts_post_{action}", args=[post.pk, target.pk])
    form = {"outcome": "not_published"}
    form |= confirmation(staff.post(address, form)) | {"confirmed": "1"}

    def theirs() -> None:
        if change == "the post":
            touched(post)
        else:
            Target.objects.filter(pk=target.pk).update(fence=target.fence + 1)

    comes_between(monkeypatch, base, theirs)

    answer = staff.post(address, form)

    target.refresh_from_db()
    assert (target.status, target.due_at) == ("needs_review", None)
    assert "Somebody has changed it since you were asked: look at it first." in told(staff, answer)


@pytest.mark.parametrize(
    ("listed", "action"),
    [
        ("posts_schedule", "hold"),
        ("posts_schedule", "resume"),
        ("events_delivery", "redeliver"),
        ("events_webhook", "send_test"),
        ("events_webhook", "rotate_secret"),
        ("posts_schedule", "delete_schedules"),
        ("posts_post", "unschedule"),
    ],
)
def test_whoever_acts_on_a_row_that_somebody_removed_is_told_so_on_the_list(
    staff: Client, listed: str, action: str
) -> None:
    address = reverse(f"admin:{listed}_changelist")

    answer = staff.post(address, {"action": action, "_selected_action": "gone", "from": "page"})

    assert answer["Location"] == address
    assert re.search("it cannot be done|Choose one webhook", told(staff, answer))
