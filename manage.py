#!/usr/bin/env python
"""Runs Oui Post's commands: `python manage.py help` lists them."""

import errno
import os
import signal
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, execute_from_command_line

from adminapi.doctor import findings
from adminapi.management import NOBODY_CAN_TELL
from adminapi.management.unusable import on_the_database
from ouipost.observability import log_format
from ouipost.runtime import memory

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: list[str]) -> None:
    """Run a command; where the settings cannot be read, say why in a line, and as `doctor` says it.

    Our commands say themselves what the database lacks, those of Django say it here.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
    try:
        require_output()
        require_text(arguments)
        set_up(arguments)
        with on_the_database():
            execute_from_command_line(arguments)
        sys.stdout.flush()
    except CommandError as error:
        if "--traceback" in arguments:
            raise
        sys.stderr.write(f"CommandError: {error}\n")
        sys.exit(error.returncode)
    except BrokenPipeError:  # who reads it has seen enough, as `head`
        drop_output()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        drop_output()
        sys.stderr.write(f"CommandError: Something cannot be written: {error.strerror}.\n")
        sys.exit(NOBODY_CAN_TELL)
    except KeyboardInterrupt:
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)  # ends a shell's loop around it, too, as an exit code would not


def drop_output() -> None:
    """Let what could not be written go: Python would write it at the end, and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def require_output() -> None:
    """Raise CommandError if the output is closed: the next file that is opened, such as the database, would be it."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process runs)
    if sys.stdout is None:
        raise CommandError("The standard output is closed: redirect it to a file.", returncode=NOBODY_CAN_TELL)


def require_text(arguments: list[str]) -> None:
    """Raise CommandError for an argument that can be neither stored nor compared with what is."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise CommandError(f"An argument is not text in UTF-8: {argument}", returncode=2) from error


def set_up(arguments: list[str]) -> None:
    """Load what the settings name, or end."""
    try:
        with memory.loading():
            django.setup()
    except (ImproperlyConfigured, ValueError) as error:
        if arguments[1:2] == ["doctor"]:
            sys.stdout.write(findings.refused(str(error), in_json="--json" in arguments) + "\n")
            sys.exit(1)
        sys.stderr.write(log_format.refusal(f"Oui Post cannot run with these settings: {error}") + "\n")
        sys.exit(NOBODY_CAN_TELL)


if __name__ == "__main__":
    main(sys.argv)
