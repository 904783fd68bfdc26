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


def prepare_worker() -> None:
    """Let a process of the server end as soon as its parent, and nobody else, tells it to by a TERM.

    While a forked one loads, the handler of its parent would ignore that. INT (Ctrl-C) and HUP reach each process of a
    terminal, but are for the parent alone: a worker that got one together with the TERM could wait for ever. Later
    granian ends the process when all requests are answered, and waiting threads learn of it from `shutdown`.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    shutdown.listen()


def end_on_hup(server: Any) -> None:
    """Let HUP, the signal of a closed terminal, end the server as TERM does, or leave it ignored, as under nohup.

    By itself granian would start its workers again at this signal, and go on.
    """
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    server.signal_handler_reload = None if is_ignored else server.signal_handler_interrupt


if __name__ == "__mp_main__":  # a worker that was not forked
    prepare_worker()
if __name__ == "__main__":
    os.register_at_fork(after_in_child=prepare_worker)
    end_on_hup(AbstractServer)
    if shares():
        import_module("ouipost.wsgi")  # without fork, each worker loads it itself
    entrypoint()
