"""Many rows in one statement: each gets its own values, of every kind of column."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import SocialAccount
from analytics.models import DayTotal
from ouipost.db.rows import insert_each, update_each
from ouipost.ids import new_id
from tests.factories import NOW, make_account
from workspaces.models import Workspace


def make_row(workspace: Workspace) -> str:
    return str(make_account(workspace, remote_id=new_id("x"), default_of=None).pk)


def stored(*columns: str) -> dict[str, tuple[Any, ...]]:
    return {pk: tuple(values) for pk, *values in SocialAccount.objects.order_by("pk").values_list("pk", *columns)}


VALUES: dict[str, list[Any]] = {
    "settings": [{"link": "https://a.example/?b=1&c=%s", "é": ["🥖", None, 1.5, True]}, {}, {"quote": "'\"\\;--"}],
    "last_error": [{"code": "X", "message": ""}, None, {"code": "", "message": "", "who_acts": None}],
    "name": ["Fresh bread 🥖", "", "O'Hara \\ %s"],
    "name_is_ours": [True, False, True],
    "held_until": [datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC), None, datetime(1999, 1, 1, tzinfo=UTC)],
    "followers": [2**40, None, 0],
}
"""Three values of each kind of column."""


@pytest.mark.parametrize("column", VALUES)
@pytest.mark.parametrize("count", [1, 3])
def test_each_row_gets_its_own_value(workspace: Workspace, column: str, count: int) -> None:
    pks = [make_row(workspace) for _ in range(count)]
    other = make_row(workspace)
    before = stored(column)[other]

    update_each(SocialAccount, {pk: {column: value} for pk, value in zip(pks, VALUES[column], strict=False)})

    wanted = {pk: (value,) for pk, value in zip(pks, VALUES[column], strict=False)}
    assert stored(column) == wanted | {other: before}


@pytest.mark.parametrize("column", VALUES)
def test_rows_may_get_the_same_value(workspace: Workspace, column: str) -> None:
    pks = [make_row(workspace) for _ in range(3)]

    update_each(SocialAccount, {pk: {column: VALUES[column][0]} for pk in pks})

    assert stored(column) == dict.fromkeys(pks, (VALUES[column][0],))


def test_rows_may_set_different_columns(workspace: Workspace, django_assert_num_queries: Any) -> None:
    named, counted, also_named, left = (make_row(workspace) for _ in range(4))
    before = stored("name", "followers")

    with django_assert_num_queries(2):
        update_each(
            SocialAccount, {named: {"name": "A"}, counted: {"followers": 3}, also_named: {"name": "B"}, left: {}}
        )

    changed = {named: ("A", before[named][1]), also_named: ("B", before[also_named][1])}
    assert stored("name", "followers") == before | changed | {counted: (before[counted][0], 3)}


def test_many_rows_and_columns_are_one_statement(workspace: Workspace, django_assert_num_queries: Any) -> None:
    pks = [make_row(workspace) for _ in range(30)]
    rows = {pk: {name: values[number % 3] for name, values in VALUES.items()} for number, pk in enumerate(pks)}

    with django_assert_num_queries(1):
        update_each(SocialAccount, rows)

    assert stored(*VALUES) == {pk: tuple(columns.values()) for pk, columns in rows.items()}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_new_rows_are_as_the_orm_would_have_stored_them(workspace: Workspace, count: int) -> None:
    rows = [
        SocialAccount(
            workspace=workspace,
            platform="facebook",
            type="page",
            remote_id=str(number),
            connected_at=NOW,
            **{name: values[number] for name, values in VALUES.items()},
        )
        for number in range(count)
    ]

    insert_each(rows)

    assert list(SocialAccount.objects.order_by("remote_id")) == rows
    assert stored(*VALUES) == {row.pk: tuple(getattr(row, name) for name in VALUES) for row in rows}
    for row in rows:
        row.save()  # knows that it is stored
    assert SocialAccount.objects.count() == count


def test_the_database_gives_keys_where_rows_have_none(workspace: Workspace) -> None:
    given = {"workspace": workspace, "day": NOW.date()}

    insert_each([DayTotal(platform=name, reach=place, **given) for place, name in enumerate(("facebook", "threads"))])

    rows = DayTotal.objects.order_by("pk")
    assert [(row.platform, row.reach, row.day) for row in rows] == [
        ("facebook", 0, NOW.date()),
        ("threads", 1, NOW.date()),
    ]


def test_a_row_that_is_there_already_is_refused_and_none_is_stored(workspace: Workspace) -> None:
    known = SocialAccount.objects.get(pk=make_row(workspace))
    given = {"workspace": workspace, "platform": "facebook", "type": "page", "connected_at": NOW}

    with pytest.raises(IntegrityError), transaction.atomic():
        insert_each([SocialAccount(remote_id="new", **given), SocialAccount(pk=known.pk, remote_id="old", **given)])

    assert list(SocialAccount.objects.values_list("pk", flat=True)) == [known.pk]
