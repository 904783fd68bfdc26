"""Calls to networks are counted by network, kind and outcome, in five minutes and ever, in few queries."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import InterfaceError, OperationalError
from requests.structures import CaseInsensitiveDict

from accounts import calls, registry
from accounts.calls import EVER, PUBLISH, PUBLISHED, REQUEST
from accounts.models import CallCount
from accounts.platforms.errors import Unavailable, Unknown
from accounts.platforms.linkcard import LinkCard, fetch_link_card
from accounts.session import NetworkSession
from ouipost import outbound
from ouipost.db.pruning import remove_all
from tests.accounts.fakes import make_session
from tests.factories import NOW
from workspaces.models import Mode, Workspace

Budget = Callable[..., AbstractContextManager[Any]]


def answer(status: int) -> outbound.Answer:
    return outbound.Answer(status=status, headers=CaseInsensitiveDict(), body=b"")


def counted() -> dict[tuple[str, str, str], int]:
    """Return what waits to be written, by network, kind and outcome."""
    return {key[1:]: each.calls for key, each in calls.COUNTED.take().items()}


def rows(**wanted: Any) -> dict[tuple[Any, ...], tuple[int, int]]:
    found = CallCount.objects.filter(**wanted)
    return {(row.at, row.network, row.kind, row.outcome): (row.calls, row.milliseconds) for row in found}


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(200), "ok"),
        (answer(308), "ok"),
        (answer(400), "refused"),
        (answer(403), "refused"),
        (answer(408), "failed"),
        (answer(429), "limited"),
        (answer(500), "failed"),
        (answer(503), "failed"),
        (outbound.NotSent("x"), "lost"),
        (outbound.AnswerLost("x"), "lost"),
    ],
)
def test_each_request_is_counted_by_how_it_ended(said: Any, outcome: str) -> None:
    session, _ = make_session(said, network="twitter")

    with suppress(Unavailable, Unknown):
        session.request("GET", "https://api.x.com/2/users/me")

    assert counted() == {("twitter", REQUEST, outcome): 1}


def test_a_version_that_is_over_is_counted_as_that_where_the_connector_says_so() -> None:
    session, _ = make_session(answer(426), network="linkedin", classify=registry.get("linkedin").classify)

    session.request("GET", "https://api.linkedin.com/rest/posts")

    assert counted() == {("linkedin", REQUEST, "outdated"): 1}


def test_what_never_left_is_not_the_networks() -> None:
    session, _ = make_session(outbound.Blocked(), network="twitter")

    with pytest.raises(Unavailable):
        session.request("GET", "https://10.0.0.1")

    assert counted() == {}


def test_a_page_that_a_post_links_to_says_nothing_of_the_network() -> None:
    session, _ = make_session(outbound.AnswerLost("internal"), network="bluesky")

    assert fetch_link_card(session, "https://bread.example/rye") == LinkCard()

    assert counted() == {}
    assert session.network == "bluesky"


def test_the_sandbox_is_counted_apart() -> None:
    networks = [registry.session("twitter", Workspace(mode=mode)).network for mode in (Mode.LIVE, Mode.SANDBOX)]

    assert networks == ["twitter", "sandbox:twitter"]
    assert NetworkSession().network == ""


@pytest.mark.django_db
def test_counts_are_added_to_five_minutes_and_to_all_times() -> None:
    for minutes in (0, 1, 6):
        with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
            calls.note("twitter", kind=REQUEST, outcome="ok", seconds=0.25)
            calls.note("twitter", kind=REQUEST, outcome="ok", seconds=0.15)
            calls.flush()

    later = NOW + timedelta(minutes=5)
    assert rows() == {
        (NOW, "twitter", "request", "ok"): (4, 800),
        (later, "twitter", "request", "ok"): (2, 400),
        (EVER, "twitter", "request", "ok"): (6, 1200),
    }


@pytest.mark.django_db
def test_the_last_post_of_each_network_is_known() -> None:
    with time_machine.travel(NOW, tick=False):
        for network in ("twitter", "facebook"):
            calls.note(network, kind=PUBLISH, outcome=PUBLISHED)
        calls.flush()
    with time_machine.travel(NOW + timedelta(seconds=90), tick=False):
        calls.note("twitter", kind=PUBLISH, outcome=PUBLISHED)
        calls.note("facebook", kind=PUBLISH, outcome="rejected")
        calls.flush()

    last = dict(CallCount.objects.filter(at=EVER, outcome=PUBLISHED).values_list("network", "last_at"))
    assert last == {"twitter": NOW + timedelta(seconds=90), "facebook": NOW}


@pytest.mark.django_db
def test_a_flush_costs_the_same_for_one_call_or_a_thousand(django_assert_num_queries: Budget) -> None:
    for network in registry.IDS:
        for outcome in (PUBLISHED, "rejected", "unknown"):
            calls.note(network, kind=PUBLISH, outcome=outcome)
        for _ in range(100):
            calls.note(network, kind=REQUEST, outcome="ok", seconds=0.1)

    with django_assert_num_queries(4):  # the upsert and the last posts, in a savepoint
        calls.flush()

    assert CallCount.objects.filter(at=EVER).count() == 4 * len(registry.IDS)


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError(0, "")], ids=["database", "connection"])
def test_what_cannot_be_written_goes_with_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    calls.note("twitter", kind=REQUEST, outcome="ok", seconds=0.1)
    with monkeypatch.context() as broken:
        broken.setattr(calls, "write", fail)
        calls.flush()
    calls.note("twitter", kind=REQUEST, outcome="ok", seconds=0.2)
    calls.flush()

    assert "they are kept" in caplog.text
    assert rows(at=EVER) == {(EVER, "twitter", "request", "ok"): (2, 300)}


@pytest.mark.django_db
def test_old_counts_go_and_the_sums_of_all_times_stay() -> None:
    for hours in (49, 47):
        with time_machine.travel(NOW - timedelta(hours=hours), tick=False):
            calls.note("twitter", kind=REQUEST, outcome="ok")
            calls.flush()

    removed = remove_all(calls.old(NOW))

    assert removed == 1
    assert {at for at, *_ in rows()} == {EVER, NOW - timedelta(hours=47)}
