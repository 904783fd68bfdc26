"""`manage.py prune`: remove what was kept long enough."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from adminapi.pruning import old
from ouipost.pruning import Old


class Command(BaseCommand):
    help = (
        "Remove what was kept long enough: single readings and sums by the hour after KEEP_SNAPSHOTS_DAYS, what "
        "webhooks were told and ended background work after a month. Sums by the day and the audit log stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [(each, count) for each in old(timezone.now()) if (count := each.rows.count())]
        for each, count in found:
            if options["dry_run"]:
                self.stdout.write(f"Would remove {count} {each.name}.")
            else:
                self._remove(each, count)
        if not found:
            self.stdout.write("There is nothing to remove.")

    def _remove(self, each: Old, total: int) -> None:
        """Remove step by step; a run that is stopped leaves whole steps, and the next one goes on."""
        removed = 0
        for step in each.remove():
            removed += step
            self.stdout.write(f"{removed} of {total} {each.name} removed")
            self.stdout.flush()
        self.stdout.write(f"Removed {removed} {each.name}.")
