"""What a process has loaded when its work begins, and what that costs it and the processes that are forked from it."""

import gc


def keep_loaded() -> None:
    """Let the collector look at nothing that is there by now: it stays as long as the process.

    Looking writes to it, and what a forked process writes to it shares no more. What comes from now on is little
    beside it, and so is cleared away soon: the collector waits for a quarter of what it has to look at.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # it counts again what it has to look at
