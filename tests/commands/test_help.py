"""Every command of ours tells a stranger what it does, with examples and exit codes, and has the same options."""

import argparse
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, load_command_class

import adminapi.management.commands as package
from adminapi.management.base import OperatorCommand
from ouipost import __version__
from tests.commands.running import run
from tests.product import ROOT

FOR_DEVELOPERS = {"makemessages"}
NAMES = sorted({path.stem for path in Path(package.__path__[0]).glob("[a-z]*.py")} - FOR_DEVELOPERS)
PROCESSES = {"serve", "web", "work"}
"""They run until they are told to stop."""
WITHOUT_DATABASE = {"doctor", "load_demo", "web", "work"}
"""They find out that it is away, do not need it, or wait for it."""
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
def test_where_it_takes_a_workspace_it_says_how_it_ends_for_one_that_does_not_exist(name: str) -> None:
    takes_one = any("--workspace" in action.option_strings for action in own_options(name))

    assert not takes_one or "with 2" in parser_of(name).format_help()


@pytest.mark.parametrize("name", NAMES)
def test_it_says_whether_it_ends_where_the_database_is_away(name: str) -> None:
    told = parser_of(name).format_help()

    assert ("exits with 3" in told) == (name not in WITHOUT_DATABASE)


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


@pytest.mark.parametrize("name", ["bootstrap", "createapikey"])
def test_the_usual_tier_of_a_new_key_is_told(name: str) -> None:
    [tier] = [action for action in own_options(name) if "--tier" in action.option_strings]

    assert (tier.help or "").endswith(f"(default {tier.default})")


def test_an_option_of_the_same_name_takes_the_same_thing_in_every_command() -> None:
    metavars: dict[str, set[object]] = {}
    for name in NAMES:
        for action in own_options(name):
            for option in action.option_strings:
                metavars.setdefault(option, set()).add(action.metavar)

    assert metavars["--since"] == {"WHEN"}
    assert metavars["--json"] == metavars["--dry-run"] == {None}


REFUSED = {
    "bootstrap --email nobody --password a_long_phrase": "Enter a valid email address",
    "bootstrap --email ops@example.com --password short": "This password is too short.",
    "bootstrap --email ops@example.com --workspace=": "--workspace must have 1 to 90 characters.",
    "copy_from_sqlite /nonexistent/ouipost.sqlite3": "There is no file /nonexistent/ouipost.sqlite3.",
    f"createapikey {'x' * 101}": "NAME must have 1 to 100 characters.",
    "createapikey Shop --workspace ws_none": "There is no workspace ws_none.",
    "pause --scope all --reason=": "--reason must have 1 to 500 characters.",
    "pause --scope all --reason=\a": "--reason: Control characters other than tab and newline are not allowed.",
    "pause --scope all --id facebook --reason No.": "--id: Leave it out: all means everything.",
    "pause --scope network --reason No.": "--id: Which network?",
    "pause --scope network --id myspace --reason No.": "--id: There is no such network.",
    "pause --scope planet --reason No.": "invalid choice: 'planet'",
    "pause --scope all": "the following arguments are required: --reason",
    "reconcile --limit 0": "--limit must be 1 to 1000.",
    "reconcile --wait -1": "--wait must be 0 to 3600.",
    "reconcile --post post_none": "There is no post post_none.",
    "reconcile --workspace ws_none": "There is no workspace ws_none.",
    "reconcile --after-restore --since yesterday": "--since: Must be an ISO 8601 moment",
    "replay_webhooks wh_none --since 1h": "There is no webhook wh_none.",
    "resume --scope network": "--id: Which network?",
    "rotate_key key_none": "There is no key key_none.",
    "stuck --older-than -1": "--older-than must be 0 to 31536000.",
    "stuck --older-than 99999999999": "--older-than must be 0 to 31536000.",
    "stuck --older-than soon": "invalid int value: 'soon'",
    "stuck --workspace ws_none": "There is no workspace ws_none.",
    "sync_analytics --seconds 0": "--seconds must be 1 to 86400.",
    "sync_analytics --workspace ws_none": "There is no workspace ws_none.",
    "verify_audit --from 0": "--from must be 1",
    "verify_audit --kept 5": "--kept is a head",
    f"verify_audit --kept 5:{'0' * 64} --from 6": "--kept is before --from",
}


@pytest.mark.django_db
@pytest.mark.parametrize(("command", "message"), REFUSED.items())
def test_an_argument_that_makes_no_sense_is_named_and_not_taken_for_a_find(command: str, message: str) -> None:
    with pytest.raises(CommandError, match=re.escape(message)) as refused:
        run(*command.split())

    is_the_parsers = str(refused.value).startswith("Error: ")  # which exits with 2 in a shell
    assert refused.value.returncode == 2 or is_the_parsers


def test_each_command_tells_the_version_of_the_product() -> None:
    told = {name: load_command_class("adminapi", name).get_version() for name in NAMES}

    assert set(told.values()) == {__version__}


def test_who_reads_no_further_ends_a_command_without_a_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "manage.py", "help", "stuck"]
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path)}

    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
    )

    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("> /dev/full", "CommandError: Something cannot be written: No space left on device.\n"),
        (">&-", "CommandError: The standard output is closed: redirect it to a file.\n"),
        (">&- 2>&-", ""),
    ],
)
def test_what_cannot_be_printed_is_not_taken_for_a_find(output: str, told: str, tmp_path: Path) -> None:
    command = ["sh", "-c", f"{sys.executable} manage.py prepare --dry-run {output}"]
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path)}

    done = subprocess.run(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (3, told)


def test_an_argument_that_is_no_text_is_refused_as_one(tmp_path: Path) -> None:
    command = [sys.executable.encode(), b"manage.py", b"createapikey", b"Caf\xe9"]
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"CommandError: An argument is not text in UTF-8: Caf\\udce9\n"


@pytest.mark.parametrize("step", ["execute_from_command_line", "django.setup"])
def test_whoever_interrupts_a_command_sees_no_traceback(step: str, tmp_path: Path) -> None:
    interrupted = (
        "import manage, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell has its background ignore it
        f"manage.{step} = lambda *arguments: signal.raise_signal(signal.SIGINT)\n"
        "manage.main(['manage.py', 'prune'])"
    )
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", interrupted], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
