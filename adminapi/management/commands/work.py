"""`manage.py work`: the worker alone, straight from the database, without a broker."""

import os
import threading
import time
from typing import Any

from django.core.management.base import CommandParser

from adminapi.management.base import OperatorCommand
from adminapi.processes.worker import Worker
from ouipost.runtime import memory
from ouipost.runtime.supervisor import when_told_to_stop

PARENT_LOOK_SECONDS = 1


class Command(OperatorCommand):
    help = (
        "Publish what is due, call webhooks, read numbers, renew tokens and remove what is old, until TERM, INT or "
        "HUP; run as many of these as you like."
    )
    details = """
Examples:
  manage.py work                      beside the web process
  WORKER_THREADS=16 manage.py work    on a small machine

TERM, INT and HUP let what is in flight end, up to 45 seconds. Exits with 0 then, and with 1 at its start where
TOKEN_KEYS does not open what is stored. A database that does not answer, or is not migrated yet, is waited for."""
    ends_without_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parent", type=int, metavar="PID", help="stop also when this parent process is gone")

    def handle(self, *args: Any, **options: Any) -> None:
        self.say_in_the_log()
        memory.keep_loaded()
        worker = Worker()
        when_told_to_stop(lambda *_: worker.stop())
        if options["parent"]:
            threading.Thread(target=stop_with, args=(options["parent"], worker), daemon=True).start()
        worker.run(say_begun=lambda: self.say("The worker runs."))
        self.stdout.write("The worker has stopped.")
        if worker.is_held_up:
            self.stdout.flush()
            os._exit(0)  # Python would wait for their threads, for minutes where one uploads a video


def stop_with(parent: int, worker: Worker) -> None:
    """Stop the worker once this process is not its parent any more: a killed parent can't ask it to."""
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_SECONDS)
    worker.stop()
