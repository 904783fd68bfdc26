"""The engine's writes are committed in groups; a group that loses a race is committed again."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from accounts.platforms.errors import Unavailable
from ouipost.writer import TRIES, Writer
from posts import services
from posts.models import Post, Target
from posts.publishing import one_target
from posts.publishing.outcomes import Later, Outcome
from posts.publishing.settling import settle_all
from tests.factories import make_account, make_post
from tests.foundation.threads import PATIENCE_SECONDS, at_once, wait_until
from tests.posts.fakes import HERE, ScriptedNetwork, bring_forward, claim, make_due, make_result, never, outcomes, told
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def committed(*works: Callable[[], Any]) -> list[Any]:
    """Commit the pieces as one group and return what each of them gave or raised."""
    writer, futures = Writer(), []
    with ThreadPoolExecutor(len(works)) as pool:
        for work in works:
            futures.append(pool.submit(writer.run, call, work))
            wait_until(lambda: writer._queue.qsize() == len(futures))
        writer.serve(timeout=PATIENCE_SECONDS)
    return [_outcome(future) for future in futures]


def call(works: Sequence[Callable[[], Any]]) -> list[Any]:
    return [work() for work in works]


def _outcome(future: "Future[Any]") -> Any:
    return future.exception() or future.result()


def losing(times: int) -> Callable[[], str]:
    """Return a piece that undoes its whole group so many times, as a deadlock does."""
    left = iter(range(times))

    def work() -> str:
        for _ in left:
            transaction.get_connection().connection.rollback()
            raise OperationalError(1213, "Deadlock found")
        return "done"

    return work


@pytest.mark.parametrize("times", [1, TRIES - 1])
def test_a_group_that_loses_a_race_is_committed_again_as_a_whole(workspace: Workspace, times: int) -> None:
    def count() -> None:
        workspace.refresh_from_db()
        Workspace.objects.filter(pk=workspace.pk).update(name=workspace.name + "!")

    outcomes = committed(count, losing(times), count)

    assert outcomes == [None, "done", None]
    assert Workspace.objects.get().name == "Bakery!!"


def test_a_group_that_loses_every_time_is_told_so(workspace: Workspace) -> None:
    change, lost = committed(lambda: Workspace.objects.update(name="Changed"), losing(TRIES))

    assert (str(change), str(lost)) == (str(lost), "(1213, 'Deadlock found')")
    assert Workspace.objects.get().name == "Bakery"


def test_of_two_claims_of_a_target_that_meet_in_a_group_only_the_latter_sends(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, writer = make_due(workspace), Writer()
    held_up = claim(target)
    bring_forward(target)
    both = [held_up, claim(target)]

    work = partial(one_target.publish, writer=writer, loaded=None, is_ending=never)
    with ThreadPoolExecutor(len(both)) as pool:
        ends = [pool.submit(work, each) for each in both]
        while not all(end.done() for end in ends):
            wait_until(lambda: writer._queue.qsize() == sum(not end.done() for end in ends))
            writer.serve(timeout=0)

    assert network.calls.count("commit") == 1
    assert Target.objects.values_list("status", "sends").get() == ("published", 1)


@pytest.mark.parametrize(
    ("outcome", "lines", "events"),
    [
        (HERE, [("commit", "published")], ["post.published"]),
        (Unavailable("Busy."), [("commit", "unavailable")], []),
        (Later(seconds=2, message="Its token is being renewed."), [], []),
    ],
    ids=["published", "tried again", "put off"],
)
def test_what_was_committed_although_nobody_was_told_so_is_settled_once(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    lines: list[tuple[str, str]],
    events: list[str],
) -> None:
    target = make_due(workspace)
    result = make_result(claim(target), outcome)
    commit = connection.commit

    def lose_the_answer() -> None:
        monkeypatch.undo()
        commit()
        raise OperationalError(2013, "Lost connection to server during query")

    monkeypatch.setattr(connection, "commit", lose_the_answer)
    settled = committed(lambda: settle_all([result]))

    assert settled == [[True]]
    assert (outcomes(target), told()) == (lines, events)


def test_two_groups_that_lock_the_same_posts_in_opposite_order_are_both_committed(workspace: Workspace) -> None:
    account = make_account(workspace)
    one, other = make_post(workspace, accounts=[account]), make_post(workspace, accounts=[account])
    both_hold_one = threading.Barrier(2)

    def locking(post: Post, *, wait: bool = False) -> Callable[[], str]:
        def work() -> str:
            locked = services.lock(post)
            if wait:
                with suppress(threading.BrokenBarrierError):  # where one waits for the other to end, they never meet
                    both_hold_one.wait(1)
            locked.save()
            return "done"

        return work

    outcomes = at_once(
        lambda: committed(locking(one, wait=True), locking(other)),
        lambda: committed(locking(other, wait=True), locking(one)),
    )

    assert outcomes == [["done", "done"], ["done", "done"]]
