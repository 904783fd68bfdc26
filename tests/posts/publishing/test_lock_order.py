"""Two who need the same rows take them in one order, and the second sees what the first has done to them."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import Model
from django.http import Http404

from accounts import breakers, connecting, readable
from accounts.models import Pause, SocialAccount
from accounts.platforms.errors import Rejected
from accounts.platforms.shapes import AccountNumbers, Candidate, Profile, Tokens
from accounts.services import disconnect, update_account
from analytics import settling as readings
from analytics.discovery import discover
from analytics.models import AccountSync, DayTotal, InstallationDay, TargetNumbers
from analytics.removal import _purge_days
from ouipost import claims
from ouipost.claims import database_now
from ouipost.errors import InvalidInput
from ouipost.events import webhooks
from ouipost.events.models import Delivery, Event, Webhook
from ouipost.events.settling import DeliveryResult, settle_all
from posts import counts, expiring, pausing, removal, services
from posts.destinations import AccountNotConnected
from posts.media import files, storage
from posts.media.intake import Processed
from posts.models import Post, Schedule, Slot, Target
from posts.publishing import settling
from posts.publishing.holding import hold_account
from posts.schedules import services as schedules
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_key,
    make_media,
    make_post,
    make_schedule,
    make_user,
    make_webhook,
)
from tests.foundation.threads import PATIENCE_SECONDS, wait_until
from tests.posts.fakes import ACTOR, ScriptedNetwork, being_looked_for, claim, claim_targets, make_due, make_result
from workspaces import services as workspaces
from workspaces import users
from workspaces.keys import services as keys
from workspaces.models import ApiKey, User, Workspace
from workspaces.users import LastAdmin

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time"),
]

Act = Callable[[], Any]
Meeting = tuple[Act, Act, Act]
"""What one does first, what another wants then and has to wait for, and what the first one does after that."""


def slots_and_posts(workspace: Workspace) -> Meeting:
    now, schedule = database_now(), make_schedule(workspace)
    post = schedules.queue_post(
        make_post(workspace, accounts=[make_account(workspace)]), schedule, actor=ACTOR, now=now
    )
    slots = [{"day": 3, "time": "12:30", "platforms": ["facebook"]}]
    when: dict[str, Any] = {"scheduled_at": now + timedelta(days=1), "zone": "UTC"}
    return (
        lambda: services.lock(post),
        lambda: schedules.update_schedule(schedule, values={"slots": slots}, actor=ACTOR, now=now),
        lambda: services.schedule_post(post, **when, actor=ACTOR, now=now),
    )


def _queue_and_its_post(workspace: Workspace, change: Callable[[Schedule], Any]) -> Meeting:
    now, schedule, account = database_now(), make_schedule(workspace), make_account(workspace)
    others = [Post(workspace=workspace, content="Rye", moment=NOW, created_at=NOW) for _ in range(1000)]
    Post.objects.bulk_create(others)  # or a queue is found without its index
    first, *_ = [
        schedules.queue_post(make_post(workspace, accounts=[account]), schedule, actor=ACTOR, now=now) for _ in range(3)
    ]
    when: dict[str, Any] = {"scheduled_at": now + timedelta(days=1), "zone": "UTC"}
    return (
        lambda: services.lock(first),
        lambda: change(schedule),
        lambda: services.schedule_post(first, **when, actor=ACTOR, now=now),
    )


def ended_queue_and_a_post_that_leaves_it(workspace: Workspace) -> Meeting:
    return _queue_and_its_post(workspace, partial(schedules.delete_schedule, actor=ACTOR, now=database_now()))


def held_queue_and_a_post_that_leaves_it(workspace: Workspace) -> Meeting:
    hold = partial(schedules.update_schedule, values={"is_active": False}, actor=ACTOR, now=database_now())
    return _queue_and_its_post(workspace, hold)


def schedules_and_accounts(workspace: Workspace) -> Meeting:
    now, schedule, account = database_now(), make_schedule(workspace), make_account(workspace)
    return (
        lambda: schedules.lock(schedule),
        lambda: disconnect(account, actor=ACTOR, now=now),
        lambda: schedules.delete_schedule(schedule, actor=ACTOR, now=now),
    )


def queues_and_accounts(workspace: Workspace) -> Meeting:
    now, schedule, account = database_now(), make_schedule(workspace), make_account(workspace)
    post = make_post(workspace)
    Post.objects.update(destinations=[account.pk])
    return (
        lambda: schedules.lock(schedule),
        lambda: disconnect(account, actor=ACTOR, now=now),
        lambda: schedules.queue_post(post, schedule, actor=ACTOR, now=now),
    )


def posts_and_files(workspace: Workspace) -> Meeting:
    post = make_post(workspace)
    for count in (counts.add_posts, counts.add_bytes):
        count(workspace.pk, 0)  # the numbers are kept from now on
    return (
        lambda: counts.add_posts(workspace.pk, 1),
        lambda: services.delete_post(post, actor=ACTOR),
        lambda: counts.add_bytes(workspace.pk, 1),
    )


def webhooks_and_deliveries(workspace: Workspace) -> Meeting:
    webhook = make_webhook()
    ended = make_delivery(webhook, status="failed", due_at=None)
    return (
        lambda: webhooks.lock(webhook),
        lambda: webhooks.redeliver(ended, actor=ACTOR),
        lambda: Delivery.objects.select_for_update().get(pk=ended.pk),
    )


def deliveries_that_are_asked_for_no_longer(workspace: Workspace) -> Meeting:
    webhook = make_webhook()
    _, later = (make_delivery(webhook, status="pending", due_at=NOW).pk for _ in range(2))
    return (
        lambda: Delivery.objects.filter(pk=later).update(attempts=1),
        lambda: webhooks.update_webhook(webhook, values={"events": ["post.failed"]}, actor=ACTOR),
        lambda: Delivery.objects.filter(pk=later).update(tries=1),
    )


def targets_and_their_workspace(workspace: Workspace) -> Meeting:
    targets = make_post(workspace, accounts=[make_account(workspace)], status="scheduled").targets
    return (
        lambda: targets.update(due_at=database_now()),
        lambda: removal.cancel_workspace(workspace),
        lambda: targets.update(attempts=1),
    )


def claimed_targets_and_their_account(workspace: Workspace) -> Meeting:
    target = make_due(workspace)
    claim(target)
    return (
        lambda: Target.objects.select_for_update().get(pk=target.pk),
        lambda: disconnect(target.account, actor=ACTOR, now=NOW),
        lambda: SocialAccount.objects.update(paced_at=NOW),
    )


def readings_and_sign_ins(workspace: Workspace) -> Meeting:
    account = make_account(workspace)
    AccountSync.objects.create(account=account, due_at=NOW, account_due_at=NOW, failures=2)
    [held] = claims.claim_due(AccountSync.objects.all(), limit=1, lease=timedelta(minutes=1))
    answers = readings.Answers(asked_account=True, account=AccountNumbers(followers=1))
    result = readings.SyncResult(claim=held, at=NOW, answers=answers, error=None, requests=0, access_token="")
    tokens = Tokens(access_token="new")
    again = Candidate(remote_id=account.remote_id, type="page", profile=Profile(name=""), tokens=tokens)
    sign_in: dict[str, Any] = {"platform": account.platform, "candidate": again, "actor": ACTOR, "now": NOW}
    return (
        lambda: claims.lock_each(AccountSync, [held]),
        lambda: connecting.connect(workspace, **sign_in),
        lambda: readings.settle_all([result]),
    )


MEETINGS = (
    *(slots_and_posts, ended_queue_and_a_post_that_leaves_it, held_queue_and_a_post_that_leaves_it),
    *(schedules_and_accounts, queues_and_accounts, posts_and_files),
    *(webhooks_and_deliveries, deliveries_that_are_asked_for_no_longer, targets_and_their_workspace),
    *(claimed_targets_and_their_account, readings_and_sign_ins),
)


@pytest.mark.parametrize("meeting", MEETINGS)
def test_who_waits_holds_nothing_that_is_wanted(
    workspace: Workspace, network: ScriptedNetwork, meeting: Callable[[Workspace], Meeting]
) -> None:
    first, other, second = meeting(workspace)
    waiting = Waiting(other)

    with transaction.atomic():
        first()
        waiting.start()
        wait_until(waiting.is_held_up)
        second()

    waiting.join(PATIENCE_SECONDS)
    assert waiting.failed is None


Change = tuple[Act, Act, Act, Any]
"""What one does, what another does who has to wait for that, how it looks then, and how it has to look."""


def both(row: Model, act: Callable[..., Any], first: dict[str, Any], other: dict[str, Any]) -> Change:
    one, two = (partial(act, row, values=values, actor=ACTOR) for values in (first, other))
    return one, two, lambda: type(row)._default_manager.values(*first, *other).get(pk=row.pk), first | other


def once(act: Act, told: str) -> Change:
    return act, act, lambda: Event.objects.filter(type=told).count(), 1


def list_of_a_key(workspace: Workspace) -> Change:
    key, _ = make_key(workspace_ids=[workspace.pk])
    act = partial(workspaces.create_workspace, name="B", actor=ACTOR, key=key)
    return act, act, lambda: len(ApiKey.objects.get().workspace_ids), 3


def calls(workspace: Workspace) -> Change:
    failed = breakers.Call(account_id=make_account(workspace).pk, platform="facebook", mark=breakers.FAILED)
    act = partial(breakers.note, [failed], now=NOW)
    return act, act, lambda: SocialAccount.objects.get().recent_calls, 2 * breakers.FAILED


def end_that_is_near(workspace: Workspace) -> Change:
    make_account(workspace)
    SocialAccount.objects.update(expires_at=NOW + timedelta(days=1))
    return once(partial(expiring.notify, NOW), "account.expiring")


def account_that_is_disconnected_twice(workspace: Workspace) -> Change:
    act = partial(disconnect, make_account(workspace), actor=ACTOR, now=NOW)
    return act, refused(Http404, act), lambda: Event.objects.filter(type="account.disconnected").count(), 1


def recovery(workspace: Workspace) -> Change:
    return once(partial(readable.mark_readable, [make_account(workspace, status="error").pk]), "account.recovered")


def deliveries(_: Workspace) -> Change:
    delivery = make_delivery(make_webhook(), status="pending", due_at=NOW)
    [held] = claims.claim_due(Delivery.objects.all(), limit=1, lease=timedelta(minutes=1))
    told = dict.fromkeys(("error", "answer", "address", "retry_after"), "")
    result = DeliveryResult(claim=held, delivery=delivery, at=NOW, milliseconds=1, http_status=200, **told)
    count = partial(Webhook.objects.update, successful_deliveries=5)
    return count, partial(settle_all, [result]), lambda: Webhook.objects.get().successful_deliveries, 6


def name_of_an_account(workspace: Workspace) -> Change:
    account = make_account(workspace, name="Page")
    AccountSync.objects.create(account=account, due_at=NOW, account_due_at=NOW)
    [held] = claims.claim_due(AccountSync.objects.all(), limit=1, lease=timedelta(minutes=1))
    answers = readings.Answers(asked_account=True, profile=Profile(name="Bakery"))
    result = readings.SyncResult(claim=held, at=NOW, answers=answers, error=None, requests=0, access_token="")
    name = partial(update_account, account, values={"name": "Ours"}, actor=ACTOR)
    return name, partial(readings.settle_all, [result]), lambda: SocialAccount.objects.get().name, "Ours"


def days(workspace: Workspace) -> Change:
    day: dict[str, Any] = {"day": NOW.date(), "platform": "facebook"}
    DayTotal.objects.create(workspace=workspace, impressions=2, **day)
    InstallationDay.objects.create(impressions=5, **day)
    act = partial(_purge_days, workspace)
    return act, act, lambda: InstallationDay.objects.get().impressions, 3


def files_of_a_post(workspace: Workspace) -> Change:
    post = make_post(workspace)
    one, two = (partial(files.delete, make_media(post), actor=ACTOR) for _ in range(2))
    return one, two, lambda: Post.objects.get().media, []


def file_whose_commit_is_not_answered(workspace: Workspace) -> Change:
    post = make_post(workspace)
    file = Processed(type="document", path=Path("rye.pdf"), mime_type="application/pdf", size=3)
    stored = files.Stored(file=file, filename="rye.pdf", name=f"media/aa/{post.pk}.pdf", thumbnail_name="")
    storage.store_bytes(BytesIO(b"Rye"), stored.name)
    attach = partial(files.attach, post, stored, alt_text="", actor=ACTOR)
    return attach, partial(files.discard_unused, stored), lambda: storage.exists(stored.name), True


def slots_for_an_account(workspace: Workspace) -> Change:
    account = make_account(workspace)
    slots = [{"day": 0, "time": "12:30", "platforms": ["twitter", account.pk]}]
    make = partial(schedules.create_schedule, workspace, values={"name": "A", "slots": slots}, actor=ACTOR)
    return make, partial(disconnect, account, actor=ACTOR, now=NOW), lambda: Slot.objects.get().platforms, ["twitter"]


def administrators(_: Workspace) -> Change:
    one, two = (make_user(email=f"{name}@example.com") for name in "ab")
    demote = partial(users.update_user, two, values={"role": "editor"}, actor=ACTOR, now=NOW)
    return demote, refused(LastAdmin, partial(users.delete_user, one, actor=ACTOR)), lambda: [*_rulers()], [one.pk]


def administrator_who_is_switched_off_while_deleted(_: Workspace) -> Change:
    one, two = (make_user(email=f"{name}@example.com") for name in "ab")
    switch = partial(users.update_user, two, values={"is_active": False}, actor=ACTOR, now=NOW)
    return partial(users.delete_user, two, actor=ACTOR), refused(Http404, switch), lambda: [*_rulers()], [one.pk]


def _rulers() -> Any:
    return User.objects.filter(role="admin", is_active=True).values_list("pk", flat=True)


def key_that_is_revoked_while_it_is_rotated(_: Workspace) -> Change:
    key, _secret = make_key()
    rotate, revoke = (partial(act, key, actor=ACTOR, now=NOW) for act in (keys.rotate_key, keys.revoke_key))
    return rotate, revoke, partial(_ways_in, key), [(False, NOW, None)]


def key_that_is_rotated_while_it_is_revoked(_: Workspace) -> Change:
    key, _secret = make_key()
    rotate, revoke = (partial(act, key, actor=ACTOR, now=NOW) for act in (keys.rotate_key, keys.revoke_key))
    return revoke, refused(Http404, rotate), partial(_ways_in, key), [(False, NOW, None)]


def _ways_in(key: ApiKey) -> Any:
    return [*ApiKey.objects.filter(pk=key.pk).values_list("is_active", "revoked_at", "previous_digest")]


def pause_of_a_workspace_that_is_deleted(workspace: Workspace) -> Change:
    pause, delete = _pausing(workspace)
    return pause, delete, Pause.objects.in_force().count, 0


def workspace_that_is_paused_while_it_is_deleted(workspace: Workspace) -> Change:
    pause, delete = _pausing(workspace)
    return delete, refused(InvalidInput, pause), Pause.objects.count, 0


def _pausing(workspace: Workspace) -> tuple[Act, Act]:
    pause = partial(pausing.pause, "workspace", workspace.pk, reason="Unpaid", actor=ACTOR, now=NOW)
    return pause, partial(workspaces.delete_workspace, workspace, actor=ACTOR, now=NOW)


def name_of_a_workspace_that_is_deleted(workspace: Workspace) -> Change:
    rename = partial(workspaces.update_workspace, workspace, values={"name": "B"}, actor=ACTOR)
    delete = partial(workspaces.delete_workspace, workspace, actor=ACTOR, now=NOW)
    return rename, delete, lambda: Event.objects.get(type="workspace.deleted").details["name"], "B"


def refused(why: type[Exception], act: Act) -> Act:
    """Return what does this, and must be refused."""

    def try_it() -> None:
        with pytest.raises(why):
            act()

    return try_it


def failed_target_of_an_account(workspace: Workspace) -> Change:
    account = make_account(workspace)
    retry = partial(
        services.retry_post, make_post(workspace, accounts=[account], status="failed"), actor=ACTOR, now=NOW
    )
    return retry, partial(disconnect, account, actor=ACTOR, now=NOW), lambda: Target.objects.get().status, "cancelled"


def target_in_doubt_of_an_account(workspace: Workspace) -> Change:
    target, _, held = being_looked_for(workspace)

    def fail_and_retry() -> None:
        settling.settle_all([make_result(held, Rejected("No."))])
        services.retry_post(target.post, actor=ACTOR, now=NOW)

    going = partial(disconnect, target.account, actor=ACTOR, now=NOW)
    return going, refused(AccountNotConnected, fail_and_retry), lambda: Target.objects.get().status, "failed"


CHANGES: dict[str, Callable[[Workspace], Change]] = {
    "a key": lambda _: both(make_key()[0], keys.update_key, {"name": "B"}, {"tier": "pro"}),
    "a workspace": lambda one: both(one, workspaces.update_workspace, {"name": "B"}, {"description": "B"}),
    "a webhook": lambda _: both(make_webhook(), webhooks.update_webhook, {"events": []}, {"is_active": False}),
    "an account": lambda one: both(make_account(one), update_account, {"name": "B"}, {"settings": {"a": 1}}),
    "a post": lambda one: both(
        make_post(one), partial(services.update_post, now=NOW), {"content": "B"}, {"title": "B"}
    ),
    "a schedule": lambda one: both(
        make_schedule(one), partial(schedules.update_schedule, now=NOW), {"name": "B"}, {"is_active": False}
    ),
    "trouble": lambda one: once(
        partial(readable.mark_unreadable, {make_account(one).pk: {"code": "A"}}), "account.error"
    ),
    **{
        each.__name__: each
        for each in (
            *(list_of_a_key, calls, end_that_is_near, recovery, deliveries, name_of_an_account, days),
            account_that_is_disconnected_twice,
            *(files_of_a_post, file_whose_commit_is_not_answered, slots_for_an_account, failed_target_of_an_account),
            target_in_doubt_of_an_account,
            *(administrators, administrator_who_is_switched_off_while_deleted),
            *(key_that_is_revoked_while_it_is_rotated, key_that_is_rotated_while_it_is_revoked),
            *(pause_of_a_workspace_that_is_deleted, workspace_that_is_paused_while_it_is_deleted),
            name_of_a_workspace_that_is_deleted,
        )
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_of_two_changes_at_once_the_second_keeps_the_first(
    workspace: Workspace, network: ScriptedNetwork, change: str
) -> None:
    first, other, look, expected = CHANGES[change](workspace)
    waiting = Waiting(other)

    with transaction.atomic():
        first()
        waiting.start()
        wait_until(waiting.is_held_up)

    waiting.join(PATIENCE_SECONDS)
    assert (waiting.failed, look()) == (None, expected)


def put_off(workspace: Workspace) -> Change:
    target, later = make_due(workspace, status="scheduled"), database_now() + timedelta(hours=1)
    hold = partial(hold_account, target.account_id, until=later, now=database_now())
    return partial(Target.objects.update, due_at=None), hold, lambda: Target.objects.get().due_at, None


def status_of_the_post() -> str:
    return Post.objects.get().status


def claim_of_a_post(workspace: Workspace) -> Change:
    target = make_due(workspace, status="scheduled")
    return partial(services.lock, target.post), partial(claim_targets, 1), status_of_the_post, "scheduled"


def claim_for_an_account(workspace: Workspace) -> Change:
    target = make_due(workspace, status="scheduled")
    renew = partial(SocialAccount.objects.select_for_update().get, pk=target.account_id)
    return renew, partial(claim_targets, 1), status_of_the_post, "scheduled"


def new_target(workspace: Workspace) -> Change:
    now, target = database_now(), make_due(workspace, status="scheduled")
    Target.objects.update(status="published", published_at=now)
    lock = partial(Target.objects.select_for_update().get, pk=target.pk)
    return lock, partial(discover, now=now), TargetNumbers.objects.count, 0


@pytest.mark.parametrize("change", [put_off, claim_of_a_post, claim_for_an_account, new_target])
def test_who_takes_what_is_free_waits_for_nobody_and_leaves_the_rest(
    workspace: Workspace, network: ScriptedNetwork, change: Callable[[Workspace], Change]
) -> None:
    first, other, look, expected = change(workspace)
    taking = Waiting(other)

    with transaction.atomic():
        first()
        taking.start()
        taking.join(PATIENCE_SECONDS)

        assert not taking.is_alive()

    assert (taking.failed, look()) == (None, expected)


class Waiting(threading.Thread):
    """Does its work in a thread of its own, and keeps what it fails with."""

    def __init__(self, work: Act) -> None:
        super().__init__()
        self.work = work
        self.number = 0
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT CONNECTION_ID()")
                self.number = cursor.fetchone()[0]
                self.work()
        except Exception as error:
            self.failed = error
        finally:
            connections.close_all()

    def is_held_up(self) -> bool:
        """Whether it waits for a lock; the server looks anew when nobody has asked for 0.1 s."""
        threading.Event().wait(0.15)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM information_schema.innodb_trx"
                " WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id = %s",
                [self.number],
            )
            return bool(cursor.fetchone()[0])
