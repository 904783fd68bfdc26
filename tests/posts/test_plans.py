"""What is asked all day reads by an index: no more rows than it shows, however many there are."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import tokens
from accounts.models import SocialAccount
from accounts.platforms.limits import Allowance
from adminapi.console.overview import outgoing, states
from adminapi.monitoring import metrics
from analytics import sync, totals
from ouipost.claims import claim_due, database_now
from ouipost.events.models import Delivery, Event
from posts import counts
from posts.models import Post, PostStatus, Target, TargetStatus
from posts.places import goes_out_later
from posts.publishing.others import Search, others
from tests.conftest import ApiClient
from tests.factories import NOW, make_key, make_user
from tests.posts import scale
from workspaces.models import Membership, Role, Workspace
from workspaces.permissions import ADMIN_PERMISSIONS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="It is a server's plans that are looked at."),
]

LEASE = timedelta(seconds=60)
POSTS, ACCOUNTS = 5_000, 50
OPEN = 250
"""Of the posts, so many go out within an hour."""
SHOWN = 20
MOST_READ = 10 * SHOWN
"""Rows of one table that one statement may read: a page, what belongs to it, and the accounts of a workspace."""
COUNTS = "COUNT(*)"
"""How many rows a filter matches is told exactly: that reads them."""
ASKED = (
    "/api/posts",
    "/api/posts?status=scheduled",
    "/api/posts?status=published&from=2020-01-01",
    "/api/posts?platform=facebook",
    "/api/posts/{post}",
    "/api/posts/{post}/timeline",
    "/api/schedules",
    "/api/analytics",
    "/api/posts/{post}/analytics",
)
SENT: dict[str, Any] = {"armed_at": NOW, "sent_text": "", "is_taken": False, "has_other_ids": True}
LOOK = Search(target_id="", platform="facebook", account_remote_id="1", remote_ids=["2", "3"], **SENT)
TICKS: tuple[Callable[[], Any], ...] = (
    tokens.refresh_due,
    lambda: list(sync.due_accounts(now=database_now())[:SHOWN]),
    lambda: claim_due(Delivery.objects.all(), limit=SHOWN, lease=LEASE),
    lambda: others([LOOK]),
)


def too_much(ask: Callable[[], Any], most: int = MOST_READ) -> list[str]:
    """Ask, and return the statements that read more of a table than they should."""
    with CaptureQueriesContext(connection) as queries:
        ask()
    asked = [query["sql"] for query in queries.captured_queries if query["sql"].lstrip("(").startswith("SELECT")]
    plans = [scale.plan_of(statement, SHOWN) for statement in asked if COUNTS not in statement]
    assert plans
    return [str(plan) for plan in plans if max(plan.read.values(), default=0) > most]


def test_no_statement_reads_more_rows_than_its_answer_needs() -> None:
    scale.fill(rows=POSTS, due=0, accounts=ACCOUNTS)
    workspace = Workspace.objects.get()
    api = ApiClient(make_key()[1], workspace.pk)
    post = workspace.posts.order_by("pk")[POSTS // 2].pk

    found = {path: too_much(partial(api.get, path.format(post=post))) for path in ASKED}
    found |= {f"tick {number}": too_much(tick) for number, tick in enumerate(TICKS)}

    assert [f"{name}: {plan}" for name, plans in found.items() for plan in plans] == []


def test_the_line_before_a_post_is_read_without_what_is_out_or_comes_much_later(settings: Settings) -> None:
    scale.fill(rows=POSTS, due=SHOWN, accounts=1)
    account, at = SocialAccount.objects.get(), database_now() + timedelta(hours=1)
    settings.NETWORK_PACE = {account.platform: Allowance(most=100, seconds=900)}

    assert too_much(lambda: goes_out_later(account, Post(scheduled_at=at)), most=SHOWN) == []


def test_a_scrape_reads_the_first_entry_without_a_seal_and_no_other() -> None:
    waiting = [Event(type="post.created", resource_type="post", created_at=database_now()) for _ in range(POSTS)]
    Event.objects.bulk_create(waiting, batch_size=scale.CHUNK)

    assert too_much(metrics.read) == []


def _fill_with_published() -> Workspace:
    """Write posts of which most went out today, as the kept sums say, and the others go out within an hour."""
    scale.fill(rows=POSTS, due=OPEN, accounts=ACCOUNTS)
    workspace, now = Workspace.objects.get(), database_now()
    coming = Target.objects.filter(status=TargetStatus.PUBLISHING)
    at = now + timedelta(hours=1)
    Post.objects.exclude(targets__in=coming).update(status=PostStatus.PUBLISHED)
    Post.objects.filter(targets__in=coming).update(status=PostStatus.SCHEDULED, moment=at)
    coming.update(status=TargetStatus.SCHEDULED, due_at=at)
    totals.add_days([(workspace.pk, now.date(), "facebook", {**totals.NOTHING, "posts": POSTS})])
    _finish(workspace)
    return workspace


def _fill_with_coming() -> Workspace:
    """Write as many targets, of posts that all go out to every account within an hour."""
    scale.fill(rows=0, due=0, accounts=ACCOUNTS)
    workspace, at = Workspace.objects.get(), database_now() + timedelta(hours=1)
    waits = {"status": PostStatus.SCHEDULED, "scheduled_at": at}
    new = (
        Post(workspace=workspace, content="Bread", created_at=at, moment=at, **waits) for _ in range(POSTS // ACCOUNTS)
    )
    posts, accounts = Post.objects.bulk_create(new), list(workspace.accounts.all())
    targets = (
        Target(post=post, account=account, platform=account.platform, due_at=at, **waits)
        for post in posts
        for account in accounts
    )
    Target.objects.bulk_create(targets, batch_size=scale.CHUNK)
    _finish(workspace)
    return workspace


def _finish(workspace: Workspace) -> None:
    """Count the posts, and leave nothing in the indexes of what rows were before."""
    counts.add_posts(workspace.pk, 0)
    with connection.cursor() as cursor:
        cursor.execute("OPTIMIZE TABLE posts_post, posts_target")
        cursor.fetchall()


def _visitor(workspace: Workspace, role: str) -> Client:
    user = make_user(role=role, permissions=list(ADMIN_PERMISSIONS))
    Membership.objects.create(workspace=workspace, user=user)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR])
def test_the_first_page_of_the_console_reads_what_is_to_go_out_and_not_what_is_out(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "MOST_COUNTED", OPEN)
    browser = _visitor(_fill_with_published(), role)

    assert too_much(lambda: browser.get("/console/"), most=OPEN + MOST_READ) == []


@pytest.mark.usefixtures("on_mariadb")
def test_the_first_page_of_the_console_stops_where_it_has_counted_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "MOST", OPEN)
    browser = _visitor(_fill_with_coming(), Role.ADMIN)

    assert too_much(lambda: browser.get("/console/"), most=OPEN + MOST_READ) == []
