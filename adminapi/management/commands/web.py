"""`manage.py web`: the web server alone, as a container or a service manager runs it."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from adminapi.web import web_command


class Command(BaseCommand):
    help = "Run the web server alone, in the place of this process; `prepare` must have been run."
    requires_system_checks = ()  # the server's own processes load the product, this one is replaced

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")

    def handle(self, *args: Any, **options: Any) -> None:
        command = web_command(options["host"])
        os.execv(command[0], command)  # noqa: S606 (our own command line)
