"""`manage.py sync_analytics`: read the due numbers now, and report the results."""

import sys
import threading
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db.models import Count, QuerySet

from accounts import pauses
from accounts.models import AccountStatus, Network, SocialAccount
from accounts.shares import key_of
from adminapi.management.arguments import require_between, require_workspace
from adminapi.management.base import OperatorCommand, add_dry_run, add_json, counted
from analytics.discovery import discover_all
from analytics.models import AccountSync, TargetNumbers
from analytics.settling import SyncResult
from analytics.sync import Syncer, due_accounts, limited, read_soon, readable_accounts, unheld
from ouipost import claims
from ouipost.claims import database_now
from ouipost.moments import written_in_utc

SECONDS, MOST_SECONDS = 3600, 86_400


class Command(OperatorCommand):
    help = "Read the numbers that are due and print the outcome for each account; exits 1 if one could not be read."
    details = """
Examples:
  manage.py sync_analytics --dry-run
  manage.py sync_analytics --workspace ws_019a2b3c… --all
  manage.py sync_analytics --seconds 600 --json

It may run beside workers, and be ended at any time. Exits with 1 if an account could not be read, with 2 if there is no
such workspace or an argument is not possible, else with 0."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", default="", metavar="ID", help="read one workspace")
        parser.add_argument("--all", action="store_true", help="also what is not due yet: posts of the last 90 days")
        add_dry_run(parser, "what would be read")
        add_json(parser)
        parser.add_argument(
            "--seconds",
            type=int,
            default=SECONDS,
            metavar="N",
            help="begin with no further account after this long (default 3600)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        require_workspace(options["workspace"])
        require_between("--seconds", options["seconds"], least=1, most=MOST_SECONDS)
        if options["dry_run"]:
            self._say(options["workspace"], everything=options["all"])
            return
        discover_all(now=database_now())
        if options["all"]:
            read_soon(readable_accounts(options["workspace"]), now=database_now())
        self._say_who_cannot(options["workspace"], everything=options["all"])
        due = due_accounts(database_now(), workspace_id=options["workspace"])
        progress = Progress(self, accounts=due.count())
        syncer = Syncer(
            max(1, settings.SYNC_THREADS),
            workspace_id=options["workspace"],
            tell=progress.tell,
            stopping=progress.is_unheard,
        )
        syncer.run_until_idle(seconds=options["seconds"])
        self.say(progress.summary)
        if left := due_accounts(database_now(), workspace_id=options["workspace"]).count():
            self.say(f"{counted(left, 'account')} left to a running worker, or to the next run.")
        self.show(progress.shown | {"left": left})
        if progress.failed:
            sys.exit(1)

    def _say(self, workspace_id: str, *, everything: bool) -> None:
        """Print what would be read; posts published in the last moments may be missing."""
        now = database_now()
        rows = _able(_meant(workspace_id, everything=everything, now=now), now=now)
        numbers = TargetNumbers.objects.filter(account__in=rows.order_by().values("pk"), due_at__isnull=False)
        numbers = numbers if everything else numbers.filter(due_at__lte=now)
        posts = dict(numbers.order_by().values_list("account").annotate(many=Count("pk")))
        planned = {}
        for sync in rows.select_related("account").order_by("account__workspace", "pk"):
            planned[sync.pk] = posts.get(sync.pk, 0)
            own = " and its own numbers" if everything or sync.account_due_at <= now else ""
            self.say(f"{_name(sync.account)}: {counted(planned[sync.pk], 'post')}{own}")
        self._say_who_cannot(workspace_id, everything=everything)
        line = f"{counted(sum(planned.values()), 'post')} of {counted(len(planned), 'account')}"
        self.say(f"Would read {line}; nothing was done.")
        self.show({"would_read": planned})

    def _say_who_cannot(self, workspace_id: str, *, everything: bool) -> None:
        expired = SocialAccount.objects.connected().filter(status=AccountStatus.EXPIRED, workspace__deleted_at=None)
        expired = expired.filter(workspace=workspace_id) if workspace_id else expired
        for account in expired.order_by("workspace", "pk"):
            self.say(f"{_name(account)}: cannot be read until its owner signs in again.")
        now = database_now()
        meant = _meant(workspace_id, everything=everything, now=now).filter(claims.is_free(now))
        passed = meant.exclude(pk__in=_able(meant, now=now).values("pk"))
        waits = _Waits(now)
        for sync in passed.select_related("account__workspace").order_by("account__workspace", "pk"):
            self.say(f"{_name(sync.account)}: passed over {waits.until(sync)}.")


class _Waits:
    """Tells until when accounts are left alone that are passed over now."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._resting = dict(Network.objects.filter(held_until__gt=now).values_list("pk", "held_until"))
        self._networks, self._accounts = pauses.left_alone(pauses.in_force())

    def until(self, sync: AccountSync) -> str:
        account = sync.account
        if account.platform in self._networks or account.pk in self._accounts:
            return "while it is paused"
        network = key_of(account.platform, account.workspace.mode)
        ends = [account.held_until, self._resting.get(network), sync.due_at if sync.failures else None]
        until = max((each for each in ends if each and each > self._now), default=self._now)
        return f"until {written_in_utc(until)}, as its network fails or limits it"


def _meant(workspace_id: str, *, everything: bool, now: datetime) -> QuerySet[AccountSync]:
    """Match the accounts that are to be read, whether they can be or not."""
    rows = readable_accounts(workspace_id)
    return rows if everything else rows.filter(claims.is_due(now))


def _able(rows: QuerySet[AccountSync], *, now: datetime) -> QuerySet[AccountSync]:
    """Leave out accounts that are passed over."""
    return unheld(rows, now=now).exclude(pk__in=limited(rows, now=now).values("pk"))


class Progress:
    """Prints each account after its reading; the reading threads call `tell`."""

    def __init__(self, command: OperatorCommand, *, accounts: int) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._accounts = accounts
        self._read: set[str] = set()
        self._posts = 0
        self.is_unheard = threading.Event()
        """Set when the output can no longer be written; then no further reading begins."""
        self.failed: set[str] = set()

    def tell(self, result: SyncResult) -> None:
        with self._lock:
            account = SocialAccount.objects.get(pk=result.claim.pk)
            self._read.add(account.pk)
            self._posts += sum(found is not None for found in result.answers.posts.values())
            self.failed.discard(account.pk)  # a repeated reading may succeed
            if result.failed:
                self.failed.add(account.pk)
            total = max(self._accounts, len(self._read))
            try:
                self._command.say(f"[{len(self._read)} of {total}] {_name(account)}: {_told(result)}")
            except OSError:  # printing the summary will raise the same error
                self.is_unheard.set()

    @property
    def shown(self) -> dict[str, Any]:
        """Return the same as `summary`, for `--json`."""
        return {"posts": self._posts, "accounts": sorted(self._read - self.failed), "failed": sorted(self.failed)}

    @property
    def summary(self) -> str:
        line = f"Read {counted(self._posts, 'post')} of {counted(len(self._read - self.failed), 'account')}"
        return f"{line}; {len(self.failed)} could not be read." if self.failed else f"{line}."


def _told(result: SyncResult) -> str:
    answers = result.answers
    read = sum(found is not None for found in answers.posts.values())
    gone = len(answers.posts) - read
    line = f"{counted(read, 'post')} read"
    line += f", {gone} not there any more" if gone else ""
    line += ", its own numbers read" if answers.account else ""
    line += ", the rest when the budget for its network allows it" if answers.lacking else ""
    if result.error:
        line += f"; {result.error.code}: {result.error.message} ({result.error.who_acts} acts)"
    return line


def _name(account: SocialAccount) -> str:
    return f"{account.pk} ({account.platform}, {account.name})"
