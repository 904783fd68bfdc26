"""What may go out now: paces, shares, and breakers that open and close by themselves."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts import platforms, registry, traffic
from accounts.models import Guarded, Network, SocialAccount
from accounts.platforms.base import (
    AuthExpired,
    Duplicate,
    Pace,
    ProcessingFailed,
    Published,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.facebook import Facebook
from accounts.platforms.twitter import Twitter
from accounts.traffic import Call, after_calls, note, shares
from ouipost.configuration import environment as installation
from tests.factories import NOW, make_account, make_workspace
from tests.foundation.starts import refusal
from tests.foundation.threads import PATIENCE_SECONDS, at_once
from workspaces.models import Workspace

OPEN_UNTIL = NOW + timedelta(seconds=30)
UNTROUBLED = {"held_until": None, "recent_calls": "", "recent_at": None}
OPENED = UNTROUBLED | {"held_until": OPEN_UNTIL}


def ago(**delta: float) -> datetime:
    return NOW - timedelta(**delta)


def kept(calls: str) -> dict[str, Any]:
    return {"held_until": None, "recent_calls": calls, "recent_at": NOW}


@pytest.mark.parametrize(
    ("outcome", "mark"),
    [
        (Published(remote_id="1", url=""), "+"),
        (Rejected("no"), "+"),
        (Duplicate("twice"), "+"),
        (AuthExpired("who?"), "+"),
        (StillWorking("at work", retry_after=5), "+"),
        (ProcessingFailed("no video"), "+"),
        (Unavailable("away"), "-"),
        (Unknown("lost"), "-"),
        (RateLimited("slow"), ""),
        (Unavailable("no credentials", who_acts=WhoActs.OPERATOR), ""),
        (Unknown("a bug", who_acts=WhoActs.OPERATOR), ""),
        (Rejected("no money", who_acts=WhoActs.OPERATOR), ""),
    ],
)
def test_only_a_network_that_does_not_answer_counts_against_it(outcome: object, mark: str) -> None:
    assert traffic.mark(outcome) == mark


@pytest.mark.parametrize(
    ("before", "marks", "after"),
    [
        ({}, "", {}),
        ({}, "+", UNTROUBLED),
        ({}, "-", kept("-")),
        ({}, "-" * 9, kept("-" * 9)),
        ({}, "-" * 10, OPENED),
        ({"recent_calls": "-" * 9, "recent_at": ago(seconds=10)}, "-", OPENED),
        ({"recent_calls": "-" * 6 + "+++", "recent_at": ago(seconds=10)}, "-", OPENED),
        ({"recent_calls": "-" * 6 + "+++", "recent_at": ago(seconds=10)}, "+", kept("-" * 6 + "++++")),
        ({"recent_calls": "-" * 9, "recent_at": ago(seconds=301)}, "-", kept("-")),
        ({"recent_calls": "-" * 9, "recent_at": ago(seconds=299)}, "-", OPENED),
        ({"recent_calls": "-" + "+" * 19, "recent_at": ago(seconds=10)}, "+", UNTROUBLED),
        ({"recent_calls": "+-" * 10, "recent_at": ago(seconds=10)}, "-" * 30, OPENED),
        ({"recent_calls": "-" * 13 + "+" * 7, "recent_at": ago(seconds=10)}, "+", kept("-" * 12 + "+" * 8)),
        ({"held_until": NOW + timedelta(seconds=1)}, "-", {}),
        ({"held_until": NOW + timedelta(seconds=1)}, "+", {}),
        ({"held_until": NOW}, "", {}),
        ({"held_until": NOW}, "-", OPENED),
        ({"held_until": NOW}, "-+", OPENED),
        ({"held_until": NOW}, "+", UNTROUBLED),
        ({"held_until": NOW}, "+-", UNTROUBLED),
    ],
)
def test_seven_failures_of_ten_open_a_breaker_and_the_first_call_after_it_decides(
    before: dict[str, Any], marks: str, after: dict[str, Any]
) -> None:
    assert after_calls(Network(id="twitter", **before), marks, now=NOW) == after


@dataclass(kw_only=True)
class Sender:
    """An account on paper that posts whenever its pace lets it."""

    account: SocialAccount
    sent: list[datetime]

    def try_at(self, now: datetime) -> None:
        if traffic.wait(self.account, sends=True, now=now) is None:
            self.account.paced_at = traffic.spent(self.account.platform, self.account.paced_at, now=now)
            self.sent.append(now)

    def most_within(self, seconds: float) -> int:
        """Return the most posts that any window, open at its end, has."""
        window = timedelta(seconds=seconds)
        return max((sum(start <= at < start + window for at in self.sent) for start in self.sent), default=0)


def make_sender(settings: Settings, pace: Pace) -> Sender:
    settings.NETWORK_PACE = {"twitter": pace}
    return Sender(account=SocialAccount(platform="twitter"), sent=[])


@given(
    posts=st.integers(1, 40),
    seconds=st.integers(1, 5000),
    tries=st.lists(st.floats(0, 1), min_size=1, max_size=150),
)
def test_no_window_ever_has_more_posts_than_the_pace_allows(posts: int, seconds: int, tries: list[float]) -> None:
    sender = Sender(account=SocialAccount(platform="twitter"), sent=[])
    pace = Pace(posts=posts, seconds=seconds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "pace_of", lambda _: pace)
        now = NOW
        for pause in tries:  # on average twice as often as the pace allows
            now += timedelta(seconds=pause * seconds / posts)
            sender.try_at(now)

    assert sender.most_within(seconds) <= posts


@pytest.mark.parametrize("pace", [Pace(posts=1, seconds=60), Pace(posts=2, seconds=60), Pace(posts=100, seconds=900)])
def test_half_may_go_at_once_and_the_other_half_is_spread(settings: Settings, pace: Pace) -> None:
    sender = make_sender(settings, pace)

    for second in range(2 * pace.seconds):
        for _ in range(pace.posts):
            sender.try_at(NOW + timedelta(seconds=second))

    burst = (pace.posts + 1) // 2
    spread = sender.sent[burst - 1 :]
    assert sender.sent[:burst] == [NOW] * burst
    assert {later - earlier for earlier, later in pairwise(spread)} == {traffic.interval(pace)}


def test_who_is_out_of_breath_is_told_when_it_may_send_again(settings: Settings) -> None:
    sender = make_sender(settings, Pace(posts=100, seconds=900))
    for _ in range(100):
        sender.try_at(NOW)

    assert traffic.wait(sender.account, sends=True, now=NOW) == NOW + timedelta(seconds=18)
    assert traffic.wait(sender.account, sends=False, now=NOW) is None
    assert traffic.wait(sender.account, sends=True, now=NOW + timedelta(seconds=18)) is None


def test_what_was_sent_before_the_clock_was_set_back_holds_up_nobody(settings: Settings) -> None:
    sender = make_sender(settings, Pace(posts=100, seconds=900))
    sender.try_at(NOW)

    sender.try_at(earlier := NOW - timedelta(hours=1))

    assert (sender.sent, sender.account.paced_at) == ([NOW, earlier], earlier + timedelta(seconds=18))


def test_an_account_that_is_held_back_is_neither_sent_to_nor_asked(settings: Settings) -> None:
    account = make_sender(settings, Pace(posts=1, seconds=1)).account
    account.held_until = NOW + timedelta(seconds=5)

    assert [traffic.wait(account, sends=sends, now=NOW) for sends in (True, False)] == [account.held_until] * 2
    assert traffic.wait(account, sends=True, now=account.held_until) is None


def test_a_network_without_a_pace_takes_what_comes(settings: Settings) -> None:
    settings.NETWORK_PACE = {"facebook": None}
    account = SocialAccount(platform="facebook", paced_at=NOW + timedelta(days=1))

    assert (traffic.wait(account, sends=True, now=NOW), traffic.spent("facebook", account.paced_at, now=NOW)) == (
        None,
        None,
    )


def test_the_engines_speed_is_the_paces_too(settings: Settings) -> None:
    settings.ENGINE_SPEED = 10

    assert traffic.interval(Pace(posts=100, seconds=900)) == timedelta(seconds=1.8)


@pytest.mark.parametrize(
    ("given", "pace"),
    [("", Twitter.pace), ("50/86400", Pace(posts=50, seconds=86400)), ("1/1", Pace(posts=1, seconds=1))],
)
def test_the_operator_says_how_fast_an_account_may_post(
    monkeypatch: pytest.MonkeyPatch, given: str, pace: Pace | None
) -> None:
    monkeypatch.setenv("TWITTER_PACE", given)

    assert installation.pace(Twitter) == pace


@pytest.mark.parametrize("given", ["50", "50/", "/900", "0/900", "50/0", "-1/900", "5.5/900", "fast", "50/900/2"])
def test_a_pace_that_is_none_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("TWITTER_PACE", given)

    with pytest.raises(ImproperlyConfigured, match=r"^TWITTER_PACE must be posts/seconds, such as 50/86400.$"):
        installation.pace(Twitter)


def test_the_operator_says_what_a_network_takes(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    for name, wanted in (
        ("FACEBOOK_LIMITS", "max_characters=60000, max_title_characters=90,reel.first_comment=900"),
        ("TWITTER_LIMITS", "max_video_ratio=2.5,premium.max_characters=4000,listing_lag_seconds=30"),
        ("INSTAGRAM_LIMITS", "max_alt_text_characters=500"),
    ):
        monkeypatch.setenv(name, wanted)
    settings.NETWORK_LIMITS = {platform.id: installation.limits(platform) for platform in platforms.ALL}
    facebook, twitter = registry.get("facebook"), registry.get("twitter")

    lengths = [facebook.limits_of(each).max_characters for each in facebook.post_types]
    comments = [facebook.limits_of(each).options[0].max_characters for each in ("feed", "reel")]
    titles = [facebook.limits_of(each).max_title_characters for each in ("feed", "reel")]
    of_x = [twitter.limits_of("feed", {"subscription_type": each}) for each in ("None", "Premium")]

    assert (lengths, comments, titles) == ([60_000] * 3, [8000, 900], [None, 90])
    assert [(each.max_characters, each.max_video_ratio) for each in of_x] == [(280, 2.5), (4000, 3)]
    assert (twitter.listing_lag, Twitter.listing_lag) == (30, 10)
    assert registry.get("instagram").limits.max_alt_text_characters == 500
    assert Facebook.limits.max_characters == 63_206


def test_a_sandbox_without_an_app_keeps_to_the_limits_and_the_version_that_are_set(settings: Settings) -> None:
    settings.NETWORKS = {"facebook": {"version": "v25.0"}}
    settings.NETWORK_LIMITS = {"facebook": {"max_characters": 60_000.0}}

    facebook = registry.get("facebook", sandbox=True)

    assert (facebook.limits.max_characters, facebook.version) == (60_000, "v25.0")
    assert (facebook.app.client_id, facebook.app.client_secret) == ("sandbox", "sandbox")


@pytest.mark.parametrize(
    "given", ["max_images", "max_images=0", "max_images=nan", "size=4", "moon.max_images=4", "listing_lag_seconds=0"]
)
def test_a_limit_that_is_none_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("FACEBOOK_LIMITS", f"max_characters=9,{given}")

    with pytest.raises(ImproperlyConfigured, match=f"^FACEBOOK_LIMITS has '{given}', which is not a limit of Facebook"):
        installation.limits(Facebook)


def test_the_product_does_not_start_with_a_wrong_cap(tmp_path: Path) -> None:
    assert "BLUESKY_MAX_IN_FLIGHT must be at least 1." in refusal(tmp_path, BLUESKY_MAX_IN_FLIGHT="0")


def of(account: SocialAccount, mark: str, times: int = 1) -> list[Call]:
    return [Call(account_id=account.pk, platform=account.platform, mark=mark)] * times


def health(rows: Any) -> dict[str, tuple[datetime | None, str]]:
    guarded: list[Guarded] = list(rows)
    return {row.pk: (row.held_until, row.recent_calls) for row in guarded}


def test_what_goes_well_costs_two_queries_and_leaves_no_trace(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(20)]

    with django_assert_num_queries(2):
        held = note([call for account in accounts for call in of(account, "+")], now=NOW)

    assert held == {}
    assert not Network.objects.exists()


def test_failures_are_kept_for_network_and_account(workspace: Workspace) -> None:
    one, other = make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")

    note([*of(one, "-", 3), *of(other, "+"), *of(one, "+")], now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (None, "---+")}
    assert health(SocialAccount.objects.all()) == {one.pk: (None, "---+"), other.pk: (None, "")}


def test_accounts_that_fail_are_held_and_told_and_a_network_that_fails_is_held(workspace: Workspace) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(2)]

    held = note([*of(accounts[0], "-", 10), *of(accounts[1], "-", 9)], now=NOW)

    assert held == {accounts[0].pk: OPEN_UNTIL}
    assert health(Network.objects.all()) == {"sandbox:facebook": (OPEN_UNTIL, "")}


def test_the_simulated_network_and_the_true_one_do_not_hold_up_each_other(workspace: Workspace) -> None:
    live = make_account(make_workspace(mode="live"), remote_id="2")
    sandboxed = make_account(workspace)

    note([*of(sandboxed, "-", 10), *of(live, "-")], now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (OPEN_UNTIL, ""), "facebook": (None, "-")}


@pytest.mark.parametrize(
    ("service", "network"), [("https://pds.example", {}), ("", {"sandbox:bluesky": (OPEN_UNTIL, "")})]
)
def test_a_server_of_somebodys_own_does_not_hold_up_the_others_of_its_network(
    workspace: Workspace, service: str, network: Any
) -> None:
    account = make_account(workspace, platform="bluesky", metadata={"service": service})

    held = note(of(account, "-", 10), now=NOW)

    assert held == {account.pk: OPEN_UNTIL}
    assert health(Network.objects.all()) == network


@pytest.mark.parametrize(("places", "share"), [(8, 2), (3, 1)])
def test_a_server_of_somebodys_own_has_a_quarter_of_its_networks_places_and_never_none(
    settings: Settings, places: int, share: int
) -> None:
    settings.NETWORK_MAX_IN_FLIGHT = settings.NETWORK_MAX_IN_FLIGHT | {"bluesky": places}

    assert traffic.share_of_server("sandbox:bluesky@pds.example") == share


def test_a_quota_says_nothing_of_a_network_that_is_tried_again(workspace: Workspace) -> None:
    Network.objects.create(pk="sandbox:facebook", held_until=ago(seconds=1))

    note(of(make_account(workspace), ""), now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (ago(seconds=1), "")}


def test_the_first_call_that_goes_well_closes_the_breaker(workspace: Workspace) -> None:
    account = make_account(workspace, held_until=ago(seconds=1))
    Network.objects.create(pk="sandbox:facebook", held_until=ago(seconds=1))

    note(of(account, "+"), now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (None, "")}
    assert health(SocialAccount.objects.all()) == {account.pk: (None, "")}


@pytest.mark.django_db
def test_a_network_in_trouble_has_no_share_and_one_that_is_tried_again_one(settings: Settings) -> None:
    settings.NETWORK_MAX_IN_FLIGHT = {"facebook": 48, "twitter": 7, "bluesky": 48}
    Network.objects.create(pk="facebook", held_until=NOW + timedelta(seconds=1))
    Network.objects.create(pk="bluesky", held_until=NOW)
    Network.objects.create(pk="twitter", recent_calls="-----", recent_at=NOW)

    with transaction.atomic():
        found = shares(NOW)

    assert found == {
        "facebook": 0,
        "sandbox:facebook": 48,
        "twitter": 7,
        "sandbox:twitter": 7,
        "bluesky": 1,
        "sandbox:bluesky": 48,
    }


@pytest.mark.django_db(transaction=True)
def test_of_two_that_ask_at_once_one_may_try_a_network_again() -> None:
    Network.objects.create(pk="bluesky", held_until=NOW)
    asked, told = threading.Event(), threading.Event()

    def first() -> int:
        with transaction.atomic():
            share = shares(NOW)["bluesky"]
            asked.set()
            # SQLite has one writer at a time: there the second only asks once this one has ended.
            told.wait(PATIENCE_SECONDS if connection.features.has_select_for_update_skip_locked else 0)
            return share

    def second() -> int:
        assert asked.wait(PATIENCE_SECONDS)
        with transaction.atomic():
            share = shares(NOW)["bluesky"]
        told.set()
        return share

    shared = connection.features.has_select_for_update_skip_locked

    assert at_once(first, second) == ([1, 0] if shared else [1, 1])


@pytest.mark.django_db(transaction=True)
def test_workers_that_note_the_same_failing_network_at_once_do_not_lock_each_other_out() -> None:
    workspace = make_workspace()
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(6)]
    Network.objects.create(pk="sandbox:facebook")

    def fail_again_and_again(account: SocialAccount) -> None:
        for _ in range(15):
            with transaction.atomic():
                note(of(account, "-") + of(account, "+"), now=NOW)

    ended = at_once(*[lambda account=account: fail_again_and_again(account) for account in accounts])

    assert ended == [None] * len(accounts)
    assert Network.objects.get().recent_calls == "-+" * 10
