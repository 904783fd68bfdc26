"""`manage.py bootstrap`: an installation's first administrator, workspace and API key."""

import json
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adminapi.bootstrap import Bootstrapped, bootstrap
from ouipost.events.journal import Actor
from workspaces.models import Mode, Tier


class Command(BaseCommand):
    help = "Create the first administrator, a workspace and an API key; run again, it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="the administrator's e-mail address")
        parser.add_argument("--password", required=True, help="the administrator's password")
        parser.add_argument("--workspace", default="Main", help="the workspace's name (default Main)")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.LIVE, help="sandbox: the simulated networks")
        parser.add_argument("--tier", choices=Tier.values, default=Tier.ENTERPRISE, help="the key's rate limit")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = bootstrap(
                email=options["email"],
                password=options["password"],
                workspace_name=options["workspace"],
                mode=options["mode"],
                tier=options["tier"],
                actor=Actor.of_command("bootstrap"),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        shown = _shown(made)
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for name, value in shown.items():
            self.stdout.write(f"{name}: {value}")
        if not made.secret:
            self.stdout.write("The key was created before and cannot be shown again: `createapikey` makes another.")


def _shown(made: Bootstrapped) -> dict[str, Any]:
    return {
        "admin": made.admin.email,
        "admin_id": made.admin.pk,
        "workspace_id": made.workspace.pk,
        "api_key_id": made.key.pk,
        "api_key": made.secret or None,
        "simulator_token": settings.SIMULATOR_TOKEN or None,
    }
