"""How fast an account may post: its next post waits until its pace, and whoever holds it back, lets it go."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from accounts import pacing
from accounts.models import SocialAccount
from accounts.pacing import Pacing
from accounts.platforms.limits import Allowance
from tests.factories import NOW

LATER = NOW + timedelta(seconds=5)


@pytest.fixture(autouse=True)
def _hundred_in_a_quarter(settings: Settings) -> None:
    """X takes 50 posts at once, and then one in 18 seconds; Facebook has no pace."""
    settings.NETWORK_PACE = {"twitter": Allowance(most=100, seconds=900), "facebook": None}


def make_account(*, sent: int, platform: str = "twitter") -> SocialAccount:
    """Return an account on paper that has sent so many posts just now."""
    account = SocialAccount(platform=platform)
    for _ in range(sent):
        account.paced_at = pacing.spent(platform, account.paced_at, now=NOW)
    return account


def test_who_is_out_of_breath_is_told_when_it_may_send_again() -> None:
    account = make_account(sent=50)

    assert pacing.wait(account, sends=True, now=NOW) == NOW + timedelta(seconds=18)
    assert pacing.wait(account, sends=False, now=NOW) is None
    assert pacing.wait(account, sends=True, now=NOW + timedelta(seconds=18)) is None


@pytest.mark.parametrize(
    ("platform", "sent", "is_last"), [("twitter", 48, False), ("twitter", 49, True), ("facebook", 99, False)]
)
def test_an_account_has_one_place_when_it_has_to_wait_after_it(platform: str, sent: int, is_last: bool) -> None:
    account = make_account(sent=sent, platform=platform)

    assert pacing.has_one_place(Pacing(platform, None, account.paced_at), now=NOW) is is_last


def test_what_was_sent_before_the_clock_was_set_back_holds_up_nobody() -> None:
    account, earlier = make_account(sent=50), NOW - timedelta(hours=1)

    assert pacing.wait(account, sends=True, now=earlier) is None
    assert pacing.spent("twitter", account.paced_at, now=earlier) == earlier + timedelta(seconds=18)


@pytest.mark.parametrize("platform", ["twitter", "facebook"])
def test_an_account_that_is_held_back_is_neither_sent_to_nor_asked(platform: str) -> None:
    account = SocialAccount(platform=platform, held_until=LATER)

    assert [pacing.wait(account, sends=sends, now=NOW) for sends in (True, False)] == [LATER] * 2
    assert pacing.wait(account, sends=True, now=LATER) is None


def test_a_network_without_a_pace_takes_what_comes() -> None:
    account = SocialAccount(platform="facebook", paced_at=LATER)

    assert pacing.wait(account, sends=True, now=NOW) is None
    assert pacing.spent("facebook", LATER, now=NOW) is None
