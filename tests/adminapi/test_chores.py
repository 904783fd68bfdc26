"""Chores go by the database's clock: a worker whose own is wrong takes nothing away that still holds."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone

from accounts.models import Connection, SocialAccount
from adminapi.models import LoginAttempt, LoginTurn, Session
from adminapi.processes.worker import CHORES
from analytics.models import TargetNumbers
from ouipost.api.models import StoredAnswer
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Event, Message
from posts.models import Post, Target
from posts.schedules.services import queue_post
from posts.services import schedule_post
from tests.factories import make_account, make_post, make_schedule, make_token, make_user, make_webhook
from workspaces.models import Workspace

A_SECOND = timedelta(seconds=1)
MODELS: tuple[Any, ...] = (Connection, LoginAttempt, LoginTurn, Message, Session, StoredAnswer)


def make_one_of_each(workspace: Workspace) -> None:
    """Make rows that hold for a while yet."""
    now = database_now()
    make_webhook()
    record("published", make_post(workspace), actor=SYSTEM)
    make_token(make_user())
    LoginAttempt.objects.create(email="a", ip_address="127.0.0.1", at=now)
    LoginTurn.objects.create(name="a", at=now)
    Connection.objects.create(
        workspace=workspace, platform="facebook", state_digest="a", expires_at=now + timedelta(minutes=10)
    )
    StoredAnswer.objects.create(digest="a", fingerprint="a", owner="a", lease_until=now, created_at=now, sealed="a")


def forget(*, days: int) -> None:
    """Do what forgets, on a machine whose clock is so many days ahead."""
    with time_machine.travel(timezone.now() + timedelta(days=days)):
        for chore in CHORES:
            if chore.name.startswith("forget"):
                chore.work()


def kept() -> list[Any]:
    return [list(model._default_manager.order_by("pk").values()) for model in MODELS]


@pytest.mark.parametrize("days", [-100, 100])
def test_a_worker_whose_clock_is_wrong_forgets_nothing_that_still_holds(workspace: Workspace, days: int) -> None:
    make_one_of_each(workspace)
    before = kept()

    forget(days=days)

    assert kept() == before
    assert all(before)


def test_a_worker_that_ends_forgets_nothing_more(workspace: Workspace) -> None:
    make_one_of_each(workspace)
    Session.objects.update(expires_at=database_now() - A_SECOND)
    Connection.objects.update(expires_at=database_now() - A_SECOND)
    before = kept()

    for chore in CHORES:
        if chore.name.startswith("forget old"):
            chore.do(lambda: True)

    assert kept() == before


def make_work(workspace: Workspace) -> None:
    """Make a queued post and one at a local time that their zones have moved, a published one, and an account that ends
    soon."""
    now, an_hour = database_now().replace(microsecond=0), timedelta(hours=1)
    account = make_account(workspace)
    SocialAccount.objects.update(expires_at=now + timedelta(days=1))
    queued, timed, out = (make_post(workspace, accounts=[account]) for _ in range(3))
    queue_post(queued, make_schedule(workspace), actor=SYSTEM, now=now)
    local = (now + timedelta(days=2)).replace(hour=12, tzinfo=None)
    schedule_post(timed, scheduled_at=local, zone="Asia/Tokyo", actor=SYSTEM, now=now)
    Post.objects.filter(pk=queued.pk).update(scheduled_at=F("scheduled_at") + an_hour)
    before = f"{local.isoformat()}+08:00"
    Post.objects.filter(pk=timed.pk).update(scheduled_at=datetime.fromisoformat(before), scheduled_local=before)
    Target.objects.filter(post=out).update(status="published", published_at=now, remote_id="1")


def done() -> list[Any]:
    times = Post.objects.order_by("pk").values_list("scheduled_at", flat=True)
    return [list(times), Event.objects.count(), TargetNumbers.objects.count()]


@pytest.mark.parametrize(
    ("name", "told"), [("follow time zones", 3), ("find published posts", 0), ("tell of accounts that end", 1)]
)
def test_a_worker_that_ends_leaves_what_may_take_long_to_the_next(workspace: Workspace, name: str, told: int) -> None:
    make_work(workspace)
    [chore] = [each for each in CHORES if each.name == name]
    before = done()

    chore.do(lambda: True)
    ended = done()
    chore.do(lambda: False)

    assert ended == before
    assert done() != before
    assert done()[1] == before[1] + told


def test_a_worker_whose_clock_is_behind_forgets_what_is_over(workspace: Workspace) -> None:
    make_one_of_each(workspace)
    Session.objects.update(expires_at=database_now() - A_SECOND)
    Connection.objects.update(expires_at=database_now() - A_SECOND)

    forget(days=-100)

    assert not Session.objects.exists()
    assert not Connection.objects.exists()
