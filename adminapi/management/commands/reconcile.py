"""`manage.py reconcile`: ask the networks about what nobody knows to be out or not."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.http import Http404

from adminapi.arguments import require_between, require_workspace
from ouipost.claims import database_now
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from posts import services
from posts.models import Post, Target, TargetQuerySet
from posts.reconciling import Pending, question, told
from posts.stuck import COUNTED, in_doubt

LIMIT, WAIT = 100, 120
LOOK_EVERY = 0.5
TAKEN_WITHIN = 15
"""Seconds in which a running worker takes up one of them."""


class Command(BaseCommand):
    help = "Ask the networks about posts in doubt and print what comes of it; exits 1 if something stays in doubt."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be asked")
        parser.add_argument("--post", default="", metavar="ID", help="ask about one post")
        parser.add_argument("--workspace", default="", metavar="ID", help="ask about one workspace")
        parser.add_argument("--limit", type=int, default=LIMIT, help="ask about so many targets (default 100)")
        parser.add_argument("--wait", type=int, default=WAIT, metavar="SECONDS", help="for answers (default 120)")

    def handle(self, *args: Any, **options: Any) -> None:
        require_between("--limit", options["limit"], least=1, most=1000)
        require_between("--wait", options["wait"], least=0, most=3600)
        rows = _rows(options["post"], options["workspace"])
        targets = list(rows[: options["limit"]])
        more = rows[options["limit"] : COUNTED].count()
        askable = self._say_how(targets, "would be" if options["dry_run"] else "is")
        if options["dry_run"] or not targets:
            self._say_nothing_was_done(targets, askable, more)
            return
        asked = [target for target in askable if self._ask(target)]
        counts = self._follow(asked, seconds=options["wait"])
        counts["not asked about"] += len(targets) - len(asked) + more
        self.stdout.write(f"Of {len(targets) + more}: {_counted(counts)}.")
        if set(+counts) - {"published", "failed"}:
            sys.exit(1)

    def _say_how(self, targets: Sequence[Target], verb: str) -> list[Target]:
        """Print how each would be asked about, and return those that can be."""
        askable = []
        for target in targets:
            asked = question(target)
            how = f"{verb} {asked.way}" if asked.way else f"cannot be asked about: {asked.obstacle}"
            self.stdout.write(f"{target.pk} of {target.post_id} ({target.platform}) {how}.")
            askable += [target] if asked.way else []
        return askable

    def _say_nothing_was_done(self, targets: Sequence[Target], askable: Sequence[Target], more: int) -> None:
        if not targets:
            self.stdout.write("Nothing is in doubt.")
        else:
            self.stdout.write(f"Would ask about {len(askable)} of {len(targets) + more}; nothing was done.")

    def _ask(self, target: Target) -> bool:
        """Put the target back; returns False where somebody else has settled it in the meantime."""
        try:
            services.look_again(target, actor=Actor.of_command("reconcile"), now=database_now())
        except (DomainError, Http404) as error:
            self.stdout.write(f"{target.pk} is left alone: {error}")
            return False
        return True

    def _follow(self, asked: Sequence[Target], *, seconds: int) -> "Counter[str]":
        """Print each outcome as it comes, until all are known, the time is over, or no worker takes them up."""
        pending, counts, started = Pending(asked), Counter[str](), time.monotonic()
        while True:
            for pk, target in pending.answered():
                counts[str(target.status) if target else "deleted"] += 1
                self.stdout.write(f"{pk}: {told(target) if target else 'deleted meanwhile'}.")
            waited = time.monotonic() - started
            if not pending or waited >= (seconds if pending.was_taken_up else min(seconds, TAKEN_WITHIN)):
                break
            time.sleep(LOOK_EVERY)
        if pending and not pending.was_taken_up:
            self.stdout.write("No worker has taken them up: start one with `manage.py work`. They stay due.")
        counts["without an answer yet"] = len(pending)
        return counts


def _rows(post: str, workspace: str) -> TargetQuerySet:
    """Return the targets in doubt that are meant, the oldest first; raises CommandError for what does not exist."""
    require_workspace(workspace)
    if post and not Post.objects.filter(pk=post).exists():
        raise CommandError(f"There is no post {post}.")
    rows = in_doubt().select_related("post__workspace", "account").order_by("pk")
    rows = rows.filter(post=post) if post else rows
    return rows.filter(post__workspace=workspace) if workspace else rows


def _counted(counts: "Counter[str]") -> str:
    return ", ".join(f"{count} {name}" for name, count in (+counts).items())
