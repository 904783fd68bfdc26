"""A database server keeps what a migration did before it broke off: to migrate again goes on from there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.databases import fresh_database
from tests.services import ROOT

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite undoes what a migration did before it broke off"),
    pytest.mark.thorough,
]
BREAK_OFF = """
import json
from django.db import DatabaseError, connection
from adminapi.processes import web
from tests.foundation.test_migrating_again import tables_of

done, broken = set(), 0

class BrokeOff(Exception):
    pass

def break_off(execute, sql, parameters, many, context):
    found = execute(sql, parameters, many, context)
    if sql.startswith(("CREATE", "ALTER", "DROP")) and sql not in done:
        done.add(sql)
        if len(done) % 5 == 0:
            raise BrokeOff
    return found

while True:
    try:
        with connection.execute_wrapper(break_off):
            web.migrate()
        break
    except BrokeOff:
        broken += 1
print(json.dumps([broken, tables_of(connection)]))
"""
THEIRS = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE workspaces_workspace (id INT, birds INT)")
from adminapi.processes import web
web.migrate()
"""


def tables_of(connection: Any) -> dict[str, str]:
    """Return how each table is made."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        found = {}
        for name in names:
            cursor.execute(f"SHOW CREATE TABLE {name}")
            found[name] = cursor.fetchone()[1].partition(") ENGINE=")[0]
        return found


def run(code: str, *, database: str, home: Path) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"DATABASE_URL": database, "OUIPOST_HOME": str(home)}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)


def test_a_migration_goes_on_wherever_it_broke_off(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as database:
        went_on = run(BREAK_OFF, database=database, home=tmp_path)

    assert went_on.returncode == 0, went_on.stderr
    broken, tables = json.loads(went_on.stdout.splitlines()[-1])
    assert broken > 10
    assert tables == tables_of(connection)


def test_a_table_of_somebody_else_is_not_taken_for_ours(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as database:
        refused = run(THEIRS, database=database, home=tmp_path)

    assert refused.returncode == 1
    assert "Table 'workspaces_workspace' already exists" in refused.stderr
