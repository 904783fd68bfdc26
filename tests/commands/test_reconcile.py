"""`reconcile` asks the networks about what is in doubt, says what comes of it, and never makes a second copy."""

import json
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import SocialAccount
from accounts.platforms.shapes import Published
from adminapi.management.commands import reconcile
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts import pausing, reviewing
from posts.asking import question
from posts.models import Post, Target
from posts.status import sync
from tests.commands.conftest import Clock
from tests.commands.running import lines_of
from tests.factories import make_account, make_post, make_workspace
from tests.posts.conftest import install
from tests.posts.fakes import ACTOR, KeyedNetwork, OpaqueNetwork, ScriptedNetwork
from workspaces.models import Workspace

run = partial(lines_of, "reconcile")
FOUND = Published(remote_id="7", url="https://network.example/7")
UNKNOWN = {"code": "OUTCOME_UNKNOWN", "message": "It hides it.", "retryable": False, "who_acts": "caller"}
LOOKED_FOR = "looked for in the account's posts, and half a minute later again if it is not there"


def make_doubtful(workspace: Workspace, account: SocialAccount | None = None, **values: Any) -> Target:
    """Write a target that may be at its network."""
    account = account or make_account(workspace)
    at = database_now()
    post = make_post(workspace, accounts=[account], scheduled_at=at)
    given = {"status": "needs_review", "scheduled_at": at, "armed_at": at, "sends": 1, "outcome_unknown": True}
    Target.objects.filter(post=post).update(**given | {"error": UNKNOWN} | values)
    sync(post)
    return Target.objects.select_related("post").get(post=post)


def status_of(target: Target) -> str:
    return str(Target.objects.get(pk=target.pk).status)


@pytest.mark.django_db
def test_where_nothing_is_in_doubt_there_is_nothing_to_ask() -> None:
    assert run() == (0, ["Nothing is in doubt."])


def test_a_dry_run_says_how_each_would_be_cleared_up_and_asks_nobody(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    seen = make_doubtful(workspace, account)
    never_sent = make_doubtful(workspace, account, outcome_unknown=False, armed_at=None, sends=0)
    gone = make_account(workspace, remote_id="2", default_of=None, disconnected_at=timezone.now())
    lost = make_account(workspace, remote_id="3", default_of=None, status="expired")
    at_gone, at_lost = make_doubtful(workspace, gone), make_doubtful(workspace, lost)
    before = list(Target.objects.order_by("pk").values())

    status, lines = run("--dry-run")

    assert (status, lines) == (
        0,
        [
            f"{seen.pk} of {seen.post_id} (facebook) would be {LOOKED_FOR}.",
            f"{never_sent.pk} of {never_sent.post_id} (facebook) would be failed at once: it was set aside before "
            "anything was sent.",
            f"{at_gone.pk} of {at_gone.post_id} (facebook) cannot be asked about: its account was disconnected.",
            f"{at_lost.pk} of {at_lost.post_id} (facebook) cannot be asked about: its account must be connected again "
            "first.",
            "Would ask about 2 of 4; nothing was done.",
        ],
    )
    shown = json.loads("\n".join(run("--dry-run", "--json", "--limit", "3")[1]))
    assert [(row["way"], row["obstacle"]) for row in shown["targets"]] == [
        (LOOKED_FOR, None),
        ("failed at once: it was set aside before anything was sent", None),
        (None, "its account was disconnected"),
    ]
    assert shown["more"] == 1
    assert (list(Target.objects.order_by("pk").values()), network.calls, Event.objects.count()) == (before, [], 0)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        (
            KeyedNetwork,
            "would be looked for under its own key, and half a minute later again if it is not there",
        ),
        (OpaqueNetwork, "cannot be asked about: its network cannot be asked"),
    ],
)
def test_how_it_is_cleared_up_depends_on_the_network(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, kind: type[ScriptedNetwork], how: str
) -> None:
    install(monkeypatch, kind())
    target = make_doubtful(workspace)

    assert run("--dry-run")[1][0] == f"{target.pk} of {target.post_id} (facebook) {how}."


def test_without_credentials_the_network_cannot_be_asked(workspace: Workspace, settings: Settings) -> None:
    live = make_workspace(mode="live")
    settings.NETWORKS = settings.NETWORKS | {"facebook": {"client_id": "", "client_secret": "", "version": ""}}
    target = make_doubtful(live)

    status, lines = run()

    assert (status, status_of(target)) == (1, "needs_review")
    app = "FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET"
    assert lines[0].endswith(f"cannot be asked about: the operator must set {app} first.")
    assert lines[-1] == "Of 1: 1 not asked about."


@pytest.mark.usefixtures("worker")
def test_what_is_there_is_adopted_and_its_address_printed(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_doubtful(workspace)
    network.found = [[FOUND]]

    status, lines = run()

    assert (status, network.calls, Target.objects.get().remote_id) == (0, ["recover"], "7")
    assert lines == [
        f"{target.pk} of {target.post_id} (facebook) is {LOOKED_FOR}.",
        f"{target.pk}: published, {Target.objects.get().url}.",
        "Of 1: 1 published.",
    ]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("kind", [ScriptedNetwork, KeyedNetwork])
def test_what_is_not_there_fails_and_the_call_that_sends_it_is_printed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, kind: type[ScriptedNetwork]
) -> None:
    network = install(monkeypatch, kind())
    target = make_doubtful(workspace)

    status, lines = run()

    retry = f"POST /api/posts/{target.post_id}/retry"
    assert (status, network.calls) == (0, ["recover", "recover"])
    assert lines[1:] == [
        f"{target.pk}: failed: It did not arrive, and the time for trying is over. {retry} sends it.",
        "Of 1: 1 failed.",
    ]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("is_paused", [False, True], ids=["not paused", "paused"])
def test_of_what_is_partly_out_it_says_how_much_is_and_what_becomes_of_the_rest(
    workspace: Workspace, network: ScriptedNetwork, is_paused: bool
) -> None:
    target = make_doubtful(workspace, replies=2)
    Post.objects.update(platform_content={"facebook": {"options": {"thread": ["Second", "Third"]}}})
    if is_paused:
        pausing.pause("network", "facebook", reason="They fail.", actor=ACTOR, now=database_now())
    network.found = [[FOUND], []]

    status, answer = run("--json")

    found, shown = Target.objects.get(), json.loads("\n".join(answer))
    told = f"1 of 3 parts are out, {found.url}; the rest goes out" + (" when it is resumed" if is_paused else "")
    assert (status, network.sent, found.remote_id) == (0, [], FOUND.remote_id)
    assert (shown["counts"], shown["targets"][0]["id"], shown["targets"][0]["told"]) == (
        {"partly out": 1},
        target.pk,
        told,
    )


@pytest.mark.usefixtures("worker")
def test_what_stays_in_doubt_makes_the_command_exit_with_1(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_doubtful(workspace)
    network.found = [[FOUND, Published(remote_id="8", url="")]]

    status, lines = run()

    resolve = f"POST /api/posts/{target.post_id}/targets/{target.pk}/resolve"
    assert status == 1
    assert lines[1:] == [
        f"{target.pk}: still in doubt: The account has several posts that could be this one. {resolve} settles it.",
        "Of 1: 1 needs_review.",
    ]


def test_with_no_worker_running_it_says_so_and_does_not_wait_for_long(
    workspace: Workspace, network: ScriptedNetwork, clock: Clock
) -> None:
    target = make_doubtful(workspace)

    status, lines = run()

    assert (status, status_of(target)) == (1, "publishing")
    assert lines[1:] == [
        "No worker has taken them up: start one with `manage.py work`. They stay due.",
        "Of 1: 1 without an answer yet.",
    ]
    assert reconcile.TAKEN_WITHIN <= clock.now < reconcile.TAKEN_WITHIN + 1


def test_it_waits_no_longer_than_it_is_told_to(workspace: Workspace, network: ScriptedNetwork, clock: Clock) -> None:
    target = make_doubtful(workspace)

    def take_it_up() -> None:
        Target.objects.filter(pk=target.pk).update(fence=9)

    clock.work = take_it_up

    status, lines = run("--wait", "40")

    assert (status, lines[1:]) == (1, ["Of 1: 1 without an answer yet."])
    assert 40 <= clock.now < 41


@pytest.mark.usefixtures("worker")
def test_what_others_settle_or_delete_meanwhile_is_told(
    workspace: Workspace, network: ScriptedNetwork, clock: Clock
) -> None:
    account = make_account(workspace)
    deleted = make_doubtful(workspace, account)

    def delete_it() -> None:
        Post.objects.filter(pk=deleted.post_id).delete()

    clock.work = delete_it

    status, lines = run()

    assert (status, lines[1:]) == (1, [f"{deleted.pk}: deleted meanwhile.", "Of 1: 1 deleted."])


def test_what_somebody_resolves_between_the_list_and_the_question_is_left_alone(
    workspace: Workspace, network: ScriptedNetwork, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_doubtful(workspace)

    def resolve_first(row: Target) -> Any:
        reviewing.resolve_target(row, published=True, url="https://n.example/1", actor=ACTOR, now=database_now())
        return question(row)

    monkeypatch.setattr("adminapi.management.commands.reconcile.question", resolve_first)

    status, lines = run()

    assert (status, status_of(target)) == (1, "published")
    assert lines[1:] == [
        f"{target.pk} is left alone: The target is published: there is nothing to ask.",
        "Of 1: 1 not asked about.",
    ]


@pytest.mark.usefixtures("worker")
def test_post_workspace_and_limit_narrow_it(workspace: Workspace, network: ScriptedNetwork) -> None:
    other = make_workspace()
    mine, theirs, second = make_doubtful(workspace), make_doubtful(other), make_doubtful(other, other.accounts.get())

    def asked(*arguments: str) -> list[str]:
        _, lines = run("--dry-run", *arguments)
        return [line.split()[0] for line in lines[:-1]]

    assert asked() == [mine.pk, theirs.pk, second.pk]
    assert asked("--post", theirs.post_id) == [theirs.pk]
    assert asked("--workspace", workspace.pk) == [mine.pk]
    assert asked("--workspace", other.pk, "--limit", "1") == [theirs.pk]
    assert asked("--workspace", workspace.pk, "--post", theirs.post_id) == []
    assert run("--limit", "2", "--dry-run")[1][-1] == "Would ask about 2 of 3; nothing was done."
    network.found = [[FOUND], []]
    status, lines = run("--limit", "1")
    assert (status, lines[-1]) == (1, "Of 3: 1 published, 2 not asked about.")
