"""Queries that are compiled once: they return what the ORM would, for whatever values."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet, Sum

from accounts.models import SocialAccount
from ouipost.db.prepared import fetch
from tests.factories import NOW, make_account
from workspaces.models import Workspace

COLUMNS = ("name", "connected_at", "settings", "name_is_ours", "followers")


def make_named(workspace: Workspace, name: str, **values: Any) -> None:
    make_account(workspace, remote_id=name, name=name, default_of=None, settings={"own": name}, **values)


def whole(**matching: Any) -> QuerySet[SocialAccount]:
    return SocialAccount.objects.filter(**matching).order_by("name")


def columns(of: str, **matching: Any) -> "QuerySet[SocialAccount, Any]":
    return whole(**matching).values_list(*COLUMNS)


def test_values_are_those_that_the_orm_would_find(workspace: Workspace) -> None:
    for day, name in enumerate(("Bakery é", "Café %s", "O'Hara \\")):
        make_named(workspace, name, connected_at=NOW + timedelta(days=day), followers=day)
    before = SocialAccount.objects.get(name="Café %s").connected_at

    for matching in (
        {"workspace": workspace.pk},
        {"connected_at__gte": before, "connected_at__lt": before + timedelta(days=1)},
        {"name__in": ["Café %s", "O'Hara \\"]},
        {"name__in": ["O'Hara \\", "nobody"], "followers__gt": 1},
        {"connected_at__date": before.date()},
    ):
        assert fetch(columns, "them", **matching) == list(columns("them", **matching))
        assert [loaded(row) for row in fetch(whole, **matching)] == [loaded(row) for row in whole(**matching)]


def loaded(row: SocialAccount) -> dict[str, Any]:
    """Return the values that a row was read with, and where it is from."""
    return vars(row) | {"_state": vars(row._state)}


def test_columns_that_a_query_leaves_out_are_read_when_they_are_needed(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    make_named(workspace, "A", followers=7)

    [row] = fetch(named)

    assert loaded(row) == loaded(named().get())
    with django_assert_num_queries(1):
        assert row.followers == 7


def named() -> QuerySet[SocialAccount]:
    return SocialAccount.objects.only("name", "settings")


def test_a_query_is_made_once_for_all_values_and_anew_for_lists_of_another_length(workspace: Workspace) -> None:
    for name in ("A", "B", "C"):
        make_named(workspace, name, followers=1)
    made = []

    def followers(kind: str, **matching: Any) -> "QuerySet[SocialAccount, Any]":
        made.append((kind, *matching))
        rows = SocialAccount.objects.filter(**matching).order_by()
        return rows.values_list("workspace").annotate(followed=Sum("followers"))

    found = [fetch(followers, "sum", name__in=names) for names in (["A"], ["B"], ["A", "C"], ["no", "B"])]

    assert [counted for [(_, counted)] in found] == [1, 1, 2, 1]
    assert made == [("sum", "name__in")] * 2


def test_an_empty_list_matches_no_row_and_asks_nothing(workspace: Workspace, django_assert_num_queries: Any) -> None:
    make_named(workspace, "A")

    with django_assert_num_queries(0):
        assert fetch(columns, "them", name__in=[]) == []
