"""`manage.py resume`: end a pause."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import pauses
from adminapi.arguments import problems_of
from adminapi.management.commands.pause import add_scope
from ouipost.claims import database_now
from ouipost.errors import InvalidInput
from ouipost.events.journal import SYSTEM
from posts import pausing


class Command(BaseCommand):
    help = "End the pause of just this scope: what became due meanwhile goes out at once, in its order."

    def add_arguments(self, parser: CommandParser) -> None:
        add_scope(parser, reason=False)

    def handle(self, *args: Any, **options: Any) -> None:
        scope, subject, what = options["scope"], options["id"], f"{options['scope']} {options['id']}".rstrip()
        try:
            pausing.require_subject(scope, subject, must_exist=False)
        except InvalidInput as error:
            raise CommandError(problems_of(error)) from error
        if options["dry_run"]:
            found = any((each.scope, each.subject_id) == (scope, subject) for each in pauses.in_force())
            self.stdout.write(f"Would resume {what}; nothing was done." if found else f"{what} is not paused.")
            return
        ended = pausing.resume(scope, subject, actor=SYSTEM, now=database_now(), reason=options["reason"])
        self.stdout.write(f"Resumed {what}." if ended else f"{what} is not paused.")
        for each in pauses.in_force():
            self.stdout.write(f"Still paused: {each} since {each.paused_at:%Y-%m-%d %H:%M} UTC, {each.reason}")
