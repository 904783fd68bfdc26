"""`manage.py load_demo`: the demo, into the product that runs at PUBLIC_BASE_URL."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adminapi import demo
from adminapi.client import ClientError


class Command(BaseCommand):
    help = "Fill a sandbox workspace of the running product once, and print how to use it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be made")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self.stdout.write("Would make a sandbox workspace, a test key, an account at each network and three posts.")
            return
        if not demo.is_ready():
            raise CommandError(f"Nothing answers at {settings.PUBLIC_BASE_URL}/readyz: start `manage.py serve` first.")
        try:
            demo.show(self.stdout)
        except ClientError as error:
            raise CommandError(str(error)) from error
