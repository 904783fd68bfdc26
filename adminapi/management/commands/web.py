"""`manage.py web`: the web server alone, as a container or a service manager runs it."""

from typing import Any

from django.core.management.base import CommandParser

from adminapi.management.arguments import add_host
from adminapi.management.base import OperatorCommand
from adminapi.processes.web import become, require_port, web_command


class Command(OperatorCommand):
    help = "Run the web server alone, in place of this process; run `prepare` first."
    details = """
Examples:
  manage.py web                            behind a proxy on this machine
  PORT=9000 manage.py web --host 0.0.0.0   in a container

Exits with 0 after TERM, INT or HUP (a terminal that is closed), and with 1 at its start where TOKEN_KEYS does not open
what is stored, or another process listens on the port. While the database does not answer, or is not migrated, it
answers with 503."""
    ends_without_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_host(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.say_in_the_log()
        require_port(options["host"])
        become(web_command(options["host"]))
