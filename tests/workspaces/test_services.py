"""What can be done to workspaces: made, changed, and deleted at once and bit by bit."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.http import Http404

from accounts import grants
from accounts import services as account_services
from accounts.models import Connection, SocialAccount
from accounts.platforms.shapes import Account
from ouipost.errors import InvalidInput
from ouipost.events.journal import Actor
from ouipost.events.models import Event
from posts.models import Media, Post, Target
from tests.factories import NOW, make_account, make_key, make_media, make_post, make_workspace
from workspaces import hooks, services
from workspaces.models import ApiKey, Workspace

ACTOR = Actor(key_id="key_1")


@pytest.fixture
def revoked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep network calls away, and return the ids of the accounts that would be revoked."""
    asked: list[str] = []

    def revoke(workspace: Workspace, platform: str, account: Account) -> None:
        asked.append(account.remote_id)

    monkeypatch.setattr(grants, "revoke", revoke)
    return asked


def create(**values: Any) -> Workspace:
    given: dict[str, Any] = {"name": "Bakery", "actor": ACTOR} | values
    return services.create_workspace(**given)


def update(workspace: Workspace, **values: Any) -> Workspace:
    services.update_workspace(workspace, values=values, actor=ACTOR)
    return Workspace.objects.get(pk=workspace.pk)


def delete(workspace: Workspace) -> None:
    services.delete_workspace(workspace, actor=ACTOR, now=NOW)


def told() -> list[tuple[str, str, str, Any]]:
    rows = Event.objects.order_by("pk").values_list("type", "workspace_id", "key_id", "details")
    return [row for row in rows if row[0].startswith("workspace.")]


@pytest.mark.django_db
def test_a_new_workspace_is_live_and_told_to_the_journal() -> None:
    workspace = create(description="Bread", settings={"timezone": "Europe/Paris", "default_hashtags": None})

    row = Workspace.objects.get()
    assert (row.pk, row.name, row.description, row.mode) == (workspace.pk, "Bakery", "Bread", "live")
    assert (row.settings, row.timezone) == ({"timezone": "Europe/Paris"}, "Europe/Paris")
    assert told() == [("workspace.created", row.pk, "key_1", {"name": "Bakery", "mode": "live"})]


@pytest.mark.django_db
def test_a_workspace_has_a_zone_and_a_patience_of_its_own_accord() -> None:
    workspace = create()

    assert (workspace.timezone, workspace.publish_late_up_to_minutes, workspace.is_sandbox) == ("UTC", 360, False)


@pytest.mark.django_db
def test_an_unlimited_key_stays_unlimited(workspace: Workspace) -> None:
    key, _ = make_key(workspace_ids=["ws_gone"])
    ApiKey.objects.update(workspace_ids=[])  # since the request read it

    create(key=key)

    assert ApiKey.objects.get().workspace_ids == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mode", "given", "made_so"),
    [
        ("test", {}, "sandbox"),
        ("test", {"mode": "sandbox"}, "sandbox"),
        ("live", {}, "live"),
        ("live", {"mode": "live"}, "live"),
        ("live", {"mode": "sandbox"}, "sandbox"),
    ],
)
def test_a_test_key_makes_sandboxes_and_a_live_key_what_it_asks_for(
    mode: str, given: dict[str, str], made_so: str
) -> None:
    key, _ = make_key(mode=mode)

    made = create(key=key, **given)

    assert made.mode == made_so
    assert made in Workspace.objects.visible_to(key)


@pytest.mark.django_db
def test_a_key_sees_what_its_list_and_its_mode_allow() -> None:
    live, sandbox, other = create(), create(mode="sandbox"), create()
    deleted = create()
    delete(deleted)

    def seen(**values: Any) -> set[Workspace]:
        return set(Workspace.objects.visible_to(make_key(**values)[0]))

    assert seen() == {live, sandbox, other}
    assert seen(mode="test") == {sandbox}
    assert seen(workspace_ids=[live.pk, sandbox.pk, deleted.pk]) == {live, sandbox}
    assert seen(workspace_ids=[live.pk], mode="test") == set()


@pytest.mark.django_db
def test_settings_do_not_grow_change_by_change() -> None:
    workspace = create(settings={"one": "x" * 60_000})
    account = make_account(workspace, settings={"one": "x" * 60_000})
    more = {"two": "x" * 10_000}

    for change in (
        lambda: create(settings={"one": "x" * 70_000}),
        lambda: update(workspace, settings=more),
        lambda: account_services.update_account(account, values={"settings": more}, actor=ACTOR),
    ):
        with pytest.raises(InvalidInput) as refused:
            change()
        assert set(refused.value.details["fields"]) == {"settings"}

    assert set(update(workspace, settings=more | {"one": None}).settings) == {"two"}


@pytest.mark.django_db
def test_only_what_is_given_changes_and_only_what_changed_is_told() -> None:
    workspace = create(description="Bread", settings={"timezone": "UTC"})

    changed = update(workspace, name="Pastry", description="Bread")

    assert (changed.name, changed.description, changed.settings) == ("Pastry", "Bread", {"timezone": "UTC"})
    assert changed.updated_at > workspace.updated_at
    assert told()[-1] == (
        "workspace.updated",
        workspace.pk,
        "key_1",
        {"before": {"name": "Bakery"}, "after": {"name": "Pastry"}},
    )


@pytest.mark.django_db
def test_a_change_starts_from_the_row_as_it_is_now() -> None:
    workspace = create(settings={"a": 1})
    update(Workspace.objects.get(), settings={"b": 2})

    assert update(workspace, settings={"c": 3}).settings == {"a": 1, "b": 2, "c": 3}


@pytest.mark.django_db
def test_what_a_deleted_workspace_had_scheduled_is_not_sent(workspace: Workspace) -> None:
    make_post(workspace, accounts=[make_account(workspace)], status="scheduled", scheduled_at=NOW)
    kept = make_workspace(name="Other")
    make_post(kept, accounts=[make_account(kept)], status="scheduled", scheduled_at=NOW)

    delete(workspace)

    states = Target.objects.values_list("post__workspace", "status", "due_at")
    assert set(states) == {(workspace.pk, "cancelled", None), (kept.pk, "scheduled", NOW)}


@pytest.mark.django_db
def test_deleting_twice_is_told_once(workspace: Workspace) -> None:
    delete(workspace)

    services.delete_workspace(workspace, actor=ACTOR, now=NOW + timedelta(hours=1))

    assert [each[0] for each in told()] == ["workspace.deleted"]
    assert Workspace.objects.get().deleted_at == NOW
    with pytest.raises(Http404):
        services.update_workspace(workspace, values={"name": "Other"}, actor=ACTOR)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """Replace what the apps hang here by steps that answer as told, and return the list that they write into."""

    def replace(**answers: bool) -> list[str]:
        called: list[str] = []

        def make(name: str) -> Callable[[Workspace], bool]:
            return lambda workspace: (called.append(f"{name} {workspace.name}"), answers[name])[1]  # type: ignore[func-returns-value]

        monkeypatch.setattr(hooks, "on_purge", [make(name) for name in answers])
        return called

    return replace  # type: ignore[return-value]


@pytest.mark.django_db
def test_the_highest_app_removes_its_part_first(workspace: Workspace, steps: Any) -> None:
    called = steps(low=True, high=True)
    delete(workspace)

    assert services.purge_deleted() == 1

    assert called == ["high Bakery", "low Bakery"]
    assert not Workspace.objects.exists()
    assert [row[0] for row in told()] == ["workspace.deleted", "workspace.purged"]


@pytest.mark.django_db
def test_a_part_that_is_not_gone_yet_keeps_the_rest_waiting(workspace: Workspace, steps: Any) -> None:
    called = steps(low=True, high=False)
    delete(workspace)

    assert services.purge_deleted() == 0

    assert called == ["high Bakery"]
    assert Workspace.objects.exists()


@pytest.mark.django_db
def test_one_that_waits_does_not_hold_up_another(steps: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "on_purge", [lambda workspace: workspace.name == "Ready"])
    for name in ("Waiting", "Ready"):
        delete(make_workspace(name=name))

    assert services.purge_deleted() == 1

    assert [each.name for each in Workspace.objects.all()] == ["Waiting"]


@pytest.mark.django_db
def test_a_worker_that_ends_begins_with_no_further_one(steps: Any) -> None:
    called = steps(only=True)
    for name in ("Bakery", "Butcher"):
        delete(make_workspace(name=name))

    assert services.purge_deleted(is_ending=lambda: bool(called)) == 1

    assert called == ["only Bakery"]


@pytest.mark.django_db
def test_a_present_workspace_is_not_touched(workspace: Workspace, steps: Any) -> None:
    called = steps(only=True)

    assert services.purge_deleted() == 0

    assert called == []
    assert Workspace.objects.exists()


@pytest.mark.django_db
def test_the_background_removes_everything_and_tells_the_networks(
    workspace: Workspace, revoked: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    account = make_account(workspace)
    make_media(make_post(workspace, accounts=[account]))
    make_post(workspace, accounts=[account], status="published")
    Connection.objects.create(workspace=workspace, platform="facebook", state_digest="a", expires_at=NOW)
    kept = make_workspace(name="Other")
    make_post(kept, accounts=[make_account(kept)])
    delete(workspace)

    with django_capture_on_commit_callbacks(execute=True):
        assert services.purge_deleted() == 1

    assert revoked == ["1001"]
    left = [model.objects.count() for model in (Workspace, SocialAccount, Post, Target, Media, Connection)]
    assert left == [1, 1, 1, 1, 0, 0]
    assert services.purge_deleted() == 0


@pytest.mark.django_db
def test_the_background_waits_while_a_post_is_being_published(
    workspace: Workspace, revoked: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    account = make_account(workspace)
    make_post(workspace, accounts=[account], status="publishing", scheduled_at=NOW)
    Target.objects.update(in_flight=account.pk, outcome_unknown=True)
    make_post(workspace, accounts=[account])
    delete(workspace)

    with django_capture_on_commit_callbacks(execute=True):
        assert services.purge_deleted() == 0
    assert revoked == []
    assert [post.status for post in Post.objects.all()] == ["publishing"]
    assert SocialAccount.objects.get().access_token

    Target.objects.update(status="published")
    with django_capture_on_commit_callbacks(execute=True):
        assert services.purge_deleted() == 1
    assert revoked == ["1001"]
    assert not Workspace.objects.exists()
