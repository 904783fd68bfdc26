#!/usr/bin/env python
"""Runs Oui Post's commands: `python manage.py help` lists them."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from adminapi.doctor import findings


def main(arguments: list[str]) -> None:
    """Run a command; where the settings cannot be read, say why in a line, and as `doctor` says it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
    try:
        django.setup()
    except (ImproperlyConfigured, ValueError) as error:
        if arguments[1:2] == ["doctor"]:
            sys.stdout.write(findings.refused(str(error), in_json="--json" in arguments) + "\n")
            sys.exit(1)
        sys.exit(f"Oui Post cannot run with these settings: {error}")
    execute_from_command_line(arguments)


if __name__ == "__main__":
    main(sys.argv)
