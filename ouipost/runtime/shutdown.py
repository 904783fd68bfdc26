"""Whether this process was asked to end, for its waiting threads, which the web server does not inform."""

import os
import signal
import time
from multiprocessing.connection import wait

_signals: int | None = None
"""Pipe to which each handled signal writes a byte that nobody reads; None before `listen`."""


def listen() -> None:
    """Notice TERM and INT from now on, whatever their handlers; for the main thread."""
    global _signals
    _signals, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)


def is_asked_within(seconds: float) -> bool:
    """Wait these seconds, or until this process is asked to end, and return whether it was; False before `listen`."""
    if _signals is None:
        time.sleep(seconds)
        return False
    return bool(wait([_signals], seconds))
