"""A process is started at once, whatever its starter forks meanwhile."""

import os
import signal
import subprocess
import sys

PATIENCE_SECONDS = 30
PROGRAM = """
import os, sys, threading, time
from ouipost.runtime.spawning import spawn

is_over = threading.Event()

def fork():
    while not is_over.wait(0.001):
        if os.fork() == 0:
            time.sleep(600)

sys.setswitchinterval(1e-6)
threading.Thread(target=fork).start()
failed = any([spawn(["/bin/true"]).wait() for _ in range(100)])
is_over.set()
sys.exit(failed)
"""


def test_a_fork_at_the_wrong_moment_holds_nothing_up() -> None:
    """Each of its many children would hold a pipe open that it inherited, for ten minutes."""
    starter = subprocess.Popen([sys.executable, "-c", PROGRAM], start_new_session=True)
    try:
        assert starter.wait(timeout=PATIENCE_SECONDS) == 0
    finally:
        os.killpg(starter.pid, signal.SIGKILL)
