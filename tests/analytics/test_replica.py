"""Reports are read from a replica where there is one; nothing else is, and nothing waits for it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, ProgrammingError

from ouipost.db.replica import on_replica
from tests.databases import fresh_database, own_server
from tests.services import ROOT, free_port

pytestmark = [pytest.mark.any_database, pytest.mark.thorough]

PREPARE = """
import json
from datetime import timedelta
from django.utils import timezone
from analytics.models import DayTotal
from tests.factories import make_key, make_workspace
workspace = make_workspace()
_, secret = make_key()
day = timezone.now().date() - timedelta(days=1)
DayTotal.objects.create(workspace=workspace, day=day, platform="facebook", impressions=1)
print(json.dumps([workspace.pk, secret]))
"""
LIKE = 'from analytics.models import DayTotal; DayTotal.objects.update(impressions=5); print("{}")'
ASK = """
import json
from django.test import Client
from workspaces.models import Workspace
Workspace.objects.update(description="written")
ask = Client(headers={{"X-API-Key": {secret!r}, "X-Workspace-ID": {workspace!r}}}, HTTP_HOST="testserver")
told = ask.get("/api/analytics").json()["data"]["summary"]["total_impressions"]
print(json.dumps([told, list(ask.get("/readyz").json()["checks"]), Workspace.objects.get().description]))
"""
FREEZE = """
import os
import signal
from django.db import connections
replica = connections["replica"]
replica.settings_dict["OPTIONS"]["read_timeout"] //= 15
replica.ensure_connection()
os.kill({pid}, signal.SIGSTOP)
"""


def run(home: Path, code: str, replica: str = "") -> Any:
    """Run code with a database of this folder, and return what it printed."""
    told = {
        "OUIPOST_HOME": str(home),
        "DATABASE_URL": f"sqlite:///{home}/first.sqlite3",
        "DATABASE_REPLICA_URL": replica,
    }
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | told, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "error",
    [
        ProgrammingError(1146, "Table 'ouipost.analytics_daytotal' doesn't exist"),
        OperationalError(1054, "Unknown column 'impressions'"),
        OperationalError(2006, "Server has gone away"),
    ],
    ids=["lacks a table", "lacks a column", "is away"],
)
def test_while_the_replica_is_behind_a_migration_or_away_the_database_is_read(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setitem(settings.DATABASES, "replica", {})
    errors = [error]

    @on_replica
    def read() -> int:
        if errors:
            raise errors.pop()
        return 5

    assert read() == 5


def test_an_error_of_ours_at_the_replica_is_no_reason_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES, "replica", {})

    @on_replica
    def read() -> int:
        raise ProgrammingError(1064, "You have an error in your SQL syntax")

    with pytest.raises(ProgrammingError):
        read()


def test_reports_are_read_from_the_replica_and_from_the_database_when_it_is_away(tmp_path: Path) -> None:
    run(tmp_path, "from django.core.management import call_command as c; c('migrate', verbosity=0); print('{}')")
    workspace, secret = run(tmp_path, PREPARE)
    shutil.copy(tmp_path / "first.sqlite3", tmp_path / "copy.sqlite3")
    run(tmp_path, LIKE)

    ask = ASK.format(secret=secret, workspace=workspace)
    without = run(tmp_path, ask)
    copied = run(tmp_path, ask, f"sqlite:///{tmp_path}/copy.sqlite3")
    away = run(tmp_path, ask, f"mysql://nobody@127.0.0.1:{free_port()}/gone")

    needed = ["default", "simulator"]
    assert without == [5, needed, "written"]
    assert copied == [1, needed, "written"]
    assert away == [5, needed, "written"]


def test_a_replica_that_hangs_holds_nobody_up_for_good(tmp_path: Path) -> None:
    run(tmp_path, "from django.core.management import call_command as c; c('migrate', verbosity=0); print('{}')")
    workspace, secret = run(tmp_path, PREPARE)
    ask = FREEZE + ASK

    with own_server() as server, fresh_database(tmp_path, server.url) as replica:
        try:
            told = run(tmp_path, ask.format(pid=server.process.pid, secret=secret, workspace=workspace), replica)
        finally:
            server.signal(signal.SIGCONT)

    assert told == [1, ["default", "simulator"], "written"]
