"""Chores go by the database's clock: a worker whose own is wrong takes nothing away that still holds."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Connection
from adminapi.models import LoginAttempt, LoginTurn, Session
from adminapi.processes.worker import CHORES
from ouipost.api.models import StoredAnswer
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Message
from tests.factories import make_post, make_token, make_user, make_webhook
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


def test_a_worker_whose_clock_is_behind_forgets_what_is_over(workspace: Workspace) -> None:
    make_one_of_each(workspace)
    Session.objects.update(expires_at=database_now() - A_SECOND)
    Connection.objects.update(expires_at=database_now() - A_SECOND)

    forget(days=-100)

    assert not Session.objects.exists()
    assert not Connection.objects.exists()
