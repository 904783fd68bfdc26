"""Ids sort by the time they were made at, and no two are the same."""

import re
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Connection, SocialAccount
from ouipost import ids
from ouipost.ids import MAX_LENGTH, PATTERN, derived_id, least_id, new_id, uuid7
from posts.models import Media, Post, Target
from tests.foundation.threads import at_once
from workspaces.models import ApiKey, User, Workspace


def test_an_id_is_its_prefix_and_a_uuid_of_version_7() -> None:
    made = new_id("post")

    assert re.fullmatch(f"post_{PATTERN}", made)
    parsed = uuid.UUID(made.removeprefix("post_"))
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_no_id_is_below_the_least_of_its_moment_and_those_before_it_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_clock", ids._Clock())
    monkeypatch.setattr(time, "time_ns", lambda: 1_764_000_000_123_999_999)
    made = new_id("dlv")

    at = datetime.fromtimestamp(1_764_000_000.123, UTC)

    assert least_id("dlv", at) <= made < least_id("dlv", at + timedelta(milliseconds=1))


def test_what_a_form_makes_of_a_row_has_one_id_and_no_other_form_or_row_gives_it() -> None:
    forms, rows = [new_id("form"), new_id("form"), "forged", ""], [new_id("post"), new_id("post")]

    first, again = [[derived_id("post", form, row) for form in forms for row in rows] for _ in range(2)]

    assert (first[:4], len({*first, *again})) == (again[:4], 12)
    assert all(re.fullmatch(f"post_{PATTERN}", made) for made in first)


def test_ids_made_one_after_the_other_sort_in_that_order() -> None:
    made = [new_id("post") for _ in range(20_000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_of_several_threads_are_all_different_and_in_order_within_each() -> None:
    made = at_once(*[lambda: [new_id("post") for _ in range(2_000)] for _ in range(4)])

    assert all(each == sorted(each) for each in made)
    assert len({one for each in made for one in each}) == 8_000


def test_a_clock_that_is_set_back_does_not_disturb_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    monkeypatch.setattr("ouipost.ids.time.time_ns", lambda: 1)

    second, third = uuid7(), uuid7()

    assert first < second < third


def test_two_ids_of_one_tick_differ_in_62_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_clock", ids._Clock())
    monkeypatch.setattr(ids._clock, "tick", lambda: 1)

    assert uuid7() != uuid7()


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        (User, "user"),
        (Workspace, "ws"),
        (ApiKey, "key"),
        (SocialAccount, "acc"),
        (Connection, "conn"),
        (Post, "post"),
        (Target, "tgt"),
        (Media, "media"),
    ],
)
def test_every_shown_model_has_its_prefix(model: type, prefix: str) -> None:
    made = model().pk

    assert re.fullmatch(f"{prefix}_{PATTERN}", made)
    assert len(made) <= MAX_LENGTH
