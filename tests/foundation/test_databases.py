"""What a connection to a database server does when the other end says nothing."""

import os
import pkgutil
import socket
import threading
import time
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from ouipost.db import migrating
from ouipost.db.configuration import AWAY_SECONDS, IDLE_SECONDS, IDLE_TRANSACTION_SECONDS, SESSION
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.factories import make_post, make_workspace
from tests.foundation.threads import PATIENCE_SECONDS, at_once, wait_until
from tests.posts.media.pictures import picture
from workspaces.models import Workspace

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has no other end"),
]


def test_a_server_whose_machine_is_gone_is_noticed() -> None:
    connection.ensure_connection()

    with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
        told = [
            wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        ]

    assert told == [1, AWAY_SECONDS, AWAY_SECONDS * 1000]


def test_a_transaction_whose_client_says_nothing_gives_its_locks_back() -> None:
    limit, seconds = "wait_timeout", IDLE_SECONDS
    if getattr(connection, "mysql_is_mariadb", False):
        limit, seconds = "idle_transaction_timeout", IDLE_TRANSACTION_SECONDS
    workspace = make_workspace()
    gone = connections.create_connection("default")
    with gone.cursor() as cursor:
        cursor.execute(f"SELECT @@{limit}")
        assert cursor.fetchone() == (seconds,)
        cursor.execute(f"SET SESSION {limit} = 1")
        cursor.execute("BEGIN")
        cursor.execute("SELECT id FROM workspaces_workspace WHERE id = %s FOR UPDATE", [workspace.pk])

        began = time.monotonic()
        with transaction.atomic():
            assert Workspace.objects.select_for_update().get(pk=workspace.pk) == workspace

    assert 0.5 < time.monotonic() - began < 10
    gone.connection = None


def test_tables_have_transactions_whatever_the_servers_default_is() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION default_storage_engine = MyISAM")
        cursor.execute(SESSION)  # as the server is told when a connection is opened
        cursor.execute("CREATE TABLE adminapi_made (id INT)")
        cursor.execute("SELECT engine FROM information_schema.tables WHERE table_name = 'adminapi_made'")
        found = cursor.fetchone()
        cursor.execute("DROP TABLE adminapi_made")

    assert found == ("InnoDB",)


def test_a_change_of_a_table_that_lost_a_race_for_its_locks_is_made_again() -> None:
    errors = [OperationalError(1213, "Deadlock found when trying to get lock")]

    def lose(execute: Any, *statement: Any) -> Any:
        if errors:
            raise errors.pop()
        return execute(*statement)

    with migrating.giving_way(connection), connection.execute_wrapper(lose), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workspaces_workspace COMMENT = 'changed'")

    assert errors == []


def is_waiting_for_a_table() -> bool:
    with connection.cursor() as cursor:
        return bool(
            cursor.execute(
                "SELECT 1 FROM information_schema.processlist"
                " WHERE db = DATABASE() AND state = 'Waiting for table metadata lock'"
            )
        )


def test_a_change_of_a_table_that_has_to_wait_lets_others_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "GIVE_WAY_SECONDS", 1)
    workspace, used, changed = make_workspace(), threading.Event(), threading.Event()

    def change() -> None:
        assert used.wait(PATIENCE_SECONDS)
        with migrating.giving_way(connection), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE workspaces_workspace COMMENT = 'changed'")
        changed.set()

    def use() -> tuple[Any, bool]:
        with transaction.atomic():
            workspace.refresh_from_db()
            used.set()
            wait_until(is_waiting_for_a_table)
            [found] = at_once(lambda: Workspace.objects.get(pk=workspace.pk))  # who comes after the change
            return found, changed.is_set()

    assert at_once(use, change) == [(workspace, False), None]
    assert changed.is_set()


@pytest.mark.parametrize("step", ["rest_framework.parsers.MultiPartParser.parse", "posts.media.files.keep"])
def test_a_file_may_take_longer_than_the_server_keeps_an_idle_connection(
    api: ApiClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    post, step_itself = make_post(workspace), pkgutil.resolve_name(step)

    def slowly(*args: Any, **values: Any) -> Any:
        took = step_itself(*args, **values)
        connection.ensure_connection()
        connection.close_at = time.monotonic()
        with connections.create_connection("default").cursor() as cursor:
            cursor.execute("KILL %s", [connection.connection.thread_id()])
        return took

    monkeypatch.setattr(step, slowly)

    assert upload(api, post, picture()).status_code == 201
