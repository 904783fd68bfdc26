"""`manage.py work`: the worker alone, straight from the database, without a broker."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

from adminapi.worker import default_worker


class Command(BaseCommand):
    help = "Publish what is due and care for tokens, until TERM or INT; run as many of these as you like."

    def handle(self, *args: Any, **options: Any) -> None:
        worker = default_worker()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: worker.stop())
        self.stdout.write("The worker runs.")
        self.stdout.flush()
        worker.run()
        self.stdout.write("The worker has stopped.")
