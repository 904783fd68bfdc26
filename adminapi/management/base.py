"""The base of operators' commands: full help texts, one way to print, and one way to fail."""

import argparse
import json
from typing import Any, Literal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

from adminapi.management.arguments import WrongArgument, problems_of
from adminapi.management.unusable import on_the_database
from ouipost import __version__
from ouipost.errors import InvalidInput
from ouipost.events.journal import Actor
from ouipost.observability import log_format, logs

ON_THE_DATABASE = (
    "With wrong settings, or a database that is away, damaged or not migrated, it exits with 3 and says what to do."
)


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the line breaks of texts with several lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text.strip("\n") if "\n" in text else super()._fill_text(text, width, indent)


class OperatorCommand(BaseCommand):
    """A command for the installation's operator.

    `help` says what the command does and changes; `details` gives examples and the meaning of the exit codes.
    """

    requires_system_checks: list[str] | tuple[str, ...] | Literal["__all__"] = ()
    """No checks: Django's load every view, which takes as long as all the rest and stays in memory. `prepare`, `serve`
    and `doctor` run them."""
    details = ""
    ends_without_database = True
    is_quiet = False
    """True with `--json`: then only that object is printed."""

    def get_version(self) -> str:
        """Return the version of the product; Django's own method returns that of Django."""
        return __version__

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        epilog = f"{self.details}\n{ON_THE_DATABASE}" if self.ends_without_database else self.details
        given: dict[str, Any] = {"epilog": epilog, "formatter_class": HelpFormatter} | options
        return super().create_parser(prog_name, subcommand, **given)

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.is_quiet = options.get("json", False)
        try:
            with on_the_database():
                return super().execute(*args, **options)
        except InvalidInput as error:  # its fields are named like the arguments
            raise WrongArgument(problems_of(error)) from error

    @property
    def actor(self) -> Actor:
        """The actor for the journal: the command, by its name."""
        return Actor.of_command(type(self).__module__.rpartition(".")[2])

    def say_in_the_log(self) -> None:
        """Write to the log from now on if it is JSON, as a process that runs for long does."""
        if settings.LOG_FORMAT == log_format.JSON:
            logs.say_in_lines(self)

    def say(self, line: str) -> None:
        """Print a line at once; nothing with `--json`."""
        if not self.is_quiet:
            self.stdout.write(line)
            self.stdout.flush()

    def show(self, found: dict[str, Any]) -> None:
        """Print the one object of `--json` at once; nothing without it."""
        if self.is_quiet:
            self.stdout.write(json.dumps(found))
            self.stdout.flush()


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: `1 post`, `1,200 posts`; `several` is the plural if an s is not enough."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")


def add_wait(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--wait`: `what` completes "how long to wait for …"."""
    text = f"how long to wait for {what} that does not answer (default 0)"
    parser.add_argument("--wait", type=int, default=0, metavar="SECONDS", help=text)


def add_dry_run(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--dry-run`: `what` completes "only say what would be …"."""
    parser.add_argument("--dry-run", action="store_true", help=f"only say {what}; change nothing")
