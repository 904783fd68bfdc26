"""The networks of this installation: their limits and versions as its settings have them."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from accounts import platforms, registry
from accounts.platforms.facebook import Facebook
from ouipost.configuration import environment as installation


def test_the_operator_says_what_a_network_takes(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    for name, wanted in (
        ("FACEBOOK_LIMITS", "max_characters=60000, max_title_characters=90,reel.first_comment=900"),
        (
            "TWITTER_LIMITS",
            "max_video_ratio=2.5,premium.max_characters=4000,basic.max_characters=500,listing_lag_seconds=30",
        ),
        ("INSTAGRAM_LIMITS", "max_alt_text_characters=500"),
    ):
        monkeypatch.setenv(name, wanted)
    settings.NETWORK_LIMITS = {platform.id: installation.limits(platform) for platform in platforms.ALL}
    facebook, twitter = registry.get("facebook"), registry.get("twitter")

    lengths = [facebook.limits_of(each).max_characters for each in facebook.post_types]
    comments = [facebook.limits_of(each).options[0].max_characters for each in ("feed", "reel")]
    titles = [facebook.limits_of(each).max_title_characters for each in ("feed", "reel")]
    of_x = [twitter.limits_of("feed", {"subscription_type": each}) for each in ("None", "Premium", "Basic")]

    assert (lengths, comments, titles) == ([60_000] * 3, [8000, 900], [None, 90])
    assert [(each.max_characters, each.max_video_ratio) for each in of_x] == [(280, 2.5), (4000, 3), (500, 3)]
    assert (twitter.listing_lag, type(twitter).listing_lag) == (30, 10)
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
