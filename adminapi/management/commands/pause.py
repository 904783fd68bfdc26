"""`manage.py pause`: let nothing go out, and say what waits."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import pauses
from accounts.models import PauseScope
from adminapi.arguments import problems_of
from ouipost.claims import database_now
from ouipost.errors import InvalidInput
from ouipost.events.journal import SYSTEM
from posts import pausing


def add_scope(parser: CommandParser, *, reason: bool) -> None:
    """Add what says which pause is meant."""
    parser.add_argument("--scope", required=True, choices=PauseScope.values)
    parser.add_argument("--id", default="", help="of the network, workspace or account; leave it out for all")
    parser.add_argument("--reason", required=reason, default="", help="why, for everybody to read")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


class Command(BaseCommand):
    help = "Let nothing be published, of all or of one network, workspace or account, until `resume`; nothing is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        add_scope(parser, reason=True)

    def handle(self, *args: Any, **options: Any) -> None:
        scope, subject = options["scope"], options["id"]
        if not options["reason"].strip() or len(options["reason"]) > pausing.REASON_LENGTH:
            raise CommandError(f"--reason must have 1 to {pausing.REASON_LENGTH} characters.")
        try:
            pausing.require_subject(scope, subject, must_exist=True)
            what, waiting = f"{scope} {subject}".rstrip(), pausing.waiting(scope, subject)
            told = f"{waiting} of what is scheduled or due {'waits' if waiting == 1 else 'wait'} for its end."
            if options["dry_run"]:
                self.stdout.write(f"Would pause {what}: {told} Nothing was done.")
                return
            begun = pausing.pause(scope, subject, reason=options["reason"], actor=SYSTEM, now=database_now())
        except InvalidInput as error:
            raise CommandError(problems_of(error)) from error
        self.stdout.write(f"{pauses.told(begun)} {told}")
