"""The doorbell rings after a commit that made something due now, and nobody ever waits for it."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from accounts.models import SocialAccount
from ouipost.errors import DomainError
from posts import doorbell, pausing, reviewing, services
from posts.doorbell import Doorbell
from posts.models import Post, Target
from tests.factories import NOW, make_account
from tests.foundation.threads import PATIENCE_SECONDS, no_more_threads, wait_until
from tests.posts.fakes import ACTOR, ScriptedNetwork, make_mixed
from workspaces.models import Workspace


class FakeBroker:
    """Takes messages while it is open, and as long as one call hangs no others."""

    def __init__(self) -> None:
        self.messages = 0
        self.open = threading.Event()
        self.error: Exception | None = None

    def send(self) -> None:
        self.messages += 1
        assert self.open.wait(PATIENCE_SECONDS)
        if self.error:
            raise self.error


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[FakeBroker]:
    fake = FakeBroker()
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    monkeypatch.setattr(doorbell, "send", fake.send)
    monkeypatch.setattr(doorbell, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(doorbell, "_doorbell", Doorbell())
    yield fake
    fake.open.set()


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    seen: list[bool] = []
    monkeypatch.setattr(doorbell, "ring", lambda: seen.append(True))
    return seen


def test_without_a_broker_nothing_is_sent(broker: FakeBroker, settings: Settings) -> None:
    settings.CELERY_BROKER_URL = ""

    doorbell.ring()

    assert (broker.messages, doorbell._doorbell._thread) == (0, None)


def test_where_the_machine_gives_no_thread_nobody_fails_and_the_next_ring_is_heard(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as machine:
        no_more_threads(machine)
        doorbell.ring()

    doorbell.ring()

    wait_until(lambda: broker.messages == 1)


def test_many_rings_while_the_broker_hangs_return_at_once_and_are_one_message_more(broker: FakeBroker) -> None:
    doorbell.ring()
    wait_until(lambda: broker.messages == 1)

    for _ in range(1000):
        doorbell.ring()
    broker.open.set()

    wait_until(lambda: broker.messages == 2)
    assert not doorbell._doorbell._rung.is_set()


def test_a_broker_that_fails_is_told_of_once_and_asked_again(
    broker: FakeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.open.set()
    broker.error = ConnectionError("refused")

    with caplog.at_level(logging.WARNING, logger="posts.doorbell"):
        for count in (1, 2, 3):
            doorbell.ring()
            wait_until(lambda count=count: broker.messages == count)  # type: ignore[misc]  # a lambda with a default
        wait_until(lambda: caplog.records)

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def retry(post: Post) -> None:
    services.retry_post(post, actor=ACTOR, now=NOW)


def publish(post: Post) -> None:
    services.publish_post(post, actor=ACTOR, now=NOW)


def schedule_now(post: Post) -> None:
    services.schedule_post(post, scheduled_at=NOW, zone="UTC", actor=ACTOR, now=NOW)


def schedule_later(post: Post) -> None:
    services.schedule_post(post, scheduled_at=NOW + timedelta(hours=1), zone="UTC", actor=ACTOR, now=NOW)


def resolve(post: Post, *, published: bool) -> None:
    target = Target.objects.get(post=post)
    reviewing.resolve_target(target, published=published, url="", actor=ACTOR, now=NOW)


@pytest.mark.parametrize(
    ("status", "work", "times"),
    [
        ("draft", publish, 1),
        ("draft", schedule_now, 1),
        ("draft", schedule_later, 0),
        ("failed", retry, 1),
        ("needs_review", lambda post: resolve(post, published=False), 1),
        ("needs_review", lambda post: resolve(post, published=True), 0),
        ("needs_review", lambda post: reviewing.look_again(post.targets.get(), actor=ACTOR, now=NOW), 1),
    ],
)
def test_it_rings_once_when_something_became_due_now(
    workspace: Workspace,
    network: ScriptedNetwork,
    rings: list[bool],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    status: str,
    work: Callable[[Post], None],
    times: int,
) -> None:
    post = make_mixed(workspace, [make_account(workspace)], status)

    with django_capture_on_commit_callbacks(execute=True):
        work(post)

    assert len(rings) == times


def test_what_is_refused_rings_nothing(
    workspace: Workspace,
    accounts: list[SocialAccount],
    network: ScriptedNetwork,
    rings: list[bool],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    post = make_mixed(workspace, accounts, "published", "published")

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(DomainError):
        retry(post)

    assert rings == []


def test_the_end_of_a_pause_rings_for_what_became_due_in_it(
    workspace: Workspace, rings: list[bool], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    pausing.pause("all", reason="Maintenance.", actor=ACTOR, now=NOW)

    with django_capture_on_commit_callbacks(execute=True):
        pausing.resume("all", actor=ACTOR, now=NOW)

    assert len(rings) == 1
