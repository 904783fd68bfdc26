"""Traces keep no process from its end."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.product import ROOT

TRACED = """
import django
django.setup()
from ouipost.observability import traces
with traces.span("a step"):
    print("done", flush=True)
"""
BEAT_MAY_TAKE_SECONDS = 10


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.any_database
def test_a_collector_that_hangs_lets_a_process_end_in_time(hanging: str) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "ouipost.settings", "OTEL_EXPORTER_OTLP_ENDPOINT": hanging}
    command = [sys.executable, "-c", TRACED]

    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"

        assert process.wait(timeout=BEAT_MAY_TAKE_SECONDS) == 0
