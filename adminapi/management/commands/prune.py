"""`manage.py prune`: remove old rows."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import pauses
from adminapi.jobs.prune import NAMES
from adminapi.management.base import OperatorCommand, add_dry_run, add_json
from adminapi.processes import sweeping
from adminapi.pruning import old
from ouipost.claims import database_now
from ouipost.db.pruning import Old


class Command(OperatorCommand):
    help = (
        "Remove what was kept long enough: single readings and hourly sums after KEEP_SNAPSHOTS_DAYS (36), webhook "
        "deliveries and finished background work after a month, and what is useful for hours only, such as logins and "
        "answers for an Idempotency-Key. Daily sums and the audit log stay. A worker does the same every hour."
    )
    details = """
Examples:
  manage.py prune --dry-run   how much would go
  manage.py prune             removes it in steps; stop it at any time, the next run goes on
  manage.py prune --files     also has the worker remove, within an hour, stored files that no post has, although they
                              are kept for a week after a restore, or are older than the database

Exits with 0, whether there was something or not, and with 1 if files are to go while everything is paused for a
restored copy."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--files", action="store_true", help="also files that are kept for another backup")
        add_dry_run(parser, "what would be removed")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["files"]:
            self._release_files(is_dry_run=options["dry_run"])
        counts: dict[str, int] = {}
        for each in old(database_now()):
            counts[each.name] = each.rows.count()
            if counts[each.name] and options["dry_run"]:
                self.say(f"{NAMES[each.name]}: {counts[each.name]} would be removed")
            elif counts[each.name]:
                counts[each.name] = self._remove(each, counts[each.name])
        if not any(counts.values()):
            self.say("There is nothing to remove.")
        self.show({"would_remove" if options["dry_run"] else "removed": counts})

    def _release_files(self, *, is_dry_run: bool) -> None:
        if pauses.is_after_restore():
            raise CommandError("Everything is paused for a restored copy: its files are kept until the pause is ended.")
        if not is_dry_run:
            sweeping.release()
        does = "would remove" if is_dry_run else "removes"
        self.say(f"The worker's next sweep {does} all stored files that no post has.")

    def _remove(self, each: Old, total: int) -> int:
        """Remove step by step; a run that is stopped leaves whole steps, and the next one goes on."""
        removed = 0
        for step in each.remove():
            removed += step
            self.say(f"{NAMES[each.name]}: {removed} of {total} removed")
        return removed
