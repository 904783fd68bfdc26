"""GET /admin/audit, as the reference shows it, and what the contract adds."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.http import StreamingHttpResponse
from django.test.utils import CaptureQueriesContext

from adminapi import audit
from ouipost.api import pagination
from ouipost.events.journal import SYSTEM, Actor, entry, record, record_all
from ouipost.events.models import Event
from tests.conftest import AdminClient, ApiClient
from tests.contract.seed import assert_matches, sample
from tests.contract.world import data_of, fields_of
from tests.factories import make_account, make_key, make_post, make_token, make_user
from workspaces.keys.services import create_key
from workspaces.models import ApiKey, Membership, Workspace
from workspaces.services import delete_workspace

CHROME = "Mozilla/5.0..."
NOON = datetime(2024, 1, 22, 12, 0, tzinfo=UTC)


def make_client(*workspaces: Workspace, **values: Any) -> AdminClient:
    """A client that is logged in as somebody who sees the audit log, and works in these workspaces."""
    given = {"email": "auditor@example.com", "role": "viewer", "permissions": ["audit.view"]} | values
    user = make_user(**given)
    Membership.objects.bulk_create(Membership(workspace=each, user=user) for each in workspaces)
    return AdminClient(make_token(user))


def tell(
    workspace: Workspace, verb: str = "updated", *, at: datetime = NOON, actor: Actor = SYSTEM, **details: Any
) -> Event:
    with time_machine.travel(at, tick=False):
        return record(verb, workspace, actor=actor, workspace_id=workspace.pk, **details)


def listed(client: AdminClient, query: str = "") -> list[str]:
    """Return the ids that a list shows, without their prefix."""
    return [each["id"].removeprefix("log_") for each in data_of(client.get(f"/admin/audit{query}"))["logs"]]


def table(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.getvalue().decode())))


def test_times_in_details_are_in_utc_and_whole_seconds(
    admin: AdminClient, api: ApiClient, workspace: Workspace
) -> None:
    post, key = make_post(workspace, accounts=[make_account(workspace)]), make_key()[0]
    body = {"scheduled_at": "2099-12-25T10:00:00.25+01:00"}
    assert api.post(f"/api/posts/{post.pk}/schedule", body).status_code == 200
    admin.put(f"/admin/keys/{key.pk}", {"expires_at": "2099-12-31T23:59:59.5Z"})
    admin.post(f"/admin/keys/{key.pk}/rotate")

    logs = admin.get("/admin/audit").json()["data"]["logs"]
    told = {each["action"]: each["details"] for each in logs}
    assert told["post.scheduled"]["scheduled_at"] == "2099-12-25T09:00:00Z"
    assert told["post.scheduled"]["after"]["scheduled_at"] == "2099-12-25T09:00:00Z"
    assert told["api_key.updated"]["after"]["expires_at"] == "2099-12-31T23:59:59Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["api_key.rotated"]["old_key_expires_at"])


def test_a_line_is_as_in_the_reference(db: None) -> None:
    shown = sample("GET /admin/audit")["logs"][0]
    user = make_user(email=shown["user_email"])
    actor = Actor(user_id=user.pk, user_email=user.email, ip_address=shown["ip_address"], user_agent=CHROME)
    with time_machine.travel(shown["created_at"], tick=False):
        create_key(name=shown["details"]["key_name"], tier=shown["details"]["tier"], actor=actor)
    made = ("logs.*.user_id", "logs.*.resource_id", "pagination.total_pages", "pagination.total_items")

    response = AdminClient(make_token(user)).get("/admin/audit")

    assert_matches(response, "GET /admin/audit", made=made)
    [log], event = response.json()["data"]["logs"], Event.objects.get()
    assert log == {
        "id": f"log_{event.pk}",
        "user_id": user.pk,
        "user_email": user.email,
        "key_id": None,
        "action": "api_key.created",
        "resource_type": "api_key",
        "resource_id": ApiKey.objects.get().pk,
        "workspace_id": None,
        "details": shown["details"],
        "ip_address": shown["ip_address"],
        "user_agent": CHROME,
        "created_at": shown["created_at"],
    }


def test_a_workspace_that_is_being_removed_is_gone_from_the_log_of_its_members(
    admin: AdminClient, workspace: Workspace
) -> None:
    client = make_client(workspace)
    tell(workspace)

    delete_workspace(workspace, actor=SYSTEM, now=NOON)

    assert listed(client) == listed(client, f"?workspace_id={workspace.pk}") == []
    assert table(client.get("/admin/audit?format=csv")) == []
    assert len(listed(admin)) == 2


def test_a_long_log_is_counted_only_so_far_and_says_so(
    admin: AdminClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MOST", 5)
    told = [tell(workspace).pk for _ in range(7)]

    data = admin.get("/admin/audit?limit=4").json()["data"]

    assert [each["id"] for each in data["logs"]] == [f"log_{pk}" for pk in reversed(told[3:])]
    assert data["pagination"] == {
        "current_page": 1,
        "total_pages": 2,
        "total_items": 5,
        "per_page": 4,
        "total_is_exact": False,
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7])
def test_a_client_that_goes_on_while_there_are_more_pages_sees_the_whole_of_a_long_log(
    admin: AdminClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(pagination, "MOST", 5)
    told = [tell(workspace).pk for _ in range(23)]
    seen: list[str] = []
    page, more = 0, True

    while more:
        page += 1
        data = admin.get(f"/admin/audit?limit={limit}&page={page}").json()["data"]
        seen += [each["id"] for each in data["logs"]]
        more = page < data["pagination"]["total_pages"]

    assert seen == [f"log_{pk}" for pk in reversed(told)]
    assert (data["pagination"]["total_items"], data["pagination"]["total_is_exact"]) == (23, True)
    assert listed(admin, f"?limit={limit}&page={page + 1}") == []


@pytest.mark.parametrize("query", ["?limit=1", "?limit=100", "?limit=100&user_id=user_1&from=2024-01-01"])
def test_a_page_costs_the_same_for_one_row_or_a_hundred(admin: AdminClient, workspace: Workspace, query: str) -> None:
    actor = Actor(user_id="user_1")
    record_all([entry("updated", workspace, actor=actor, workspace_id=workspace.pk) for _ in range(100)])
    member = make_client(workspace)

    counts = []
    for client in (admin, member):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/admin/audit{query}").status_code == 200
        counts.append(len(queries))

    assert counts[0] <= 4
    assert counts[1] <= 5


def test_a_csv_has_every_row_in_the_order_of_the_list(admin: AdminClient, workspace: Workspace) -> None:
    told = [tell(workspace, at=NOON + timedelta(minutes=number), number=number, more=None) for number in range(3)]

    response = admin.get("/admin/audit?format=csv&action=workspace.updated")

    assert isinstance(response, StreamingHttpResponse)
    assert (response["Content-Type"], response["Content-Disposition"]) == (
        "text/csv; charset=utf-8",
        'attachment; filename="audit.csv"',
    )
    rows = table(response)
    assert [row["id"] for row in rows] == [f"log_{event.pk}" for event in reversed(told)]
    assert list(rows[0]) == list(audit.LogSerializer.Meta.fields)
    assert (rows[0]["user_id"], rows[0]["created_at"]) == ("", "2024-01-22T12:02:00Z")
    assert [json.loads(row["details"])["number"] for row in rows] == [2, 1, 0]


def test_a_csv_is_read_by_statements_that_neither_lose_nor_repeat_a_row(
    admin: AdminClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "STATEMENT", 7)
    monkeypatch.setattr(audit, "PIECE", 2)
    with time_machine.travel(NOON, tick=False):  # many of one moment
        record_all([entry("updated", workspace, actor=SYSTEM) for _ in range(20)])
    with time_machine.travel(NOON + timedelta(seconds=1)):
        later = [entry("updated", workspace, actor=SYSTEM) for _ in range(20)]
    for event in later[:10]:
        event.created_at = NOON - timedelta(hours=1)  # told by a machine whose clock was put right
    record_all(later)

    with CaptureQueriesContext(connection) as queries:
        rows = table(admin.get("/admin/audit?format=csv"))

    assert [row["id"] for row in rows] == [
        f"log_{pk}" for pk in Event.objects.order_by("-created_at", "-id").values_list("pk", flat=True)
    ]
    assert sum("LIMIT 7" in query["sql"] for query in queries) == 6


def test_what_is_written_while_a_csv_is_read_does_not_get_into_it(
    admin: AdminClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "STATEMENT", 1)
    monkeypatch.setattr("ouipost.api.csv.PIECE", 1)
    told = [tell(workspace), tell(workspace, at=NOON + timedelta(hours=1))]
    lines = iter(admin.get("/admin/audit?format=csv").streaming_content)
    first = next(lines)

    tell(workspace, at=NOON + timedelta(hours=2))

    read = (first + b"".join(lines)).decode()
    assert [row["id"] for row in csv.DictReader(io.StringIO(read))] == [f"log_{event.pk}" for event in reversed(told)]


def test_a_csv_has_no_pages(admin: AdminClient) -> None:
    assert set(fields_of(admin.get("/admin/audit?format=csv&page=2&limit=10"))) == {"page", "limit"}
    assert set(fields_of(admin.get("/admin/audit?format=csv&from=never"))) == {"from"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_of_a_csv_is_a_formula(admin: AdminClient, workspace: Workspace, start: str) -> None:
    formula = f"{start}HYPERLINK(1)"
    tell(workspace, actor=Actor(user_email=formula, user_agent=formula))

    [row] = table(admin.get("/admin/audit?format=csv"))

    assert (row["user_agent"], row["user_email"]) == (f"'{formula}", f"'{formula}")
    [log] = admin.get("/admin/audit").json()["data"]["logs"]
    assert log["user_agent"] == formula


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("curl;=HYPERLINK(1)", "curl;'=HYPERLINK(1)"),
        ("curl; \t@SUM(1)", "curl; \t'@SUM(1)"),
        ("a-b; c=d; 1+1", "a-b; c=d; 1+1"),
    ],
)
def test_nor_is_what_follows_a_sign_that_parts_cells_in_other_languages(
    admin: AdminClient, workspace: Workspace, text: str, shown: str
) -> None:
    tell(workspace, actor=Actor(user_agent=text), name="x;=1")

    [row] = table(admin.get("/admin/audit?format=csv"))

    assert row["user_agent"] == shown
    assert json.loads(row["details"])["name"] == "x;'=1"


@pytest.mark.skipif(connection.vendor != "mysql", reason="asks a server how it reads")
@pytest.mark.parametrize(
    "query", ["", "user_id", "action", "resource_type", "resource_id", "workspace_id", "key_id", "from", "page"]
)
def test_each_filter_is_read_by_its_index_without_a_sort(admin: AdminClient, workspace: Workspace, query: str) -> None:
    actors = [Actor(user_id=f"user_{number}", key_id=f"key_{number}") for number in range(20)]
    record_all(
        [entry(f"verb_{n % 20}", workspace, actor=actors[n % 20], workspace_id=f"ws_{n % 20}") for n in range(400)]
    )
    value = {
        "action": "workspace.verb_1",
        "resource_id": workspace.pk,
        "resource_type": "workspace",
        "from": "2024-01-01",
        "page": "15",
    }
    value |= {name: f"{name.partition('_')[0]}_1" for name in ("user_id", "key_id")} | {"workspace_id": "ws_1"}

    with CaptureQueriesContext(connection) as queries:
        admin.get(f"/admin/audit?{query}={value[query]}" if query else "/admin/audit")
    [paged] = [each["sql"] for each in queries if "ORDER BY" in each["sql"] and "events_event" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {paged}")
        plan = dict(zip([column[0] for column in cursor.description], cursor.fetchall()[0], strict=True))

    assert plan["key"] is not None
    assert "filesort" not in plan["Extra"]
