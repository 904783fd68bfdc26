"""The key in X-API-Key says who calls."""

from typing import Any

import pytest
import time_machine
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from rest_framework.request import Request

from ouipost.events.journal import SYSTEM
from tests.conftest import ApiClient
from tests.contract.world import error_of
from tests.factories import NOW, make_key
from workspaces.keys import usage
from workspaces.keys.authentication import KeyAuthentication
from workspaces.keys.services import GRACE, InvalidApiKey, revoke_key, rotate_key
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db
REFUSED = [({"expires_at": timezone.now()}, "API_KEY_EXPIRED"), ({"is_active": False}, "INVALID_API_KEY")]
"""What is changed of a key that is known, and what its requests are told."""


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


@pytest.mark.parametrize(("change", "code"), REFUSED)
def test_a_key_that_is_refused_uses_up_its_allowance(settings: Settings, change: dict[str, Any], code: str) -> None:
    settings.RATE_LIMITS = {"starter": 2}
    key, secret = make_key(tier="starter")
    ApiKey.objects.update(**change)

    answers = [ApiClient(secret).get("/api/platforms") for _ in range(3)]

    assert [error_of(answer) for answer in answers] == [(401, code)] * 2 + [(429, "RATE_LIMIT_EXCEEDED")]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    today = timezone.now().date()
    assert usage.requests_by_day(today, today, key_ids=[key.pk]) == {today: 0}


@pytest.mark.parametrize("change", ["revoked", "replaced"])
def test_a_secret_that_is_over_for_good_is_told_nothing(change: str) -> None:
    key, secret = make_key()
    if change == "revoked":
        revoke_key(key, actor=SYSTEM, now=timezone.now())
    else:
        rotate_key(key, actor=SYSTEM, now=timezone.now() - GRACE)

    answer = ApiClient(secret).get("/api/platforms")

    assert error_of(answer) == (401, "INVALID_API_KEY")
    assert "X-RateLimit-Limit" not in answer.headers
