"""Whether this process was asked to end, for its threads that wait: the web server tells those nothing."""

import os
import signal
import time
from multiprocessing.connection import wait

_signals: int | None = None
"""Where each signal that has a handler here leaves a byte, which nobody takes out; None: nobody listens."""


def listen() -> None:
    """Notice TERM and INT from now on, whoever handles them; for the main thread."""
    global _signals
    _signals, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)


def is_asked_within(seconds: float) -> bool:
    """Wait, no longer once this process was asked to end, and return whether it was; False where nobody listens."""
    if _signals is None:
        time.sleep(seconds)
        return False
    return bool(wait([_signals], seconds))
