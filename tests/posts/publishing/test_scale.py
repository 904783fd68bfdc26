"""Claiming from a large table is cheap, shared by many, and in nobody's way."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from pytest_django import Settings

from accounts.platforms.limits import Allowance
from ouipost.claims import database_now
from posts.models import Post, Target, TargetStatus
from posts.publishing import claiming
from tests.factories import make_account, make_post, make_workspace
from tests.foundation.threads import PATIENCE_SECONDS, at_once
from tests.posts import scale
from tests.posts.fakes import make_due
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

only_on_a_server = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="It is a server's plans and row locks that are looked at."
)


@only_on_a_server
def test_a_claim_sorts_nothing_and_reads_no_more_than_three_times_what_it_takes() -> None:
    scale.fill(rows=20_000, due=1_000, accounts=200)

    plans = scale.plans()

    assert [str(plan) for plan in plans if not plan.is_lean] == []
    assert len(plans) >= 5


def test_claimers_side_by_side_take_everything_once() -> None:
    scale.fill(rows=400, due=150, accounts=30)

    figures = scale.claim_all(claimers=4)

    assert (figures.claims, figures.doubled) == (150, 0)


@only_on_a_server
def test_a_new_due_post_of_another_account_is_committed_while_a_claim_is_open() -> None:
    workspace = make_workspace()
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(8)]
    for account in accounts[:4]:
        make_due(workspace, account)
    claimed, ended = threading.Event(), threading.Event()

    def claim() -> int:
        with transaction.atomic():
            held = claiming._claim(10, suspects=True)
            claimed.set()
            assert ended.wait(PATIENCE_SECONDS)
        return len(held or [])

    def insert() -> float:
        assert claimed.wait(PATIENCE_SECONDS)
        took = []
        for account in accounts[4:]:  # a new post of the others waits for the claim: their account is locked
            started = time.monotonic()
            with transaction.atomic():
                due = database_now() - timedelta(seconds=90)  # before, between and behind what the claim holds
                make_post(workspace, accounts=[account], status=TargetStatus.SCHEDULED, scheduled_at=due)
            took.append(time.monotonic() - started)
        ended.set()
        return min(took)  # what waits for the claim waits for good: the others only wait for their turn on this machine

    held, fastest = at_once(claim, insert)

    assert (held, fastest < 0.1) == (4, True)
    assert (Post.objects.count(), Target.objects.filter(in_flight=None).count()) == (8, 4)


@only_on_a_server
def test_thousands_that_wait_for_one_account_are_not_read(workspace: Workspace) -> None:
    scale.fill(rows=8_000, due=0, accounts=100)  # in a table of its own, the server would begin with the few others
    now, busy = database_now(), make_account(workspace)
    others = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(3)]
    posts = Post.objects.bulk_create(
        Post(workspace=workspace, content="Bread", status="scheduled", moment=now, created_at=now) for _ in range(2003)
    )
    due: dict[str, Any] = {"platform": "facebook", "status": "scheduled", "scheduled_at": now}
    waiting = [Target(post=post, account=busy, due_at=now - timedelta(seconds=1), **due) for post in posts[3:]]
    behind = [Target(post=post, account=other, due_at=now, **due) for post, other in zip(posts, others, strict=False)]
    Target.objects.bulk_create([*waiting, *behind])
    scale.analyze()
    claiming.claim_targets(1, suspects=True)

    held, reads = list[Any](), list[int]()
    for _ in others:  # as often: the server may read its own statistics meanwhile
        before = rows_read()
        held += claiming.claim_targets(1, suspects=True)
        reads.append(rows_read() - before)

    assert {Target.objects.get(pk=claim.pk).account for claim in held} == {*others}
    assert min(reads) < 200


@only_on_a_server
def test_thousands_in_line_are_not_read_to_put_one_more_behind_them(workspace: Workspace, settings: Settings) -> None:
    settings.NETWORK_PACE = settings.NETWORK_PACE | {"facebook": Allowance(most=1, seconds=60)}
    scale.fill(rows=8_000, due=0, accounts=100)
    now = database_now()
    account = make_account(workspace, paced_at=now + timedelta(minutes=1))
    posts = Post.objects.bulk_create(
        Post(workspace=workspace, content="Bread", status="scheduled", moment=now, created_at=now) for _ in range(2000)
    )
    line: dict[str, Any] = {"account": account, "platform": "facebook", "status": "scheduled", "scheduled_at": now}
    places = [now + timedelta(minutes=number) for number in range(1, 2001)]
    Target.objects.bulk_create(Target(post=post, due_at=at, **line) for post, at in zip(posts, places, strict=True))
    scale.analyze()
    due = [make_due(workspace, account) for _ in range(3)]

    reads = list[int]()
    for each in due:
        Target.objects.filter(pk__in=[other.pk for other in due[len(reads) :]]).update(due_at=None)
        Target.objects.filter(pk=each.pk).update(due_at=F("scheduled_at"))
        before = rows_read()
        assert claiming.claim_targets(1, suspects=True) == []
        reads.append(rows_read() - before)

    put_off = [Target.objects.get(pk=each.pk).due_at for each in due]
    assert put_off == [places[-1] + timedelta(minutes=number) for number in (1, 2, 3)]
    assert min(reads) < 200


def rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(count) for _, count in cursor.fetchall())
