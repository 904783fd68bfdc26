"""`work` runs until it is told to stop, `serve` keeps web and worker running, `web` is the server alone."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

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
from posts.publishing.publisher import Publisher
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
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)


@pytest.mark.crash
@pytest.mark.any_database
@pytest.mark.parametrize(
    ("command", "sent"),
    [
        pytest.param(["manage.py", "work"], signal.SIGTERM, id="TERM"),
        pytest.param(["-c", HELD_UP], signal.SIGCONT, id="TERM, with a call that takes ten minutes"),
    ],
)
def test_the_worker_stops_when_it_is_asked_to(
    environment: dict[str, str], tmp_path: Path, command: list[str], sent: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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


@pytest.mark.thorough
@pytest.mark.any_database
def test_a_worker_without_the_right_keys_does_not_say_that_it_runs(environment: dict[str, str]) -> None:
    done = manage(environment | {"TOKEN_KEYS": "none"}, "work")

    assert (done.returncode, done.stdout) == (1, "")
    assert "Oui Post does not start: TOKEN_KEYS" in done.stderr


@pytest.mark.parametrize(("options", "runs"), [([], ["web", "worker"]), (["--demo"], ["web", "worker", "demo"])])
def test_serve_migrates_and_becomes_what_keeps_web_and_worker_running(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, options: list[str], runs: list[str]
) -> None:
    settings.PORT = free_port()
    done: list[Any] = []
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(serve, "migrate", lambda: done.append("migrated"))
    monkeypatch.setattr("adminapi.keyring.require", lambda: done.append("keys are right"))
    monkeypatch.setattr(os, "execve", lambda program, command, given: done.append([program, *command[1:], given]))
    before = dict(os.environ)

    call_command("serve", *options)

    migrated, checked, (*start, form, commands, once, variables) = done
    assert (migrated, checked, form, once) == ("migrated", "keys are right", "text", "demo")
    assert start == [sys.executable, "-m", "ouipost.runtime.supervisor"]
    assert list(json.loads(commands)) == runs
    assert json.loads(commands)["worker"] == [sys.executable, f"{ROOT}/manage.py", "work"]
    assert variables == before | {"LOG_FORMAT": "text", "PYTHONPATH": str(ROOT)}
    assert dict(os.environ) == before, "a later test's processes would write text in production, too"


def test_web_becomes_the_server_itself(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.PORT, settings.WEB_WORKERS, settings.WEB_THREADS = free_port(), 3, 7
    became: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setattr(os, "execve", lambda _, command, variables: became.append((command, variables)))

    call_command("web", "--host", "0.0.0.0")  # noqa: S104

    [(command, variables)] = became
    assert command[:3] == [sys.executable, "-m", "ouipost.runtime.server"]
    assert f"--host 0.0.0.0 --port {settings.PORT} --workers 3 --blocking-threads 7" in " ".join(command)
    assert variables["PYTHONPATH"] == f"{ROOT}:elsewhere"  # it may have been started in any folder


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
