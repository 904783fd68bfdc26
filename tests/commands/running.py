"""Runs an operator's command in this process, and gives what it printed."""

from io import StringIO

from django.core.management import call_command


def run(*arguments: str) -> str:
    """Run the command, which must not exit with another status than 0, and return what it printed."""
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def outcome_of(*arguments: str) -> tuple[int, str]:
    """Run the command and return its exit status and what it printed."""
    output = StringIO()
    try:
        call_command(*arguments, stdout=output)
    except SystemExit as ended:
        return int(str(ended.code)), output.getvalue()
    return 0, output.getvalue()


def lines_of(*arguments: str) -> tuple[int, list[str]]:
    """Run the command and return its exit status and the lines that it printed."""
    status, printed = outcome_of(*arguments)
    return status, printed.splitlines()
