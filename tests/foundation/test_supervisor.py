"""What is to run is started again when it dies, what ends by itself is not, and both end with the supervisor."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ouipost.runtime import supervisor
from ouipost.runtime.supervisor import Child, Supervisor
from tests.product import PATIENCE_SECONDS, wait_for

ROOT = Path(__file__).resolve().parents[2]
ENDS = [sys.executable, "-c", ""]
STAYS = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, to be moved on by the test."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


def test_a_child_that_died_is_started_again_but_not_within_a_second(at: list[float]) -> None:
    child = Child(name="quick", command=ENDS)

    assert not child.ensure()
    assert child.process is not None
    first = child.process
    first.wait()
    at[0] += 0.5
    assert (child.ensure(), child.process) == (False, first)
    at[0] += 0.5
    assert child.ensure()

    assert child.process is not first
    child.process.wait()


def test_a_child_that_is_to_run_once_is_not_started_again(at: list[float]) -> None:
    child = Child(name="demo", command=ENDS, once=True)

    child.ensure()
    assert child.process is not None
    child.process.wait()
    at[0] += 2

    assert [child.ensure(), child.ensure()] == [False, False]
    assert vars(child)["process"] is None  # whose id may be another's by now


def test_a_child_that_runs_is_left_alone_until_the_end() -> None:
    child = Child(name="steady", command=STAYS)
    child.ensure()
    process = child.process
    assert process is not None

    try:
        assert (child.ensure(), child.process) == (False, process)
        Supervisor(children=[child], say=pytest.fail).end()
        assert process.returncode == -signal.SIGTERM
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("form", ["text", "json"])
def test_it_says_in_the_form_of_the_log_what_it_started_again(tmp_path: Path, form: str) -> None:
    said = tmp_path / "said"
    command = supervisor.command(form, {"web": ENDS, "demo": ENDS}, "demo")
    with said.open("w") as log:
        running = subprocess.Popen(command, cwd=ROOT, env=os.environ, stderr=log)
    try:
        wait_for(lambda: said.read_text().count("\n") >= 2, what="it to die twice")
        running.send_signal(signal.SIGTERM)
        status = running.wait(PATIENCE_SECONDS)
    finally:
        running.kill()
        running.wait(PATIENCE_SECONDS)

    lines = said.read_text().splitlines()
    told = lines if form == "text" else [json.loads(line)["event"] for line in lines]
    assert (status, set(told)) == (0, {"The web process had died and was started again."})


def test_each_signal_that_tells_to_stop_is_heard_unless_it_is_ignored() -> None:
    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {name: signal.signal(name, lambda *_: None) for name in names}
    heard: list[int] = []
    try:
        supervisor.when_told_to_stop(lambda name, _: heard.append(name))
        for name in names:
            signal.raise_signal(name)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
        supervisor.when_told_to_stop(lambda name, _: heard.append(name))
        signal.raise_signal(signal.SIGHUP)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)

    assert heard == [*names]


def test_it_loads_nothing_of_the_product() -> None:
    program = "import ouipost.runtime.supervisor, sys; print({'django', 'structlog', 'celery'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, check=True)

    assert done.stdout == "set()\n"
