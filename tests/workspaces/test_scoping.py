"""The workspace of a request, which is looked for while other requests come."""

import threading
from typing import Any

import pytest
from django.db import connection, connections

from tests.conftest import ApiClient
from tests.factories import make_key
from tests.foundation.threads import PATIENCE_SECONDS
from workspaces.models import Workspace


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_query_hangs_holds_up_no_other(api: ApiClient, workspace: Workspace) -> None:
    _, secret = make_key()
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(ApiClient(secret, workspace.pk).get("/api/schedules").status_code)
        connections.close_all()

    other = threading.Thread(target=ask, daemon=True)

    def hang(execute: Any, sql: str, *more: Any) -> Any:
        if "workspaces_workspace" in sql and other.ident is None:
            other.start()
            other.join(PATIENCE_SECONDS / 4)
            statuses.append(0)
        return execute(sql, *more)

    with connection.execute_wrapper(hang):
        api.get("/api/schedules")
    other.join(PATIENCE_SECONDS)

    assert statuses == [200, 0]
