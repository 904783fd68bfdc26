"""The claim on a table of any size: what its queries read, and how fast claimers side by side take what is due."""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import SocialAccount
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from posts.models import Post, Target, TargetStatus
from tests.factories import make_account, make_workspace
from tests.foundation.threads import at_once
from tests.posts.fakes import claim_targets
from workspaces.models import Workspace

CHUNK = 2000
LIMIT = 20
TICK_SECONDS = 0.02
CONDITION = re.compile(r'_condition": ".*"(,?)$', re.MULTILINE)
"""MariaDB does not escape the quotes in one on JSON."""
READ = re.compile(r"-> [\w -]+ on (\S+) .*\(actual time=\S+ rows=(\S+) loops=(\d+)\)")
"""A line of MySQL's plan, which all its versions have as text, and none before 8.3 as JSON."""
SORTS = ("filesort", "-> Sort")
"""What MariaDB and MySQL call sorting in a plan."""
PLATFORMS = ("facebook", "twitter", "bluesky")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What claimers did: how often each target was claimed, and how fast."""

    claims: int
    doubled: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.claims / self.seconds

    def __str__(self) -> str:
        return f"claims {self.claims}  claimed twice: {self.doubled}  {self.rate:.0f} claims/s"


def fill(*, rows: int, due: int, accounts: int) -> None:
    """Write targets of so many accounts: a part is due now, half of the others later, and the rest is published."""
    workspace = make_workspace()
    owners = [_make_account(workspace, number) for number in range(accounts)]
    with transaction.atomic():
        for start in range(0, rows, CHUNK):
            _write([(owners[number % accounts], number) for number in range(start, min(start + CHUNK, rows))], due=due)
    analyze()


def analyze() -> None:
    """Let the database know what is in the table: it may plan by what was there before."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE posts_target" if connection.vendor == "mysql" else "ANALYZE posts_target")
        cursor.fetchall()


def _make_account(workspace: Workspace, number: int) -> SocialAccount:
    platform = PLATFORMS[number % len(PLATFORMS)]
    return make_account(workspace, platform=platform, remote_id=str(number), default_of=None)


def _write(numbered: list[tuple[SocialAccount, int]], *, due: int) -> None:
    now = database_now()
    posts = Post.objects.bulk_create(
        Post(workspace_id=account.workspace_id, content=f"Post {number}", created_at=now, moment=now)
        for account, number in numbered
    )
    targets = []
    for post, (account, number) in zip(posts, numbered, strict=True):
        target = Target(post=post, account=account, platform=account.platform, status=TargetStatus.PUBLISHED)
        if number < due or number % 2:
            target.status = TargetStatus.PUBLISHING if number < due else TargetStatus.SCHEDULED
            target.due_at = target.scheduled_at = now + timedelta(seconds=-60 if number < due else 86_400 + number)
        targets.append(target)
    Target.objects.bulk_create(targets)


def claim_all(*, claimers: int, limit: int = LIMIT) -> Figures:
    """Let claimers side by side take all that is due, each account again and again, and count."""
    taken: Counter[str] = Counter()

    def work() -> None:
        while True:
            held = [claim.pk for claim in claim_targets(limit)]
            if held:
                taken.update(held)
                settle(held)
            elif not Target.objects.filter(due_at__lte=database_now()).exists():
                return
            else:
                time.sleep(TICK_SECONDS)  # as a worker does: the others were faster

    started = time.monotonic()
    ended = at_once(*[work] * claimers)
    assert ended == [None] * claimers, ended
    doubled = sum(count > 1 for count in taken.values())
    return Figures(claims=sum(taken.values()), doubled=doubled, seconds=time.monotonic() - started)


def settle(pks: list[str]) -> None:
    """Let the targets go; a race lost to a claim only costs a try, as for the engine's writer."""
    rows = Target.objects.filter(pk__in=pks)
    in_transaction(lambda: rows.update(in_flight=None, due_at=None, lease_until=None))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one statement of a claim did: the tables that it read, and how many rows of each."""

    statement: str
    read: dict[str, float]
    sorts: bool
    limit: int

    @property
    def is_lean(self) -> bool:
        """Whether it sorted nothing, and read no more targets than three times what may be claimed."""
        return not self.sorts and self.read.get("posts_target", 0) <= 3 * self.limit

    def __str__(self) -> str:
        read = ", ".join(f"{table} {rows:.0f}" for table, rows in self.read.items())
        return f"{'filesort ' if self.sorts else ''}{read}: {self.statement[:100]}"


def plans() -> list[Plan]:
    """Claim once, and return how the server ran each query of the claim."""
    with CaptureQueriesContext(connection) as queries:
        held = claim_targets(LIMIT)
    settle([claim.pk for claim in held])  # else its accounts are busy until their leases are over
    return [plan_of(query["sql"], LIMIT) for query in queries.captured_queries if " FROM `" in query["sql"]]


def plan_of(statement: str, limit: int) -> Plan:
    """Run a statement, and return how the server did."""
    is_mariadb = getattr(connection, "mysql_is_mariadb", False)
    with connection.cursor() as cursor:
        cursor.execute(f"{'ANALYZE FORMAT=JSON' if is_mariadb else 'EXPLAIN ANALYZE'} {statement}")
        analyzed = cursor.fetchone()[0]
    read: dict[str, float] = defaultdict(float)
    for table, rows, loops in _steps(analyzed) if is_mariadb else READ.findall(analyzed):
        read[table] += float(rows or 0) * float(loops or 0)
    named = re.sub(r"\s+", " ", statement)
    return Plan(statement=named, read=dict(read), sorts=any(each in analyzed for each in SORTS), limit=limit)


def _steps(analyzed: str) -> Iterator[tuple[str, float | None, float | None]]:
    """Give every table that MariaDB's plan reads, with how many rows of it each time, and how often."""
    for table in _tables(json.loads(CONDITION.sub(r'_condition": ""\1', analyzed))):
        yield table["table_name"], table.get("r_rows"), table.get("r_loops")


def _tables(node: Any) -> Iterator[dict[str, Any]]:
    """Give every table that a plan reads, with how often and how much."""
    if isinstance(node, list):
        for each in node:
            yield from _tables(each)
    elif isinstance(node, dict):
        if "table_name" in node:
            yield node
        for each in node.values():
            yield from _tables(each)
