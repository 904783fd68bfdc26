"""`manage.py bootstrap`: an installation's first administrator, workspace and API key."""

import sys
from getpass import getpass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser
from django.db import connection, transaction

from adminapi.management.arguments import WrongArgument, require_text
from adminapi.management.base import OperatorCommand, add_dry_run, add_json
from adminapi.management.bootstrap import NAME_LENGTH, Bootstrapped, bootstrap
from ouipost.db.advisory_lock import advisory_lock
from workspaces.models import Mode, Tier, User


class Command(OperatorCommand):
    help = (
        "Create the first administrator, a workspace and an API key, and show the key: it is shown only once. What "
        "exists already is left as it is, so this can be run again, also by several machines at once."
    )
    details = """
Without --password it is asked for, or read from the standard input: what stands in a command's arguments can be seen by
others on the machine, and stays in a shell's history and a service manager's log.

Examples:
  manage.py bootstrap --email ops@example.com --workspace Shop
  manage.py bootstrap --email ops@example.com --mode sandbox --json < password.txt

Exits with 2 if the e-mail address, the password or the name will not do."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="the administrator's e-mail address")
        parser.add_argument("--password", help="the administrator's password; without it, it is asked for")
        parser.add_argument("--workspace", default="Main", metavar="NAME", help="the workspace's name (default Main)")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.LIVE, help="sandbox: the simulated networks")
        parser.add_argument(
            "--tier", choices=Tier.values, default=Tier.ENTERPRISE, help="the key's rate limit (default enterprise)"
        )
        add_dry_run(parser, "what would be created")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        require_text("--workspace", options["workspace"], most=NAME_LENGTH)
        password = _typed() if options["password"] is None else options["password"]  # nobody waits while it is typed
        try:
            # The second of two at once finds what the first made; no key is created that cannot be shown.
            with advisory_lock(connection), transaction.atomic():
                made = self._bootstrap(options, password)
                transaction.set_rollback(options["dry_run"])
                (self._say_nothing_was_done if options["dry_run"] else self._say)(made)
        except ValidationError as error:
            raise WrongArgument(" ".join(error.messages)) from error

    def _say(self, made: Bootstrapped) -> None:
        shown = _shown(made)
        self.show(shown)
        for name in filter(shown.get, shown):
            self.say(f"{name}: {shown[name]}")
        if not made.is_new_admin:
            self.say(_told_of(made.admin))
        if not made.secret:
            self.say("The key was created before and cannot be shown again: `createapikey` makes another.")

    def _bootstrap(self, options: dict[str, Any], password: str) -> Bootstrapped:
        return bootstrap(
            email=options["email"],
            password=password,
            workspace_name=options["workspace"],
            mode=options["mode"],
            tier=options["tier"],
            actor=self.actor,
        )

    def _say_nothing_was_done(self, made: Bootstrapped) -> None:
        self.show({"admin": made.admin.email, "workspace": made.workspace.name, "creates_key": bool(made.secret)})
        key = "a key would be created" if made.secret else "the key is there"
        self.say(f"{made.admin.email} would administer {made.workspace.name}; {key}. Nothing was done.")


def _typed() -> str:
    """Return the password typed at a terminal, or else the first line of the standard input."""
    return getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _told_of(present: User) -> str:
    """Say that an existing account was left alone, whatever password was given."""
    state = f"as {present.role}" if present.is_active else f"as {present.role}, and is deactivated"
    return f"{present.email} was there already, {state}; its password is the old one: `changepassword` sets another."


def _shown(made: Bootstrapped) -> dict[str, Any]:
    return {
        "admin": made.admin.email,
        "admin_id": made.admin.pk,
        "workspace_id": made.workspace.pk,
        "api_key_id": made.key.pk,
        "api_key": made.secret or None,
        "simulator_token": settings.SIMULATOR_TOKEN or None,
    }
