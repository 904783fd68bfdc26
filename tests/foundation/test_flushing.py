"""Counts that are written soon."""

import threading

import pytest

from ouipost.flushing import Flusher
from tests.foundation.threads import PATIENCE_SECONDS, no_more_threads


def test_where_the_machine_gives_no_thread_counting_goes_on_and_the_next_count_is_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written = threading.Event()
    flusher = Flusher(written.set, seconds=0.01)
    with monkeypatch.context() as machine:
        no_more_threads(machine)
        flusher.flush_soon()

    flusher.flush_soon()

    assert written.wait(PATIENCE_SECONDS)
    assert "can't start new thread" in caplog.text
