"""A body that comes slowly holds up nobody else: it is received before the transaction of the write."""

from typing import Any

import pytest
from django.db import connection
from django.test.client import FakePayload

from tests.contract.writes import WRITES, World


@pytest.mark.parametrize("route", WRITES)
def test_no_write_waits_for_its_body_within_a_transaction(
    world: World, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, read, receive = len(connection.savepoint_ids), set(), FakePayload.read

    def noted(payload: FakePayload, *args: Any, **options: Any) -> bytes:
        read.add(len(connection.savepoint_ids))
        return receive(payload, *args, **options)

    monkeypatch.setattr(FakePayload, "read", noted)
    response = WRITES[route](world)

    assert response.status_code < 300
    assert read <= {outside}
