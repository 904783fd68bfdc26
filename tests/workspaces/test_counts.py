"""A workspace's numbers, in one query, whatever its size."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from posts.models import PostCount
from tests.factories import NOW, make_account, make_post, make_user, make_workspace
from workspaces.counts import with_counts, with_stats
from workspaces.models import Membership, Workspace


@pytest.fixture
def bakery(workspace: Workspace) -> Workspace:
    """Two connected accounts and one that is gone, three posts and four members."""
    first = make_account(workspace)
    second = make_account(workspace, platform="twitter", remote_id="1002")
    make_account(workspace, remote_id="1003", default_of=None, disconnected_at=NOW)
    make_post(workspace, accounts=[first, second])
    make_post(workspace, accounts=[first, second], status="scheduled", scheduled_at=NOW)
    make_post(workspace, accounts=[first], status="published")
    for number in range(4):
        Membership.objects.create(workspace=workspace, user=make_user(email=f"{number}@example.com"))
    return workspace


def test_counts_do_not_multiply_each_other(
    bakery: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    empty = make_workspace(name="Empty")

    counted: Any = with_counts(Workspace.objects.all())
    with django_assert_num_queries(1):
        rows = list(counted.values_list("pk", "accounts_count", "posts_count", "members_count"))

    assert sorted(rows) == sorted([(bakery.pk, 2, 3, 4), (empty.pk, 0, 0, 0)])


def test_stats_count_by_status(bakery: Workspace, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    counted: Any = with_stats(Workspace.objects.all())
    with django_assert_num_queries(1):
        row = counted.values_list("posts_count", "scheduled_count", "published_count").get()

    assert row == (3, 1, 1)


@pytest.mark.parametrize("add", [with_counts, with_stats])
def test_a_number_of_posts_that_is_kept_is_not_counted_again(add: Any, bakery: Workspace) -> None:
    PostCount.objects.create(workspace=bakery, total=5000)

    assert add(Workspace.objects.all()).values_list("posts_count").get() == (5000,)
