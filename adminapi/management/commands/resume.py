"""`manage.py resume`: end a pause."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import pauses
from accounts.models import PauseScope
from adminapi.management.base import OperatorCommand, counted
from adminapi.management.commands.pause import add_scope, shown
from adminapi.processes import restored
from ouipost.claims import database_now
from posts import pausing


class Command(OperatorCommand):
    help = "End the pause of exactly this scope: what became due in the meantime goes out at once, in order."
    details = """
Examples:
  manage.py resume --scope network --id facebook
  manage.py resume --scope all --reason 'The new machine runs' --json

After a restore it refuses to end the pause of all while there is something that `reconcile --after-restore` has not
asked the networks about.

Exits with 0 even if nothing is paused, with 1 if it refuses, and with 2 if there is no such network, or --scope and
--id do not fit together. A workspace or an account need not exist, for its pause may outlive it."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_scope(parser, reason=False)
        parser.add_argument(
            "--anyway",
            action="store_true",
            help="even if a restored copy was not reconciled: posts may go out twice",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        scope, subject, what = options["scope"], options["id"], f"{options['scope']} {options['id']}".rstrip()
        pausing.require_subject(scope, subject, must_exist=False)
        if scope == PauseScope.ALL and not options["anyway"] and (left := restored.unasked()):
            raise CommandError(
                f"{counted(left, 'that was', 'that were')} due by now may be out already: "
                "run `manage.py reconcile --after-restore` first."
            )
        before = pauses.in_force()
        found = next((each for each in before if (each.scope, each.subject_id) == (scope, subject)), None)
        if not options["dry_run"]:
            found = pausing.resume(scope, subject, actor=self.actor, now=database_now(), reason=options["reason"])
        if self.is_quiet:
            self.show({"pause": shown(found), "still_paused": [shown(each) for each in pauses.in_force()]})
            return
        if options["dry_run"]:
            self.say(f"Would resume {what}; nothing was done." if found else f"There is no pause of {what}.")
            return
        self.say(f"Resumed {what}." if found else f"There is no pause of {what}.")
        for each in pauses.in_force():
            self.say(f"Still paused: {each} since {each.paused_at:%Y-%m-%d %H:%M} UTC, {each.reason}")
