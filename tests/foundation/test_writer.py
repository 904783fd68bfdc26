"""Many threads' writes are one commit, and each thread hears how its own ended."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from ouipost import writer as writer_module
from ouipost.writer import Inline, Writer, WriterClosed
from tests.foundation.threads import PATIENCE_SECONDS, wait_until
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

HandIn = Callable[..., list["Future[Any]"]]


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def hand_in(writer: Writer) -> Iterator[HandIn]:
    """Hand in pieces from threads of their own, in this order, and return their futures."""
    with ThreadPoolExecutor(8) as pool:

        def submit(*works: Callable[[], Any]) -> list[Future[Any]]:
            futures = []
            for count, work in enumerate(works, start=1):
                futures.append(pool.submit(writer.run, call, work))
                wait_until(lambda count=count: writer._queue.qsize() == count)  # type: ignore[misc]
            return futures

        yield submit


def call(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """The work whose items are pieces of work themselves."""
    return [work() for work in works]


def create(name: str) -> Callable[[], str]:
    return lambda: str(Workspace.objects.create(name=name).name)


def names() -> set[str]:
    return set(Workspace.objects.values_list("name", flat=True))


def fail_to_commit() -> None:
    raise OperationalError("disk full")


def outcome(future: "Future[Any]") -> Any:
    return future.exception(PATIENCE_SECONDS) or future.result()


def test_a_thread_gets_the_result_of_its_work(writer: Writer, hand_in: HandIn) -> None:
    [future] = hand_in(create("one"))

    assert writer.serve(timeout=5)

    assert outcome(future) == "one"
    assert names() == {"one"}


def test_nothing_to_do_is_said(writer: Writer) -> None:
    assert not writer.serve(timeout=0)


def test_what_has_gathered_is_one_commit(writer: Writer, hand_in: HandIn) -> None:
    order: list[str] = []

    def work() -> None:
        order.append("work")
        transaction.on_commit(lambda: order.append("committed"))

    futures = hand_in(work, work, work)
    writer.serve(timeout=5)

    assert [outcome(each) for each in futures] == [None] * 3
    assert order == ["work"] * 3 + ["committed"] * 3


def test_nobody_is_told_before_the_commit(writer: Writer, hand_in: HandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    told_at_commit: list[bool] = []
    [future] = hand_in(create("one"))
    commit = connection.commit

    def look_and_commit() -> None:
        told_at_commit.append(future.done())
        commit()

    monkeypatch.setattr(connection, "commit", look_and_commit)
    writer.serve(timeout=5)

    assert told_at_commit == [False]
    assert outcome(future) == "one"


def test_a_batch_has_a_limit(writer: Writer, hand_in: HandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BATCH", 2)
    futures = hand_in(create("one"), create("two"), create("three"))

    writer.serve(timeout=5)
    assert names() == {"one", "two"}

    writer.serve(timeout=5)
    assert [outcome(each) for each in futures] == ["one", "two", "three"]


def test_one_bad_piece_does_not_undo_the_others(writer: Writer, hand_in: HandIn) -> None:
    error = ValueError("bug")

    def bad() -> None:
        Workspace.objects.create(name="bad")
        raise error

    futures = hand_in(create("before"), bad, create("after"))
    writer.serve(timeout=5)

    assert [outcome(each) for each in futures] == ["before", error, "after"]
    assert names() == {"before", "after"}


def test_a_row_that_the_database_refuses_does_not_undo_the_others(writer: Writer, hand_in: HandIn) -> None:
    taken = Workspace.objects.create(name="taken").pk

    good, bad = hand_in(create("good"), lambda: Workspace.objects.create(pk=taken, name="twice"))
    writer.serve(timeout=5)

    assert isinstance(outcome(bad), IntegrityError)
    assert outcome(good) == "good"
    assert names() == {"taken", "good"}


def test_a_commit_that_fails_is_told_to_all_and_the_writer_goes_on(
    writer: Writer, hand_in: HandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    futures = hand_in(create("one"), create("two"))
    with monkeypatch.context() as patch:
        patch.setattr(connection, "commit", fail_to_commit)
        assert writer.serve(timeout=5)

    assert [str(outcome(each)) for each in futures] == ["disk full"] * 2
    [later] = hand_in(create("three"))
    writer.serve(timeout=5)
    assert (outcome(later), names()) == ("three", {"three"})


def test_a_race_that_was_lost_to_another_process_costs_a_try(
    writer: Writer, hand_in: HandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = connection.commit
    tries = iter([fail_to_commit, commit])
    futures = hand_in(create("one"), create("two"))

    with monkeypatch.context() as patch:
        patch.setattr(connection, "commit", lambda: next(tries)())
        writer.serve(timeout=5)

    assert [outcome(each) for each in futures] == ["one", "two"]
    assert sorted(Workspace.objects.values_list("name", flat=True)) == ["one", "two"]


@pytest.mark.parametrize("error", [OperationalError("gone away"), ValueError("gone away")], ids=["lost", "our bug"])
def test_a_connection_that_breaks_within_a_piece_is_told_to_all(
    writer: Writer, hand_in: HandIn, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def lose_connection(*_: Any) -> None:
        raise DatabaseError("gone away")

    def bad() -> None:
        raise error

    futures = hand_in(create("one"), bad, create("never reached"))
    with monkeypatch.context() as patch:
        patch.setattr(connection, "_savepoint_rollback", lose_connection)
        writer.serve(timeout=5)

    assert [str(outcome(each)) for each in futures] == ["gone away"] * 3
    assert names() == set()


@pytest.mark.on_servers
def test_a_connection_that_the_server_has_ended_costs_a_try(writer: Writer, hand_in: HandIn) -> None:
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("KILL CONNECTION_ID()")

    [future] = hand_in(create("one"))
    writer.serve(timeout=5)

    assert (outcome(future), names()) == ("one", {"one"})


def test_inline_work_is_committed_when_it_returns() -> None:
    assert Inline().run(call, create("one")) == "one"
    assert names() == {"one"}


def test_inline_work_that_fails_leaves_nothing() -> None:
    def bad() -> None:
        Workspace.objects.create(name="bad")
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        Inline().run(call, bad)

    assert names() == set()


def test_a_closed_writer_refuses_those_who_wait_and_those_who_come(writer: Writer, hand_in: HandIn) -> None:
    [waiting] = hand_in(lambda: "never")

    writer.close()

    assert isinstance(outcome(waiting), WriterClosed)
    with pytest.raises(WriterClosed):
        writer.run(call, lambda: "never")
