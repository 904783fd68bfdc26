"""POST /admin/pause and /admin/resume, GET /admin/pauses: an operator stops publishing, and lets it go on."""

from datetime import timedelta
from typing import Any

import pytest

from ouipost.claims import database_now
from ouipost.events.models import Event
from posts.models import Post
from tests.conftest import AdminClient, ApiClient
from tests.contract.world import data_of, fields_of
from tests.factories import make_account, make_post, make_token, make_user, make_workspace
from tests.posts.fakes import claim_targets
from workspaces.models import Workspace


def pauses_of(admin: AdminClient) -> list[tuple[str, str | None, str]]:
    return [(each["scope"], each["id"], each["reason"]) for each in data_of(admin.get("/admin/pauses"))["pauses"]]


def test_what_is_paused_is_answered_listed_and_resumed(admin: AdminClient) -> None:
    begun = data_of(admin.post("/admin/pause", {"scope": "network", "id": "facebook", "reason": "It bans us."}))
    listed = data_of(admin.get("/admin/pauses"))["pauses"]
    ended = data_of(admin.post("/admin/resume", {"scope": "network", "id": "facebook"}))["pause"]

    pause = begun["pause"]
    assert set(begun) == {"pause"}
    assert set(pause) == {"scope", "id", "reason", "paused_at", "paused_by", "resumed_at"}
    assert (pause["scope"], pause["id"], pause["reason"]) == ("network", "facebook", "It bans us.")
    assert (pause["paused_by"], pause["resumed_at"]) == ("admin@example.com", None)
    assert listed == [pause]
    assert ended == pause | {"resumed_at": ended["resumed_at"]}
    assert ended["resumed_at"] is not None
    assert pauses_of(admin) == []


def test_who_is_no_administrator_sees_the_pauses_that_hold_up_their_workspaces(
    admin: AdminClient, workspace: Workspace
) -> None:
    """Whoever may end the others as well sees these, too."""
    other, user = make_workspace(), make_user(email="b@example.com", role="viewer", permissions=["system.view"])
    operator = make_user(email="c@example.com", role="viewer", permissions=["system.view", "system.manage"])
    user.memberships.create(workspace=workspace)
    mine, theirs = make_account(workspace), make_account(other)
    paused = [("all", None), ("network", "facebook"), ("workspace", workspace.pk), ("account", mine.pk)]
    for scope, pk in [("workspace", other.pk), ("account", theirs.pk), *paused]:
        data_of(admin.post("/admin/pause", {"scope": scope, "id": pk, "reason": "No."}))

    assert pauses_of(AdminClient(make_token(user))) == [(scope, pk, "No.") for scope, pk in paused]
    assert len(pauses_of(AdminClient(make_token(operator)))) == len(pauses_of(admin)) == 6


def test_all_needs_no_id_and_takes_none(admin: AdminClient) -> None:
    data_of(admin.post("/admin/pause", {"scope": "all", "reason": "Moving."}))
    data_of(admin.post("/admin/pause", {"scope": "all", "id": None, "reason": "Moving house."}))

    assert pauses_of(admin) == [("all", None, "Moving house.")]
    assert set(fields_of(admin.post("/admin/pause", {"scope": "all", "id": "facebook", "reason": "No."}))) == {"id"}


@pytest.mark.parametrize("path", ["pause", "resume"])
def test_the_same_again_changes_nothing_and_is_told_once(admin: AdminClient, path: str) -> None:
    body = {"scope": "all", "reason": "Moving."}
    data_of(admin.post("/admin/pause", body))

    first, second = (data_of(admin.post(f"/admin/{path}", body))["pause"] for _ in range(2))

    told = list(Event.objects.filter(type__startswith="pause.").order_by("pk").values_list("type", "user_email"))
    if path == "pause":
        assert first == second
        assert told == [("pause.started", "admin@example.com")]
    else:
        assert second is None
        assert told == [("pause.started", "admin@example.com"), ("pause.ended", "admin@example.com")]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"scope", "reason"}),
        ({"scope": "all"}, {"reason"}),
        ({"scope": "all", "reason": " "}, {"reason"}),
        ({"scope": "all", "reason": "x" * 501}, {"reason"}),
        ({"scope": "planet", "reason": "No."}, {"scope"}),
        ({"scope": "network", "reason": "No."}, {"id"}),
        ({"scope": "network", "id": "myspace", "reason": "No."}, {"id"}),
        ({"scope": "workspace", "id": "ws_1", "reason": "No."}, {"id"}),
        ({"scope": "account", "id": 7, "reason": "No."}, {"id"}),
        ({"scope": "all", "reason": "No.", "until": "tomorrow"}, {"until"}),
    ],
)
def test_a_pause_that_makes_no_sense_is_refused(admin: AdminClient, body: dict[str, Any], fields: set[str]) -> None:
    assert set(fields_of(admin.post("/admin/pause", body))) == fields
    assert pauses_of(admin) == []


@pytest.mark.parametrize("status", ["scheduled", "publishing"])
def test_a_paused_post_says_what_it_waits_for_and_goes_on_afterwards(
    admin: AdminClient, api: ApiClient, workspace: Workspace, status: str
) -> None:
    account = make_account(workspace)
    due = database_now() - timedelta(seconds=5)
    post = make_post(workspace, accounts=[account], status=status, scheduled_at=due)
    data_of(admin.post("/admin/pause", {"scope": "workspace", "id": workspace.pk, "reason": "Unpaid bill."}))

    paused = claim_targets(5)
    [target] = data_of(api.get(f"/api/posts/{post.pk}"))["post"]["targets"]
    line = data_of(api.get(f"/api/posts/{post.pk}/timeline"))["timeline"][-1]
    data_of(admin.post("/admin/resume", {"scope": "workspace", "id": workspace.pk}))

    words = "The operator has paused all publishing of this workspace: Unpaid bill."
    assert target["next_attempt_at"] is None
    assert (paused, target["status"], target["waits_for"]) == ([], status, words)
    assert (line["kind"], line["who_acts"], line["next_attempt_at"]) == ("waiting", "operator", None)
    assert line["message"].startswith(words)
    assert data_of(api.get(f"/api/posts/{post.pk}"))["post"]["targets"][0]["waits_for"] is None
    assert len(claim_targets(5)) == 1


def test_to_publish_what_is_paused_is_taken_and_does_not_keep_the_caller_waiting(
    admin: AdminClient, api: ApiClient, workspace: Workspace
) -> None:
    make_account(workspace)
    created = data_of(api.post("/api/posts", {"content": "Bread", "platforms": ["facebook"]}), status=201)["post"]
    data_of(admin.post("/admin/pause", {"scope": "all", "reason": "Moving."}))
    began = database_now()

    answer = data_of(api.post(f"/api/posts/{created['id']}/publish"), status=202)

    assert answer["post"]["platform_results"][0]["status"] == "pending"
    assert database_now() - began < timedelta(seconds=5)
    assert Post.objects.get(pk=created["id"]).status == "publishing"


def test_the_pauses_of_a_workspace_end_when_it_is_deleted(
    api: ApiClient, admin: AdminClient, workspace: Workspace
) -> None:
    account, other = make_account(workspace), make_account(make_workspace())
    for scope, subject in (
        ("workspace", workspace.pk),
        ("account", account.pk),
        ("account", other.pk),
        ("network", "facebook"),
    ):
        data_of(admin.post("/admin/pause", {"scope": scope, "id": subject, "reason": "Unpaid."}))

    data_of(api.delete(f"/api/workspaces/{workspace.pk}"))

    assert [each[:2] for each in pauses_of(admin)] == [("account", other.pk), ("network", "facebook")]
    told = Event.objects.filter(type="pause.ended").order_by("created_at")
    assert [(each.workspace_id, each.details["subject_id"]) for each in told] == [
        (workspace.pk, workspace.pk),
        (workspace.pk, account.pk),
    ]
