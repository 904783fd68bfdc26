"""`manage.py load_demo`: the demo, into the product that runs at PUBLIC_BASE_URL."""

from dataclasses import asdict
from io import StringIO
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import CommandError, CommandParser, OutputWrapper

from adminapi.management import demo
from adminapi.management.arguments import A_DAY, require_between
from adminapi.management.base import OperatorCommand, add_dry_run, add_json, add_wait
from adminapi.management.client import ClientError
from ouipost.observability import log_format, logs

MADE = "a sandbox workspace, a test key, an account at each network and three posts"


class Command(OperatorCommand):
    help = (
        "Fill a sandbox workspace of the running product, once, and print how to use it: an account at each simulated "
        "network and three posts. It talks to the product at PUBLIC_BASE_URL as any client would."
    )
    details = """
Examples:
  manage.py serve                 in one terminal,
  manage.py load_demo             in another
  manage.py load_demo --wait 60   which may be started first
  manage.py load_demo --json      {"api_key", "workspace_id", "email", "password"}

Exits with 1 if the product does not answer, refuses something, or no longer takes the key of the demo."""
    ends_without_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_wait(parser, "a product")
        add_dry_run(parser, "what would be made")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        require_between("--wait", options["wait"], least=0, most=A_DAY)
        if options["dry_run"]:
            is_there = demo.load() is not None
            self.show({"is_there": is_there})
            made = "nothing, for it is there" if is_there else f"{MADE}; nothing was done"
            self.say(f"Would make {made}.")
            return
        printed, is_json = self.stdout, settings.LOG_FORMAT == log_format.JSON
        in_lines = is_json and options["wait"] and not self.is_quiet
        if in_lines:
            logs.say_in_lines(self)  # it writes between the lines of `serve`
        if not demo.wait_until_ready(options["wait"]):
            raise CommandError(f"Nothing answers at {settings.PUBLIC_BASE_URL}/readyz: start `manage.py serve` first.")
        try:
            if self.is_quiet:
                self.show(asdict(demo.load_or_make(OutputWrapper(StringIO()))))
            elif in_lines:
                demo.show_in_a_line(printed, progress=self.stdout)
            else:
                demo.show(self.stdout)
        except (ClientError, requests.RequestException) as error:
            raise CommandError(f"The demo could not be made or read: {error}") from error
