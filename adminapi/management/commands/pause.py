"""`manage.py pause`: stop publishing, and show the number of waiting posts."""

from typing import Any

from django.core.management.base import CommandParser

from accounts import pauses
from accounts.models import REASON_LENGTH, Pause, PauseScope
from adminapi.management.arguments import WrongArgument, require_text
from adminapi.management.base import OperatorCommand, add_dry_run, add_json
from adminapi.processes import restored
from ouipost.claims import database_now
from ouipost.moments import written_in_utc
from posts import pausing


def add_scope(parser: CommandParser, *, reason: bool) -> None:
    """Add the arguments that identify a pause."""
    parser.add_argument("--scope", required=True, choices=PauseScope.values, help="what the pause is of")
    parser.add_argument("--id", default="", help="the id of the network, workspace or account; leave it out for all")
    why = "why; everybody can read it" if reason else "why; it is kept in the audit log"
    parser.add_argument("--reason", required=reason, default="", help=why)
    add_dry_run(parser, "what would be done")
    add_json(parser)


def shown(pause: Pause | None) -> dict[str, Any] | None:
    """Return a pause for `--json`."""
    if pause is None:
        return None
    return {
        "scope": pause.scope,
        "id": pause.subject_id or None,
        "reason": pause.reason,
        "paused_at": written_in_utc(pause.paused_at),
    }


class Command(OperatorCommand):
    help = (
        "Stop all publishing, or that of one network, workspace or account, until `resume`; nothing is lost, and what "
        "is under way is finished."
    )
    details = """
Examples:
  manage.py pause --scope all --reason 'We move to another machine'
  manage.py pause --scope network --id facebook --reason 'Facebook has limited our app' --dry-run
  manage.py pause --scope all --after-restore --reason 'The database was restored'

Exits with 2 if there is no such network, workspace or account, or the reason will not do."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_scope(parser, reason=True)
        parser.add_argument(
            "--after-restore",
            action="store_true",
            help="with --scope all, for a restored copy: have it reconciled before it is ended",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        scope, subject = options["scope"], options["id"]
        if options["after_restore"] and scope != PauseScope.ALL:
            raise WrongArgument("--after-restore belongs to --scope all: a restored copy is asked about as a whole.")
        require_text("--reason", options["reason"], most=REASON_LENGTH)
        pausing.require_subject(scope, subject, must_exist=True)
        what, waiting, begun = f"{scope} {subject}".rstrip(), pausing.waiting(scope, subject), None
        if not options["dry_run"]:
            if options["after_restore"]:
                restored.forget_settled()
            given = {"reason": options["reason"], "after_restore": options["after_restore"], "actor": self.actor}
            begun = pausing.pause(scope, subject, **given, now=database_now())
        message = f"{waiting} of what is scheduled or due {'waits' if waiting == 1 else 'wait'} for its end."
        self.show({"pause": shown(begun), "waiting": waiting})
        would = f"Would pause {what}: {message} Nothing was done."
        self.say(f"{pauses.describe_with_id(begun)} {message}" if begun else would)
