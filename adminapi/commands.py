"""What operators' commands have in common: a help text that a stranger understands, and one way to print."""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the lines of a text that has several."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text.strip("\n") if "\n" in text else super()._fill_text(text, width, indent)


class OperatorCommand(BaseCommand):
    """A command for whoever looks after the installation.

    `help` says what it does and what it changes, `details` gives examples and what the exit codes mean.
    """

    details = ""
    is_quiet = False
    """Whether only the object of `--json` is printed."""

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        given: dict[str, Any] = {"epilog": self.details, "formatter_class": HelpFormatter} | options
        return super().create_parser(prog_name, subcommand, **given)

    def say(self, line: str) -> None:
        """Print a line at once, unless only an object is wanted."""
        if not self.is_quiet:
            self.stdout.write(line)
            self.stdout.flush()

    def show(self, found: dict[str, Any]) -> None:
        """Print the one object of `--json`."""
        self.stdout.write(json.dumps(found))


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")


def add_dry_run(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--dry-run`: `what` completes "only say what would be …"."""
    parser.add_argument("--dry-run", action="store_true", help=f"only say {what}; change nothing")
