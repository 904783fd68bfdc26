"""The numbers of Facebook's posts and Pages."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from accounts.platforms.errors import Rejected
from accounts.platforms.meta import numbers as meta_numbers
from accounts.platforms.shapes import AccountNumbers, Demographics, PostNumbers
from tests.networks.container_case import graph_error
from tests.networks.facebook_calls import ACCOUNT, CONNECTOR, OWNER, read
from tests.networks.platform_case import NOW, Call, FakeSession, later, make_answer

COUNTS = "shares,comments.limit(0).summary(true),reactions.limit(0).summary(true)"
METRICS = (
    "post_media_view",
    "post_total_media_view_unique",
    "post_clicks",
    "post_reactions_by_type_total",
    "post_activity_by_action_type",
    "post_video_views",
)
VALUES: dict[str, Any] = {
    "post_media_view": 320,
    "post_total_media_view_unique": 250,
    "post_clicks": 12,
    "post_reactions_by_type_total": {"like": 10, "love": 2},
    "post_activity_by_action_type": {"like": 12, "comment": 4},
    "post_video_views": 0,
}
PAGE_METRICS = (
    "page_media_view,page_total_media_view_unique,page_post_engagements,page_total_actions,page_views_total,"
    "page_follows_country"
)
NODE = {
    "shares": {"count": 3},
    "comments": {"data": [], "summary": {"total_count": 5}},
    "reactions": {"data": [], "summary": {"total_count": 13}},
    "id": "1001_555",
}
BAD_NAME = graph_error(100, message="(#100) The value must be a valid insights metric")


def fields(answer: Any) -> Call:
    return read("1001_555", answer, fields=COUNTS)


def entry(name: str, *values: Any) -> dict[str, Any]:
    return {"name": name, "period": "day", "values": [{"value": value} for value in values]}


def insights(*names: str, gets: Any = None) -> Call:
    answer = {"data": [entry(name, VALUES[name]) for name in names], "paging": {}}
    call = read("1001_555/insights", answer, metric=",".join(names))
    return call if gets is None else replace(call, gets=gets)


def numbers(*calls: Call, now: datetime = NOW) -> PostNumbers | None:
    session = FakeSession(*calls)
    found = CONNECTOR.post_metrics(session, ACCOUNT, ["1001_555"], now=now)
    session.assert_done()
    return found.get("1001_555")


def test_a_posts_numbers_come_from_its_insights_and_its_fields() -> None:
    assert numbers(fields(NODE), insights(*METRICS)) == PostNumbers(
        impressions=320,
        reach=250,
        engagement=21,
        clicks=12,
        own={"reactions": 13, "comments": 5, "shares": 3, "video_views": 0},
    )


@pytest.mark.parametrize("gets", [None, make_answer(200, {"data": []})], ids=["with insights", "without"])
def test_a_post_that_nobody_shared_has_no_shares_and_not_an_unknown_number(gets: Any) -> None:
    unshared = {name: value for name, value in NODE.items() if name != "shares"}

    found = numbers(fields(unshared), insights(*METRICS, gets=gets))

    assert found is not None
    assert found.own["shares"] == 0


@pytest.mark.parametrize("act", ["comment", "share"])
def test_who_may_not_read_the_fields_gets_what_the_insights_know(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VALUES, "post_activity_by_action_type", {"like": 12, act: 4})

    found = numbers(replace(fields({}), gets=graph_error(200)), insights(*METRICS))

    assert found is not None
    assert found.own == {"reactions": 12, "comments": 0, "shares": 0, "video_views": 0} | {f"{act}s": 4}
    assert found.engagement == 16


def test_without_insights_their_numbers_are_unknown_and_not_zero() -> None:
    found = numbers(fields(NODE), insights(*METRICS, gets=make_answer(200, {"data": []})))

    assert found == PostNumbers(engagement=21, own={"reactions": 13, "comments": 5, "shares": 3})


def test_what_nobody_tells_is_unknown() -> None:
    refused = replace(fields({}), gets=graph_error(10))

    assert numbers(refused, insights(*METRICS, gets=make_answer(200, {"data": []}))) == PostNumbers()


@pytest.mark.parametrize("absurd", [2**63, True, 320.5, "320"])
def test_a_number_that_makes_no_sense_is_unknown(absurd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VALUES, "post_media_view", absurd)

    found = numbers(fields(NODE), insights(*METRICS))

    assert found is not None
    assert (found.impressions, found.reach) == (None, 250)


def test_one_bad_name_is_found_out_and_remembered_for_a_day() -> None:
    asked = [insights(*METRICS, gets=BAD_NAME)]
    asked += [insights(name, gets=BAD_NAME if name == "post_clicks" else None) for name in METRICS]
    good = tuple(name for name in METRICS if name != "post_clicks")

    first = numbers(fields(NODE), *asked)
    second = numbers(fields(NODE), insights(*good), now=later(hours=23))
    third = numbers(fields(NODE), insights(*METRICS), now=later(hours=25))

    assert first == second
    assert third is not None
    assert third.clicks == VALUES["post_clicks"]
    assert first is not None
    assert (first.clicks, first.impressions) == (None, 320)


def test_the_last_name_is_asked_for_once_and_without_any_nothing_is_asked() -> None:
    meta_numbers.refused.update(dict.fromkeys(METRICS[1:], NOW))

    last = numbers(fields(NODE), insights(METRICS[0], gets=BAD_NAME))
    none = numbers(fields(NODE))

    assert last == none == PostNumbers(engagement=21, own={"reactions": 13, "comments": 5, "shares": 3})


@pytest.mark.parametrize("at", [0, 1])
def test_insights_that_are_refused_hide_nothing_of_what_the_fields_tell(at: int) -> None:
    calls = [insights(*METRICS, gets=BAD_NAME), insights(METRICS[0])]

    found = numbers(fields(NODE), *calls[:at], replace(calls[at], gets=graph_error(100)))

    assert found == PostNumbers(engagement=21, own={"reactions": 13, "comments": 5, "shares": 3})


def test_what_is_refused_altogether_is_raised() -> None:
    with pytest.raises(Rejected):
        numbers(replace(fields({}), gets=graph_error(200)), insights(*METRICS, gets=graph_error(100)))


def test_a_post_that_is_gone_is_left_out() -> None:
    assert numbers(replace(fields({}), gets=graph_error(100, 33)), read("1001", {"id": "1001"}, fields="id")) is None


def test_a_post_of_a_page_that_is_not_visible_either_is_not_called_gone() -> None:
    hidden = graph_error(100, 33)

    with pytest.raises(Rejected) as caught:
        numbers(replace(fields({}), gets=hidden), replace(read("1001", {}, fields="id"), gets=hidden))

    assert (caught.value.code, caught.value.who_acts) == OWNER


def test_a_post_that_cannot_be_read_for_another_reason_is_not_called_gone() -> None:
    with pytest.raises(Rejected):
        numbers(replace(fields({}), gets=graph_error(100)))


def page_calls(*entries: dict[str, Any], gets: Any = None) -> FakeSession:
    span: dict[str, Any] = {"period": "day", "since": 1795392000, "until": 1795478400}  # 23 November, UTC
    days = read("1001/insights", {"data": list(entries)}, metric=PAGE_METRICS, **span)
    return FakeSession(
        read("1001", {"followers_count": 1234, "id": "1001"}, fields="followers_count"),
        days if gets is None else replace(days, gets=gets),
    )


def test_a_pages_numbers_are_those_of_the_last_whole_day() -> None:
    session = page_calls(
        entry("page_media_view", 10, 3000),
        entry("page_total_media_view_unique", 2000),
        entry("page_post_engagements", 200),
        entry("page_total_actions", 12),
        entry("page_views_total", 90),
        entry("page_follows_country", {"FR": 100, "DE": 60, "GB": 40, "IT": 1}),
    )

    found = CONNECTOR.account_metrics(session, ACCOUNT, now=NOW)

    session.assert_done()
    assert found == AccountNumbers(
        followers=1234,
        impressions=3000,
        reach=2000,
        engagement=200,
        clicks=12,
        profile_views=90,
        demographics=Demographics(countries={"FR": 50, "DE": 30, "GB": 20}),
    )


def test_a_page_of_which_little_is_known_has_followers_alone() -> None:
    session = page_calls(entry("page_media_view"), entry("page_follows_country", {"FR": 0}))

    assert CONNECTOR.account_metrics(session, ACCOUNT, now=NOW) == AccountNumbers(followers=1234)


def test_a_page_with_too_few_likes_for_insights_has_followers_alone() -> None:
    session = page_calls(gets=graph_error(100))

    assert CONNECTOR.account_metrics(session, ACCOUNT, now=NOW) == AccountNumbers(followers=1234)
