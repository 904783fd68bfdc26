"""`work` runs until it is told to stop, `serve` goes on when the demo does not, `web` is the server alone."""

import os
import signal
import sqlite3
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from pytest_django import Settings

from adminapi import demo
from adminapi.client import ClientError
from adminapi.management.commands import serve
from tests.foundation.threads import PATIENCE_SECONDS
from tests.product import Product
from tests.services import free_port
from tests.stores import Bucket, setting

ROOT = Path(__file__).resolve().parent.parent.parent
HELD_UP = """
import os, time
os.environ["DJANGO_SETTINGS_MODULE"] = "ouipost.settings"
import django
django.setup()
from django.core.management import execute_from_command_line
from ouipost import engine
from posts.publisher import Publisher
engine.Engine.stop_seconds = engine.LEAVE_SECONDS = 0.1
Publisher.claim = lambda publisher, free, running: [] if running else ["a video"]
Publisher.ids = lambda publisher, job: {}
Publisher.leave = lambda publisher, jobs: None
Publisher.work = lambda publisher, job, writer: (os.kill(os.getpid(), 15), time.sleep(600))
execute_from_command_line(["manage.py", "work"])
"""
"""A worker whose one call takes ten minutes, and which is asked to stop, and in a hurry then, once that is out."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own with a migrated database."""
    values = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path)}
    Product(home=tmp_path, database_url=f"sqlite:///{tmp_path}/ouipost.sqlite3").migrate()
    return values


def manage(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)  # noqa: S603


@pytest.mark.crash
@pytest.mark.any_database
@pytest.mark.parametrize(
    ("command", "sent"),
    [
        pytest.param(["manage.py", "work"], signal.SIGTERM, id="TERM"),
        pytest.param(["manage.py", "work"], signal.SIGINT, id="INT"),
        pytest.param(["-c", HELD_UP], signal.SIGCONT, id="TERM, with a call that takes ten minutes"),
    ],
)
def test_the_worker_stops_when_it_is_asked_to(
    environment: dict[str, str], tmp_path: Path, command: list[str], sent: signal.Signals
) -> None:
    command = [sys.executable, *command]
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "The worker runs.\n"
            worker.send_signal(sent)
            output, errors = worker.communicate(timeout=PATIENCE_SECONDS)
        finally:
            worker.kill()

    assert (worker.returncode, output, errors) == (0, "The worker has stopped.\n", "")
    with sqlite3.connect(tmp_path / "ouipost.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


@pytest.mark.parametrize("error", [ClientError("refused"), requests.ConnectionError("refused")])
def test_a_demo_that_cannot_be_made_does_not_end_the_serving(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: Any) -> None:
        command.stopping = True
        raise error

    told = StringIO()
    command = serve.Command(stderr=told)
    command.stopping = False
    monkeypatch.setattr(demo, "is_ready", lambda: True)
    monkeypatch.setattr(demo, "show", fail)

    command._supervise([], show_demo=True)

    assert "The demo could not be made: refused" in told.getvalue()


def test_a_child_that_died_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 100.0, 100.5, 101.0, 101.0])
    monkeypatch.setattr("adminapi.management.commands.serve.time.monotonic", lambda: next(moments))
    child = serve.Child(name="quick", command=[sys.executable, "-c", ""])

    assert not child.ensure()
    assert child.process is not None
    first = child.process
    first.wait(PATIENCE_SECONDS)
    assert (child.ensure(), child.process) == (False, first)  # not within a second
    assert child.ensure()

    assert child.process is not first
    child.process.wait(PATIENCE_SECONDS)


def test_a_child_that_runs_is_left_alone() -> None:
    child = serve.Child(name="steady", command=[sys.executable, "-c", "import signal; signal.pause()"])
    child.ensure()
    process = child.process
    assert process is not None

    try:
        assert (child.ensure(), child.process) == (False, process)
        serve.Command()._end([child])
        assert process.returncode == -signal.SIGTERM
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


def test_web_becomes_the_server_itself(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.PORT, settings.WEB_WORKERS, settings.WEB_THREADS = free_port(), 3, 7
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, command: became.append([program, *command[1:]]))

    call_command("web", "--host", "0.0.0.0")  # noqa: S104

    assert [command[:3] for command in became] == [[sys.executable, "-m", "ouipost.server"]]
    assert f"--host 0.0.0.0 --port {settings.PORT} --workers 3 --blocking-threads 7" in " ".join(became[0])


@pytest.mark.django_db(databases=["default", "simulator"], transaction=True)
def test_prepare_makes_the_bucket_and_changes_nothing_when_it_is_run_again(bucket: Bucket) -> None:
    bucket.fail()
    said = StringIO()

    for _ in range(2):
        call_command("prepare", stdout=said)

    assert said.getvalue() == "The databases are ready, and the bucket was made.\nAll is ready.\n"
    assert bucket.names() == []


@pytest.mark.django_db(databases=["default", "simulator"], transaction=True)
def test_prepare_says_why_the_storage_is_not_ready(bucket: Bucket, settings: Settings) -> None:
    settings.STORAGES = settings.STORAGES | {"default": setting("http://127.0.0.1:9", bucket.name)}

    with pytest.raises(CommandError, match="Could not connect"):
        call_command("prepare")
