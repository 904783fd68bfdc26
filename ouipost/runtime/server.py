"""Runs granian, the web server, with the product loaded before it forks, so that its workers share that memory."""

import multiprocessing
import os
import signal
import sys
from importlib import import_module
from typing import Any

from granian.cli import entrypoint
from granian.server.common import AbstractServer

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


def end_on_hup(server: Any) -> None:
    """Let HUP, the signal of a closed terminal, end the server as TERM does, or leave it ignored, as under nohup.

    By itself granian would start its workers again at this signal, and go on.
    """
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    server.signal_handler_reload = None if is_ignored else server.signal_handler_interrupt


if __name__ == "__mp_main__":  # a worker that was not forked
    shutdown.listen()
if __name__ == "__main__":
    os.register_at_fork(after_in_child=end_on_term)
    end_on_hup(AbstractServer)
    if shares():
        import_module("ouipost.wsgi")  # without fork, each worker loads it itself
    entrypoint()
