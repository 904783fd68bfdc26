"""The audit log in the console: read with filters, compared in a table, taken along as CSV, and never changed."""

import csv
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ouipost.events.journal import SYSTEM, Actor, record
from ouipost.events.models import Event
from posts import services
from tests.conftest import AdminClient
from tests.console.conftest import browser_of, member_of, page_of, text_of
from tests.factories import make_key, make_post, make_user, make_workspace
from workspaces.models import Role, User, Workspace

pytestmark = pytest.mark.any_database

LIST, CSV = reverse("admin:events_event_changelist"), reverse("console_audit_csv")


@pytest.fixture
def auditor(db: None) -> User:
    """An administrator."""
    return make_user(email="auditor@example.com")


@pytest.fixture
def staff(auditor: User) -> Client:
    return browser_of(auditor)


@pytest.fixture
def lines(workspace: Workspace, auditor: User) -> dict[str, Event]:
    """A line of a person, one of a key in another workspace, and one of the product itself."""
    person = Actor(user_id=auditor.pk, user_email=auditor.email, ip_address="203.0.113.9")
    post, other = make_post(workspace), make_post(make_workspace(name="Other"))
    changed: dict[str, Any] = {"before": {"content": "Old <b>", "title": ""}, "after": {"content": "New", "title": "T"}}
    return {
        "person": record("updated", post, actor=person, **changed),
        "key": record("created", other, actor=Actor(key_id="key_1"), platforms=["facebook"]),
        "product": record("missed", post, actor=SYSTEM),
    }


def body_of(response: Any) -> str:
    """Return what was streamed."""
    return b"".join(response.streaming_content).decode()


def found(client: Client, lines: dict[str, Event], **query: str) -> set[str]:
    page = text_of(client.get(LIST, query))
    return {name for name, event in lines.items() if page_of(event) in page}


def test_a_line_names_the_key_and_leads_to_what_was_changed(staff: Client, workspace: Workspace) -> None:
    key, post = make_key(name="Website")[0], make_post(workspace)
    event = record("updated", post, actor=Actor(key_id=key.pk))

    line = text_of(staff.get(page_of(event)))

    listed = text_of(staff.get(LIST, {"resource_id": post.pk}))
    assert ("Website" in listed, "Lines of the audit log" in listed) == (True, True)
    page = f'href="/console/posts/post/{post.pk}/change/"'
    assert ("Website" in line, page in line) == (True, True)
    User.objects.update(permissions=["audit.view"])
    assert page not in text_of(staff.get(page_of(event)))


def test_a_line_of_what_was_removed_tells_what_it_was_and_leads_nowhere(
    staff: Client, workspace: Workspace, auditor: User
) -> None:
    post = make_post(workspace, content="Closed on <Monday>")
    services.delete_post(post, actor=Actor(user_id=auditor.pk, user_email=auditor.email))

    listed = text_of(staff.get(LIST, {"action": "post.deleted"}))

    event = Event.objects.get(type="post.deleted")
    line = text_of(staff.get(page_of(event)))
    assert ("post · Closed on &lt;Monday&gt;" in listed, auditor.email in listed) == (True, True)
    assert ("Closed on &lt;Monday&gt;" in line, "/console/posts/post/post_" in line) == (True, False)


def test_lines_are_found_by_action_type_user_key_workspace_and_day(
    staff: Client, lines: dict[str, Event], workspace: Workspace, auditor: User
) -> None:
    today = timezone.now().date()
    queries = {
        "everything": ({}, {"person", "key", "product"}),
        "action": ({"action": "post.updated"}, {"person"}),
        "type": ({"resource_type": "post"}, {"person", "key", "product"}),
        "resource": ({"resource_id": lines["key"].resource_id}, {"key"}),
        "user": ({"user_id": auditor.pk}, {"person"}),
        "key": ({"key_id": "key_1"}, {"key"}),
        "workspace": ({"workspace_id": workspace.pk}, {"person", "product"}),
        "days": ({"from": str(today), "to": str(today + timedelta(days=1))}, {"person", "key", "product"}),
        "other days": ({"to": str(today - timedelta(days=2))}, set()),
    }

    assert {case: found(staff, lines, **query) for case, (query, _) in queries.items()} == {
        case: names for case, (_, names) in queries.items()
    }


def test_one_search_finds_ids_addresses_and_actions_by_an_index(
    staff: Client, lines: dict[str, Event], workspace: Workspace
) -> None:
    sought = {
        lines["key"].resource_id: {"key"},
        "Auditor@example.com": {"person"},
        "nobody@example.com": set(),
        "post.missed": {"product"},
        "key_1": {"key"},
        workspace.pk: {"person", "product"},
        f"log_{lines['person'].pk}": {"person"},
    }

    assert {term: found(staff, lines, q=term) for term in sought} == sought


def test_a_day_that_is_none_is_told_and_shows_no_line(staff: Client, lines: dict[str, Event]) -> None:
    page = text_of(staff.get(LIST, {"from": "yesterday"}))

    assert ("op-error" in page, 'placeholder="post.deleted"' in page) == (True, True)
    assert page_of(lines["key"]) not in page


def test_a_line_shows_each_changed_field_before_and_after(staff: Client, lines: dict[str, Event]) -> None:
    page = text_of(staff.get(page_of(lines["person"])))

    rows = re.findall(r'<th scope="row">(\w+)</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>', page)
    assert sorted(rows) == [("content", "Old &lt;b&gt;", "New"), ("title", "", "T")]  # MySQL orders them its own way
    assert ("203.0.113.9" in page, "auditor@example.com" in page) == (True, True)


def test_values_that_are_no_text_are_told_as_in_the_api_s_json(staff: Client, workspace: Workspace) -> None:
    target = {"platform": "facebook", "error": None, "outcome_unknown": False}
    changed: dict[str, Any] = {
        "before": {"is_active": True, "media": []},
        "after": {"is_active": False, "media": ["media_1"]},
    }
    line = record("published", make_post(workspace), actor=SYSTEM, targets=[target], **changed)

    page = re.sub(r"\s+", " ", unescape(text_of(staff.get(page_of(line)))))

    told = ('"error": null', '"outcome_unknown": false', ">true<", ">false<", '[ "media_1" ]', ">[]<")
    assert [each for each in told if each not in page] == []


def test_a_line_of_the_product_itself_says_so_and_other_details_are_shown(
    staff: Client, lines: dict[str, Event]
) -> None:
    assert "the product itself" in text_of(staff.get(page_of(lines["product"])))
    assert "platforms" in text_of(staff.get(page_of(lines["key"])))


@pytest.mark.parametrize("query", [{}, {"resource_type": "post", "key_id": "key_1"}, {"workspace_id": "ws_none"}])
def test_the_csv_has_the_same_lines_as_the_api_s(
    staff: Client, lines: dict[str, Event], auditor: User, query: dict[str, str], admin: AdminClient
) -> None:
    asked = "&".join(f"{name}={value}" for name, value in query.items())

    ours = staff.get(CSV, query)
    theirs = admin.get(f"/admin/audit?format=csv&{asked}".rstrip("&"))

    assert ours["Content-Type"] == theirs["Content-Type"]
    assert body_of(ours) == body_of(theirs)


def test_the_list_links_to_the_csv_of_just_what_it_shows(staff: Client, lines: dict[str, Event]) -> None:
    page = text_of(staff.get(LIST, {"key_id": "key_1", "q": lines["key"].resource_id}))
    address = re.findall(rf'href="({CSV}[^"]*)"', page)[0].replace("&amp;", "&")

    rows = list(csv.DictReader(body_of(staff.get(address)).splitlines()))

    assert [row["id"] for row in rows] == [f"log_{lines['key'].pk}"]


def test_the_history_of_a_row_is_what_the_log_has_of_it(staff: Client, lines: dict[str, Event]) -> None:
    post = lines["key"].resource_id

    answer = staff.get(reverse("admin:posts_post_history", args=[post]), follow=True)

    assert (page_of(lines["key"]) in text_of(answer), page_of(lines["person"]) in text_of(answer)) == (True, False)


def test_nothing_here_changes_a_line(staff: Client, lines: dict[str, Event]) -> None:
    event = lines["person"]

    answers = [
        staff.post(reverse("admin:events_event_add"), {"type": "x"}),
        staff.post(page_of(event), {"type": "x"}),
        staff.post(reverse("admin:events_event_delete", args=[event.pk]), {"post": "yes"}),
        staff.post(CSV, {"type": "x"}),
    ]
    staff.post(LIST, {"action": "delete_selected", "_selected_action": event.pk, "post": "yes"})

    assert [answer.status_code for answer in answers[:3]] == [403, 403, 403]
    assert (Event.objects.count(), Event.objects.get(pk=event.pk).type) == (3, "post.updated")


def test_staff_read_the_lines_of_their_own_workspaces_alone(lines: dict[str, Event], workspace: Workspace) -> None:
    member = member_of(workspace, email="member@example.com", role=Role.VIEWER, permissions=["audit.view"])
    client = browser_of(member)

    assert found(client, lines) == {"person", "product"}
    assert client.get(page_of(lines["key"])).status_code == 404
    assert lines["key"].pk not in body_of(client.get(CSV))
