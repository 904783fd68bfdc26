"""Every request of a key is counted, once, without a write for each."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection, connections
from django.utils import timezone

from ouipost import flushing
from ouipost.claims import database_now
from ouipost.redis import RedisAway
from tests.conftest import ApiClient
from tests.factories import make_key
from workspaces.keys import usage
from workspaces.keys.counting import Batch, InProcess, InRedis, Source
from workspaces.models import ApiKey, KeyUsage, UsageBatch

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
TODAY = NOON.date()
SECOND = timedelta(seconds=1)
SOURCES: dict[str, Source] = {"process": usage.IN_PROCESS, "redis": usage.IN_REDIS}


@pytest.fixture(params=["process", "redis"])
def source(request: pytest.FixtureRequest) -> Source:
    """Where the product counts in this test."""
    if request.param == "redis":
        request.getfixturevalue("redis_url")
    return SOURCES[request.param]


def rows() -> dict[tuple[str, date], int]:
    return {(row.key_id, row.day): row.requests for row in KeyUsage.objects.all()}


def counted() -> dict[str, int]:
    """Return what is written for each key; midnight may pass while a test asks."""
    return dict(sum((Counter({row.key_id: row.requests}) for row in KeyUsage.objects.all()), Counter[str]()))


def shown_of_late(key: ApiKey) -> int:
    """Return the key's requests of today and yesterday."""
    today = timezone.now().date()
    return usage.used_since(today - timedelta(days=1), today, key_ids=[key.pk])[key.pk].in_all


def shown(key: ApiKey, now: datetime) -> tuple[int, int]:
    """Return the key's requests on this day, and in its month."""
    today = now.astimezone(UTC).date()
    found = usage.used_since(today.replace(day=1), today, key_ids=[key.pk])[key.pk]
    return found.today, found.in_all


class Killed(BaseException):
    """The flusher dies here."""


def test_every_authenticated_request_is_counted(source: Source, settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 4}
    key, secret = make_key(tier="starter", permissions=[])
    api = ApiClient(secret)

    answers = [api.get(path).status_code for path in ("/api/platforms", "/api/posts", "/api/nothing", "/api/posts?x=1")]
    answers += [api.put("/api/platforms").status_code, ApiClient(secret[:-1] + "!").get("/api/posts").status_code]
    usage.flush(source)

    assert answers == [200, 403, 404, 403, 429, 401]
    assert counted() == {key.pk: 5}


def test_a_machine_whose_clock_is_wrong_forgets_no_batch_too_early(source: Source) -> None:
    _, secret = make_key()
    UsageBatch.objects.create(pk="an earlier one", written_at=database_now())
    ApiClient(secret).get("/api/platforms")

    with time_machine.travel(timezone.now() + timedelta(days=30)):
        assert usage.flush(source) == 1

    assert UsageBatch.objects.filter(pk="an earlier one").exists()


def test_what_is_not_written_yet_is_shown_as_well(source: Source) -> None:
    key, secret = make_key()
    other, _ = make_key()

    for _ in range(3):
        ApiClient(secret).get("/api/platforms")
    before = shown_of_late(key)
    usage.flush(source)
    ApiClient(secret).get("/api/platforms")

    assert (before, shown_of_late(key), shown_of_late(other)) == (3, 4, 0)


def test_what_is_written_and_not_dropped_yet_is_shown_once(source: Source) -> None:
    key, secret = make_key()
    ApiClient(secret).get("/api/platforms")
    batch = source.take()
    assert batch is not None

    usage.write(batch, now=timezone.now())

    assert shown_of_late(key) == 1


def test_what_is_written_while_somebody_looks_is_shown_once(source: Source) -> None:
    key, secret = make_key()
    today = timezone.now().date()

    def execute(run: Any, sql: str, *more: Any) -> Any:
        if "SUM(" in sql:
            usage.flush(source)
        return run(sql, *more)

    with connection.execute_wrapper(execute):
        ApiClient(secret).get("/api/platforms")
        in_all = shown_of_late(key)
        ApiClient(secret).get("/api/platforms")
        by_day = usage.requests_by_day(today - timedelta(days=1), today, key_ids=[key.pk])

    assert (in_all, sum(by_day.values())) == (1, 2)


def test_days_and_months_are_utc() -> None:
    key, _ = make_key()
    days = {date(2026, 10, 31): 1, date(2026, 11, 1): 20, date(2026, 11, 24): 300, TODAY: 4000}
    KeyUsage.objects.bulk_create(KeyUsage(key=key, day=day, requests=number) for day, number in days.items())

    assert shown(key, NOON) == (4000, 4320)
    assert shown(key, datetime(2026, 11, 24, 23, 59, tzinfo=UTC)) == (300, 320)
    assert shown(key, datetime(2026, 11, 25, 23, 59, tzinfo=UTC)) == (4000, 4320)
    assert usage.used_since(TODAY, TODAY, key_ids=[]) == {}


def test_written_or_not_the_use_of_some_keys_on_some_days_is_of_no_other_key_or_day() -> None:
    key, other = make_key()[0], make_key()[0]
    for each in (key, other):
        for now in (NOON - timedelta(days=1), NOON, NOON + timedelta(days=1)):
            KeyUsage.objects.create(key=each, day=now.date(), requests=1)
            usage.IN_PROCESS.count(each.pk, now=now)

    assert usage.requests_by_day(TODAY, TODAY, key_ids=[key.pk]) == {TODAY: 2}
    assert usage.requests_by_day(TODAY, TODAY) == {TODAY: 4}
    used = usage.used_since(TODAY, TODAY, key_ids=[key.pk])
    assert {pk: (use.today, use.in_all) for pk, use in used.items()} == {key.pk: (2, 2)}


def test_a_request_belongs_to_the_day_on_which_it_came() -> None:
    counting = InProcess()
    counting.count("key_a", now=datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC))
    counting.count("key_a", now=datetime(2026, 11, 25, 0, 0, 0, tzinfo=UTC))

    batch = counting.take()

    assert batch is not None
    assert batch.requests == {("key_a", date(2026, 11, 24)): 1, ("key_a", date(2026, 11, 25)): 1}


def test_flushes_add_up_over_keys_and_days() -> None:
    one, two = make_key()[0], make_key()[0]
    yesterday = TODAY - timedelta(days=1)
    first = {(one.pk, yesterday): 1, (one.pk, TODAY): 2, (two.pk, TODAY): 4}
    second = {(one.pk, TODAY): 8, (two.pk, yesterday): 16}

    for name, requests in (("a", first), ("b", second)):
        used = {key: NOON for key, _ in requests}
        usage.write(Batch(name=name, requests=Counter(requests), last_used=used), now=NOON)

    assert rows() == {(one.pk, yesterday): 1, (one.pk, TODAY): 10, (two.pk, yesterday): 16, (two.pk, TODAY): 4}


def test_keys_that_are_gone_are_left_out(source: Source) -> None:
    gone, gone_secret = make_key()
    key, secret = make_key()
    for each in (gone_secret, secret):
        ApiClient(each).get("/api/platforms")

    gone.delete()
    usage.flush(source)

    assert counted() == {key.pk: 1}


def test_the_last_use_is_the_last_request_whatever_is_written_last(source: Source) -> None:
    key, secret = make_key()
    ApiClient(secret).get("/api/platforms")
    usage.flush(source)

    at = ApiKey.objects.get().last_used_at
    earlier = Batch(name="late", last_used={key.pk: NOON - timedelta(days=900)})
    usage.write(earlier, now=NOON)

    assert at is not None
    assert abs(at - timezone.now()) < timedelta(minutes=1)
    assert ApiKey.objects.get().last_used_at == at


STEPS = {
    "before it is written": "write",
    "while it is written": "_note_last_use",
    "before it is dropped": "drop",
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_a_flusher_that_dies_at_any_step_loses_nothing_and_doubles_nothing(
    source: Source, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    key, secret = make_key()
    for _ in range(3):
        ApiClient(secret).get("/api/platforms")

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(type(source) if step == "drop" else usage, step, die)
        with pytest.raises(Killed):
            usage.flush(source)
    ApiClient(secret).get("/api/platforms")
    for _ in range(3):
        usage.flush(source)

    assert counted() == {key.pk: 4}
    assert UsageBatch.objects.count() == 2


def test_a_commit_that_went_through_unheard_is_not_repeated(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret = make_key()
    ApiClient(secret).get("/api/platforms")
    write = usage.write

    def write_unheard(*args: Any, **values: Any) -> None:
        write(*args, **values)
        raise OperationalError("server has gone away")

    with monkeypatch.context() as broken:
        broken.setattr(usage, "write", write_unheard)
        with pytest.raises(OperationalError):
            usage.flush(source)
    usage.flush(source)

    assert counted() == {key.pk: 1}


@with_threads
def test_flushers_at_once_write_each_batch_once(source: Source) -> None:
    key, secret = make_key()
    for _ in range(5):
        ApiClient(secret).get("/api/platforms")
    barrier = threading.Barrier(4)

    def flush(_: int) -> None:
        barrier.wait()
        try:
            usage.flush(source)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(flush, range(4)))

    assert counted() == {key.pk: 5}
    assert source.take() is None


def test_names_of_batches_are_forgotten_after_a_week() -> None:
    usage.write(Batch(name="old"), now=NOON - timedelta(days=7, seconds=1))
    usage.write(Batch(name="kept"), now=NOON - timedelta(days=6))

    usage.write(Batch(name="new"), now=NOON)

    assert set(UsageBatch.objects.values_list("pk", flat=True)) == {"kept", "new"}


def test_dropping_another_batch_drops_nothing(source: Source) -> None:
    _, secret = make_key()
    ApiClient(secret).get("/api/platforms")
    batch = source.take()
    assert batch is not None

    source.drop("another")

    assert source.take() == batch


def test_without_redis_nothing_is_shared() -> None:
    assert (usage.flush_shared(), InRedis().pending()) == (0, [])


def test_usage_is_shown_although_redis_is_away(settings: Any) -> None:
    key, _ = make_key()
    KeyUsage.objects.create(key=key, day=TODAY, requests=7)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert (shown(key, NOON), usage.flush_shared()) == ((7, 7), 0)


@pytest.fixture
def flusher(monkeypatch: pytest.MonkeyPatch) -> Iterator[flushing.Flusher]:
    """A flusher that does not wait ten seconds, and has nothing to do at the end of the tests."""
    ends: list[Any] = []
    monkeypatch.setattr(flushing, "Finalize", lambda _, callback, exitpriority: ends.append(callback))
    yield flushing.Flusher(usage.write_counted, seconds=0.01)
    wait_for_timers()


def wait_for_timers() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


@with_threads
def test_a_process_writes_what_it_counted_by_itself(flusher: flushing.Flusher) -> None:
    key, _ = make_key()
    for _ in range(2):
        usage.IN_PROCESS.count(key.pk, now=NOON)

    flusher.flush_soon()
    wait_for_timers()

    assert rows() == {(key.pk, TODAY): 2}
    assert UsageBatch.objects.count() == 1


def test_however_often_it_is_told_to_one_write_waits_and_one_comes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[Any] = []
    monkeypatch.setattr(flushing, "Finalize", lambda _, callback, exitpriority: ends.append(callback))
    flusher = flushing.Flusher(lambda: None, seconds=600)

    for _ in range(2):
        flusher.flush_soon()
        flusher.flush_soon()
        [timer] = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
        timer.cancel()
        timer.join()
        timer.function()

    assert timer.daemon
    assert ends == [timer.function]


@with_threads
def test_what_cannot_be_written_goes_with_the_next(
    flusher: flushing.Flusher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key, _ = make_key()

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as broken:
        broken.setattr(usage, "write", fail)
        usage.IN_PROCESS.count(key.pk, now=NOON)
        flusher.flush_soon()
        wait_for_timers()
    usage.IN_PROCESS.count(key.pk, now=NOON)
    flusher.flush_soon()
    wait_for_timers()

    assert "it is kept" in caplog.text
    assert rows() == {(key.pk, TODAY): 2}


def test_a_thread_that_counts_while_another_takes_loses_nothing() -> None:
    counting, taken = InProcess(), Counter[str]()

    def count(_: int) -> None:
        for _ in range(2000):
            counting.count("key_a", now=NOON)

    def take() -> None:
        batch = counting.take()
        if batch is not None:
            taken["key_a"] += batch.requests.total()
            counting.drop(batch.name)

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(count, number) for number in range(8)]
        while not all(each.done() for each in running):
            take()
    take()

    assert taken["key_a"] == 16_000


@pytest.mark.usefixtures("redis_url")
def test_a_day_is_redis_day_and_a_use_its_moment() -> None:
    _, secret = make_key()
    before = timezone.now()
    ApiClient(secret).get("/api/platforms")
    after = timezone.now()

    [batch] = [each for each in usage.IN_REDIS.pending() if each.requests]

    [(key_id, day)] = batch.requests
    assert before.date() <= day <= after.date()
    assert before - SECOND < batch.last_used[key_id] <= after


def test_a_flush_that_redis_does_not_answer_writes_nothing(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(RedisAway):
        usage.flush(usage.IN_REDIS)
    assert usage.flush_shared() == 0
