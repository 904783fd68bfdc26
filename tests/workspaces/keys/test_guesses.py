"""Who guesses keys is soon no longer worth a look."""

import random
from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from redis import Redis

from ouipost.crypto import digest
from ouipost.events.journal import SYSTEM
from tests.conftest import ApiClient
from tests.contract.world import error_of
from tests.factories import NOW, make_key
from tests.workspaces.keys.identifying import identify
from workspaces.keys import guesses
from workspaces.keys.services import ApiKeyExpired, InvalidApiKey, revoke_key, update_key
from workspaces.models import ApiKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_minute")]
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def one_minute() -> Iterator[None]:
    """Time goes on within the minute in which a test began."""
    with time_machine.travel(NOW):
        yield


def guess(number: int, address: str = HERE) -> None:
    with pytest.raises(InvalidApiKey):
        identify(f"pk_live_{number:032}", address=address, now=timezone.now())


def test_twenty_wrong_keys_in_a_minute_are_looked_up_and_no_more(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(20):
        for number in range(30):
            guess(number)


def test_another_address_is_not_suspected(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(20):
        guess(number)

    with django_assert_num_queries(1):
        guess(1, address=ELSEWHERE)


def test_after_a_minute_all_is_forgotten(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        for number in range(21):
            guess(number)
        clock.shift(59)
        with django_assert_num_queries(0):
            guess(21)
        clock.shift(1)

        with django_assert_num_queries(1):
            guess(1)


def test_what_is_remembered_of_guesses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "TRIED_AT_MOST", 100)
    for number in range(300):
        guess(number, address=f"192.0.2.{number % 256}")

    assert len(guesses.TRIES._counted) <= 102


def test_keys_that_held_here_before_hold_on() -> None:
    old, older, new = make_key()[1], make_key()[1], make_key()[1]
    for held in (older, old):
        identify(held, address=ELSEWHERE, now=timezone.now())
    for number in range(20):
        guess(number)

    for held in (older, old):
        identify(held, address=HERE, now=timezone.now())
    with pytest.raises(InvalidApiKey):
        identify(new, address=HERE, now=timezone.now())


def test_a_key_that_another_process_looked_up_holds_on(redis_url: str) -> None:
    _, secret = make_key()
    with Redis.from_url(redis_url) as client:
        client.flushdb()
    identify(secret, address=ELSEWHERE, now=timezone.now())
    guesses.HELD.clear()

    identify(secret, address=ELSEWHERE, now=timezone.now())
    for number in range(20):
        guess(number)

    assert identify(secret, address=HERE, now=timezone.now())


def test_a_key_that_held_and_was_revoked_is_a_guess_like_others(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    key, secret = make_key()
    identify(secret, address=HERE, now=timezone.now())
    revoke_key(key, actor=SYSTEM, now=timezone.now())

    with django_assert_num_queries(20):
        for _ in range(30):
            with pytest.raises(InvalidApiKey):
                identify(secret, address=HERE, now=timezone.now())


def test_a_program_that_goes_on_with_a_revoked_key_locks_nobody_out() -> None:
    (key, revoked), (_, good) = make_key(), make_key()
    revoke_key(key, actor=SYSTEM, now=timezone.now())

    for _ in range(100):
        with pytest.raises(InvalidApiKey):
            identify(revoked, address=HERE, now=timezone.now())

    assert identify(good, address=HERE, now=timezone.now())


def test_a_paused_key_works_with_its_first_request_after_the_pause_however_often_it_came() -> None:
    key, secret = make_key(is_active=False)
    for _ in range(30):
        with pytest.raises(InvalidApiKey):
            identify(secret, address=HERE, now=timezone.now())

    update_key(key, values={"is_active": True}, actor=SYSTEM)

    assert identify(secret, address=HERE, now=timezone.now())


def test_an_expired_key_is_told_so_however_often_it_comes() -> None:
    _, secret = make_key()
    ApiKey.objects.update(expires_at=NOW)

    for _ in range(30):
        with pytest.raises(ApiKeyExpired):
            identify(secret, address=HERE, now=NOW)


def test_what_does_not_look_like_a_key_is_no_guess(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(30):
        with pytest.raises(InvalidApiKey):
            identify("nonsense", address=HERE, now=timezone.now())

    with django_assert_num_queries(1):
        guess(1)


def test_the_answer_does_not_tell_that_nobody_looked() -> None:
    answers = [ApiClient(f"pk_live_{number:032}").get("/api/posts") for number in range(25)]

    assert {error_of(answer) for answer in answers} == {(401, "INVALID_API_KEY")}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_caller_is_an_address_or_the_network_of_one(address: str, caller: str) -> None:
    assert guesses.caller_of(address) == caller


def test_what_is_remembered_of_good_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "HELD_AT_MOST", 2)
    for number in range(20):
        guess(number)

    for held in ("a", "b", "c"):
        guesses.note_held(held)

    assert [guesses.may_look_up(held, HERE) for held in ("a", "b", "c")] == [False, False, True]


@pytest.fixture
def everyone_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """No guess is refused without a look."""
    monkeypatch.setattr(guesses, "PER_MINUTE", 1_000_000)


def near_miss(secret: str) -> str:
    """Return the key with its last character changed."""
    return secret[:-1] + ("a" if secret[-1] != "a" else "b")


@pytest.mark.thorough
@pytest.mark.any_database
@pytest.mark.usefixtures("everyone_may")
def test_ten_thousand_random_and_near_keys_are_refused() -> None:
    secret = make_key()[1]
    cases = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    chance = random.Random(72)
    shown = ["pk_live_" + "".join(chance.choices(cases, k=32)) for _ in range(5000)]
    while len(shown) < 10_000:
        place = chance.randrange(len("pk_live_"), len(secret))
        shown.append(secret[:place] + chance.choice(cases.replace(secret[place], "")) + secret[place + 1 :])

    for each in shown:
        with pytest.raises(InvalidApiKey):
            identify(each, address=HERE, now=timezone.now())

    assert {error_of(ApiClient(each).get("/api/posts")) for each in shown[4900:5100]} == {(401, "INVALID_API_KEY")}


def test_a_key_that_is_nearly_right_takes_the_way_of_any_other() -> None:
    secret = make_key()[1]
    ways = []

    for shown in (near_miss(secret), "pk_live_" + "z" * 32):
        with CaptureQueriesContext(connection) as queries, pytest.raises(InvalidApiKey):
            identify(shown, address=HERE, now=timezone.now())
        ways.append([query["sql"].replace(digest(shown), "…") for query in queries])

    assert len(ways[0]) == 1
    assert ways[0] == ways[1]
