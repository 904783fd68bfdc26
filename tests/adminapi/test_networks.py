"""How a network is said to be, by what became of the calls to it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override
from pytest_django import Settings

from accounts import registry
from accounts.calls import EVER, FAILED, LIMITED, LOST, OK, OUTDATED, PUBLISH, PUBLISHED, REFUSED, REQUEST, STOPPED
from accounts.models import CallCount, Network
from accounts.platforms import ALL
from adminapi.monitoring import networks
from adminapi.monitoring.networks import NetworkHealth, overall
from tests.factories import NOW, make_account, make_workspace

pytestmark = pytest.mark.django_db
JUST_NOW, TODAY, YESTERDAY = timedelta(minutes=5), timedelta(hours=5), timedelta(hours=25)
YEAR_AGO = NOW - timedelta(days=365)
CREDENTIALS = {"client_id": "id", "client_secret": "word", "version": "", "product": ""}


def counted(ago: timedelta, outcomes: Mapping[str, int], *, network: str = "twitter") -> None:
    """Write that so many requests ended so, each after 100 ms."""
    for outcome, many in outcomes.items():
        CallCount.objects.create(
            network=network, kind=REQUEST, outcome=outcome, calls=many, milliseconds=100 * many, at=NOW - ago
        )


def look(network: str = "twitter", now: datetime = NOW) -> NetworkHealth:
    return networks.measure(now=now)[network]


def shown() -> tuple[Any, ...]:
    found = look().shown
    return found["status"], found["api_status"], found["error_rate_24h"]


@pytest.mark.parametrize(
    ("day", "lately", "expected"),
    [
        ({OK: 100}, {}, ("operational", "healthy", 0.0)),
        ({OK: 96, FAILED: 4}, {}, ("operational", "healthy", 4.0)),
        ({OK: 95, FAILED: 5}, {}, ("degraded", "partial_outage", 5.0)),
        ({OK: 8, LOST: 2}, {}, ("operational", "healthy", 20.0)),
        ({OK: 8, LOST: 3}, {}, ("degraded", "partial_outage", 27.3)),
        ({OK: 10, REFUSED: 90}, {REFUSED: 10}, ("operational", "healthy", 0.0)),
        ({OK: 999}, {LOST: 1}, ("degraded", "partial_outage", 0.1)),
        ({OK: 999}, {LOST: 4}, ("degraded", "partial_outage", 0.4)),
        ({OK: 999}, {LOST: 2, FAILED: 3, OK: 5}, ("down", "outage", 0.5)),
        ({OK: 90}, {LIMITED: 10}, ("degraded", "partial_outage", 10.0)),
        ({OK: 999}, {OUTDATED: 1, OK: 99}, ("degraded", "healthy", 0.1)),
        ({OK: 999}, {STOPPED: 1, OK: 99}, ("degraded", "healthy", 0.1)),
    ],
)
def test_a_network_is_blamed_for_its_own_errors(
    day: dict[str, int], lately: dict[str, int], expected: tuple[Any, ...]
) -> None:
    counted(TODAY, day)
    counted(JUST_NOW, lately)

    assert shown() == expected


def test_neither_yesterday_nor_the_sandbox_nor_another_kind_counts() -> None:
    make_account(make_workspace(mode="live"), platform="facebook")
    counted(YESTERDAY, {FAILED: 100})
    counted(JUST_NOW, {FAILED: 100}, network="sandbox:twitter")
    CallCount.objects.create(
        network="twitter", kind=PUBLISH, outcome="unavailable", calls=9, milliseconds=0, at=NOW - JUST_NOW
    )
    CallCount.objects.create(network="twitter", kind=REQUEST, outcome=FAILED, calls=9, milliseconds=0, at=EVER)

    assert shown() == ("operational", "healthy", None)


def test_where_nothing_is_live_the_simulated_networks_are_told() -> None:
    make_account(make_workspace(mode="sandbox"), platform="twitter")
    counted(TODAY, {OK: 95, FAILED: 5}, network="sandbox:twitter")
    CallCount.objects.create(
        network="sandbox:twitter", kind=PUBLISH, outcome=PUBLISHED, calls=1, milliseconds=0, at=EVER, last_at=NOW
    )
    Network.objects.create(pk="sandbox:threads", held_until=NOW + timedelta(seconds=30))

    found = look().shown

    assert (found["mode"], found["last_successful_post"]) == ("sandbox", NOW)
    assert found["issues"] == ["5 of 100 requests in 24 hours had no answer, or an error of the network."]
    assert shown() == ("degraded", "partial_outage", 5.0)
    assert look("threads").shown["status"] == "down"


def test_one_request_is_told_in_the_singular() -> None:
    make_account(make_workspace(mode="live"), platform="twitter")
    counted(JUST_NOW, {LOST: 1})

    with override("fr"):
        issues = look().shown["issues"]

    told = "1 requête sur 1 en 15 minutes est restée sans réponse ou a reçu une erreur du réseau."
    assert told in issues


@pytest.mark.parametrize("live", ["account", "call", "post"])
def test_whatever_is_live_leaves_all_simulated_networks_out(live: str) -> None:
    counted(TODAY, {FAILED: 5}, network="sandbox:twitter")
    if live == "account":
        make_account(make_workspace(mode="live"), platform="facebook")
    elif live == "call":
        counted(TODAY, {OK: 1}, network="facebook")
    else:
        CallCount.objects.create(
            network="facebook", kind=PUBLISH, outcome=PUBLISHED, calls=1, milliseconds=0, at=EVER, last_at=YEAR_AGO
        )

    assert (look().shown["mode"], *shown()) == ("live", "operational", "healthy", None)


def test_the_average_is_of_what_was_answered() -> None:
    counted(TODAY, {OK: 1, REFUSED: 1})
    counted(JUST_NOW, {LOST: 7})
    CallCount.objects.filter(outcome=LOST).update(milliseconds=210_000)

    assert look().calls.average_ms == 100


def test_an_open_breaker_is_an_outage_until_some_time_after_it_closed() -> None:
    Network.objects.create(pk="twitter", held_until=NOW + timedelta(seconds=30))

    assert shown() == ("down", "outage", None)
    assert look().shown["issues"] == [
        "Twitter/X takes nothing: it is left alone until 2026-11-25 12:00:30 UTC, then tried with one call."
    ]
    assert look(now=NOW + timedelta(minutes=20)).shown["issues"] == []


def test_what_hinders_accounts_is_told_and_is_not_the_networks_fault(settings: Settings) -> None:
    settings.NETWORKS = settings.NETWORKS | {"twitter": CREDENTIALS}
    live, sandbox = make_workspace(mode="live"), make_workspace()
    expired = {"platform": "twitter", "status": "expired", "default_of": None}
    for number, workspace in enumerate((live, live, sandbox)):
        make_account(workspace, remote_id=str(number), **expired)
    make_account(live, platform="twitter", held_until=NOW + timedelta(minutes=1))

    found = look().shown

    assert found["issues"] == [
        "1 account is left alone until 2026-11-25 12:01:00 UTC at most: "
        "a quota is used up, or calls failed again and again.",
        "2 accounts must be connected again by the owner.",
    ]
    assert found["status"] == "operational"


def test_missing_credentials_matter_where_an_account_is_connected() -> None:
    assert look().shown["issues"] == []

    make_account(make_workspace(mode="live"), platform="twitter")

    assert (look().status, look().api_status) == ("degraded", "healthy")
    assert look().shown["issues"] == [
        "This installation has no credentials for Twitter/X: set TWITTER_CLIENT_ID and TWITTER_CLIENT_SECRET."
    ]


@pytest.mark.parametrize(
    ("network", "version", "status", "issue"),
    [
        ("facebook", "v26.0", "operational", None),
        ("facebook", "v21.0", "operational", "Version v21.0 of Facebook's API ends on 2027-01-21"),
        ("instagram", "v20.0", "degraded", "Version v20.0 of Instagram's API ended on 2026-09-24"),
        ("linkedin", "202511", "degraded", "Version 202511 of LinkedIn's API ended on 2026-11-15"),
        ("linkedin", "202512", "operational", "Version 202512 of LinkedIn's API ends on 2026-12-15"),
        ("linkedin", "", "operational", None),
    ],
)
def test_the_end_of_a_version_is_told_before_it_comes(
    settings: Settings, network: str, version: str, status: str, issue: str | None
) -> None:
    settings.NETWORKS = settings.NETWORKS | {network: CREDENTIALS | {"version": version}}

    unused = look(network, now=NOW).shown
    make_account(make_workspace(mode="live"), platform=network)
    found = look(network, now=NOW).shown

    told = issue and f"{issue}: set {network.upper()}_API_VERSION."
    assert (found["status"], found["issues"]) == (status, [told] if told else [])
    assert (unused["status"], unused["issues"]) == ("operational", found["issues"])


def test_a_version_that_is_refused_is_named() -> None:
    counted(JUST_NOW, {OUTDATED: 2}, network="linkedin")

    found = look("linkedin").shown

    assert (found["status"], found["api_status"]) == ("degraded", "partial_outage")
    assert found["issues"] == ["LinkedIn does not take version 202609 of its API any more: set LINKEDIN_API_VERSION."]


def test_every_version_that_we_use_is_good_for_a_while() -> None:
    ends = [platform(registry.get(platform.id).app).version_ends for platform in ALL]

    assert all(each is None or each > date(2026, 12, 31) for each in ends)


def test_the_whole_is_as_good_as_its_parts() -> None:
    assert overall(networks.measure(now=NOW)) == "operational"

    Network.objects.create(pk="twitter", held_until=NOW)
    assert overall(networks.measure(now=NOW)) == "degraded"

    Network.objects.bulk_create(Network(pk=pk, held_until=NOW) for pk in registry.IDS if pk != "twitter")
    assert overall(networks.measure(now=NOW)) == "down"
