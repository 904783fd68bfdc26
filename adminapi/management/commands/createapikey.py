"""`manage.py createapikey`: another API key."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ouipost.events.journal import Actor
from workspaces.keys import create_key
from workspaces.models import KeyMode, Tier, Workspace
from workspaces.permissions import KEY_PERMISSIONS


class Command(BaseCommand):
    help = "Create an API key and show it: this once only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the key is for")
        parser.add_argument(
            "--mode", choices=KeyMode.values, default=KeyMode.LIVE, help="test: sandbox workspaces only"
        )
        parser.add_argument("--tier", choices=Tier.values, default=Tier.STARTER)
        parser.add_argument(
            "--workspace", action="append", default=[], metavar="ID", help="repeat; none: every workspace"
        )
        parser.add_argument("--permission", action="append", choices=KEY_PERMISSIONS, help="repeat; none: all of them")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        present = set(Workspace.objects.present().filter(pk__in=options["workspace"]).values_list("pk", flat=True))
        unknown = [pk for pk in options["workspace"] if pk not in present]
        if unknown:
            raise CommandError(f"There is no workspace {', '.join(unknown)}.")
        key, secret = create_key(
            name=options["name"],
            mode=options["mode"],
            tier=options["tier"],
            permissions=options["permission"],
            workspace_ids=options["workspace"],
            actor=Actor.of_command("createapikey"),
        )
        if options["json"]:
            self.stdout.write(json.dumps({"id": key.pk, "api_key": secret}))
        else:
            self.stdout.write(f"{key.pk}: {secret}\nStore it now: it cannot be shown again.")
