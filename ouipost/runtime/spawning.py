"""Starting a process from a thread of one that forks: a Celery node's pool may fork at any moment."""

import subprocess
from collections.abc import Sequence


def spawn(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a command, given with its path, without forking this process.

    After a fork, Popen reads a pipe until the child runs the command. If another thread forks at that moment, its child
    holds the pipe open for as long as it lives, and Popen would not return before.
    """
    return subprocess.Popen(command, close_fds=False)  # noqa: S603 (our own command lines; only so is nothing forked)
