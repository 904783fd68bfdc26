"""What a connection to a database server does when the other end says nothing."""

import os
import socket
import time

import pytest
from django.db import connection, connections, transaction

from ouipost.databases import AWAY_SECONDS, IDLE_TRANSACTION_SECONDS
from tests.factories import make_workspace
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


@pytest.mark.usefixtures("on_mariadb")
def test_a_transaction_whose_client_says_nothing_gives_its_locks_back() -> None:
    workspace = make_workspace()
    gone = connections.create_connection("default")
    with gone.cursor() as cursor:
        cursor.execute("SELECT @@idle_transaction_timeout")
        assert cursor.fetchone() == (IDLE_TRANSACTION_SECONDS,)
        cursor.execute("SET SESSION idle_transaction_timeout = 1")
        cursor.execute("BEGIN")
        cursor.execute("SELECT id FROM workspaces_workspace WHERE id = %s FOR UPDATE", [workspace.pk])

        began = time.monotonic()
        with transaction.atomic():
            assert Workspace.objects.select_for_update().get(pk=workspace.pk) == workspace

    assert 0.5 < time.monotonic() - began < 10
    gone.connection = None
