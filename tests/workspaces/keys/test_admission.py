"""Redis knows a key for seconds: without a query, and never longer than the key holds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from ouipost import redis
from ouipost.breaker import Breaker
from ouipost.crypto import digest
from ouipost.events.journal import SYSTEM
from tests.conftest import ApiClient
from tests.contract.world import error_of
from tests.factories import make_key, make_workspace
from tests.workspaces.keys.identifying import identify
from workspaces import services
from workspaces.keys import admission, usage
from workspaces.keys.admission import Known, Unknown
from workspaces.keys.services import ApiKeyExpired, Found, InvalidApiKey, from_record, to_record
from workspaces.models import ApiKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_url")]
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
DUMP = redis.Script("""
local found = {}
for _, name in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', name)['ok']
  table.insert(found, name)
  table.insert(found, kind == 'string' and redis.call('GET', name) or table.concat(redis.call('HGETALL', name), ' '))
end
return found
""")


def run(script: str, *keys: str) -> Any:
    server = redis.server()
    assert server is not None
    return server.run(redis.Script(script), keys)


def everything_in_redis() -> str:
    server = redis.server()
    assert server is not None
    return b"\n".join(server.run(DUMP)).decode()


def is_admitted(secret: str) -> bool:
    try:
        identify(secret, address="192.0.2.1", now=timezone.now())
    except InvalidApiKey:
        return False
    return True


def is_remembered(secret: str) -> bool:
    return isinstance(admission.ask(digest(secret)), Known)


def end_mark_of(key: ApiKey) -> None:
    """Let the time of the key's mark be over."""
    run("redis.call('DEL', KEYS[1])", f"ouipost:changed:{key.pk}")


def warm_key(**values: Any) -> tuple[ApiKey, str]:
    """Make a key whose making is over, and have Redis know it."""
    key, secret = make_key(**values)
    run("redis.call('FLUSHDB')")
    assert is_admitted(secret)
    assert is_remembered(secret)
    return key, secret


def test_a_key_that_was_never_made_leaves_nothing_in_redis() -> None:
    run("redis.call('FLUSHDB')")

    with transaction.atomic():
        make_key()
        transaction.set_rollback(True)

    assert everything_in_redis() == ""


def test_a_key_that_redis_knows_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key, secret = warm_key()

    with django_assert_num_queries(0):
        found, window = identify(secret, address="192.0.2.1", now=timezone.now())
        assert (found.tier, found.mode, found.name, found.permissions, found.workspace_ids) == (
            key.tier,
            key.mode,
            key.name,
            key.permissions,
            key.workspace_ids,
        )

    assert found == key
    assert window is not None
    assert (window.requests, window.is_shared) == (3, True)


def test_a_warm_key_costs_no_query_at_the_api(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    _, secret = warm_key(mode="test")

    with django_assert_num_queries(0):
        response = ApiClient(secret).get("/api/platforms")

    assert response.status_code == 200


def test_a_request_is_one_trip_and_a_miss_is_two(monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = make_key()
    run("redis.call('FLUSHDB')")
    trips: list[redis.Script] = []
    ask = redis.Server.run

    def counted(self: redis.Server, script: redis.Script, *args: Any, **options: Any) -> Any:
        trips.append(script)
        return ask(self, script, *args, **options)

    monkeypatch.setattr(redis.Server, "run", counted)

    assert is_admitted(secret)
    assert is_admitted(secret)
    assert not is_admitted("pk_live_" + "a" * 32)
    assert not is_admitted("pk_live_nonsense")

    assert trips == [admission.ASK, admission.ADMIT, admission.ASK, admission.ASK]


def test_a_record_is_the_key_without_its_secrets() -> None:
    key, _ = make_key(workspace_ids=["ws_1"], permissions=["posts.read"])
    ApiKey.objects.update(previous_digest="d" * 64, expires_at=timezone.now() + DAY)
    key.refresh_from_db()

    record = to_record(Found(key=key, grace_until=None))
    rebuilt = from_record(record).key

    names = {field.attname for field in ApiKey._meta.concrete_fields}
    assert rebuilt.get_deferred_fields() == {"digest", "previous_digest"}
    assert {name: getattr(rebuilt, name) for name in names} == {name: getattr(key, name) for name in names}
    assert key.digest not in record.decode()


def test_what_a_record_of_another_release_lacks_or_has_in_excess_does_no_harm() -> None:
    key, _ = make_key()
    short = to_record(Found(key=key, grace_until=None)).replace(b'"tier":', b'"future":')

    assert from_record(short).key.tier == key.tier


def test_no_secret_is_in_redis_and_no_digest_but_as_a_name() -> None:
    key, secret = warm_key()
    make_key()

    told = everything_in_redis()

    assert key.pk in told
    assert secret not in told
    assert secret.removeprefix("pk_live_") not in told
    assert told.count(key.digest) == told.count(f"ouipost:key:{key.digest}") == 1


def test_keys_that_nobody_has_leave_nothing_in_redis() -> None:
    for number in range(5):
        assert not is_admitted("pk_live_" + f"{number:032}")
    assert not is_admitted("pk_live_nonsense")

    assert everything_in_redis() == ""


def save(key: ApiKey) -> None:
    key.is_active = False
    key.save()


def save_one_field(key: ApiKey) -> None:
    key.is_active = False
    key.save(update_fields=["is_active"])


def update(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(is_active=False)


def bulk_update(key: ApiKey) -> None:
    key.is_active = False
    ApiKey.objects.bulk_update([key], ["is_active"])


def delete(key: ApiKey) -> None:
    key.delete()


def delete_many(key: ApiKey) -> None:
    ApiKey.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [save, save_one_field, update, bulk_update, delete, delete_many])
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_key_that_was_revoked_dies_on_its_next_request(
    change: Callable[[ApiKey], None], in_transaction: bool
) -> None:
    key, secret = warm_key()

    if in_transaction:
        with transaction.atomic():
            change(key)
    else:
        change(key)

    assert not is_admitted(secret)


def test_a_change_is_told_to_redis_though_this_process_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret = make_key()
    run("redis.call('FLUSHDB')")
    before = (is_admitted(secret), is_remembered(secret))

    with monkeypatch.context() as alone:
        alone.setattr(Breaker, "allows", lambda _: False)
        key.is_active = False
        key.save()

    assert (before, is_admitted(secret)) == ((True, True), False)


def test_what_a_key_may_do_changes_with_its_next_request() -> None:
    key, secret = warm_key(permissions=["workspaces.read"])
    api = ApiClient(secret)
    assert api.get("/api/workspaces").status_code == 200

    ApiKey.objects.filter(pk=key.pk).update(permissions=[])

    assert api.get("/api/workspaces").status_code == 403


def test_a_workspace_that_a_key_creates_is_seen_by_its_next_request() -> None:
    _, secret = warm_key(workspace_ids=[make_workspace().pk])
    api = ApiClient(secret)

    made = api.post("/api/workspaces", {"name": "Mine"}).json()["data"]["workspace"]

    assert api.get(f"/api/workspaces/{made['id']}").status_code == 200


def test_the_time_of_the_last_use_is_no_change() -> None:
    _, secret = warm_key()

    ApiKey.objects.update(last_used_at=timezone.now())

    assert is_remembered(secret)


def test_who_read_the_old_row_stores_nothing_after_the_change() -> None:
    key, secret = make_key()
    run("redis.call('FLUSHDB')")
    miss = admission.ask(digest(secret))
    assert isinstance(miss, Unknown)
    old = to_record(Found(key=key, grace_until=None))

    ApiKey.objects.filter(pk=key.pk).update(is_active=False)
    window = admission.admit(miss, key_id=key.pk, record=old, milliseconds=5000, is_use=True)
    end_mark_of(key)

    assert window is not None
    assert not is_admitted(secret)


def test_who_read_the_row_between_the_change_and_its_commit_stores_nothing() -> None:
    """The writer may die right after its commit, so the mark must be there before."""
    key, secret = make_key()
    run("redis.call('FLUSHDB')")
    old = to_record(Found(key=key, grace_until=None))

    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(is_active=False)
        miss = admission.ask(digest(secret))
        assert isinstance(miss, Unknown)
        admission.admit(miss, key_id=key.pk, record=old, milliseconds=5000, is_use=True)
        end_mark_of(key)

        assert not is_remembered(secret)


@pytest.mark.django_db(transaction=True)
def test_who_stored_the_old_row_before_a_late_commit_has_stored_it_in_vain() -> None:
    key, secret = warm_key()
    old = to_record(Found(key=key, grace_until=None))

    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(is_active=False)
        end_mark_of(key)
        miss = admission.ask(digest("pk_live_" + "z" * 32))
        assert isinstance(miss, Unknown)
        admission.admit(
            replace(miss, name=f"ouipost:key:{key.digest}"), key_id=key.pk, record=old, milliseconds=5000, is_use=True
        )
        assert is_remembered(secret)

    assert not is_admitted(secret)


def test_who_was_held_up_for_longer_than_a_mark_stores_nothing() -> None:
    key, secret = make_key()
    run("redis.call('FLUSHDB')")
    miss = admission.ask(digest(secret))
    assert isinstance(miss, Unknown)
    old = to_record(Found(key=key, grace_until=None))
    late = replace(miss, asked_at=miss.asked_at - admission.STORE_SECONDS * 1000)

    admission.admit(late, key_id=key.pk, record=old, milliseconds=5000, is_use=True)

    assert not is_remembered(secret)


def test_a_mark_outlives_whatever_was_stored_before_it_and_may_be_stored_after() -> None:
    key, _ = warm_key()
    ApiKey.objects.filter(pk=key.pk).update(name="New")

    record = run("return redis.call('PTTL', KEYS[1])", f"ouipost:key:{key.digest}")
    mark = run("return redis.call('PTTL', KEYS[1])", f"ouipost:changed:{key.pk}")

    assert 0 < record <= admission.RECORD_SECONDS * 1000
    assert mark > (admission.RECORD_SECONDS + admission.STORE_SECONDS) * 1000


def test_a_remembered_key_expires_to_the_second() -> None:
    expires_at = timezone.now().replace(microsecond=0) + DAY
    key, secret = make_key()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=expires_at)
    run("redis.call('FLUSHDB')")
    assert is_admitted(secret)

    with time_machine.travel(expires_at - SECOND, tick=False):
        assert is_admitted(secret)
    with time_machine.travel(expires_at, tick=False), pytest.raises(ApiKeyExpired):
        identify(secret, address="192.0.2.1", now=timezone.now())


def test_a_remembered_secret_from_before_a_rotation_ends_with_its_grace() -> None:
    key, old = make_key()
    new, ends = "pk_live_" + "n" * 32, timezone.now() + DAY
    rotated = {"digest": digest(new), "previous_digest": digest(old), "previous_expires_at": ends}
    ApiKey.objects.filter(pk=key.pk).update(**rotated)
    run("redis.call('FLUSHDB')")
    assert is_admitted(old)
    assert is_admitted(new)

    with time_machine.travel(ends - SECOND, tick=False):
        assert (is_admitted(old), is_admitted(new)) == (True, True)
    with time_machine.travel(ends + SECOND, tick=False):
        assert (is_admitted(old), is_admitted(new)) == (False, True)


def test_a_record_lives_for_five_seconds_and_tells_when_the_minute_ends() -> None:
    key, secret = make_key()
    run("redis.call('FLUSHDB')")
    assert is_admitted(secret)

    lives = run("return redis.call('PTTL', KEYS[1])", f"ouipost:key:{key.digest}")
    before = timezone.now().timestamp()
    known = admission.ask(digest(secret))

    assert isinstance(known, Known)
    assert (0 < lives <= 5000, 0 < known.window.seconds_left <= 60) == (True, True)
    assert before - 1 < known.window.ends_at <= timezone.now().timestamp() + 61


def test_a_clock_of_redis_that_is_set_back_makes_no_minute_longer() -> None:
    key, secret = warm_key()
    run("redis.call('EXPIRE', KEYS[1], 3660)", f"ouipost:requests:{key.pk}")

    known = admission.ask(digest(secret))

    assert isinstance(known, Known)
    assert (known.window.requests, known.window.seconds_left) == (1, 60)


def test_a_record_lives_no_longer_than_its_key() -> None:
    key, secret = make_key()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + SECOND)
    run("redis.call('FLUSHDB')")
    assert is_admitted(secret)

    assert run("return redis.call('PTTL', KEYS[1])", f"ouipost:key:{key.digest}") <= 1000


def test_creating_a_workspace_marks_the_key_only_if_its_list_changes() -> None:
    key, secret = warm_key()

    services.create_workspace(name="Mine", actor=SYSTEM, key=key)

    assert is_remembered(secret)


@pytest.mark.parametrize(
    ("change", "code"), [({"expires_at": timezone.now()}, "API_KEY_EXPIRED"), ({"is_active": False}, "INVALID_API_KEY")]
)
def test_a_key_that_is_refused_costs_a_query_once_and_is_counted_in_its_minute_but_not_as_used(
    change: dict[str, Any], code: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key, secret = make_key(tier="starter")
    ApiKey.objects.update(**change)
    run("redis.call('FLUSHDB')")
    api = ApiClient(secret)

    with django_assert_num_queries(1):
        answers = [api.get("/api/platforms") for _ in range(3)]

    assert [error_of(answer) for answer in answers] == [(401, code)] * 3
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["59", "58", "57"]
    today = timezone.now().date()
    assert usage.requests_by_day(today, today, key_ids=[key.pk]) == {today: 0}


@pytest.mark.parametrize("change", [{"expires_at": timezone.now()}, {"is_active": False}])
def test_a_key_that_was_refused_works_as_soon_as_it_may(change: dict[str, Any]) -> None:
    key, secret = make_key()
    ApiKey.objects.update(**change)
    run("redis.call('FLUSHDB')")
    before = ApiClient(secret).get("/api/platforms")

    ApiKey.objects.filter(pk=key.pk).update(expires_at=None, is_active=True)

    assert (before.status_code, ApiClient(secret).get("/api/platforms").status_code) == (401, 200)
