"""The key in X-API-Key says who calls, and its use is noted now and then."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request

from tests.factories import NOW, make_key
from workspaces.authentication import KeyAuthentication, note_use
from workspaces.keys import InvalidApiKey
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def authenticate(**headers: str) -> Any:
    return KeyAuthentication().authenticate(Request(RequestFactory().get("/", headers=headers)))


def last_used() -> datetime | None:
    return ApiKey.objects.get().last_used_at


def test_no_header_is_no_caller() -> None:
    assert authenticate() is None


@pytest.mark.parametrize("secret", ["", "nonsense", "pk_live_" + "a" * 32])
def test_a_wrong_key_is_refused(secret: str) -> None:
    with pytest.raises(InvalidApiKey):
        authenticate(**{"X-API-Key": secret})


def test_a_key_is_the_caller_and_no_person() -> None:
    key, secret = make_key()

    with time_machine.travel(NOW, tick=False):
        user, caller = authenticate(**{"X-API-Key": secret})

    assert (user.is_authenticated, caller) == (False, key)
    assert last_used() == NOW


def test_a_refused_key_is_not_noted_as_used() -> None:
    _, secret = make_key()
    ApiKey.objects.update(is_active=False)

    with pytest.raises(InvalidApiKey):
        authenticate(**{"X-API-Key": secret})

    assert last_used() is None


def test_use_is_written_once_a_minute(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key, _ = make_key()
    note_use(key, now=NOW)
    used = ApiKey.objects.get()

    with django_assert_num_queries(0):
        note_use(used, now=NOW + MINUTE - timedelta(seconds=1))
    assert last_used() == NOW

    note_use(used, now=NOW + MINUTE)
    assert last_used() == NOW + MINUTE


def test_of_two_requests_at_once_the_later_write_finds_it_noted() -> None:
    key, _ = make_key()
    note_use(key, now=NOW + timedelta(seconds=5))

    note_use(key, now=NOW + timedelta(seconds=4))  # it read the row before the other wrote

    assert last_used() == NOW + timedelta(seconds=5)


def test_the_challenge_names_the_header() -> None:
    challenge = KeyAuthentication().authenticate_header(Request(RequestFactory().get("/")))

    assert challenge == "X-API-Key"
