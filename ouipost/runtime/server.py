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
    """Whether the server forks several processes, which can share memory."""
    return multiprocessing.get_start_method() == "fork" and ONE_PROCESS not in zip(sys.argv, sys.argv[1:], strict=False)


def end_on_term() -> None:
    """Let a TERM end a process that was just forked: while it loads, the handler of its parent would ignore the signal.

    Later granian ends the process when all requests are answered, and waiting threads learn of it from `shutdown`.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    shutdown.listen()


if __name__ == "__mp_main__":  # a worker that was not forked
    shutdown.listen()
if __name__ == "__main__":
    os.register_at_fork(after_in_child=end_on_term)
    if shares():
        import_module("ouipost.wsgi")  # without fork, each worker loads it itself
    entrypoint()
