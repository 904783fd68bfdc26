"""`reconcile --after-restore` finds out what of a restored copy is out already, and lets nothing go out meanwhile."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Pause, PauseScope, SocialAccount
from accounts.platforms.errors import Duplicate
from accounts.platforms.limits import Allowance
from accounts.platforms.shapes import Published
from adminapi.management.commands import reconcile
from adminapi.models import Mark
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts import pausing
from posts.models import Attempt, Post, Target
from posts.operating import restoring
from posts.operating.restoring import SET_ASIDE
from posts.reviewing import look_again, resolve_target
from posts.services import WrongStatus, retry_post, update_post
from tests.commands.conftest import Clock
from tests.commands.running import lines_of
from tests.factories import NOW, make_account, make_post
from tests.posts.conftest import install
from tests.posts.fakes import ACTOR, LOST, HandledNetwork, KeyedNetwork, ScriptedNetwork, claim_targets, publish_claimed
from workspaces.models import Workspace

run = partial(lines_of, "reconcile", "--after-restore")
FOUND = Published(remote_id="7", url="https://network.example/7")
AN_HOUR = timedelta(hours=1)


def make_due(workspace: Workspace, *, ago: timedelta = AN_HOUR, account: SocialAccount | None = None) -> Target:
    at = database_now() - ago
    post = make_post(workspace, accounts=[account or make_account(workspace)], status="scheduled", scheduled_at=at)
    return Target.objects.get(post=post)


def scopes() -> list[str]:
    return [pause.scope for pause in pausing.in_force_for(None)]


@pytest.mark.usefixtures("worker")
def test_what_went_out_since_is_adopted_and_not_sent(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    Target.objects.update(handles={"uploads": "an older photo's"})
    network.found = [[FOUND]]
    update_post(target.post, values={"content": "As it was edited since"}, actor=ACTOR, now=database_now())

    status, lines = run("--since", "2h")

    found = Target.objects.get()
    assert (status, network.calls) == (0, ["recover"])
    assert network.operations[0].handles == {}, "what it was sent with since is not known"
    assert (found.status, found.remote_id, found.sent_text) == ("published", "7", "As it was edited since")
    assert lines[1].startswith("The operator has paused all publishing: `manage.py reconcile --after-restore`")
    assert lines[-2:] == [
        "Of 1: 1 published.",
        "Nothing goes out before `manage.py resume --scope all`; see `manage.py stuck` for what stays.",
    ]
    asked = Event.objects.get(type="post.reconcile_requested")
    assert (asked.user_agent, "restored_from" in asked.details) == ("manage.py reconcile", True)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("kind", [ScriptedNetwork, KeyedNetwork])
def test_what_is_not_there_waits_for_the_end_of_the_pause_and_then_goes_out_once(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    kind: type[ScriptedNetwork],
) -> None:
    paper = install(monkeypatch, kind())
    monkeypatch.setattr(paper, "lists", lambda operation: True)
    target = make_due(workspace)

    status, lines = run("--since", "2h")
    before = list(paper.sent)
    pausing.resume("all", actor=ACTOR, now=database_now())
    clock.work()

    assert (status, before, len(paper.sent)) == (0, [], 1)
    assert paper.calls.count("recover") == 2
    assert f"{target.pk}: not there; it goes out when it is resumed." in lines
    assert Target.objects.get().status == "published"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("parts_out", "said", "counted"),
    [
        (0, "not there; it goes out when it is resumed", "not out"),
        (1, "1 of 3 parts are out, 0; the rest goes out when it is resumed", "partly out"),
        (2, "2 of 3 parts are out, 0; the rest goes out when it is resumed", "partly out"),
        (3, "published, 0", "published"),
    ],
)
def test_each_part_of_a_thread_is_looked_for_before_it_goes_out(
    workspace: Workspace, network: ScriptedNetwork, clock: Clock, parts_out: int, said: str, counted: str
) -> None:
    target = make_due(workspace)
    Post.objects.update(platform_content={"facebook": {"options": {"thread": ["Second", "Third"]}}})
    network.found = [*([Published(remote_id=str(number), url="")] for number in range(parts_out)), []]

    status, lines = run("--since", "2h")
    before = list(network.sent)
    pausing.resume("all", actor=ACTOR, now=database_now())
    while Target.objects.get().status == "publishing":
        clock.work()

    found = Target.objects.get()
    assert (before, len(network.sent), found.status) == ([], 3 - parts_out, "published")
    assert [part["remote_id"] for part in found.parts][:parts_out] == [str(each) for each in range(parts_out)]
    assert (status, lines[-3:-1]) == (0, [f"{target.pk}: {said}.", f"Of 1: 1 {counted}."])


@pytest.mark.usefixtures("worker")
def test_the_next_run_goes_on_with_what_was_not_asked_about(workspace: Workspace, network: ScriptedNetwork) -> None:
    first = make_due(workspace)
    second = make_due(workspace, account=make_account(workspace, remote_id="2", default_of=None))

    runs = [run("--since", "2h", "--limit", "1") for _ in range(3)]

    assert [status for status, _ in runs] == [1, 0, 0]
    assert [lines[0].split()[0] for _, lines in runs] == [first.pk, second.pk, "Nothing"]
    assert runs[0][1][-2] == "Of 2: 1 not out, 1 not asked about."
    assert network.sent == []


@pytest.mark.usefixtures("worker")
def test_a_pause_that_was_in_force_before_is_not_ended_while_some_were_not_asked_about(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    for pk in "12":
        make_due(workspace, account=make_account(workspace, remote_id=pk, default_of=None))
    pausing.pause("all", reason="Moving.", actor=ACTOR, now=database_now())

    run("--since", "2h", "--limit", "1")

    with pytest.raises(CommandError, match="1 that was due by now may be out already"):
        call_command("resume", "--scope", "all")
    assert Pause.objects.get().reason == "Moving."


@pytest.mark.usefixtures("worker")
def test_what_is_too_late_by_now_fails_instead(workspace: Workspace, network: ScriptedNetwork) -> None:
    make_due(workspace, ago=timedelta(days=3))

    status, lines = run("--since", "4d")

    assert (status, network.sent, Target.objects.get().status) == (0, [], "failed")
    assert lines[-2] == "Of 1: 1 failed."


@pytest.mark.usefixtures("worker")
def test_what_is_not_there_waits_for_its_place_in_the_accounts_pace(
    workspace: Workspace, network: ScriptedNetwork, clock: Clock, settings: Settings
) -> None:
    settings.NETWORK_PACE = settings.NETWORK_PACE | {"facebook": Allowance(most=4, seconds=3600)}
    account = make_account(workspace)
    for _ in range(8):
        make_due(workspace, account=account)

    _, lines = run("--since", "2h")
    pausing.resume("all", actor=ACTOR, now=database_now())
    while held := claim_targets(10):
        for each in held:
            publish_claimed(each)

    waiting = Target.objects.filter(due_at__gt=database_now() + timedelta(minutes=20))
    assert (lines[-2], len(network.sent), waiting.count()) == ("Of 8: 8 not out.", 2, 6)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("place", [-AN_HOUR, AN_HOUR], ids=["has come", "is still to come"])
def test_what_waited_for_its_place_is_late_only_from_then_on(
    workspace: Workspace, network: ScriptedNetwork, place: timedelta
) -> None:
    make_due(workspace, ago=8 * AN_HOUR)
    Target.objects.update(due_at=database_now() + place)

    _, lines = run("--since", "9h")

    assert (lines[-2], Target.objects.get().status) == ("Of 1: 1 not out.", "publishing")


def test_time_paused_makes_nothing_late(workspace: Workspace, network: ScriptedNetwork) -> None:
    make_due(workspace, ago=timedelta(days=3))
    pausing.pause("all", reason="Moving.", actor=ACTOR, now=database_now() - timedelta(days=4))

    run("--since", "4d", "--wait", "0")

    target = Target.objects.get()
    assert target.give_up_at is not None
    assert target.give_up_at > database_now()


def test_what_only_its_handles_could_tell_of_is_set_aside(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, HandledNetwork())
    target = make_due(workspace)

    status, lines = run("--since", "2h")

    found = Target.objects.get()
    assert (status, found.status, found.outcome_unknown, found.error) == (1, "needs_review", True, SET_ASIDE)
    assert found.post.status == "needs_review"
    assert lines[0].startswith(f"{target.pk} of {target.post_id} (facebook) cannot be asked about: its network only")
    assert lines[-2] == "Of 1: 1 not asked about."


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("was_connected", [True, False], ids=["connected", "connected again"])
@pytest.mark.parametrize("handles", [{}, {"container": "an older one"}], ids=["none", "an older one"])
def test_what_is_set_aside_is_never_taken_for_absent_and_sent_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, handles: dict[str, str], was_connected: bool
) -> None:
    network = install(monkeypatch, HandledNetwork())
    target = make_due(workspace)
    Target.objects.update(handles=handles)
    SocialAccount.objects.update(status="active" if was_connected else "expired")
    run("--since", "2h")
    SocialAccount.objects.update(status="active")

    status, lines = lines_of("reconcile")
    with pytest.raises(WrongStatus, match="It cannot be asked about: its network only tells"):
        look_again(Target.objects.get(), actor=ACTOR, now=database_now())

    found = Target.objects.get()
    assert (status, network.calls, found.status, found.error) == (1, [], "needs_review", SET_ASIDE)
    assert lines[0].startswith(f"{target.pk} of {target.post_id} (facebook) cannot be asked about: its network only")
    resolve = f"  next      POST /api/posts/{target.post_id}/targets/{target.pk}/resolve"
    assert resolve in lines_of("stuck")[1]


def test_what_a_person_says_not_to_be_out_is_not_set_aside_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, HandledNetwork())
    targets = [make_due(workspace, account=make_account(workspace, remote_id=pk, default_of=None)) for pk in "12"]
    run("--since", "2h")
    told = Target.objects.get(pk=targets[0].pk)
    resolve_target(told, published=False, url="", actor=ACTOR, now=database_now())

    _, lines = run("--since", "2h", "--wait", "0")

    assert lines[0].startswith("Nothing")
    assert Target.objects.get(pk=told.pk).status == "publishing"


@pytest.mark.usefixtures("worker")
def test_a_first_send_that_was_refused_as_a_duplicate_is_no_sign_that_it_is_there(
    workspace: Workspace, network: ScriptedNetwork, clock: Clock
) -> None:
    target = make_due(workspace)
    network.committed = [Duplicate("Said before.", status=403), FOUND]
    Target.objects.update(status="publishing")
    clock.work()
    retry_post(target.post, actor=ACTOR, now=database_now())

    status, lines = run("--since", "0m")
    sent = len(network.sent)
    pausing.resume("all", actor=ACTOR, now=database_now())
    clock.work()

    assert (status, lines[-3], sent) == (0, f"{target.pk}: not there; it goes out when it is resumed.", 1)
    assert (Target.objects.get().status, len(network.sent)) == ("published", 2)


@pytest.mark.usefixtures("worker")
def test_a_send_that_was_refused_as_a_duplicate_of_an_earlier_one_stays_in_doubt(
    workspace: Workspace, network: ScriptedNetwork, clock: Clock
) -> None:
    target = make_due(workspace)
    network.committed = [LOST, Duplicate("Said before.", status=403)]
    Target.objects.update(status="publishing")
    for _ in range(3):
        clock.work()

    status, lines = run("--since", "0m")

    message = "The network says that it has this post, but the account does not show it"
    assert (status, len(network.sent)) == (1, 2)
    assert lines[-3].startswith(f"{target.pk}: still in doubt: {message}.")


def test_what_the_copy_knows_of_an_earlier_send_stays_known(workspace: Workspace, network: ScriptedNetwork) -> None:
    make_due(workspace)
    known: dict[str, Any] = {"armed_at": database_now() - 3 * AN_HOUR, "sends": 2, "sent_text": "As it went out"}
    Target.objects.update(status="publishing", outcome_unknown=True, absences=1, **known)

    run("--since", "2h", "--wait", "0")

    assert Target.objects.values(*known).get() == known
    assert Target.objects.get().absences == 0, "what was missing then may be there by now"


def looked(target: Target, at: datetime, step: str = "recover") -> None:
    Attempt.objects.create(target=target, number=1, fence=1, step=step, started_at=at, ended_at=at, outcome="absent")


def told(target: Target, at: datetime, type: str = "post.resolved", about: str = "") -> None:
    details = {"target": about or target.pk}
    Event.objects.create(type=type, resource_type="post", resource_id=target.post_id, details=details, created_at=at)


LATER, EARLIER = timedelta(minutes=1), -timedelta(minutes=1)
"""Than everything was paused."""
HAPPENED: dict[str, tuple[Callable[[Target, datetime], Any], int]] = {
    "nothing": (lambda target, paused: None, 1),
    "it was looked for": (lambda target, paused: looked(target, paused + LATER), 0),
    "before the pause": (lambda target, paused: looked(target, paused + EARLIER), 1),
    "it was sent": (lambda target, paused: looked(target, paused + LATER, "commit"), 1),
    "it was resolved": (lambda target, paused: told(target, paused + LATER), 0),
    "before": (lambda target, paused: told(target, paused + EARLIER), 1),
    "another target was": (lambda target, paused: told(target, paused + LATER, about="tgt_1"), 1),
    "it was retried": (lambda target, paused: told(target, paused + LATER, "post.retried"), 1),
    "it waits for nothing": (lambda target, paused: Target.objects.update(due_at=None), 0),
    "its workspace is gone": (lambda target, paused: Workspace.objects.update(deleted_at=paused), 0),
}


@pytest.mark.parametrize("happened", HAPPENED)
def test_only_what_the_network_or_a_person_has_told_since_the_pause_is_known_not_to_be_out(
    workspace: Workspace, happened: str
) -> None:
    target, paused = make_due(workspace), database_now() - 5 * LATER
    pausing.pause(PauseScope.ALL, reason="A restore.", actor=ACTOR, now=paused)
    act, overdue = HAPPENED[happened]

    act(target, paused)

    assert restoring.overdue(database_now(), since=paused - AN_HOUR).count() == overdue


def test_what_was_looked_for_before_the_restore_was_noticed_may_be_out_since(workspace: Workspace) -> None:
    target, paused = make_due(workspace), database_now() - 5 * LATER
    pausing.pause(PauseScope.ALL, reason="A restore.", actor=ACTOR, now=paused, after_restore=True)
    looked(target, paused + LATER)
    told(target, paused + LATER)

    pause_everything(paused + 2 * LATER)

    assert restoring.overdue(database_now(), since=paused - AN_HOUR).count() == 1
    looked(target, paused + 3 * LATER)
    assert restoring.overdue(database_now(), since=paused - AN_HOUR).count() == 0


NOTICED: dict[str, tuple[Callable[[Target, datetime], Any], int]] = {
    "nothing": (lambda target, noticed: None, 0),
    "somebody moved it": (lambda target, noticed: told(target, noticed + LATER, "post.scheduled"), 1),
    "before": (lambda target, noticed: told(target, noticed + EARLIER, "post.scheduled"), 0),
    "somebody wrote it": (lambda target, noticed: wrote(target, noticed + LATER), 0),
    "it was due before": (lambda target, noticed: Target.objects.update(scheduled_at=noticed), 1),
    "it was noticed anew": (lambda target, noticed: pause_everything(database_now()), 1),
    "the copy is of a paused database": (
        lambda target, noticed: Pause.objects.update(restored_at=noticed - 2 * AN_HOUR),
        1,
    ),
}


def wrote(target: Target, at: datetime) -> None:
    Post.objects.update(created_at=at)
    told(target, at, "post.created")


def pause_everything(noticed: datetime) -> None:
    pausing.pause(PauseScope.ALL, reason="A restore.", actor=ACTOR, now=noticed, after_restore=True)


@pytest.mark.parametrize("happened", NOTICED)
def test_what_falls_due_after_the_restore_was_noticed_is_not_out_unless_it_was_moved_there(
    workspace: Workspace, happened: str
) -> None:
    noticed = database_now() - 5 * LATER
    pause_everything(noticed)
    target = make_due(workspace, ago=LATER)
    Post.objects.update(created_at=noticed - AN_HOUR)
    act, overdue = NOTICED[happened]

    act(target, noticed)

    assert restoring.overdue(database_now(), since=noticed - AN_HOUR).count() == overdue


def test_what_was_in_flight_in_the_copy_and_is_set_aside_holds_up_no_other_of_its_account(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, HandledNetwork())
    account = make_account(workspace)
    make_due(workspace, account=account)
    Target.objects.update(
        status="publishing", in_flight=account.pk, lease_until=database_now() - AN_HOUR, claim_count=1
    )
    run("--since", "2h")
    pausing.resume(PauseScope.ALL, actor=ACTOR, now=database_now())

    other = make_due(workspace, ago=timedelta(0), account=account)

    assert [held.pk for held in claim_targets(9)] == [other.pk]


def test_an_account_that_is_gone_is_set_aside_and_what_is_due_later_left_alone(
    workspace: Workspace,
    network: ScriptedNetwork,
) -> None:
    gone = make_account(workspace, disconnected_at=database_now(), default_of=None)
    make_due(workspace, account=gone)
    later = make_due(workspace, ago=-AN_HOUR, account=make_account(workspace, remote_id="2", default_of=None))

    status, _ = run("--since", "2h")

    assert (status, set(Target.objects.values_list("status", flat=True))) == (1, {"needs_review", "scheduled"})
    assert Target.objects.get(pk=later.pk).outcome_unknown is False


def test_a_dry_run_pauses_nothing_and_marks_nothing(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    before = list(Target.objects.values())

    status, lines = run("--since", "2h", "--dry-run")

    assert (status, scopes(), list(Target.objects.values()), network.calls) == (0, [], before, [])
    assert lines[0].startswith(f"{target.pk} of {target.post_id} (facebook) would be looked for in the account's posts")
    assert lines[1] == "Would ask about 1 of 1; nothing was done."


@pytest.mark.usefixtures("worker")
def test_a_program_gets_one_object(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    network.found = [[FOUND]]

    shown: dict[str, Any] = json.loads("\n".join(run("--since", "2h", "--json")[1]))

    assert (shown["is_paused"], shown["counts"]) == (True, {"published": 1})
    assert [(row["id"], row["status"]) for row in shown["targets"]] == [(target.pk, "published")]


@pytest.mark.django_db
def test_without_a_noticed_restore_somebody_must_say_when_the_copy_was_made() -> None:
    with pytest.raises(CommandError, match="No restore was noticed"):
        run()
    with pytest.raises(CommandError, match="--since"):
        run("--since", "yesterday")
    with pytest.raises(CommandError, match="--since must not be in the future"):
        run("--since", f"{timezone.now() + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}")
    with pytest.raises(CommandError, match="belongs to --after-restore"):
        call_command("reconcile", "--since", "2h")


@pytest.mark.django_db
def test_a_noticed_restore_says_by_itself_when_the_copy_was_made() -> None:
    now = database_now()
    Mark.objects.create(pk=1, at=now, copied_at=now)
    pausing.pause(PauseScope.ALL, reason="A restore.", actor=ACTOR, now=now, after_restore=True)

    assert run() == (0, ["Nothing was due that may be out already."])


@pytest.mark.django_db
def test_a_restore_that_was_settled_long_ago_does_not_say_when_this_copy_was_made(workspace: Workspace) -> None:
    make_due(workspace)
    in_july = database_now() - timedelta(days=150)
    Mark.objects.create(pk=1, at=database_now(), copied_at=in_july)
    call_command("pause", "--scope", "all", "--after-restore", "--reason", "A new machine.")

    with pytest.raises(CommandError, match="No restore was noticed"):
        run()

    call_command("resume", "--scope", "all", "--anyway")
    Mark.objects.update(copied_at=in_july)
    run("--since", "2h", "--wait", "0")
    with pytest.raises(CommandError, match="No restore was noticed"):
        run()


@pytest.mark.django_db
def test_a_pause_that_goes_on_for_another_reason_keeps_what_was_noticed(workspace: Workspace) -> None:
    make_due(workspace)
    now = database_now()
    Mark.objects.create(pk=1, at=now, copied_at=now - AN_HOUR * 2)
    pausing.pause(PauseScope.ALL, reason="A restore.", actor=ACTOR, now=now, after_restore=True)

    call_command("pause", "--scope", "all", "--after-restore", "--reason", "We look into it.")

    assert run("--dry-run")[1][-1] == "Would ask about 1 of 1; nothing was done."


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"status": "cancelled", "due_at": None}, "cancelled"),
        ({"lease_until": NOW + timedelta(days=9999)}, "scheduled"),
    ],
    ids=["settled", "in flight"],
)
def test_what_somebody_has_settled_meanwhile_or_is_at_is_left_alone(
    workspace: Workspace,
    network: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
    status: str,
) -> None:
    target = make_due(workspace)

    def settled(self: Any) -> None:
        Target.objects.update(**values)

    monkeypatch.setattr(reconcile.Command, "_require_pause", settled)

    _, lines = run("--since", "2h")

    assert f"{target.pk} is left alone: The target is {status}, or a worker is on it." in lines
