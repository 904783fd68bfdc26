"""Every command of ours tells a stranger what it does, with examples and exit codes, and has the same options."""

import argparse
from pathlib import Path

import pytest
from django.core.management import load_command_class

import adminapi.management.commands as package
from adminapi.commands import OperatorCommand

FOR_DEVELOPERS = {"makemessages"}
NAMES = sorted({path.stem for path in Path(package.__path__[0]).glob("[a-z]*.py")} - FOR_DEVELOPERS)
PROCESSES = {"serve", "web", "work"}
"""They run until they are told to stop."""
ONLY_READ = {"doctor", "stuck", "verify_audit"}
DJANGOS = {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color",
           "skip_checks"}  # fmt: skip


def parser_of(name: str) -> argparse.ArgumentParser:
    command = load_command_class("adminapi", name)
    assert isinstance(command, OperatorCommand)
    return command.create_parser("manage.py", name)


def own_options(name: str) -> list[argparse.Action]:
    return [action for action in parser_of(name)._actions if action.dest not in DJANGOS]


def test_all_the_commands_are_looked_at() -> None:
    assert {"bootstrap", "doctor", "prune", "reconcile", "rotate_encryption", "serve", "stuck"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does_and_gives_examples_and_what_its_exit_codes_mean(name: str) -> None:
    parser = parser_of(name)
    shown = parser.format_help()

    assert len(parser.description or "") > 40
    assert f"manage.py {name}" in str(parser.epilog)
    assert "xits with" in str(parser.epilog)
    assert all(line in shown for line in str(parser.epilog).strip("\n").splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_each_of_its_options_is_for(name: str) -> None:
    untold = [action.dest for action in own_options(name) if not (action.help or "").strip()]

    assert untold == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - PROCESSES - ONLY_READ))
def test_what_changes_something_can_say_first_what_it_would_do(name: str) -> None:
    [dry_run] = [action for action in own_options(name) if "--dry-run" in action.option_strings]

    assert (dry_run.help or "").startswith("only say ")
    assert (dry_run.help or "").endswith("; change nothing")


@pytest.mark.parametrize("name", sorted(set(NAMES) - PROCESSES))
def test_what_tells_something_tells_it_to_programs_too(name: str) -> None:
    [as_json] = [action for action in own_options(name) if "--json" in action.option_strings]

    assert as_json.help == "print one JSON object, and nothing else"


def test_an_option_of_the_same_name_takes_the_same_thing_in_every_command() -> None:
    metavars: dict[str, set[object]] = {}
    for name in NAMES:
        for action in own_options(name):
            for option in action.option_strings:
                metavars.setdefault(option, set()).add(action.metavar)

    assert metavars["--since"] == {"WHEN"}
    assert metavars["--json"] == metavars["--dry-run"] == {None}
