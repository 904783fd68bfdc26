"""Add and check arguments that several operators' commands share."""

import re
from datetime import datetime, timedelta

from django.core.management.base import CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from ouipost.api.inputs import CONTROL, Instant, Text
from ouipost.errors import InvalidInput
from workspaces.models import Workspace

SPAN = re.compile(r"([0-9]{1,4})([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
A_DAY = 86_400
"""A day in seconds."""


class WrongArgument(CommandError):
    """An argument has an invalid value. The command exits with 2, as for an unknown argument; 1 means that it found
    something."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)


def add_host(parser: CommandParser) -> None:
    """Add the address that the web server listens on."""
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)"
    )


def require_workspace(pk: str) -> None:
    """Raise WrongArgument if a named workspace does not exist."""
    if pk and not Workspace.objects.filter(pk=pk).exists():
        raise WrongArgument(f"There is no workspace {pk}.")


def require_between(name: str, value: int, *, least: int, most: int) -> None:
    """Raise WrongArgument if a number is out of its range."""
    if not least <= value <= most:
        raise WrongArgument(f"{name} must be {least} to {most}.")


def require_text(name: str, value: str, *, most: int) -> None:
    """Raise WrongArgument if a text is empty, too long, or has characters that the API refuses everywhere."""
    if not value.strip() or len(value) > most:
        raise WrongArgument(f"{name} must have 1 to {most} characters.")
    if CONTROL.search(value):
        raise WrongArgument(f"{name}: {Text.default_error_messages['control']}")


def read_since(text: str, *, now: datetime) -> datetime:
    """Return the moment of `--since`, given in ISO 8601 or as a span before now such as 24h.

    Raises WrongArgument.
    """
    if span := SPAN.fullmatch(text):
        return now - timedelta(**{UNITS[span[2]]: int(span[1])})
    try:
        moment: datetime = Instant().run_validation(text)
    except ValidationError as error:
        reason = " ".join(map(str, error.detail))
        raise WrongArgument(f"--since: {reason} Or so long ago: 90m, 24h, 7d.") from error
    return moment


def problems_of(error: InvalidInput) -> str:
    """Return the errors of arguments that are named like the fields of a body."""
    fields: dict[str, list[str]] = error.details["fields"]
    return " ".join(f"--{name.replace('_', '-')}: {' '.join(problems)}" for name, problems in fields.items())
