"""The key in X-API-Key says who calls."""

from typing import Any

import pytest
import time_machine
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request

from tests.factories import NOW, make_key
from workspaces.keys import usage
from workspaces.keys.authentication import KeyAuthentication
from workspaces.keys.services import InvalidApiKey
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db


def authenticate(**headers: str) -> Any:
    return KeyAuthentication().authenticate(Request(RequestFactory().get("/", headers=headers)))


def test_a_key_is_the_caller_and_no_person() -> None:
    key, secret = make_key()

    with time_machine.travel(NOW, tick=False):
        user, caller = authenticate(**{"X-API-Key": secret})

    assert (user.is_authenticated, caller) == (False, key)


def test_a_request_writes_nothing_and_is_counted(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key, secret = make_key()

    with django_assert_num_queries(1), time_machine.travel(NOW, tick=False):
        authenticate(**{"X-API-Key": secret})

    assert usage.requests_by_day(NOW.date(), NOW.date(), key_ids=[key.pk]) == {NOW.date(): 1}


def test_a_refused_key_is_not_counted_as_used() -> None:
    key, secret = make_key()
    ApiKey.objects.update(is_active=False)

    with time_machine.travel(NOW, tick=False), pytest.raises(InvalidApiKey):
        authenticate(**{"X-API-Key": secret})

    assert usage.requests_by_day(NOW.date(), NOW.date(), key_ids=[key.pk]) == {NOW.date(): 0}
