"""The worker without Celery: what hangs in one of its chores holds up no other."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from accounts import registry, tokens
from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from adminapi.jobs import catalogue, running
from adminapi.processes import worker
from adminapi.processes.worker import CHORES, Chore, Worker
from analytics.models import AccountSync
from ouipost.claims import database_now
from ouipost.events.journal import Actor
from tests.accounts.fakes import FakeNetwork
from tests.factories import make_account, make_user, make_workspace
from tests.foundation.threads import PATIENCE_SECONDS, meanwhile, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
CALL_OUT = ["refresh tokens", "go on with background work", "remove deleted workspaces", "sweep orphaned files"]


def working() -> AbstractContextManager[None]:
    """Let a worker work meanwhile, in a thread."""
    busy = Worker()
    return meanwhile(busy.run, stop=busy.stop)


@pytest.mark.parametrize("name", CALL_OUT)
def test_a_chore_that_waits_for_others_holds_up_no_other_chore(
    name: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.DELIVERY_THREADS = settings.SYNC_THREADS = 0
    done: Counter[str] = Counter()
    they_answer = threading.Event()

    def pretend(chore: Chore) -> Chore:
        hangs = chore.name == name
        return replace(
            chore, every=timedelta(0), work=lambda **_: they_answer.wait() if hangs else done.update([chore.name])
        )

    monkeypatch.setattr(worker, "CHORES", tuple(pretend(chore) for chore in CHORES))
    with working():
        try:
            wait_until(lambda: all(done[chore.name] >= 2 for chore in CHORES if chore.name != name))
        finally:
            they_answer.set()


def ask_for_all(account: SocialAccount) -> None:
    """Have tokens renewed in the background, as a person does in the console."""
    account.due_at = None
    account.save()
    actor = Actor(user_id=make_user(role="admin").pk)
    running.begin(catalogue.REFRESH, [(account.pk, "Page")], key="1", total=1, actor=actor, now=database_now())


def read_with_a_token_that_is_over(account: SocialAccount) -> None:
    """Have the account's numbers read, for which its token has to be renewed out of turn."""
    account.due_at, account.access_expires_at = None, database_now()
    account.save()
    AccountSync.objects.create(account=account, due_at=database_now(), account_due_at=database_now())


@pytest.mark.parametrize(
    "ask",
    [lambda account: None, ask_for_all, read_with_a_token_that_is_over],
    ids=["by themselves", "by a person", "by a reading"],
)
def test_a_worker_that_stops_waits_for_new_tokens_that_it_has_asked_for(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, ask: Callable[[SocialAccount], None]
) -> None:
    settings.DELIVERY_THREADS, settings.SYNC_THREADS = 0, int(ask is read_with_a_token_that_is_over)
    monkeypatch.setattr(worker, "STOP_SECONDS", 0)
    monkeypatch.setattr(worker, "CHORES", tuple(chore for chore in CHORES if chore.must_end))  # others outlive the test
    network, leaves, happened = FakeNetwork(), threading.Event(), list[str]()
    monkeypatch.setattr(registry, "connector", lambda platform, workspace: network)
    ask(make_account(make_workspace(), tokens=Tokens(access_token="a", refresh_token="r"), due_at=database_now()))
    busy = Worker()
    publish, store = busy._publisher.run, tokens._store

    def stop_and_answer() -> Tokens:
        busy.stop()
        leaves.wait(PATIENCE_SECONDS)
        return Tokens(access_token="b", refresh_token="s")

    def publish_and_leave() -> None:
        publish()
        leaves.set()

    def tell_of_storing(*given: Any, **values: Any) -> bool:
        happened.append("stored")
        return store(*given, **values)

    network.refreshed = stop_and_answer
    monkeypatch.setattr(tokens, "_store", tell_of_storing)
    monkeypatch.setattr(busy._publisher, "run", publish_and_leave)
    busy.run()
    happened.append("left")

    assert happened == ["stored", "left"]
