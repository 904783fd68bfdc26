"""`manage.py reconcile`: ask the networks about targets in doubt."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.http import Http404
from django.utils import timezone

from accounts import pauses
from accounts.models import AFTER_RESTORE, PauseScope
from adminapi.management.arguments import WrongArgument, read_since, require_between, require_workspace
from adminapi.management.base import OperatorCommand, add_dry_run, add_json
from adminapi.processes import restored
from ouipost.claims import database_now
from ouipost.db.pages import MOST
from ouipost.errors import DomainError
from ouipost.phrases import Phrase
from posts import pausing, reviewing
from posts.asking import Question, question, question_after_restore
from posts.models import Post, Target, TargetQuerySet, TargetStatus
from posts.operating import restoring
from posts.operating.reconciling import NOT_OUT, PARTLY_OUT, Pending, outcome, outcome_text
from posts.operating.stuck import in_doubt

LIMIT, WAIT = 100, 120
LOOK_EVERY = 0.5
TAKEN_WITHIN = 15
"""Seconds in which a running worker takes up one of the targets."""
SETTLED = {TargetStatus.PUBLISHED.value, TargetStatus.FAILED.value, NOT_OUT, PARTLY_OUT}


class Command(OperatorCommand):
    help = (
        "Ask the networks about posts in doubt, and print the outcome: a post that is out is marked as published, one "
        "that certainly is not as failed. A worker must be running. With --after-restore: ask about everything that a "
        "restored copy of the database takes for unsent, so that nothing goes out twice."
    )
    details = """
Examples:
  manage.py reconcile --dry-run               what is in doubt, and how each would be asked about
  manage.py reconcile --post post_019a2b3c…   ask about one post
  manage.py reconcile --after-restore         see what went out after the copy was made

After a restore, everything is paused until you end it:
  1. start the product: the worker notices that the database is an old one, and pauses everything; on a machine that
     does not know, run `manage.py pause --scope all --after-restore --reason Restored` before a worker starts;
  2. do again what people deleted, edited, disconnected or revoked since, as docs/operations/backup.md says
  3. manage.py reconcile --after-restore      pauses everything, if it is not; asks about what was due by now
  4. settle by hand what it could not find out
  5. manage.py resume --scope all             what is certainly not out goes out, unless it is too late

Exits with 1 if something stays in doubt or has no answer yet, with 2 if there is no such post or workspace, or an
argument is not possible, else with 0."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_dry_run(parser, "what would be asked")
        parser.add_argument("--post", default="", metavar="ID", help="ask about one post")
        parser.add_argument("--workspace", default="", metavar="ID", help="ask about one workspace")
        parser.add_argument(
            "--limit", type=int, default=LIMIT, metavar="N", help="ask about this many at most (default 100)"
        )
        parser.add_argument(
            "--wait", type=int, default=WAIT, metavar="SECONDS", help="how long to wait for answers (default 120)"
        )
        parser.add_argument("--after-restore", action="store_true", help="ask about all that was due by now")
        parser.add_argument(
            "--since", default="", metavar="WHEN", help="when the copy was made: a time, or 90m, 24h, 7d ago"
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        require_between("--limit", options["limit"], least=1, most=1000)
        require_between("--wait", options["wait"], least=0, most=3600)
        self.since = _since(options)
        rows = _rows(options["post"], options["workspace"], self.since)
        targets, self.more = list(rows[: options["limit"]]), rows[options["limit"] : MOST].count()
        self.questions = {target.pk: self._question(target) for target in targets}
        askable = self._say_how(targets, "would be" if options["dry_run"] else "is")
        if options["dry_run"] or not targets:
            self._say_nothing_was_done(targets, askable)
            return
        self._require_pause()
        asked = [target for target in (targets if self.since else askable) if self._ask(target)]
        counts = self._follow(asked, seconds=options["wait"])
        counts["not asked about"] += len(targets) - len(asked) + self.more
        self._say_what_came(targets, counts)
        if set(+counts) - SETTLED:
            sys.exit(1)

    def _question(self, target: Target) -> Question:
        return question_after_restore(target) if self.since else question(target)

    def _say_how(self, targets: Sequence[Target], verb: str) -> list[Target]:
        """Print how each target would be asked about, and return those that can be."""
        askable = []
        for target in targets:
            asked = self.questions[target.pk]
            how = f"{verb} {asked.way}" if asked.way else f"cannot be asked about: {asked.obstacle}"
            self.say(f"{target.pk} of {target.post_id} ({target.platform}) {how}.")
            askable += [target] if asked.way else []
        return askable

    def _say_nothing_was_done(self, targets: Sequence[Target], askable: Sequence[Target]) -> None:
        if self.is_quiet:
            self._show(targets, counts={})
        elif not targets:
            self.say("Nothing was due that may be out already." if self.since else "Nothing is in doubt.")
        else:
            self.say(f"Would ask about {len(askable)} of {len(targets) + self.more}; nothing was done.")

    def _require_pause(self) -> None:
        """Pause everything until it is found out which posts of a restored copy are out already.

        A pause that is already in force for another reason is extended to this one.
        """
        if not self.since or pauses.is_after_restore():
            return
        restored.forget_settled()
        present = pauses.of_all()
        since = f"{self.since:%Y-%m-%d %H:%M} UTC"
        asked = Phrase("`{command}`: what went out since {moment}?", command=AFTER_RESTORE, moment=since)
        reason, now = present.reason if present else asked, database_now()
        begun = pausing.pause(PauseScope.ALL, reason=reason, actor=self.actor, now=now, after_restore=True)
        if not present:
            self.say(pauses.describe(begun))

    def _ask(self, target: Target) -> bool:
        """Put the target back to be asked about; returns False if it was settled meanwhile, or nobody can be asked."""
        try:
            if self.since:
                return bool(restoring.doubt(target, since=self.since, actor=self.actor, now=database_now()).way)
            reviewing.look_again(target, actor=self.actor, now=database_now())
        except (DomainError, Http404) as error:
            self.say(f"{target.pk} is left alone: {error}")
            return False
        return True

    def _follow(self, asked: Sequence[Target], *, seconds: int) -> "Counter[str]":
        """Print each outcome as it comes, until all are known, the time is over, or no worker takes them up."""
        pending, counts, started = Pending(asked), Counter[str](), time.monotonic()
        while True:
            for pk, target in pending.answered():
                counts[outcome(target) if target else "deleted"] += 1
                self.say(f"{pk}: {outcome_text(target) if target else 'deleted meanwhile'}.")
            waited = time.monotonic() - started
            if not pending or waited >= (seconds if pending.was_taken_up else min(seconds, TAKEN_WITHIN)):
                break
            time.sleep(LOOK_EVERY)
        if pending and not pending.was_taken_up:
            self.say("No worker has taken them up: start one with `manage.py work`. They stay due.")
        counts["without an answer yet"] = len(pending)
        return counts

    def _say_what_came(self, targets: Sequence[Target], counts: "Counter[str]") -> None:
        if self.is_quiet:
            now = Target.objects.in_bulk([target.pk for target in targets])
            self._show([now[target.pk] for target in targets if target.pk in now], counts=dict(+counts))
            return
        self.say(f"Of {len(targets) + self.more}: {_counted(counts)}.")
        if self.since:
            self.say("Nothing goes out before `manage.py resume --scope all`; see `manage.py stuck` for what stays.")

    def _show(self, targets: Sequence[Target], *, counts: dict[str, int]) -> None:
        rows = [self._row(target) for target in targets]
        self.show({"is_paused": pauses.of_all() is not None, "counts": counts, "targets": rows, "more": self.more})

    def _row(self, target: Target) -> dict[str, Any]:
        asked = self.questions[target.pk]
        return {
            "id": target.pk,
            "post_id": target.post_id,
            "platform": target.platform,
            "status": target.status,
            "is_in_doubt": target.outcome_unknown,
            "url": target.url or None,
            "way": asked.way or None,
            "obstacle": asked.obstacle or None,
            "told": outcome_text(target) or None,
        }


def _since(options: dict[str, Any]) -> datetime | None:
    """Return when the restored copy was made; None without `--after-restore`."""
    if not options["after_restore"]:
        if options["since"]:
            raise WrongArgument("--since belongs to --after-restore.")
        return None
    if not options["since"]:
        found = restored.copied_at()
        if found is None:
            raise WrongArgument(
                "No restore was noticed, or the clock was ahead when the copy was made: say with --since when that was."
            )
        return found
    now = timezone.now()
    since = read_since(options["since"], now=now)
    if since > now:
        raise WrongArgument("--since must not be in the future: nothing would be asked about.")
    return since


def _rows(post: str, workspace: str, since: datetime | None) -> TargetQuerySet:
    """Return the selected targets, the oldest first; raises WrongArgument for an unknown post or workspace."""
    require_workspace(workspace)
    if post and not Post.objects.filter(pk=post).exists():
        raise WrongArgument(f"There is no post {post}.")
    meant = restoring.overdue(database_now(), since=since) if since else in_doubt()
    rows = meant.select_related("post", "account__workspace").order_by("pk")
    rows = rows.filter(post=post) if post else rows
    return rows.filter(post__workspace=workspace) if workspace else rows


def _counted(counts: "Counter[str]") -> str:
    return ", ".join(f"{count} {name}" for name, count in (+counts).items())
