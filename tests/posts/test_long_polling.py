"""A request that waits for a publish only looks, and never too many of them do."""

import threading
import time
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings

from ouipost.runtime import waiting
from posts import long_polling
from posts.long_polling import preferred_seconds, wait_until_settled
from posts.models import Post
from tests.factories import make_account, make_post
from tests.foundation.threads import at_once
from workspaces.models import Workspace


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 25),
        ("wait=7", 7),
        ("Wait=7", 7),
        ("wait=0", 0),
        ("wait=60", 60),
        ("wait=61", 60),
        ("wait=123456", 60),
        ('wait="5"', 5),
        ("return=minimal, wait = 5 ", 5),
        ("wait=5; priority=1", 5),
        ("respond-async", 0),
        ("respond-async, wait=5", 5),
        ("wait=-5", 25),
        ("wait=5.5", 25),
        ("wait=soon", 25),
        ("await=5", 25),
        ("handling=lenient", 25),
    ],
)
def test_prefer_says_how_long_to_wait(header: str, seconds: int) -> None:
    assert preferred_seconds(header) == seconds


@pytest.fixture
def post(workspace: Workspace) -> Post:
    return make_post(workspace, accounts=[make_account(workspace)], status="publishing")


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Sleeps take no time, but are remembered; the clock goes on by them."""
    taken: list[float] = []
    monkeypatch.setattr(time, "sleep", taken.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(taken))
    return taken


def test_it_waits_until_the_post_is_settled(post: Post, naps: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            Post.objects.filter(pk=post.pk).update(status="published")

    monkeypatch.setattr(time, "sleep", sleep)

    wait_until_settled(post.pk, seconds=25)

    assert naps == [0.1] * 3


def test_it_waits_no_longer_than_was_asked(post: Post, naps: list[float]) -> None:
    wait_until_settled(post.pk, seconds=2)

    assert sum(naps) == pytest.approx(2, abs=0.11)


def test_it_does_not_look_when_it_shall_not_wait(post: Post, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        wait_until_settled(post.pk, seconds=0)


def test_at_most_a_quarter_of_the_threads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    places = settings.WEB_THREADS // 4
    answered, settled = threading.Semaphore(0), threading.Event()
    monkeypatch.setattr(long_polling, "_is_publishing", lambda pk: not settled.wait(20))

    def request() -> str:
        wait_until_settled("post_1", seconds=60)
        answered.release()
        return "waited" if settled.is_set() else "answered at once"

    def settle_after_three_answers() -> bool:
        all_came = all(answered.acquire(timeout=20) for _ in range(3))
        settled.set()
        return all_came

    all_came, *outcomes = at_once(settle_after_three_answers, *[request] * (places + 3))

    assert all_came
    assert sorted(outcomes) == ["answered at once"] * 3 + ["waited"] * places


def loaded_anew(module: ModuleType) -> Any:
    """Return another copy of the module, as a process with the present settings loads it."""
    spec = module.__spec__
    assert spec is not None
    assert spec.loader is not None
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8, 64])
def test_who_waits_sends_a_file_or_asks_a_network_leaves_a_thread_to_all_others(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(settings, "WEB_THREADS", threads)

    loaded = loaded_anew(waiting)
    waits, works, asks = (each._value for each in (loaded._places, loaded._working, loaded._asking))

    assert waits <= threads / 4
    assert 1 <= asks <= max(1, threads / 4)
    assert works >= 1
    assert waits + works < threads or threads == 1


def test_a_place_is_free_again_afterwards(post: Post, naps: list[float]) -> None:
    for _ in range(settings.WEB_THREADS):
        wait_until_settled(post.pk, seconds=0.1)

    assert len(naps) >= settings.WEB_THREADS
