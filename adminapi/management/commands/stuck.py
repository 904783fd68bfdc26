"""`manage.py stuck`: list stuck posts and accounts, with who must do what about each."""

import sys
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from adminapi.management.arguments import require_between, require_workspace
from adminapi.management.base import OperatorCommand, add_json
from ouipost.claims import database_now
from ouipost.moments import written_in_utc
from posts.operating.findings import Finding
from posts.operating.stuck import Search, Stuck

OLDER_THAN = 300
A_YEAR = 31_536_000


class Command(OperatorCommand):
    help = "List what is late, in doubt, or cannot go out, each with the next step; exits 1 if there is anything."
    details = """
Examples:
  manage.py stuck                             what has been stuck for five minutes
  manage.py stuck --older-than 0 --workspace ws_019a2b3c…
  manage.py stuck --json | jq '.stuck[].next_step'

With --json: {"stuck": [{kind, platform, workspace_id, account_id, post_id, target_id, since, until, cause, who_acts,
retry_safe, next_step}], "more"}.

It only reads. Exits with 1 if something is stuck, with 2 if there is no such workspace or an argument is not possible,
else with 0."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=int,
            default=OLDER_THAN,
            metavar="SECONDS",
            help="how late something must be to be listed (default 300); what failed or is in doubt is listed at once",
        )
        parser.add_argument("--workspace", default="", metavar="ID", help="look at one workspace only")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        require_between("--older-than", options["older_than"], least=0, most=A_YEAR)
        require_workspace(options["workspace"])
        now = database_now()
        cutoff = now - timedelta(seconds=options["older_than"])
        stuck = Search(now=now, cutoff=cutoff, workspace_id=options["workspace"]).run()
        self.show({"stuck": [_row(each) for each in stuck.findings], "more": stuck.more})
        self._say(stuck)
        if stuck.findings:
            sys.exit(1)

    def _say(self, stuck: Stuck) -> None:
        for finding in stuck.findings:
            self.say(_text(finding))
        kinds = Counter(finding.kind for finding in stuck.findings)
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        more = f", and {stuck.more} more not shown" if stuck.more else ""
        self.say(f"Stuck: {counted}{more}." if counted else "Nothing is stuck.")


def _row(finding: Finding) -> dict[str, Any]:
    return asdict(finding) | {
        "since": written_in_utc(finding.since),
        "until": finding.until and written_in_utc(finding.until),
    }


def _text(finding: Finding) -> str:
    subject = finding.target_id or finding.account_id
    post = f" of {finding.post_id}" if finding.post_id else ""
    until = f", until {written_in_utc(finding.until)}" if finding.until else ""
    return (
        f"{finding.kind}: {subject}{post} in {finding.workspace_id} ({finding.platform})\n"
        f"  since     {written_in_utc(finding.since)}{until}\n"
        f"  cause     {finding.cause}\n"
        f"  who acts  {finding.who_acts}; sending it again is {'safe' if finding.retry_safe else 'not safe'}\n"
        f"  next      {finding.next_step}"
    )
