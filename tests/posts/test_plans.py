"""What is asked all day reads by an index: no more rows than it shows, however many there are."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tokens
from analytics import sync
from ouipost.claims import claim_due, database_now
from ouipost.events.models import Delivery
from tests.conftest import ApiClient
from tests.factories import make_key
from tests.posts import scale
from workspaces.models import Workspace

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="It is a server's plans that are looked at."),
]

LEASE = timedelta(seconds=60)
POSTS, ACCOUNTS = 20_000, 50
SHOWN = 20
MOST_READ = 10 * SHOWN
"""Rows of one table that one statement may read: a page, what belongs to it, and the accounts of a workspace."""
COUNTS = "COUNT(*)"
"""How many rows a filter matches is told exactly: that reads them."""
ASKED = (
    "/api/posts",
    "/api/posts?status=scheduled",
    "/api/posts?status=published&from=2020-01-01",
    "/api/posts/{post}",
    "/api/posts/{post}/timeline",
    "/api/schedules",
    "/api/analytics",
    "/api/posts/{post}/analytics",
)
TICKS: tuple[Callable[[], Any], ...] = (
    tokens.refresh_due,
    lambda: list(sync.due_accounts(now=database_now())[:SHOWN]),
    lambda: claim_due(Delivery.objects.all(), limit=SHOWN, lease=LEASE),
)


def too_much(ask: Callable[[], Any]) -> list[str]:
    """Ask, and return the statements that read more of a table than they should."""
    with CaptureQueriesContext(connection) as queries:
        ask()
    asked = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("SELECT")]
    plans = [scale.plan_of(statement, SHOWN) for statement in asked if COUNTS not in statement]
    assert plans
    return [str(plan) for plan in plans if max(plan.read.values(), default=0) > MOST_READ]


def test_no_statement_reads_more_rows_than_its_answer_needs() -> None:
    scale.fill(rows=POSTS, due=0, accounts=ACCOUNTS)
    workspace = Workspace.objects.get()
    api = ApiClient(make_key()[1], workspace.pk)
    post = workspace.posts.order_by("pk")[POSTS // 2].pk

    found = {path: too_much(partial(api.get, path.format(post=post))) for path in ASKED}
    found |= {f"tick {number}": too_much(tick) for number, tick in enumerate(TICKS)}

    assert [f"{name}: {plan}" for name, plans in found.items() for plan in plans] == []
