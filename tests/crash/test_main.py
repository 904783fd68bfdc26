"""`make crash` itself, with one of its shortest runs."""

import os
import subprocess
import sys

import pytest

from tests.product import ROOT

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

OF_THE_TESTS = ("OUIPOST_HOME", "SECRET_KEY", "TOKEN_KEYS", "SIMULATOR_TOKEN")


def test_a_run_that_is_chosen_by_its_words_is_carried_out_and_told() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
    command = [sys.executable, "-m", "tests.crash", "--only", "same text, bluesky, 0 min", "--only", "sqlite"]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    run, total = done.stdout.splitlines()
    assert (done.returncode, run.rsplit(maxsplit=1)[1], total[:10]) == (0, "GOOD", "All 1 runs")
