"""The networks, accounts and workers misbehave; the simulated networks say what came of it."""

from datetime import timedelta

import pytest

from tests.crash import scenarios
from tests.product import Product

pytestmark = [pytest.mark.crash, pytest.mark.any_database]


@pytest.mark.parametrize("minutes", [0, 10])
def test_the_same_text_twice_is_two_posts_where_the_network_takes_both(product: Product, minutes: int) -> None:
    twins = scenarios.identical_texts(product, "bluesky", minutes=minutes)

    assert twins.is_good, twins
    assert (twins.second, twins.ids) == ("published", 2)


@pytest.mark.parametrize(("network", "minutes"), [("twitter", 0), ("facebook", 10)])
def test_the_same_text_twice_is_refused_and_not_taken_for_the_first(
    product: Product, network: str, minutes: int
) -> None:
    twins = scenarios.identical_texts(product, network, minutes=minutes)

    assert twins.is_good, twins
    assert (twins.second, twins.ids) == ("failed CONTENT_REJECTED", 1)


@pytest.mark.parametrize(("network", "form"), [("bluesky", "seconds"), ("twitter", "date")])
def test_an_account_is_left_alone_as_long_as_its_network_says(product: Product, network: str, form: str) -> None:
    retry_after = "4" if form == "seconds" else timedelta(seconds=9)
    seen = scenarios.quota(product, network, retry_after=retry_after, at_least=3)

    assert seen.is_good, seen


@pytest.mark.parametrize("nonsense", ["-5", "soon"])
def test_a_wait_that_is_none_is_taken_for_a_minute(product: Product, nonsense: str) -> None:
    seen = scenarios.quota(product, "bluesky", retry_after=nonsense, at_least=60 * 0.8 / product.speed)

    assert seen.is_good, seen


def test_a_wait_beyond_the_end_of_trying_is_a_failure(product: Product) -> None:
    seen = scenarios.quota(product, "twitter", retry_after="999999", at_least=0, end="failed")

    assert seen.is_good, seen


def test_eight_posts_that_meet_one_ended_token_renew_it_once_and_go_out(product: Product) -> None:
    seen = scenarios.one_expired_token(product, workers=2, posts=8)

    assert seen.is_good, seen


def test_a_permission_taken_back_is_told_once_and_nothing_is_tried_again(product: Product) -> None:
    seen = scenarios.revoked_token(product, "twitter", posts=4)

    assert seen.is_good, seen


def test_a_worker_whose_clock_is_six_hours_ahead_sends_nothing_early_and_steals_nothing(product: Product) -> None:
    seen = scenarios.clock_ahead(product, posts=6, seconds=4)

    assert seen.is_good, seen


def test_a_post_that_aborts_its_workers_is_parked_after_five_and_the_others_go_out(product: Product) -> None:
    seen = scenarios.poison(product, posts=12, accounts=6, workers=2)

    assert seen.is_good, seen


def test_a_network_that_fails_is_left_alone_and_used_again_once_it_is_mended(product: Product) -> None:
    seen = scenarios.outage(
        product, "bluesky", accounts=10, per_second=10, normal=3, patience=60 / product.speed, failing=7
    )

    assert seen.is_good, seen
