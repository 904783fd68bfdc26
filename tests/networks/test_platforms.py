"""The nine networks, and what the API reference shows of them."""

from typing import Any

import pytest
from django.conf import settings

from accounts import platforms
from accounts.platforms.base import Connector, Recovery
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import Account, App
from accounts.platforms.text import length
from tests.networks.platform_case import make_answer


def test_the_networks_are_in_the_contracts_order() -> None:
    names = [(each.id, each.name) for each in platforms.ALL]

    assert names == [
        ("facebook", "Facebook"),
        ("instagram", "Instagram"),
        ("twitter", "Twitter/X"),
        ("linkedin", "LinkedIn"),
        ("tiktok", "TikTok"),
        ("youtube", "YouTube"),
        ("pinterest", "Pinterest"),
        ("threads", "Threads"),
        ("bluesky", "Bluesky"),
    ]


@pytest.mark.parametrize(
    ("platform", "facts"),
    [
        ("facebook", (True, True, True, True, 63206, 10, 240)),
        ("instagram", (True, True, True, True, 2200, 10, 60)),
        ("twitter", (True, True, False, False, 280, 4, 140)),
    ],
)
def test_three_are_as_the_api_reference_shows_them(platform: str, facts: tuple[object, ...]) -> None:
    shown = next(each for each in platforms.ALL if each.id == platform)

    assert facts == (
        shown.limits.max_images > 0,
        shown.limits.max_videos > 0,
        shown.supports_carousel,
        shown.supports_stories,
        shown.limits.max_characters,
        shown.limits.max_images,
        shown.max_video_duration,
    )


SCOPES = {
    ("facebook", ""): "pages_show_list pages_manage_posts pages_read_engagement pages_manage_engagement "
    "pages_read_user_content read_insights",
    ("instagram", ""): "instagram_business_basic instagram_business_content_publish "
    "instagram_business_manage_comments instagram_business_manage_insights",
    ("instagram", "facebook"): "instagram_basic instagram_content_publish instagram_manage_comments "
    "instagram_manage_insights pages_show_list pages_read_engagement business_management",
    ("twitter", ""): "tweet.read tweet.write users.read media.write offline.access",
    ("linkedin", ""): "openid profile email w_member_social",
    ("linkedin", "community"): "r_basicprofile w_member_social w_organization_social r_organization_social "
    "w_member_social_feed w_organization_social_feed r_organization_social_feed rw_organization_admin "
    "r_organization_followers r_member_postAnalytics r_member_profileAnalytics",
    ("tiktok", ""): "user.info.basic user.info.profile user.info.stats video.list video.publish",
    ("youtube", ""): "https://www.googleapis.com/auth/youtube.upload https://www.googleapis.com/auth/youtube.readonly "
    "https://www.googleapis.com/auth/youtube.force-ssl https://www.googleapis.com/auth/yt-analytics.readonly",
    ("pinterest", ""): "boards:read boards:write pins:read pins:write user_accounts:read",
    ("threads", ""): "threads_basic threads_content_publish threads_manage_replies threads_read_replies "
    "threads_manage_insights",
    ("bluesky", ""): "",
}
"""By network and product of the app, as their documentation writes them."""

READ_BUDGETS = {
    "linkedin": (60, 86_400),  # of 100 calls a member and day in the development tier: the others are for posts
    "pinterest": (100, 60),  # every other one counts as `org_analytics`, of which 60 a minute are allowed
}
"""Requests for the numbers of an account, and in how many seconds; of the others no quota of an account is known."""


@pytest.mark.parametrize("network", [each.id for each in platforms.ALL])
def test_reading_numbers_leaves_room_in_the_quota_of_an_account(network: str) -> None:
    budget = settings.NETWORK_READ_BUDGET[network]

    assert (budget and (budget.most, budget.seconds)) == READ_BUDGETS.get(network)


@pytest.mark.parametrize(("network", "product"), SCOPES)
def test_a_person_is_asked_for_these_scopes(network: str, product: str) -> None:
    platform = next(each for each in platforms.ALL if each.id == network)

    assert " ".join(platform(App(product=product)).scopes) == SCOPES[network, product]


@pytest.mark.parametrize("platform", platforms.ALL, ids=lambda each: each.id)
def test_a_network_states_all_its_facts(platform: type[Connector]) -> None:
    limits = platform.limits

    assert platform.account_types
    assert platform.metrics
    assert platform.max_video_duration > 0
    assert bool(limits.max_images) == bool(limits.image_mime_types)
    assert bool(limits.max_videos) == bool(limits.video_mime_types)
    for each in (limits, *platform.other_types.values()):
        assert each.alt_text_for or each.max_alt_text_characters is None
    assert length("a", limits.characters_counted_as) == 1
    assert platform(App(version="v99")).version == "v99"
    assert platform(App()).version == platform.default_version


@pytest.mark.parametrize("platform", platforms.ALL)
def test_a_connector_says_how_a_lost_answer_is_cleared_up(platform: type[Connector]) -> None:
    assert platform.recovery != Recovery.PARK
    assert platform.listing_lag > 0 or platform.recovery != Recovery.LOOK
    assert platform.needs_app == issubclass(platform, OAuth2Connector)


def test_a_network_names_the_options_of_all_its_types_of_posts() -> None:
    shown = next(each for each in platforms.ALL if each.id == "instagram")

    assert shown.option_kinds().keys() == {"post_type", "first_comment", "share_to_feed", "thumb_offset"}


def test_an_option_has_one_kind_in_all_types_of_posts() -> None:
    for shown in platforms.ALL:
        options = [option for limits in (shown.limits, *shown.other_types.values()) for option in limits.options]

        assert {(option.name, option.kind) for option in options} <= set(shown.option_kinds().items())


GRAPH_ERROR = {"error": {"code": 999_999, "error_subcode": 77, "message": "No."}}
UNHEARD_OF: dict[str, tuple[dict[str, Any], str]] = {
    "facebook": (GRAPH_ERROR, "999999/77"),
    "instagram": (GRAPH_ERROR, "999999/77"),
    "threads": (GRAPH_ERROR, "999999/77"),
    "twitter": ({"type": "https://api.x.com/2/problems/moon-phase", "detail": "No."}, "moon-phase"),
    "linkedin": ({"code": "MOON_PHASE", "message": "No."}, "MOON_PHASE"),
    "tiktok": ({"error": {"code": "moon_phase", "message": "No."}}, "moon_phase"),
    "youtube": ({"error": {"errors": [{"reason": "moonPhase"}], "message": "No."}}, "moonPhase"),
    "pinterest": ({"code": 9999, "message": "No."}, "9999"),
    "bluesky": ({"error": "MoonPhase", "message": "No."}, "MoonPhase"),
}


@pytest.mark.parametrize("platform", platforms.ALL, ids=lambda platform: platform.id)
def test_a_code_that_is_in_no_table_is_called_unknown(platform: type[Connector]) -> None:
    body, code = UNHEARD_OF[platform.id]

    error = platform(App()).classify(make_answer(400, body))

    assert error.network_code == code
    assert error.message.endswith(f" says: No. (unknown code {code})")


@pytest.mark.parametrize(
    ("platform", "url", "held"),
    [
        ("twitter", "https://x.com/bakery/status/1234?s=20", "1234"),
        ("twitter", "https://mobile.twitter.com/i/web/status/1234/photo/1", "1234"),
        ("twitter", "https://x.com/bakery", ""),
        ("twitter", "https://x.com/i/flow/login?to=/bakery/status/1234", ""),
        ("twitter", "https://notx.com/bakery/status/1234", ""),
        ("linkedin", "https://www.linkedin.com/feed/update/urn:li:share:7001/", "urn:li:share:7001"),
        ("linkedin", "https://www.linkedin.com/feed/update/urn%3Ali%3AugcPost%3A7001", "urn:li:ugcPost:7001"),
        ("linkedin", "https://www.linkedin.com/feed/update/urn:li:activity:7002/", ""),
        ("youtube", "https://www.youtube.com/watch?feature=share&v=vid_0000-01&t=3", "vid_0000-01"),
        ("youtube", "https://youtube.com/shorts/vid_0000-01?si=x", "vid_0000-01"),
        ("youtube", "https://youtu.be/vid_0000-01?si=x", "vid_0000-01"),
        ("youtube", "https://www.youtube.com/@bakery", ""),
        ("tiktok", "https://www.tiktok.com/@bakery/video/75123?lang=en", "75123"),
        ("tiktok", "https://www.tiktok.com/@bakery/photo/75123", "75123"),
        ("tiktok", "https://vm.tiktok.com/ZMabc/", ""),
        ("pinterest", "https://www.pinterest.de/pin/900/", "900"),
        ("pinterest", "https://pin.it/3abc", ""),
        ("facebook", "https://www.facebook.com/1001_555", "1001_555"),
        ("facebook", "https://www.facebook.com/bakery/posts/pfbid02abc", ""),
        ("facebook", "https://www.facebook.com/reel/888", ""),
        ("bluesky", "https://bsky.app/profile/did:plc:me/post/3n32", "at://did:plc:me/app.bsky.feed.post/3n32"),
        ("bluesky", "https://bsky.app/profile/me.example/post/3n32", "at://did:plc:me/app.bsky.feed.post/3n32"),
        ("bluesky", "https://bsky.app/profile/did:plc:you/post/3n32", ""),
        ("bluesky", "https://bsky.app/profile/me.example", ""),
        ("instagram", "https://www.instagram.com/p/Cabc/", ""),
        ("threads", "https://www.threads.com/@bakery/post/AbC", ""),
    ],
)
def test_the_address_of_a_post_holds_its_id_at_most_networks(platform: str, url: str, held: str) -> None:
    account = Account(remote_id="did:plc:me", access_token="", username="me.example")

    assert platforms.BY_ID[platform](App(client_id="app")).post_id_at(url, account) == held
