"""A key is found by its secret, of which only a digest is kept."""

from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from django.http import Http404
from pytest_django import DjangoAssertNumQueries

from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from tests.factories import NOW, make_key
from tests.workspaces.keys.identifying import identify
from workspaces.keys.services import (
    BASE62,
    InvalidApiKey,
    revoke_key,
    rotate_key,
    update_key,
)
from workspaces.models import ApiKey

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24)


def find_key(secret: str, *, now: datetime) -> ApiKey:
    key, _ = identify(secret, address="192.0.2.1", now=now)
    return key


@pytest.mark.parametrize(("mode", "prefix"), [("live", "pk_live_"), ("test", "pk_test_")])
def test_a_secret_is_a_prefix_and_32_characters_of_base62(mode: str, prefix: str) -> None:
    key, secret = make_key(mode=mode)

    assert secret.startswith(prefix)
    assert len(secret) == len(prefix) + 32
    assert set(secret.removeprefix(prefix)) <= set(BASE62)
    assert (key.prefix, key.mode) == (secret[:11], mode)


def test_a_new_key_is_told_to_the_journal_or_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = make_key(name="Shop")
    told = Event.objects.get()
    assert (told.type, told.resource_id, told.details) == (
        "api_key.created",
        key.pk,
        {"key_name": "Shop", "tier": "enterprise"},
    )

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr("workspaces.keys.services.record", fail)
    with pytest.raises(OperationalError):
        make_key()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "pk_live_",
        "pk_live_" + "a" * 31,
        "pk_live_" + "a" * 33,
        "pk_live_" + "a" * 31 + "-",
        "pk_live_" + "a" * 31 + " ",
        "pk_live_" + "é" * 32,
        "pk_prod_" + "a" * 32,
        "PK_LIVE_" + "a" * 32,
        " pk_live_" + "a" * 32,
        "pk_live_pk_test_" + "a" * 24,
    ],
)
def test_what_does_not_look_like_a_key_costs_no_query(
    secret: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0), pytest.raises(InvalidApiKey):
        find_key(secret, now=NOW)


def test_case_matters() -> None:
    _, secret = make_key()

    with pytest.raises(InvalidApiKey):
        find_key(secret[:8] + secret[8:].swapcase(), now=NOW)


def test_the_digest_opens_nothing() -> None:
    key, _ = make_key()

    with pytest.raises(InvalidApiKey):
        find_key("pk_live_" + key.digest[:32], now=NOW)


def test_an_expired_key_that_was_switched_off_is_just_invalid() -> None:
    key, secret = make_key()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=NOW - DAY, is_active=False)

    with pytest.raises(InvalidApiKey):
        find_key(secret, now=NOW)


def test_a_change_that_comes_after_the_revocation_brings_no_key_back() -> None:
    key, secret = make_key()
    seen_before = ApiKey.objects.get(pk=key.pk)
    revoke_key(key, actor=SYSTEM, now=NOW)

    with pytest.raises(Http404):
        update_key(seen_before, values={"is_active": True}, actor=SYSTEM)
    with pytest.raises(Http404):
        rotate_key(seen_before, actor=SYSTEM, now=NOW)

    with pytest.raises(InvalidApiKey):
        find_key(secret, now=NOW)
