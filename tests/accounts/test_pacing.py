"""How fast an account may post: no window ever has more than its pace, and half of that may go at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts import pacing
from accounts.models import SocialAccount
from accounts.platforms.base import Pace
from accounts.platforms.twitter import Twitter
from ouipost.configuration import environment as installation
from tests.factories import NOW


@dataclass(kw_only=True)
class Sender:
    """An account on paper that posts whenever its pace lets it."""

    account: SocialAccount
    sent: list[datetime]

    def try_at(self, now: datetime) -> None:
        if pacing.wait(self.account, sends=True, now=now) is None:
            self.account.paced_at = pacing.spent(self.account.platform, self.account.paced_at, now=now)
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
        patch.setattr(pacing, "pace_of", lambda _: pace)
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
    assert {later - earlier for earlier, later in pairwise(spread)} == {pacing.interval(pace)}


def test_who_is_out_of_breath_is_told_when_it_may_send_again(settings: Settings) -> None:
    sender = make_sender(settings, Pace(posts=100, seconds=900))
    for _ in range(100):
        sender.try_at(NOW)

    assert pacing.wait(sender.account, sends=True, now=NOW) == NOW + timedelta(seconds=18)
    assert pacing.wait(sender.account, sends=False, now=NOW) is None
    assert pacing.wait(sender.account, sends=True, now=NOW + timedelta(seconds=18)) is None


def test_what_was_sent_before_the_clock_was_set_back_holds_up_nobody(settings: Settings) -> None:
    sender = make_sender(settings, Pace(posts=100, seconds=900))
    sender.try_at(NOW)

    sender.try_at(earlier := NOW - timedelta(hours=1))

    assert (sender.sent, sender.account.paced_at) == ([NOW, earlier], earlier + timedelta(seconds=18))


def test_an_account_that_is_held_back_is_neither_sent_to_nor_asked(settings: Settings) -> None:
    account = make_sender(settings, Pace(posts=1, seconds=1)).account
    account.held_until = NOW + timedelta(seconds=5)

    assert [pacing.wait(account, sends=sends, now=NOW) for sends in (True, False)] == [account.held_until] * 2
    assert pacing.wait(account, sends=True, now=account.held_until) is None


def test_a_network_without_a_pace_takes_what_comes(settings: Settings) -> None:
    settings.NETWORK_PACE = {"facebook": None}
    account = SocialAccount(platform="facebook", paced_at=NOW + timedelta(days=1))

    assert (pacing.wait(account, sends=True, now=NOW), pacing.spent("facebook", account.paced_at, now=NOW)) == (
        None,
        None,
    )


def test_the_engines_speed_is_the_paces_too(settings: Settings) -> None:
    settings.ENGINE_SPEED = 10

    assert pacing.interval(Pace(posts=100, seconds=900)) == timedelta(seconds=1.8)


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
