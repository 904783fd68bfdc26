"""`manage.py prune`: remove what was kept long enough."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from analytics.pruning import Old, old, remove


class Command(BaseCommand):
    help = "Remove single readings and sums by the hour that are older than KEEP_SNAPSHOTS_DAYS; sums by the day stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        for each in old(timezone.now()):
            if options["dry_run"]:
                self.stdout.write(f"Would remove {each.rows.count()} {each.name}.")
            else:
                self._remove(each)

    def _remove(self, each: Old) -> None:
        """Remove step by step; a run that is stopped leaves whole steps, and the next one goes on."""
        total, removed = each.rows.count(), 0
        for step in remove(each):
            removed += step
            self.stdout.write(f"{removed} of {total} {each.name} removed")
            self.stdout.flush()
        self.stdout.write(f"Removed {removed} {each.name}.")
