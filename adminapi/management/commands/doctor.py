"""`manage.py doctor`: show the faults of this installation, and their remedies."""

import logging
import sys
from typing import Any

from django.core.management.base import CommandParser

from adminapi.doctor.examination import examine
from adminapi.doctor.findings import WRONG, as_json, as_text, worst
from adminapi.management.base import OperatorCommand, add_json


class Command(OperatorCommand):
    help = (
        "Check everything that the product depends on (settings, database, Redis, broker, storage, public address, "
        "credentials, keys, workers), and say for each whether it works, and what to do if it does not. It writes "
        "nothing but two files and a value, and removes them again."
    )
    details = """
Each line is one of:
  ok        nothing to do
  warning   it works, but not as it should
  wrong     it does not work, or will not when it matters
  unknown   nobody can tell, because of something else that is wrong

Examples:
  manage.py doctor
  manage.py doctor --networks
  manage.py doctor --json | jq '.checks[] | select(.status != "ok")'

With --networks each network that has an app here is asked to sign in with a code that was made up. It refuses that: by
its words you see whether it knows the app. Each line says what to register at the network, too.

Run it where the product runs, as the same user, with the same environment. It takes a few seconds, 20 at most. If
OUIPOST_HOME does not exist, it says that, and looks at nothing else.

Exits with 1 if anything is wrong, such as a database that does not answer, else with 0."""
    ends_without_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--networks", action="store_true", help="also ask each network about this installation's app; see below"
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        logging.disable(logging.ERROR)  # the findings below report errors
        found = examine(asks_networks=options["networks"])
        self.stdout.write(as_json(found) if options["json"] else as_text(found))
        if worst(found) == WRONG:
            self.stdout.flush()
            sys.exit(1)
