"""Runs granian, the web server, with the product loaded before it forks, so that its workers share that memory."""

import multiprocessing
import os
import signal
import sys
from importlib import import_module

from granian.cli import entrypoint

from ouipost.runtime import shutdown

ONE_PROCESS = ("--workers", "1")


def shares() -> bool:
    """Whether it forks several processes: one has nobody to share memory with."""
    return multiprocessing.get_start_method() == "fork" and ONE_PROCESS not in zip(sys.argv, sys.argv[1:], strict=False)


def end_on_term() -> None:
    """Let a TERM end what was just forked: while it loads the product, its parent's handler would swallow that.

    Later granian has it end when all is answered, and what waits is told.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    shutdown.listen()


if __name__ == "__mp_main__":  # a worker, where nothing is forked
    shutdown.listen()
if __name__ == "__main__":
    os.register_at_fork(after_in_child=end_on_term)
    if shares():
        import_module("ouipost.wsgi")  # without fork, each worker loads it itself
    entrypoint()  # type: ignore[no-untyped-call]  # granian says nothing of its types
