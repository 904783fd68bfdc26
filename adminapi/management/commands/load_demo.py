"""`manage.py load_demo`: the demo, into the product that runs at PUBLIC_BASE_URL."""

from dataclasses import asdict
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser, OutputWrapper

from adminapi import demo
from adminapi.client import ClientError
from adminapi.commands import OperatorCommand, add_dry_run, add_json


class Command(OperatorCommand):
    help = (
        "Fill a sandbox workspace of the running product, once, and print how to use it: an account at each simulated "
        "network and three posts. It talks to the product at PUBLIC_BASE_URL as any client would."
    )
    details = """
Examples:
  manage.py serve             in one terminal,
  manage.py load_demo         in another
  manage.py load_demo --json  {"api_key", "workspace_id", "email", "password"}

Exits with 1 if the product does not answer, or refuses something."""
    ends_without_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_dry_run(parser, "what would be made")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self.show({"is_there": demo.load() is not None})
            self.say("Would make a sandbox workspace, a test key, an account at each network and three posts.")
            return
        if not demo.is_ready():
            raise CommandError(f"Nothing answers at {settings.PUBLIC_BASE_URL}/readyz: start `manage.py serve` first.")
        try:
            if self.is_quiet:
                self.show(asdict(demo.load() or demo.make(OutputWrapper(StringIO()))))
            else:
                demo.show(self.stdout)
        except ClientError as error:
            raise CommandError(str(error)) from error
