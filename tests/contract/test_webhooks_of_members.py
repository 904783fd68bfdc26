"""Who is no administrator has the webhooks that are for workspaces of theirs alone, by the rule of keys."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from adminapi.views import webhooks as views
from ouipost.events.models import Delivery, Event, Replay, Webhook
from tests.conftest import AdminClient
from tests.contract.world import error_of, fields_of
from tests.factories import make_delivery, make_key, make_token, make_user, make_webhook, make_workspace
from tests.webhooks.conftest import before_lock, deliver_now
from tests.webhooks.receiver import Receiver
from workspaces.models import Membership, Workspace

NEW = {"url": "https://1.1.1.1/hook", "events": ["post.published"]}


@pytest.fixture
def member(workspace: Workspace) -> AdminClient:
    """Log in as somebody who may manage webhooks and keys and sees the log, and works in one workspace alone."""
    permissions = ["webhooks.manage", "api_keys.manage", "audit.view"]
    user = make_user(email="mona@example.com", role="editor", permissions=permissions)
    user.memberships.create(workspace=workspace)
    return AdminClient(make_token(user))


def calls_of(webhook: Webhook, delivery: Delivery) -> list[tuple[str, str, Any]]:
    """Return every call below the address of a webhook, the one that deletes it last."""
    own = f"/admin/webhooks/{webhook.pk}"
    return [
        *(("GET", f"{own}{end}", None) for end in ("", "/deliveries", f"/deliveries/{delivery.pk}", "/replays")),
        ("PUT", own, {"url": "https://1.1.1.1/other"}),
        ("PATCH", own, {"is_active": True}),
        *(("POST", f"{own}{end}", {}) for end in ("/test", "/rotate-secret", f"/deliveries/{delivery.pk}/redeliver")),
        ("POST", f"{own}/replay", {"since": timezone.now().isoformat()}),
        ("DELETE", own, None),
    ]


@pytest.mark.parametrize("is_wide", [True, False], ids=["of every workspace", "of theirs and another"])
def test_another_webhook_is_not_found_by_any_call_and_stays_as_it_is(
    member: AdminClient, workspace: Workspace, is_wide: bool
) -> None:
    other = make_webhook(workspace_ids=[] if is_wide else [workspace.pk, make_workspace().pk])
    delivery, _own = make_delivery(other), make_webhook(workspace_ids=[workspace.pk])
    before = list(Webhook.objects.order_by("pk").values())

    answers = [error_of(member(*call)) for call in calls_of(other, delivery)]

    assert set(answers) == {(404, "NOT_FOUND")}
    assert (list(Webhook.objects.order_by("pk").values()), Delivery.objects.get().status) == (before, "delivered")
    assert not Replay.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "goes",
    [lambda: Webhook.objects.update(workspace_ids=[]), lambda: Membership.objects.all().delete()],
    ids=["widened", "no member any more"],
)
def test_one_that_is_theirs_no_more_when_its_row_is_locked_stays_as_it_was(
    member: AdminClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, goes: Callable[[], object]
) -> None:
    own = make_webhook(workspace_ids=[workspace.pk])
    delivery = make_delivery(own, workspace_id=workspace.pk)
    before = Webhook.objects.values().get()
    before_lock(monkeypatch, goes)

    answers = [error_of(member(*call)) for call in calls_of(own, delivery) if call[0] != "GET"]

    assert answers == [(404, "NOT_FOUND")] * 7
    assert (Webhook.objects.values().get(), Delivery.objects.get().status) == (before, "delivered")
    assert not Replay.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize("change", [{"url": "https://1.1.1.1/other"}, {"workspaces": "as they were"}])
def test_one_that_they_change_hears_no_more_of_a_workspace_that_was_deleted(
    member: AdminClient, workspace: Workspace, change: dict[str, Any]
) -> None:
    gone = make_workspace(deleted_at=timezone.now())
    shared = make_webhook(workspace_ids=[workspace.pk, gone.pk])
    waits = make_delivery(shared, status="pending", workspace_id=gone.pk)
    body = {name: shared.workspace_ids if name == "workspaces" else value for name, value in change.items()}

    answer = member("PUT", f"/admin/webhooks/{shared.pk}", body)

    assert answer.json()["data"]["webhook"]["workspaces"] == [workspace.pk]
    assert Webhook.objects.get().workspace_ids == [workspace.pk]
    assert Delivery.objects.get(pk=waits.pk).status == "discarded"


def test_one_that_is_widened_while_its_new_address_is_looked_up_stays_as_it_was(
    member: AdminClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = make_webhook(workspace_ids=[workspace.pk])
    monkeypatch.setattr(views, "check_url", lambda _: Webhook.objects.update(workspace_ids=[]))

    answer = member.put(f"/admin/webhooks/{webhook.pk}", {"url": "https://1.1.1.1/other"})

    assert error_of(answer) == (404, "NOT_FOUND")
    assert (Webhook.objects.get().url, Webhook.objects.get().workspace_ids) == (webhook.url, [])


def test_one_that_they_change_keeps_some_workspace(member: AdminClient, workspace: Workspace) -> None:
    gone = make_workspace(deleted_at=timezone.now())
    shared = make_webhook(workspace_ids=[workspace.pk, gone.pk])

    answer = member("PUT", f"/admin/webhooks/{shared.pk}", {"workspaces": [gone.pk]})

    assert set(fields_of(answer)) == {"workspaces"}
    assert Webhook.objects.get().workspace_ids == shared.workspace_ids


def test_they_make_no_webhook_that_hears_of_more_than_their_own_workspaces(
    member: AdminClient, workspace: Workspace
) -> None:
    made = member.post("/admin/webhooks", NEW | {"workspaces": [workspace.pk]}).json()["data"]["webhook"]
    wider: list[dict[str, Any]] = [{}, {"workspaces": []}, {"workspaces": [workspace.pk, make_workspace().pk]}]

    refused = [set(fields_of(member.post("/admin/webhooks", NEW | body))) for body in wider]
    beside = set(fields_of(member.post("/admin/webhooks", NEW | {"is_active": 1})))
    widened = [set(fields_of(member.put(f"/admin/webhooks/{made['id']}", body))) for body in wider[1:]]
    changed = member.put(f"/admin/webhooks/{made['id']}", {"events": ["post.failed"]}).json()["data"]["webhook"]

    assert refused == [{"workspaces"}, {"workspaces"}, {"workspaces.1"}]
    assert beside == {"workspaces", "is_active"}
    assert widened == [{"workspaces"}, {"workspaces.1"}]
    assert (changed["events"], changed["workspaces"]) == (["post.failed"], [workspace.pk])
    assert Webhook.objects.count() == 1


def test_a_webhook_is_theirs_no_more_once_a_workspace_of_it_is_not(member: AdminClient, workspace: Workspace) -> None:
    webhook = make_webhook(workspace_ids=[workspace.pk])
    before = member.get(f"/admin/webhooks/{webhook.pk}").status_code

    workspace.memberships.all().delete()

    assert (before, error_of(member.get(f"/admin/webhooks/{webhook.pk}"))) == (200, (404, "NOT_FOUND"))


def test_what_a_webhook_was_told_of_other_workspaces_is_not_theirs_when_it_hears_of_theirs_alone(
    admin: AdminClient, member: AdminClient, workspace: Workspace
) -> None:
    webhook, other = make_webhook(), make_workspace()
    theirs, test = make_delivery(webhook, workspace_id=workspace.pk), make_delivery(webhook, type="webhook.test")
    foreign = make_delivery(webhook, workspace_id=other.pk)
    admin.put(f"/admin/webhooks/{webhook.pk}", {"workspaces": [workspace.pk]})
    own = f"/admin/webhooks/{webhook.pk}/deliveries"

    seen = [{each["id"] for each in client.get(own).json()["data"]["deliveries"]} for client in (member, admin)]
    found = [member.get(f"{own}/{each.pk}").status_code for each in (theirs, test, foreign)]
    sent = [member.post(f"{own}/{each.pk}/redeliver").status_code for each in (theirs, test, foreign)]

    assert seen == [{theirs.pk, test.pk}, {theirs.pk, test.pk, foreign.pk}]
    assert found == sent == [200, 200, 404]
    assert Delivery.objects.get(pk=foreign.pk).status == "delivered"


def logged(client: AdminClient) -> list[tuple[str, str]]:
    """Return action and resource of the log's entries, the oldest first."""
    logs = client.get("/admin/audit").json()["data"]["logs"]
    return [(each["action"], each["resource_id"]) for each in reversed(logs)]


def test_the_log_tells_them_what_happened_to_webhooks_and_keys_of_their_workspace_alone(
    admin: AdminClient, member: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    reaches = [[workspace.pk], [make_workspace().pk], []]
    webhooks = [make_webhook(url=receiver.url, workspace_ids=each).pk for each in reaches]
    keys = [make_key(workspace_ids=each)[0].pk for each in reaches]
    receiver.will_answer(410)
    waits: dict[str, Any] = {"status": "pending", "at": timezone.now(), "workspace_id": workspace.pk}
    make_delivery(Webhook.objects.get(pk=webhooks[0]), **waits)

    deliver_now()
    for pk in webhooks:
        admin.put(f"/admin/webhooks/{pk}", {"events": ["post.failed"]})
    for pk in keys:
        admin.post(f"/admin/keys/{pk}/rotate")

    assert logged(member) == [
        ("api_key.created", keys[0]),
        ("webhook.disabled", webhooks[0]),
        ("webhook.updated", webhooks[0]),
        ("api_key.rotated", keys[0]),
    ]
    assert len(logged(admin)) == 10


def test_of_one_that_was_anothers_they_see_what_happened_since(
    admin: AdminClient, member: AdminClient, workspace: Workspace
) -> None:
    webhook = make_webhook(workspace_ids=[make_workspace().pk])

    admin.put(f"/admin/webhooks/{webhook.pk}", {"events": ["post.failed"]})
    admin.put(f"/admin/webhooks/{webhook.pk}", {"workspaces": [workspace.pk]})
    before = logged(member)
    admin.delete(f"/admin/webhooks/{webhook.pk}")

    assert (before, logged(member)) == ([], [("webhook.deleted", webhook.pk)])
