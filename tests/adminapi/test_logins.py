"""Who tries too many passwords waits, whoever they are after, and learns nothing meanwhile."""

import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password
from django.db import OperationalError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from adminapi.models import LoginAttempt, LoginTurn, Session
from adminapi.sessions import logins, passwords
from adminapi.sessions.logins import InvalidCredentials
from adminapi.sessions.passwords import TooManyLogins, hash_password
from ouipost.db.pruning import remove_all
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from ouipost.runtime import waiting
from tests.conftest import AdminClient
from tests.contract.world import PASSWORD, error_of, log_in
from tests.factories import NOW, make_token, make_user
from workspaces import users
from workspaces.models import User

WRONG = "a wrong pass phrase"
BLOCKED = (429, "TOO_MANY_LOGIN_ATTEMPTS")
REFUSED = (401, "INVALID_CREDENTIALS")
BUSY = (503, "SERVICE_UNAVAILABLE")
AT_ONCE = 64
APART = unicodedata.normalize("NFD", "mật khẩu của tôi")
TWO_FORMS = [APART, unicodedata.normalize("NFC", APART)]


@pytest.fixture
def clock(db: None) -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as travelled:
        yield travelled


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were looked at, which here costs next to nothing."""
    seen: list[str] = []

    def look(password: str, encoded: str) -> bool:
        seen.append(password)
        return password == PASSWORD

    monkeypatch.setattr(passwords, "check_password", look)
    return seen


def at_once(login: Callable[[int], Any], count: int = AT_ONCE, *, told: Callable[[Any], Any] = error_of) -> list[Any]:
    """Log in so many times at the same moment, each with its number, and return what is told of the answers."""
    together = threading.Barrier(count)

    def attempt(number: int) -> Any:
        together.wait(timeout=60)
        try:
            return told(login(number))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(attempt, range(count)))


def test_after_five_wrong_passwords_the_right_one_waits_and_is_told_the_same(clock: Any) -> None:
    make_user()
    make_user(email="other@example.com")
    wrong = [log_in(password=WRONG) for _ in range(5)]

    answers = [log_in(password=WRONG), log_in(), log_in(" ADMIN@example.com")]
    clock.shift(60)
    later, other = log_in(), log_in("other@example.com")

    assert [error_of(each) for each in wrong] == [REFUSED] * 5
    assert [error_of(each) for each in answers] == [BLOCKED] * 3
    assert len({each.content for each in answers}) == 1
    assert {each.headers["Retry-After"] for each in answers} == {"900"}
    assert (error_of(later), later.headers["Retry-After"]) == (BLOCKED, "840")
    assert other.status_code == 200
    clock.shift(839)
    assert error_of(log_in()) == BLOCKED
    clock.shift(1)
    assert log_in().status_code == 200


def test_the_wait_ends_when_the_first_of_five_counts_no_more(clock: Any, hashed: list[str]) -> None:
    make_user()
    for _ in range(5):
        log_in(password=WRONG)
        clock.shift(60)

    blocked = log_in()
    clock.shift(600)

    assert (error_of(blocked), blocked.headers["Retry-After"], log_in().status_code) == (BLOCKED, "600", 200)


def test_who_finds_no_place_to_wait_for_other_checks_is_sent_away_at_once(
    clock: Any, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user()
    for _ in range(5):
        log_in(password=WRONG)
    LoginAttempt.objects.update(checking_until=NOW + timedelta(days=36_500))
    monkeypatch.setattr(time, "sleep", Mock(side_effect=AssertionError("It holds a thread of the server.")))
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))

    with waiting.place():
        answer = log_in()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_who_is_refused_while_waiting_does_not_wait_longer(clock: Any, hashed: list[str]) -> None:
    make_user()
    for _ in range(5):
        log_in(password=WRONG)
    for _ in range(20):
        clock.shift(30)
        assert error_of(log_in(password=WRONG)) == BLOCKED

    clock.shift(300)

    assert log_in().status_code == 200
    assert Event.objects.filter(type="user.login_failed").count() == 5


def test_five_is_within_fifteen_minutes(clock: Any, hashed: list[str]) -> None:
    make_user()
    for _ in range(10):
        assert error_of(log_in(password=WRONG)) == REFUSED
        clock.shift(181)

    assert log_in().status_code == 200


def test_a_login_that_succeeds_forgives_the_address_and_not_the_caller(clock: Any, hashed: list[str]) -> None:
    make_user()
    for _ in range(4):
        for _ in range(4):
            log_in(password=WRONG)
        assert log_in().status_code == 200
    for number in range(4):
        assert error_of(log_in(f"{number}@example.com", WRONG)) == REFUSED

    assert error_of(log_in()) == BLOCKED
    assert log_in(REMOTE_ADDR="192.0.2.1").status_code == 200


def test_an_unknown_address_waits_like_a_known_one(clock: Any, hashed: list[str]) -> None:
    make_user()
    answers = [[log_in(email, WRONG) for _ in range(7)] for email in ("admin@example.com", "nobody@example.com")]

    assert [[(each.status_code, each.content, each.headers.get("Retry-After")) for each in one] for one in answers] == [
        [(each.status_code, each.content, each.headers.get("Retry-After")) for each in answers[0]]
    ] * 2


@pytest.mark.parametrize("addresses", [["192.0.2.1"], ["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6"]])
def test_twenty_wrong_logins_from_one_caller_are_all(clock: Any, hashed: list[str], addresses: list[str]) -> None:
    make_user()
    callers = (addresses * 20)[:20]
    wrong = [log_in(f"{number}@example.com", REMOTE_ADDR=caller) for number, caller in enumerate(callers)]

    assert {error_of(each) for each in wrong} == {REFUSED}
    assert {error_of(log_in(REMOTE_ADDR=address)) for address in addresses} == {BLOCKED}
    assert {log_in(REMOTE_ADDR=other).status_code for other in ("192.0.2.2", "2001:db8:1:3::1")} == {200}


@pytest.mark.parametrize(("trusted", "expected"), [([], BLOCKED), (["10.0.0.0/8"], REFUSED)])
def test_a_forged_hop_is_no_other_caller_unless_a_trusted_proxy_says_so(
    clock: Any, hashed: list[str], settings: Settings, trusted: list[str], expected: tuple[int, str]
) -> None:
    settings.TRUSTED_PROXIES = trusted

    answers = [
        log_in(f"{number}@example.com", REMOTE_ADDR="10.0.0.7", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
        for number in range(21)
    ]
    spoofed = [
        log_in(f"x{number}@example.com", REMOTE_ADDR="10.0.0.7", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}, 203.0.113.9")
        for number in range(21)
    ]

    assert error_of(answers[-1]) == expected
    assert error_of(spoofed[-1]) == BLOCKED


def test_the_console_counts_with_the_admin_api(clock: Any, hashed: list[str]) -> None:
    make_user()

    def enter(password: str) -> Any:
        return Client().post("/console/login/", {"username": "Admin@example.com", "password": password})

    for _ in range(3):
        assert enter(WRONG).status_code == 200
        log_in("nobody@example.com", WRONG)
    for _ in range(2):
        assert error_of(log_in(password=WRONG)) == REFUSED

    locked = enter(PASSWORD).content.decode()
    assert re.search(r"Too many failed logins. Try again in \d+ minutes?\.", locked)
    assert error_of(log_in()) == BLOCKED
    clock.shift(900)
    assert enter(PASSWORD).status_code == 302
    assert [event.type for event in Event.objects.order_by("-pk")[:1]] == ["user.logged_in"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["admin@example.com", "nobody@example.com"])
def test_of_sixty_four_guesses_at_once_five_are_looked_at(hashed: list[str], email: str) -> None:
    make_user()

    answers = at_once(lambda number: log_in(email, f"{WRONG} {number}", REMOTE_ADDR=f"192.0.2.{number}"))

    assert len(hashed) == 5
    assert (answers.count(REFUSED), answers.count(BLOCKED) + answers.count(BUSY)) == (5, AT_ONCE - 5)
    assert (LoginAttempt.objects.count(), error_of(log_in(email, WRONG))) == (5, BLOCKED)


@pytest.mark.django_db(transaction=True)
def test_of_sixty_four_guesses_at_once_from_one_caller_twenty_are_looked_at(hashed: list[str]) -> None:
    answers = at_once(lambda number: log_in(f"{number}@example.com", WRONG))

    assert len(hashed) == 20
    assert (answers.count(REFUSED), answers.count(BLOCKED) + answers.count(BUSY)) == (20, AT_ONCE - 20)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["admin@example.com", "nobody@example.com"])
def test_of_guesses_at_once_that_wait_for_each_other_five_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    make_user()
    looked: list[str] = []
    monkeypatch.setattr(logins, "LOOK_SECONDS", 0.05)

    def look(password: str, encoded: str) -> bool:
        looked.append(password)
        time.sleep(0.1)
        return False

    monkeypatch.setattr(passwords, "check_password", look)
    answers = at_once(lambda number: log_in(email, WRONG, REMOTE_ADDR=f"192.0.2.{number}"), 16)

    assert len(looked) == 5
    assert (answers.count(REFUSED), answers.count(BLOCKED)) == (5, 11)


@pytest.mark.django_db(transaction=True)
def test_more_than_five_logins_at_once_with_the_right_password_succeed_and_count_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_user()
    monkeypatch.setattr(logins, "LOOK_SECONDS", 0.05)

    def look(password: str, encoded: str) -> bool:
        time.sleep(0.1)
        return password == PASSWORD

    monkeypatch.setattr(passwords, "check_password", look)
    answers = at_once(lambda _: log_in(), 8, told=lambda each: each.status_code)

    assert (answers, LoginAttempt.objects.exclude(email="", ip_address="").count()) == ([200] * 8, 0)


@pytest.mark.parametrize("email", ["admin@example.com", "nobody@example.com"])
def test_logins_whose_process_died_while_they_were_checked_are_no_failures_before_they_are_surely_over(
    clock: Any, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    make_user()
    monkeypatch.setattr(logins, "LOOK_SECONDS", 0)
    with monkeypatch.context() as killed:
        killed.setattr(logins, "is_password_of", Mock(side_effect=SystemExit))
        for _ in range(5):
            with pytest.raises(SystemExit):
                log_in(email, WRONG)

    meanwhile = log_in(email, WRONG)
    clock.shift(30)
    later = log_in(email, WRONG)

    assert (error_of(meanwhile), meanwhile.headers["Retry-After"]) == (BUSY, "1")
    assert (error_of(later), later.headers["Retry-After"]) == (BLOCKED, "870")
    clock.shift(870)
    assert error_of(log_in(email, WRONG)) == REFUSED


@pytest.mark.django_db(transaction=True)
def test_four_passwords_are_hashed_at_once_twenty_wait_and_others_are_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_user()
    open_now, most = threading.Event(), []
    running = threading.Semaphore(0)

    def look(password: str, encoded: str) -> bool:
        most.append(passwords.AT_ONCE - passwords._running._value)  # threading's own count
        running.release()
        open_now.wait(timeout=60)
        return False

    monkeypatch.setattr(passwords, "check_password", look)

    def guess(number: int) -> Any:
        try:
            return log_in(f"{number}@example.com", WRONG, REMOTE_ADDR=f"192.0.2.{number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = [threads.submit(guess, number) for number in range(40)]
        deadline = time.monotonic() + 60
        while sum(each.done() for each in asked) < 16 and time.monotonic() < deadline:
            time.sleep(0.05)
        refused = [each.result() for each in asked if each.done()]
        open_now.set()
        answers = [each.result() for each in asked]

    assert len(refused) == 16
    assert {error_of(each) for each in refused} == {(503, "SERVICE_UNAVAILABLE")}
    assert {each.headers["Retry-After"] for each in refused} == {"1"}
    assert [each.status_code for each in answers].count(401) == 24
    assert max(most) == 4
    assert LoginAttempt.objects.count() == 24  # nobody has looked at the others


def test_who_has_waited_too_long_for_a_place_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.01)
    for _ in range(passwords.AT_ONCE):
        passwords._running.acquire()
    try:
        with pytest.raises(TooManyLogins):
            hash_password("any")
    finally:
        for _ in range(passwords.AT_ONCE):
            passwords._running.release()

    assert hash_password("any").startswith("argon2")


def test_known_and_unknown_addresses_are_refused_in_the_same_words_for_the_same_work(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user()
    costs: list[tuple[int, int, int]] = []

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(hasher: Argon2PasswordHasher, *args: Any) -> Any:
            costs.append((hasher.time_cost, hasher.memory_cost, hasher.parallelism))
            return work(hasher, *args)

        return wrapped

    for name in ("encode", "verify"):
        monkeypatch.setattr(Argon2PasswordHasher, name, counted(getattr(Argon2PasswordHasher, name)))

    refusals = []
    for email in ("admin@example.com", "nobody@example.com"):
        with CaptureQueriesContext(connection) as queries:
            answer = log_in(email, WRONG)
        refusals.append((answer.content, len(queries), costs.copy()))
        costs.clear()

    assert refusals[0] == refusals[1]
    assert len(refusals[0][2]) == 1


@pytest.mark.parametrize("typed", TWO_FORMS)
@pytest.mark.parametrize("kept", TWO_FORMS)
@pytest.mark.parametrize("by_hand", [False, True], ids=["here", "manage.py changepassword"])
def test_a_password_opens_both_doors_however_its_accents_are_written(
    db: None, by_hand: bool, kept: str, typed: str
) -> None:
    """Some keyboards send a letter and its accent one by one, and programs write them as one."""
    user = make_user()
    if by_hand:
        user.set_password(kept)
    else:
        user.password = hash_password(kept)
    user.save()

    api = log_in(password=typed)
    console = Client().post("/console/login/", {"username": user.email, "password": typed})

    assert (api.status_code, console.status_code) == (200, 302)


def test_one_password_is_looked_at_whoever_is_named(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(password: str, encoded: str) -> bool:
        looked.append(encoded.partition("$")[0][:6])
        return check_password(password, encoded)

    monkeypatch.setattr(passwords, "check_password", look)
    make_user()
    make_user(email="asleep@example.com", is_active=False)
    make_user(email="none@example.com", password=None)

    for email in ("admin@example.com", "asleep@example.com", "none@example.com", "nobody@example.com"):
        assert error_of(log_in(email, WRONG)) == REFUSED

    assert [each[:1] for each in looked] == ["a", "a", "!", "!"]  # Django hashes something for those without one


@pytest.mark.parametrize("change", [{"password": "pbkdf2$other"}, {"is_active": False}, None])
def test_a_user_who_changed_while_the_password_was_hashed_is_not_let_in(
    db: None, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any] | None
) -> None:
    make_user()
    prove = logins.prove

    def prove_and_lose(*arguments: Any, **values: Any) -> User:
        user = prove(*arguments, **values)
        if change is None:
            User.objects.all().delete()
        else:
            User.objects.update(**change)
        return user

    monkeypatch.setattr(logins, "prove", prove_and_lose)

    with pytest.raises(InvalidCredentials):
        logins.log_in("admin@example.com", PASSWORD, actor=SYSTEM, now=NOW)
    assert not Session.objects.exists()


def test_a_login_outlives_lost_races(db: None, hashed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="admin@example.com")
    forgive, open_session = logins._forgive, logins._open
    losses = {step: iter([1, 1]) for step in (forgive, open_session)}

    def losing(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            done = step(*given, **named)
            for _ in losses[step]:
                raise OperationalError(1213, "Deadlock found")
            return done

        return run

    monkeypatch.setattr(logins, "_forgive", losing(forgive))
    monkeypatch.setattr(logins, "_open", losing(open_session))

    answer = log_in("admin@example.com", PASSWORD)

    assert (answer.status_code, [list(each) for each in losses.values()]) == (200, [[], []])
    assert (Session.objects.count(), hashed) == (1, [PASSWORD])


def test_a_clock_that_is_fast_keeps_no_session_alive(db: None) -> None:
    user = make_user()
    make_user(email="other@example.com")
    client = AdminClient(make_token(user, created_at=NOW + timedelta(days=1), expires_at=NOW + timedelta(days=900)))

    users.update_user(user, values={"role": "viewer"}, actor=SYSTEM, now=NOW - timedelta(days=1))

    assert error_of(client.get("/admin/profile")) == (401, "INVALID_TOKEN")


def test_what_counts_no_more_is_removed(db: None) -> None:
    user = make_user()
    for moment in (NOW, NOW - timedelta(minutes=16)):
        LoginAttempt.objects.create(email="x", ip_address="192.0.2.1", at=moment)
        LoginTurn.objects.create(name=str(moment), at=moment)
    make_token(user, expires_at=NOW - timedelta(seconds=1))
    make_token(user, expires_at=NOW + timedelta(seconds=1))

    removed = remove_all(logins.old(NOW))

    assert (removed, LoginAttempt.objects.count(), LoginTurn.objects.count(), Session.objects.count()) == (3, 1, 1, 1)
