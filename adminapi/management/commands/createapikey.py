"""`manage.py createapikey`: another API key."""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from adminapi.management.arguments import WrongArgument, require_text
from adminapi.management.base import OperatorCommand, add_dry_run, add_json
from workspaces.keys.services import create_key
from workspaces.models import KEY_NAME_LENGTH, KeyMode, Mode, Tier, Workspace
from workspaces.permissions import KEY_PERMISSIONS


class Command(OperatorCommand):
    help = "Create an API key and show it: it is shown only once."
    details = """
Examples:
  manage.py createapikey 'Web shop'
  manage.py createapikey 'Reports' --workspace ws_019a2b3c… --permission analytics.read --tier professional
  manage.py createapikey 'Try-out' --mode test --json

Exits with 2 if a workspace does not exist or is not for such a key, or the name will not do."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what the key is for")
        parser.add_argument(
            "--mode", choices=KeyMode.values, default=KeyMode.LIVE, help="test: sandbox workspaces only"
        )
        parser.add_argument(
            "--tier", choices=Tier.values, default=Tier.STARTER, help="the rate limit (default starter)"
        )
        parser.add_argument(
            "--workspace", action="append", default=[], metavar="ID", help="repeat; none: every workspace"
        )
        parser.add_argument("--permission", action="append", choices=KEY_PERMISSIONS, help="repeat; none: all of them")
        add_dry_run(parser, "which key would be created")
        add_json(parser)

    @transaction.atomic  # a key that cannot be shown is not made
    def handle(self, *args: Any, **options: Any) -> None:
        require_text("NAME", options["name"], most=KEY_NAME_LENGTH)
        _require_workspaces(options["workspace"], mode=options["mode"])
        if options["dry_run"]:
            self.show({"id": None, "api_key": None})
            where = ", ".join(options["workspace"]) or "every workspace"
            self.say(f"Would create the {options['mode']} key {options['name']} for {where}; nothing was done.")
            return
        key, secret = create_key(
            name=options["name"],
            mode=options["mode"],
            tier=options["tier"],
            permissions=options["permission"],
            workspace_ids=options["workspace"],
            actor=self.actor,
        )
        self.show({"id": key.pk, "api_key": secret})
        self.say(f"{key.pk}: {secret}\nStore it now: it cannot be shown again.")


def _require_workspaces(pks: Sequence[str], *, mode: str) -> None:
    """Raise WrongArgument for workspaces that do not exist, or that a key of this mode would not see."""
    modes = dict(Workspace.objects.present().filter(pk__in=pks).values_list("pk", "mode"))
    if unknown := [pk for pk in pks if pk not in modes]:
        raise WrongArgument(f"There is no workspace {', '.join(unknown)}.")
    live = [pk for pk in pks if modes[pk] != Mode.SANDBOX]
    if live and mode == KeyMode.TEST:
        raise WrongArgument(f"A test key sees sandbox workspaces only, and so not {', '.join(live)}.")
