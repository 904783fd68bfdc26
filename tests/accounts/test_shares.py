"""How many calls at once each network may have, and each server that is somebody's own."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from accounts.models import Network
from accounts.shares import share_of_server, shares
from tests.factories import NOW
from tests.foundation.starts import refusal
from tests.foundation.threads import PATIENCE_SECONDS, at_once


def test_the_product_does_not_start_with_a_wrong_cap(tmp_path: Path) -> None:
    assert "BLUESKY_MAX_IN_FLIGHT must be at least 1." in refusal(tmp_path, BLUESKY_MAX_IN_FLIGHT="0")


@pytest.mark.parametrize(("places", "share"), [(8, 2), (3, 1)])
def test_a_server_of_somebodys_own_has_a_quarter_of_its_networks_places_and_never_none(
    settings: Settings, places: int, share: int
) -> None:
    settings.NETWORK_MAX_IN_FLIGHT = settings.NETWORK_MAX_IN_FLIGHT | {"bluesky": places}

    assert share_of_server("sandbox:bluesky@pds.example") == share


@pytest.mark.django_db
def test_a_network_in_trouble_has_no_share_and_one_that_is_tried_again_one(settings: Settings) -> None:
    settings.NETWORK_MAX_IN_FLIGHT = {"facebook": 48, "twitter": 7, "bluesky": 48}
    Network.objects.create(pk="facebook", held_until=NOW + timedelta(seconds=1))
    Network.objects.create(pk="bluesky", held_until=NOW)
    Network.objects.create(pk="twitter", recent_calls="-----", recent_at=NOW)

    with transaction.atomic():
        found = shares(NOW)

    assert found == {
        "facebook": 0,
        "sandbox:facebook": 48,
        "twitter": 7,
        "sandbox:twitter": 7,
        "bluesky": 1,
        "sandbox:bluesky": 48,
    }


@pytest.mark.django_db(transaction=True)
def test_of_two_that_ask_at_once_one_may_try_a_network_again() -> None:
    Network.objects.create(pk="bluesky", held_until=NOW)
    asked, told = threading.Event(), threading.Event()

    def first() -> int:
        with transaction.atomic():
            share = shares(NOW)["bluesky"]
            asked.set()
            # SQLite has one writer at a time: there the second only asks once this one has ended.
            told.wait(PATIENCE_SECONDS if connection.features.has_select_for_update_skip_locked else 0)
            return share

    def second() -> int:
        assert asked.wait(PATIENCE_SECONDS)
        with transaction.atomic():
            share = shares(NOW)["bluesky"]
        told.set()
        return share

    shared = connection.features.has_select_for_update_skip_locked

    assert at_once(first, second) == ([1, 0] if shared else [1, 1])
