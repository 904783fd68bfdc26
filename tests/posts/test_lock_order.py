"""Two who need the same rows take them in one order: nobody waits for somebody who waits for them."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from accounts.services import disconnect
from ouipost.claims import database_now
from ouipost.events import webhooks
from ouipost.events.models import Delivery
from posts import counts, removal, schedules, services
from tests.factories import make_account, make_delivery, make_post, make_schedule, make_webhook
from tests.foundation.threads import PATIENCE_SECONDS, wait_until
from tests.posts.fakes import ACTOR, ScriptedNetwork
from workspaces.models import Workspace

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


def schedules_and_accounts(workspace: Workspace) -> Meeting:
    now, schedule, account = database_now(), make_schedule(workspace), make_account(workspace)
    return (
        lambda: schedules.lock(schedule),
        lambda: disconnect(account, actor=ACTOR, now=now),
        lambda: schedules.delete_schedule(schedule, actor=ACTOR, now=now),
    )


def posts_and_files(workspace: Workspace) -> Meeting:
    post = make_post(workspace)
    for count in (counts.changed, counts.stored):
        count(workspace.pk, 0)  # the numbers are kept from now on
    return (
        lambda: counts.changed(workspace.pk, 1),
        lambda: services.delete_post(post, actor=ACTOR),
        lambda: counts.stored(workspace.pk, 1),
    )


def webhooks_and_deliveries(workspace: Workspace) -> Meeting:
    webhook = make_webhook()
    ended = make_delivery(webhook, status="failed", due_at=None)
    return (
        lambda: webhooks.lock(webhook),
        lambda: webhooks.redeliver(ended, actor=ACTOR),
        lambda: Delivery.objects.select_for_update().get(pk=ended.pk),
    )


def targets_and_their_workspace(workspace: Workspace) -> Meeting:
    targets = make_post(workspace, accounts=[make_account(workspace)], status="scheduled").targets
    return (
        lambda: targets.update(due_at=database_now()),
        lambda: removal.cancel_workspace(workspace),
        lambda: targets.update(attempts=1),
    )


MEETINGS = (
    *(slots_and_posts, schedules_and_accounts, posts_and_files, webhooks_and_deliveries),
    targets_and_their_workspace,
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
