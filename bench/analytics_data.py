"""A year of a busy installation: a million published posts of 200 workspaces, and what each gained day by day.

Written by the database itself, in the order in which the product would have written it: a day after the other.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts import registry
from accounts.models import SocialAccount
from analytics.gains import COUNTED
from analytics.models import (
    AccountDay,
    AccountSync,
    DayTotal,
    HourTotal,
    InstallationDay,
    PlatformTotal,
    Snapshot,
    TargetDay,
    TargetNumbers,
    WorkspaceDay,
)
from analytics.periods import A_DAY
from posts.models import Post, Target
from workspaces.models import Workspace

POSTS, WORKSPACES, DAYS = 1_000_000, 200, 365
ACCOUNTS = WORKSPACES * len(registry.IDS)
SCATTERED = 1007
"""Times an account's place, and the sums of a day lie in no order of workspaces; no divisor of ACCOUNTS is in it."""
BIG_SHARE = 0.05
"""Of all posts, so much is of one workspace; the others have the same share each."""
HOURS_OF_DAYS = 35
STEPS = ((0, 0.5), (1, 0.7), (2, 0.8), (3, 0.86), (5, 0.91), (8, 0.95), (14, 0.98), (30, 1.0))
"""So many days after it went out, a post has gained that share of all that it ever will."""
TAIL = 1.2
"""The exponent of a Pareto distribution: most posts are seen some hundred times, a few some million times."""
TABLES = (
    Snapshot,
    TargetDay,
    HourTotal,
    DayTotal,
    InstallationDay,
    WorkspaceDay,
    PlatformTotal,
    AccountDay,
    AccountSync,
    TargetNumbers,
    Target,
    Post,
)
CONTENT = "Fresh bread from the oven, every morning from seven; come by and take a loaf home while it is warm. "
AGES = '{"18-24": 18, "25-34": 31, "35-44": 24, "45-54": 16, "55-64": 7, "65+": 4}'
COUNTRIES = '{"US": 41, "GB": 14, "DE": 11, "FR": 9, "CA": 7, "AU": 5, "NL": 4, "ES": 4, "IT": 3, "SE": 2}'
SAYS_WHO_FOLLOWS = ("facebook", "instagram", "threads")
UUID = "CONCAT(LEFT(moment, 8), '-', MID(moment, 9, 4), '-7000-8000-', LPAD(LOWER(HEX(number)), 12, '0'))"
POST_ID, TARGET_ID = f"CONCAT('post_', {UUID})", f"CONCAT('tgt_', {UUID})"
PLANNED = "planned JOIN owners USING (place)"
SUMS = {name: f"SUM({name})" for name in ("posts", *COUNTED)}


@dataclass(frozen=True, kw_only=True)
class Data:
    """What the bench asks for."""

    usual: Workspace
    big: Workspace
    first: date
    last: date


@contextmanager
def loaded(posts: int = POSTS) -> Iterator[Data]:
    """Fill the database for the block, with so many published posts; its rows are gone after it."""
    _empty()
    today = datetime.now(UTC).date()
    first = today - (DAYS - 1) * A_DAY
    workspaces = [Workspace(name=f"Workspace {number}", mode="live") for number in range(WORKSPACES)]
    Workspace.objects.bulk_create(workspaces)
    accounts = _connect(workspaces)
    _plan(accounts, first, posts)
    _check("foreign_key", False)
    _check("unique", False)  # an empty table's indexes are then built at once
    _fill_posts()
    _fill_numbers()
    _check("unique", True)
    for number in range(DAYS):
        _fill_day(number, first + number * A_DAY)
    _fill_sums(today)
    _fill_accounts(first)
    _check("foreign_key", True)
    _require_consistent()
    yield Data(usual=workspaces[1], big=workspaces[0], first=first, last=today)
    _empty()


def _empty() -> None:
    truncate(TABLES)
    Workspace.objects.all().delete()


def truncate(models: Iterable[type[Model]]) -> None:
    """Remove all rows of these tables, whatever points to them."""
    _check("foreign_key", False)
    for model in models:
        execute(f"TRUNCATE TABLE {model._meta.db_table}")
    _check("foreign_key", True)


def _connect(workspaces: list[Workspace]) -> list[SocialAccount]:
    """Connect each workspace to every network."""
    now = datetime.now(UTC)
    given = {"type": "page", "connected_at": now, "last_sync": now, "followers": 1000, "following": 100}
    accounts = [
        SocialAccount(workspace=workspace, platform=platform, remote_id=f"at-{platform}", name="Bakery", **given)
        for workspace in workspaces
        for platform in registry.IDS
    ]
    SocialAccount.objects.bulk_create(accounts)
    return accounts


def _plan(accounts: list[SocialAccount], first: date, posts: int) -> None:
    """Note for each post whose it is, when it goes out, and what it will gain; and for each day its sums' keys."""
    networks, started = len(registry.IDS), datetime.combine(first, time())
    microseconds = (datetime.now(UTC).replace(tzinfo=None) - started) // timedelta(microseconds=1) // posts
    owner = f"IF({_drawn('owner')} < {BIG_SHARE}, 0, 1 + FLOOR({_drawn('other')} * {WORKSPACES - 1}))"
    seen = f"FLOOR(LEAST(200 * POW(1 - {_drawn('luck')}, {-1 / TAIL}), 50000000))"
    keys = "id VARCHAR(45), workspace_id VARCHAR(45), platform VARCHAR(20)"
    execute(f"CREATE OR REPLACE TEMPORARY TABLE owners (place INT PRIMARY KEY, {keys})")
    with connection.cursor() as cursor:
        rows = [(place, each.pk, each.workspace_id, each.platform) for place, each in enumerate(accounts)]
        cursor.executemany("INSERT INTO owners VALUES (%s, %s, %s, %s)", rows)
    execute(
        "CREATE OR REPLACE TEMPORARY TABLE planned (number INT PRIMARY KEY, place INT, at DATETIME(6), day INT,"
        " moment CHAR(12), impressions BIGINT, engaged DOUBLE, clicked DOUBLE, KEY (day))"
    )
    execute(
        "INSERT INTO planned SELECT seq, place, at, DATEDIFF(at, %s),"  # noqa: S608 (nothing comes from outside)
        " LPAD(LOWER(HEX(FLOOR(UNIX_TIMESTAMP(at) * 1000))), 12, '0'), seen, 0.02 + 0.06 * rate, 0.01 * rate FROM"
        f" (SELECT seq, {owner} * {networks} + FLOOR({_drawn('network')} * {networks}) AS place,"
        f" %s + INTERVAL seq * {microseconds} MICROSECOND AS at, {seen} AS seen, {_drawn('rate')} AS rate"
        f" FROM seq_0_to_{posts - 1}) AS drawn",
        first,
        started,
    )


def _drawn(name: str) -> str:
    """Return an expression for a number from 0 to 1 that looks drawn by lot, and is the same in each run."""
    return f"CONV(LEFT(MD5(CONCAT('{name}', seq)), 8), 16, 10) / 4294967296"


def _fill_posts() -> None:
    """Write the posts, each with a target."""
    moments = dict.fromkeys(("published_at", "scheduled_at", "created_at", "updated_at", "moment"), "planned.at")
    networks = dict.fromkeys(("platforms", "destinations"), "CONCAT('[\"', platform, '\"]')")
    counts = {name: _gained(name, _so_far()) for name in ("impressions", "engagement", "clicks")}
    own = {"workspace_id": "workspace_id", "content": f"CONCAT('{CONTENT}', number)", "status": "'published'"}
    insert(Post, PLANNED, id=POST_ID, **own, **networks, **moments, **counts)
    metrics = ", ".join(f"'{name}', {expression}" for name, expression in counts.items())
    own = {"remote_id": "number", "status": "'published'", "metrics": f"JSON_OBJECT({metrics})"}
    links = {"post_id": POST_ID, "account_id": "owners.id", "platform": "platform"}
    insert(Target, PLANNED, id=TARGET_ID, **links, **own, scheduled_at="planned.at", published_at="planned.at")


def _fill_numbers() -> None:
    """Write how each did so far."""
    counts = {name: _gained(name, _so_far()) for name in COUNTED}
    links = {name: name for name in ("workspace_id", "platform")}
    insert(
        TargetNumbers,
        PLANNED,
        id="number + 1",
        target_id=TARGET_ID,
        account_id="owners.id",
        **links,
        **counts,
        published_at="planned.at",
        published_hour="TIMESTAMP(DATE(planned.at)) + INTERVAL HOUR(planned.at) HOUR",
        own=f"JSON_OBJECT('likes', {counts['engagement']}, 'comments', 3, 'shares', 1)",
        most=counts["engagement"],
        read_at="UTC_TIMESTAMP(6)",
        due_at=f"IF(day > {DAYS} - 91, UTC_TIMESTAMP(6), NULL)",
    )


def _so_far() -> str:
    """Return an expression for the share that a post has gained until today."""
    age = f"{DAYS - 1} - planned.day"
    later = " ".join(f"WHEN {age} >= {days} THEN {share}" for days, share in reversed(STEPS))
    return f"(CASE {later} END)"


def _gained(name: str, share: str) -> str:
    """Return an expression for what a planned post has when it has gained this share of everything."""
    factor = {"impressions": "1", "reach": "0.8", "engagement": "engaged", "clicks": "clicked"}[name]
    return f"FLOOR(planned.impressions * {factor} * {share})"


def _fill_day(number: int, day: date) -> None:
    """Write what posts gained on a day, and the day's sums."""
    shares = [(0.0, *STEPS[0]), *((before, *step) for (_, before), step in pairwise(STEPS))]
    steps = " UNION ALL ".join(f"SELECT {have} AS had, {days} AS days, {will} AS has" for have, days, will in shares)
    total = f"{number * ACCOUNTS} + MOD(place * {SCATTERED}, {ACCOUNTS}) + 1"
    gains = {name: f"{_gained(name, 'has')} - {_gained(name, 'had')}" for name in COUNTED}
    source = f"({steps}) AS step JOIN planned ON planned.day = {number} - step.days ORDER BY {total}, number"
    insert(TargetDay, source, total_id=total, numbers_id="number + 1", posts="step.days = 0", **gains)
    sums = ", ".join(f"{expression} AS {name}" for name, expression in SUMS.items())
    bounds = f"total_id > {number * ACCOUNTS} AND total_id <= {(number + 1) * ACCOUNTS}"
    added = f"(SELECT total_id, {sums} FROM analytics_targetday WHERE {bounds} GROUP BY total_id) AS added"  # noqa: S608
    source = f"{added} JOIN owners ON total_id = {total} ORDER BY total_id"
    columns = {name: f"added.{name}" for name in SUMS}
    insert(DayTotal, source, id="total_id", day=f"'{day}'", workspace_id="workspace_id", platform="platform", **columns)


def _fill_sums(today: date) -> None:
    """Write the days of the installation and of workspaces, all that networks got, and the last weeks by the hour."""
    insert(InstallationDay, "analytics_daytotal GROUP BY day, platform", day="day", platform="platform", **SUMS)
    of_workspaces = "analytics_daytotal GROUP BY workspace_id, "
    insert(WorkspaceDay, f"{of_workspaces}day", workspace_id="workspace_id", day="day", **SUMS)
    ever = {"workspace_id": "workspace_id", "platform": "platform", "posts": SUMS["posts"]}
    insert(PlatformTotal, f"{of_workspaces}platform", **ever)
    parts = {name: f"FLOOR({name} * (seq + 1) / 24) - FLOOR({name} * seq / 24)" for name in SUMS}
    since = today - (HOURS_OF_DAYS - 1) * A_DAY
    source = f"analytics_daytotal, seq_0_to_23 WHERE day >= '{since}' ORDER BY day, seq, analytics_daytotal.id"
    keys = {"workspace_id": "workspace_id", "platform": "platform", "hour": "TIMESTAMP(day) + INTERVAL seq HOUR"}
    insert(HourTotal, source, **keys, **parts)


def _fill_accounts(first: date) -> None:
    """Write when accounts are read, and how each stood on every day; some networks tell who follows."""
    now = dict.fromkeys(("due_at", "account_due_at", "read_at"), "UTC_TIMESTAMP(6)")
    insert(AccountSync, "owners", account_id="owners.id", **now)
    told = ", ".join(f"'{name}'" for name in SAYS_WHO_FOLLOWS)
    shares = f'{{"age_groups": {AGES}, "countries": {COUNTRIES}}}'
    insert(
        AccountDay,
        f"seq_0_to_{DAYS - 1}, owners ORDER BY seq, owners.id",
        account_id="owners.id",
        day=f"'{first}' + INTERVAL seq DAY",
        followers="1000 + place + 3 * seq",
        read_at=f"TIMESTAMP('{first}') + INTERVAL seq DAY",
        demographics=f"IF(platform IN ({told}), '{shares}', NULL)",
    )
    execute(f"ANALYZE TABLE {', '.join(model._meta.db_table for model in TABLES)}")


def _require_consistent() -> None:
    """End the bench where the sums are not those of their posts: it would compare nothing."""
    sums = ", ".join(SUMS.values())
    tables = (TargetDay, DayTotal, InstallationDay, WorkspaceDay)
    found = {_row(f"SELECT {sums} FROM {model._meta.db_table}") for model in tables}  # noqa: S608 (names are ours)
    assert len(found) == 1, found
    counts = ", ".join(SUMS[name] for name in COUNTED)
    assert _row(f"SELECT COUNT(*), {counts} FROM analytics_targetnumbers") in found  # noqa: S608 (names are ours)


def insert(model: type[Model], source: str, **expressions: str) -> None:
    """Insert a row for each of the source, its columns by these expressions, the others as the model begins."""
    needed = (field for field in model._meta.concrete_fields if not field.null and not field.primary_key)
    starts = {str(field.column): field.get_db_prep_save(field.get_default(), connection) for field in needed}
    columns = {**dict.fromkeys(starts, "%s"), **expressions}
    execute(
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {source}",  # noqa: S608
        *(start for name, start in starts.items() if name not in expressions),
    )


def execute(statement: str, *parameters: Any) -> None:
    """Run a statement whose answer nobody needs."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)


def _row(statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return tuple(cursor.fetchone())


def _check(kind: str, on: bool) -> None:
    """Have the database look at each new row a second time, or not: we made it ourselves."""
    execute(f"SET SESSION {kind}_checks = {int(on)}")
