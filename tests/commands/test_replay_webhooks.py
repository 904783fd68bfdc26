"""`replay_webhooks` says what it would send again, has it sent once, and leaves the rest to a worker when stopped."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from adminapi.management.commands import replay_webhooks
from ouipost import claims
from ouipost.claims import LostClaim, database_now
from ouipost.events import replays, webhooks
from ouipost.events.delivery import deliver
from ouipost.events.journal import SYSTEM, Actor
from ouipost.events.models import Delivery, Event, Message, Replay, Webhook
from ouipost.events.settling import settle_all
from ouipost.ids import new_id
from ouipost.writer import Inline
from posts import services
from tests.commands.conftest import Clock
from tests.commands.running import lines_of
from tests.factories import make_workspace
from tests.webhooks.conftest import claim_deliveries
from workspaces.models import Workspace

run = partial(lines_of, "replay_webhooks")
pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANOTHER = "Activate it, and replay the rest with another --replay-id."


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(replay_webhooks, "time", clock)
    return clock


def make_webhook(**values: Any) -> Webhook:
    given = {"url": "https://shop.example/hook", "events": ["post.created"]} | values
    return webhooks.create_webhook(values=given, secret="", actor=SYSTEM)[0]


def make_events(workspace: Workspace, *ages: timedelta) -> None:
    """Let posts be made, so long ago each, of which webhooks are told."""
    for age in ages:
        values = {"content": "Bonjour", "platforms": []}
        post, _ = services.create_post(workspace, values=values, actor=SYSTEM, now=timezone.now())
        event = Event.objects.get(resource_id=post.pk)
        Message.objects.filter(pk=event.pk).update(created_at=timezone.now() - age)


def settle(status: str, *ages: timedelta) -> None:
    """Let all deliveries have ended so; with ages those of messages that are as old."""
    rows = Delivery.objects.filter(status="pending")
    for age in ages:
        at = timezone.now() - age
        rows = rows.filter(message__created_at__gt=at - HOUR / 2, message__created_at__lt=at + HOUR / 2)
    Delivery.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).update(status=status, due_at=None)


def named(webhook: Webhook) -> str:
    return f"{webhook.pk} ({webhook.url})"


def due() -> int:
    return Delivery.objects.filter(status="pending", due_at__lte=database_now()).count()


def test_a_dry_run_says_what_would_be_sent_again_and_writes_nothing(workspace: Workspace) -> None:
    webhook, off = make_webhook(), make_webhook(is_active=False)
    make_events(workspace, HOUR, HOUR, 2 * DAY)
    settle("delivered")
    before = Event.objects.count()
    since = timezone.now() - 3 * DAY

    one = run(webhook.pk, "--since", "24h", "--dry-run")
    everything = run("--all", "--since", since.isoformat(), "--dry-run")

    at = timezone.now() - DAY
    assert one[1][0].startswith(f"{named(webhook)}: 2 events since {at:%Y-%m-%dT%H:}")
    assert one == (0, [one[1][0], "Would replay 2 events; nothing was done."])
    assert everything == (
        0,
        [
            f"{named(webhook)}: 3 events since {since:%Y-%m-%dT%H:%M:%SZ}.",
            f"{named(off)}: left alone. It is not active.",
            "Would replay 3 events; nothing was done.",
        ],
    )
    assert (due(), Replay.objects.count(), Event.objects.count()) == (0, 0, before)


def test_all_of_it_becomes_due_step_by_step_and_the_journal_names_the_command(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "STEP", 2)
    webhook = make_webhook()
    make_events(workspace, *[HOUR] * 5, 2 * DAY)
    settle("delivered")

    status, lines = run(webhook.pk, "--since", "1d", "--replay-id", "after the move")

    assert (status, lines[1:]) == (
        0,
        [
            f"{webhook.pk}: 2 of 5 events made due.",
            f"{webhook.pk}: 4 of 5 events made due.",
            f"{webhook.pk}: 5 of 5 events made due. That is all; the workers deliver them.",
        ],
    )
    assert due() == 5
    event = Event.objects.get(type="webhook.replayed")
    assert (event.user_agent, event.details["events"]) == ("manage.py replay_webhooks", 5)
    assert Replay.objects.get().key == "after the move"


def test_the_same_command_again_is_no_second_replay(workspace: Workspace) -> None:
    webhook = make_webhook()
    make_events(workspace, HOUR)
    settle("delivered")
    run(webhook.pk, "--since", "1d", "--replay-id", "once")
    settle("delivered")
    since = Replay.objects.get().since

    status, lines = run(webhook.pk, "--since", "1d", "--replay-id", "once")

    assert (status, lines) == (
        0,
        [
            f"{named(webhook)}: the replay once is there already, since {since:%Y-%m-%dT%H:%M:%SZ}.",
            f"{webhook.pk}: 1 of 1 event made due. That is all; the workers deliver them.",
        ],
    )
    assert (due(), Replay.objects.count()) == (0, 1)
    for other in (("--since", "2d"), ("--since", "1d", "--only", "failed")):
        with pytest.raises(CommandError, match=r"--replay-id: Used already for a replay of all since .*: choose"):
            run(webhook.pk, *other, "--replay-id", "once")


def test_only_what_has_not_arrived_is_sent_again_where_that_is_asked_for(workspace: Workspace) -> None:
    webhook = make_webhook()
    make_events(workspace, HOUR, 3 * HOUR, 5 * HOUR, 7 * HOUR)
    settle("delivered", HOUR)
    settle("failed", 3 * HOUR)
    settle("discarded", 5 * HOUR)

    status, lines = run(webhook.pk, "--since", "1d", "--only", "failed")

    assert status == 0
    assert ": 2 events that did not arrive since " in lines[0]
    assert lines[1:] == [f"{webhook.pk}: 2 of 2 events made due. That is all; the workers deliver them."]
    assert due() == 3


def test_what_became_due_beside_a_replay_is_told_apart(workspace: Workspace) -> None:
    webhook = make_webhook()
    make_events(workspace, HOUR, 3 * HOUR)
    settle("failed")
    now = timezone.now()
    replays.replay(webhook, since=now - DAY, key="once", scope="all", actor=SYSTEM, now=now)
    Delivery.objects.update(status="pending")
    settle("failed", HOUR)

    _status, lines = run(webhook.pk, "--since", "1d", "--replay-id", "once")

    assert lines[-1].startswith(f"{webhook.pk}: 1 of 2 events made due; the others were due already.")


def test_all_means_those_that_are_active_each_with_what_it_hears(workspace: Workspace) -> None:
    other = make_workspace()
    everywhere, here = make_webhook(), make_webhook(workspace_ids=[workspace.pk])
    off = make_webhook()
    make_events(workspace, HOUR)
    make_events(other, HOUR)
    webhooks.update_webhook(off, values={"is_active": False}, actor=SYSTEM)
    settle("delivered")

    status, lines = run("--all", "--since", "1d")

    assert status == 0
    assert f"{named(off)}: left alone. It is not active. It was switched off." in lines
    assert set(lines[3:]) == {
        f"{everywhere.pk}: 2 of 2 events made due. That is all; the workers deliver them.",
        f"{here.pk}: 1 of 1 event made due. That is all; the workers deliver them.",
    }


def test_where_there_is_no_webhook_there_is_nothing_to_do() -> None:
    assert run("--all", "--since", "1d") == (0, ["There is no webhook."])


def test_a_worker_goes_on_with_a_run_that_was_stopped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "STEP", 2)
    webhook = make_webhook()
    make_events(workspace, *[HOUR] * 3)
    settle("delivered")
    work_on_due = replays.work_on_due

    def stop_after_one() -> int:
        if Replay.objects.get().done:
            raise KeyboardInterrupt
        return work_on_due()

    with monkeypatch.context() as patched:
        patched.setattr(replays, "work_on_due", stop_after_one)
        status, lines = run(webhook.pk, "--since", "1d", "--replay-id", "stopped")

    assert (status, lines[1:]) == (
        1,
        [
            f"{webhook.pk}: 2 of 3 events made due.",
            "A running worker goes on with what has begun; so does --replay-id stopped.",
        ],
    )
    assert (work_on_due(), due()) == (1, 3)
    assert run(webhook.pk, "--since", "1d", "--replay-id", "stopped")[0] == 0


def test_what_a_worker_has_taken_is_waited_for(workspace: Workspace, clock: Clock) -> None:
    webhook = make_webhook()
    make_events(workspace, HOUR)
    settle("delivered")
    now = timezone.now()
    begun, _ = replays.replay(webhook, since=now - DAY, key="shared", scope="all", actor=SYSTEM, now=now)
    Replay.objects.update(lease_until=database_now() + HOUR)

    def be_done() -> None:
        Replay.objects.filter(pk=begun.pk).update(lease_until=None, due_at=None, done=1, finished_at=timezone.now())

    clock.work = be_done

    status, lines = run(webhook.pk, "--since", "1d", "--replay-id", "shared")

    assert (status, lines[1:]) == (
        0,
        [f"{webhook.pk}: 1 of 1 event made due. That is all; the workers deliver them."],
    )


def test_a_step_that_lost_its_claim_makes_nothing_due(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_events(workspace, HOUR)
    webhook, now = make_webhook(), timezone.now()
    replays.replay(webhook, since=now - DAY, key="late", scope="all", actor=SYSTEM, now=now)
    held = claims.claim_due(Replay.objects.all(), limit=1, lease=HOUR)
    Replay.objects.update(lease_until=None)
    claims.claim_due(Replay.objects.all(), limit=1, lease=HOUR)  # another worker, after the lease
    monkeypatch.setattr(claims, "claim_due", lambda *given, **named: held)

    assert (replays.work_on_due(), due()) == (0, 0)


def test_a_step_that_a_worker_was_faster_with_is_no_trouble(
    workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = make_webhook()
    make_events(workspace, HOUR)
    settle("delivered")
    work_on_due = replays.work_on_due
    tries = []

    def lose_the_first() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise LostClaim
        return work_on_due()

    monkeypatch.setattr(replays, "work_on_due", lose_the_first)

    assert run(webhook.pk, "--since", "1d")[0] == 0
    assert (len(tries), due()) == (2, 1)


def test_a_webhook_that_goes_meanwhile_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    disabled, deleted = make_webhook(), make_webhook()
    make_events(workspace, HOUR)
    settle("delivered")
    begin = replays.replay

    def be_late(webhook: Webhook, **asked: Any) -> tuple[Replay, bool]:
        if webhook == deleted:
            webhooks.delete_webhook(webhook, actor=SYSTEM, now=timezone.now())
        else:
            webhooks.update_webhook(webhook, values={"is_active": False}, actor=SYSTEM)
        return begin(webhook, **asked)

    monkeypatch.setattr(replays, "replay", be_late)
    status, lines = run("--all", "--since", "1d")

    assert status == 1
    assert lines[2] == f"{disabled.pk} is left alone: The webhook is not active: make it active first."
    assert lines[3].startswith(f"{deleted.pk} is left alone: ")
    assert due() == 0


def test_a_webhook_that_is_disabled_between_two_steps_gets_no_more(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "STEP", 1)
    webhook = make_webhook()
    make_events(workspace, HOUR, HOUR)
    settle("delivered")
    work_on_due = replays.work_on_due

    def disable_after_one() -> int:
        if Replay.objects.get().done:
            webhooks.update_webhook(webhook, values={"is_active": False}, actor=SYSTEM)
        return work_on_due()

    monkeypatch.setattr(replays, "work_on_due", disable_after_one)
    status, lines = run(webhook.pk, "--since", "1d")

    assert (status, lines[-1]) == (1, f"{webhook.pk}: 1 of 2 events made due; then it was disabled. {ANOTHER}")
    assert (due(), Replay.objects.get().finished_at) == (0, None)


def replayed(workspace: Workspace, key: str) -> tuple[Webhook, Replay]:
    """Return a webhook and its finished replay of one event, which waits for a worker."""
    webhook = make_webhook()
    make_events(workspace, HOUR)
    settle("delivered")
    now = timezone.now()
    begun, _ = replays.replay(webhook, since=now - DAY, key=key, scope="all", actor=SYSTEM, now=now)
    replays.work_on_due()
    return webhook, begun


def test_a_webhook_that_is_disabled_when_all_has_ended_was_replayed_wholly(workspace: Workspace) -> None:
    webhook, begun = replayed(workspace, "seen")
    settle("failed")

    webhooks.update_webhook(webhook, values={"is_active": False}, actor=SYSTEM)
    replays.work_on_due()

    begun.refresh_from_db()
    assert (begun.done, begun.finished_at is not None, begun.is_cut_short) == (1, True, False)


def test_what_a_webhook_was_disabled_for_before_it_arrived_is_replayed_under_another_name(workspace: Workspace) -> None:
    webhook, begun = replayed(workspace, "first")
    for is_active in (False, True):
        webhooks.update_webhook(webhook, values={"is_active": is_active}, actor=SYSTEM)
    since = begun.since.isoformat()

    same, lines = run(webhook.pk, "--since", since, "--replay-id", "first")
    told = [line for line in lines if "made due" in line]

    assert (same, told) == (1, [f"{webhook.pk}: 1 of 1 event made due; then it was disabled. {ANOTHER}"])
    assert due() == 0
    assert run(webhook.pk, "--since", since, "--replay-id", "second")[0] == 0
    assert due() == 1


def test_a_replay_that_runs_while_its_webhook_is_switched_off_and_on_is_cut_short(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "STEP", 1)
    webhook = make_webhook()
    make_events(workspace, HOUR, HOUR)
    settle("delivered")
    now = timezone.now()
    begun, _ = replays.replay(webhook, since=now - DAY, key="runs", scope="all", actor=SYSTEM, now=now)
    replays.work_on_due()

    for is_active in (False, True):
        webhooks.update_webhook(webhook, values={"is_active": is_active}, actor=SYSTEM)
    replays.work_on_due()

    begun.refresh_from_db()
    assert (begun.done, begun.is_cut_short, due()) == (1, True, 0)


def test_a_replay_whose_delivery_a_worker_left_and_another_may_not_send_is_cut_short(workspace: Workspace) -> None:
    webhook, begun = replayed(workspace, "in flight")
    [job] = claim_deliveries(1)
    webhooks.update_webhook(webhook, values={"is_active": False}, actor=SYSTEM)
    job.delivery.webhook.refresh_from_db()

    before = Replay.objects.get(pk=begun.pk).is_cut_short
    Inline().run(settle_all, deliver(job))

    assert (before, Replay.objects.get(pk=begun.pk).is_cut_short) == (False, True)


def test_json_is_one_object_with_what_was_done(workspace: Workspace) -> None:
    webhook, off = make_webhook(), make_webhook(is_active=False)
    make_events(workspace, HOUR)
    settle("delivered")
    since = f"{timezone.now() - DAY:%Y-%m-%dT%H:%M:%SZ}"
    arguments = ("--all", "--since", since, "--replay-id", "seen", "--json")

    would, did = run(*arguments, "--dry-run"), run(*arguments)

    shown = {"replay_id": "seen", "since": since, "scope": "all"}
    row = {"id": webhook.pk, "url": webhook.url, "total": 1, "done": 0, "is_finished": False, "left_alone": None}
    alone = row | {"id": off.pk, "total": 0, "left_alone": "It is not active."}
    assert [json.loads(line) for line in would[1]] == [shown | {"webhooks": [row, alone]}]
    done = row | {"done": 1, "is_finished": True}
    assert [json.loads(line) for line in did[1]] == [shown | {"webhooks": [done, alone]}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "yesterday"), "--since: Must be an ISO 8601 moment such as .* Or so long ago: 90m, 24h, 7d."),
        (("--since", "2026-11-25T00:00:00"), "--since: Must end in Z or an offset such as .02:00"),
        (("--since", "2099-01-01T00:00:00Z"), "wh_.*: --since: Must not be in the future."),
        (("--since", "15d"), "wh_.*: --since: At most 14 days back.$"),
        (("--since", "1d", "--only", "some"), "--only: invalid choice: 'some'"),
        (("--since", "1d", "--replay-id", " "), "--replay-id: Must have 1 to 100 characters."),
        (("--since", "1d", "--replay-id", "x" * 101), "--replay-id: Must have 1 to 100 characters."),
        ((), "the following arguments are required: --since"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(arguments: tuple[str, ...], message: str) -> None:
    webhook = make_webhook()

    with pytest.raises(CommandError, match=message) as refused:
        run(webhook.pk, *arguments)

    is_the_parsers = str(refused.value).startswith("Error: ")  # which exits with 2 in a shell
    assert refused.value.returncode == 2 or is_the_parsers
    assert not Replay.objects.exists()


def test_more_than_a_replay_takes_is_refused_before_anything_is_begun(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "MOST", 2)
    make_webhook(workspace_ids=[make_workspace().pk])
    webhook = make_webhook()
    make_events(workspace, *[HOUR] * 3)
    settle("failed", HOUR)

    with pytest.raises(CommandError, match=f"{webhook.pk}: --since: More than 2 events: choose .* or later."):
        run("--all", "--since", "1d")

    assert not Replay.objects.exists()


BY_THE_PARSER = 1
"""What a refusal of the parser has, which exits with 2 in a shell."""


def test_which_webhook_is_meant_has_to_be_said_and_it_must_be_there() -> None:
    gone, off = make_webhook(), make_webhook(is_active=False)
    webhooks.delete_webhook(gone, actor=Actor(), now=timezone.now())
    unknown = new_id("wh")

    for arguments, message, status in (
        ((), "one of the arguments WEBHOOK_ID --all is required", BY_THE_PARSER),
        ((off.pk, "--all"), "not allowed with argument", BY_THE_PARSER),
        ((unknown,), f"There is no webhook {unknown}.", 2),
        ((gone.pk,), f"There is no webhook {gone.pk}.", 2),
        ((off.pk,), "The webhook is not active: make it active first.", 1),
    ):
        with pytest.raises(CommandError, match=message) as refused:
            run(*arguments, "--since", "1d")
        assert refused.value.returncode == status
