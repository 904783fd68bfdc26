"""`manage.py serve`: web and worker on one machine, each restarted when it dies."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from adminapi import keyring
from adminapi.management.arguments import A_DAY, add_host
from adminapi.management.base import OperatorCommand
from adminapi.processes.web import become, migrate, require_port, web_command
from ouipost.runtime import supervisor


class Command(OperatorCommand):
    help = (
        "Migrate the databases, then run the web server and the worker on this machine until TERM, INT or HUP, and "
        "start each again when it dies."
    )
    details = """
Examples:
  manage.py serve --demo            with something to look at
  PORT=9000 manage.py serve --host 0.0.0.0

Exits with 0 after TERM, INT or HUP (a terminal that is closed), and with 1 at its start where a check or a migration
fails, TOKEN_KEYS does not open what is stored, or another process listens on the port."""
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="fill a sandbox workspace once, and print how to use it"
        )
        add_host(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.say_in_the_log()
        require_port(options["host"])
        migrate()
        keyring.require()
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        commands = {"web": web_command(options["host"]), "worker": [*manage, "work"]}
        if options["demo"]:
            commands["demo"] = [*manage, "load_demo", "--wait", str(A_DAY)]
        # Of its own, the demo would write text, as for a person.
        become(supervisor.command(settings.LOG_FORMAT, commands, "demo"), LOG_FORMAT=settings.LOG_FORMAT)
