"""What TikTok refuses: named beforehand, and understood afterwards."""

from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.errors import AuthExpired, RateLimited, Rejected, Unavailable
from accounts.platforms.shapes import App, Content
from accounts.platforms.tiktok import TikTok
from tests.networks.platform_case import make_answer, make_image, make_video
from tests.networks.tiktok_calls import CONNECTOR, ONESELF, SCOPE, SETTINGS, bad, film, photos

ALONE = film(**ONESELF)


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "code", "meaning"),
        [
            (401, "access_token_invalid", (AuthExpired, "TOKEN_REVOKED", "account_owner")),
            (401, "scope_not_authorized", (Rejected, "TOKEN_REVOKED", "account_owner")),
            (400, "scope_permission_missed", (Rejected, "TOKEN_REVOKED", "account_owner")),
            (403, "spam_risk_user_banned_from_posting", (Rejected, "CONTENT_REJECTED", "account_owner")),
            (
                403,
                "unaudited_client_can_only_post_to_private_accounts",
                (Rejected, "PLATFORM_UNAVAILABLE", "operator"),
            ),
            (403, "url_ownership_unverified", (Rejected, "PLATFORM_UNAVAILABLE", "operator")),
            (429, "rate_limit_exceeded", (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (403, "spam_risk_too_many_posts", (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (403, "spam_risk_too_many_pending_share", (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (403, "reached_active_user_cap", (RateLimited, "RATE_LIMITED_BY_PLATFORM", "network")),
            (500, "internal_error", (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (200, "internal_error", (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (500, "moon_phase", (Unavailable, "PLATFORM_UNAVAILABLE", "network")),
            (400, "invalid_param", (Rejected, "CONTENT_REJECTED", "caller")),
            (400, "invalid_params", (Rejected, "CONTENT_REJECTED", "caller")),
            (400, "invalid_file_upload", (Rejected, "MEDIA_REJECTED", "caller")),
            (403, "privacy_level_option_mismatch", (Rejected, "CONTENT_REJECTED", "caller")),
            (400, "moon_phase", (Rejected, "CONTENT_REJECTED", "caller")),
        ],
    )
    def test_a_refusal_says_who_can_mend_it(self, status: int, code: str, meaning: tuple[Any, ...]) -> None:
        error = CONNECTOR.classify(bad(status, code))

        assert (type(error), error.code, error.who_acts) == meaning
        assert error.network_code == code
        assert "log_id L2" in error.message

    def test_an_app_that_is_not_audited_is_told_what_that_means(self) -> None:
        """TikTok's own words name neither the audit nor the account."""
        words = (
            "Please review our integration guidelines at https://developers.tiktok.com/doc/content-sharing-guidelines/"
        )

        error = CONNECTOR.classify(bad(403, "unaudited_client_can_only_post_to_private_accounts", words))

        assert error.message == (
            f"TikTok says: {words} Until TikTok has audited the app, the account itself must be private while it posts."
            " (log_id L2)"
        )

    @pytest.mark.parametrize("log_id", ["L\n2", "L" * 100, "<b>", {"id": "L2"}])
    def test_an_id_that_is_none_is_not_told(self, log_id: Any) -> None:
        told = {"code": "invalid_params", "message": "No.", "log_id": log_id}

        assert CONNECTOR.classify(make_answer(400, {"error": told})).message == "TikTok says: No."

    def test_a_minute_without_a_time_is_a_minute(self) -> None:
        error = CONNECTOR.classify(bad(429, "rate_limit_exceeded"))

        assert isinstance(error, RateLimited)
        assert error.retry_after == 60


class TestValidation:
    def rules(self, content: Content, **creator: Any) -> list[str]:
        metadata = {"scopes": SCOPE.split(","), "creator_info": SETTINGS | creator}
        return [issue.rule for issue in CONNECTOR.validate(content, metadata)]

    def test_the_operator_sets_the_limit_of_the_text_of_photos_by_itself(self) -> None:
        shorter = TikTok(App(client_id="id", limits={"max_photo_post_characters": 500}))

        found = [shorter.validate(replace(each, text="x" * 501), {}) for each in (photos(), film())]

        assert [[issue.rule for issue in issues] for issues in found] == [["text_too_long"], []]
        assert (shorter.limits.max_photo_post_characters, CONNECTOR.limits.max_photo_post_characters) == (500, 4000)

    def test_the_privacy_level_has_no_default(self) -> None:
        [issue] = CONNECTOR.validate(replace(film(), options={}), {})

        assert (issue.rule, issue.field) == ("option_required", "options.privacy_level")

    @pytest.mark.parametrize(
        ("content", "rule"),
        [
            (film(privacy_level="FOLLOWER_OF_CREATOR"), "privacy_level_unavailable"),
            (film(privacy_level="EVERYBODY"), "option_invalid"),
            (film(disable_stitch=False), "interaction_disabled"),
            (film(brand_content_toggle=True, **ONESELF), "branded_content_not_private"),
            (film(brand_content_toggle="yes"), "option_invalid"),
            (film(inbox=True), "option_unknown"),
            (film(first_comment="First!"), "option_unknown"),
            (film(thread=["More"]), "option_unknown"),
            (film(photo_cover_index=0), "option_not_for_this_kind"),
            (film(auto_add_music=True), "option_not_for_this_kind"),
            (photos(disable_duet=True), "option_not_for_this_kind"),
            (photos(video_cover_timestamp_ms=0), "option_not_for_this_kind"),
            (film(video_cover_timestamp_ms=20_001), "cover_outside"),
            (film(video_cover_timestamp_ms=-1), "cover_outside"),
            (photos(photo_cover_index=2), "cover_outside"),
            (photos(photo_cover_index=-1), "cover_outside"),
            (replace(photos(photo_cover_index=1), media=(make_image(),)), "cover_outside"),
            (replace(film(), text="🍞" * 1101), "text_too_long"),
            (replace(photos(), text="🍞" * 2001), "text_too_long"),
            (replace(photos(), title="🍞" * 46), "title_too_long"),
            (replace(film(), media=()), "media_required"),
            (replace(film(), media=(make_video(fps=20.0),)), "video_fps_too_small"),
            (replace(film(), media=(make_video(width=300),)), "video_side_too_small"),
            (replace(film(), media=(make_video(video_codec="av1"),)), "video_codec_unsupported"),
            (replace(film(), media=(make_video(seconds=601.0),)), "video_duration_too_large"),
            (replace(film(), media=(make_video(), make_video("media_2"))), "too_many_videos"),
            (replace(film(), media=(make_video(), make_image("media_2"))), "images_and_videos_mixed"),
            (
                replace(photos(), media=tuple(make_image(f"media_{number}") for number in range(36))),
                "too_many_images",
            ),
        ],
    )
    def test_what_tiktok_would_refuse_is_named(self, content: Content, rule: str) -> None:
        assert rule in self.rules(content)

    @pytest.mark.parametrize(
        "content",
        [
            film(disable_stitch=True, disable_duet=False),
            film(brand_content_toggle=True, brand_organic_toggle=True),
            film(video_cover_timestamp_ms=20_000),
            film(video_cover_timestamp_ms=0),
            replace(film(), text="🍞" * 1100, title="A title that is for other networks" * 9),
            replace(photos(), text="🍞" * 2000, title="🍞" * 45),
            photos(photo_cover_index=1, auto_add_music=False),
        ],
    )
    def test_what_tiktok_takes_is_not_named(self, content: Content) -> None:
        assert self.rules(content) == []

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (
                film(privacy_level="FOLLOWER_OF_CREATOR"),
                ("privacy_level", SETTINGS["privacy_level_options"], "FOLLOWER_OF_CREATOR"),
            ),
            (film(disable_stitch=False), ("disable_stitch", True, False)),
            (film(brand_content_toggle=True, **ONESELF), ("brand_content_toggle", None, "SELF_ONLY")),
            (film(auto_add_music=True), ("auto_add_music", None, True)),
            (film(video_cover_timestamp_ms=20_001), ("video_cover_timestamp_ms", 20_000, 20_001)),
            (photos(photo_cover_index=-1), ("photo_cover_index", 1, -1)),
        ],
    )
    def test_an_option_is_named_with_what_it_is_and_could_be(self, content: Content, told: tuple[Any, ...]) -> None:
        [issue] = CONNECTOR.validate(content, {"creator_info": SETTINGS})

        name, limit, actual = told
        assert (issue.field, issue.limit, issue.actual) == (f"options.{name}", limit, actual)

    def test_a_creator_may_post_shorter_videos_only(self) -> None:
        metadata = {"creator_info": SETTINGS | {"max_video_post_duration_sec": 15}}

        [issue] = CONNECTOR.validate(film(), metadata)

        told = (issue.rule, issue.field, issue.limit, issue.actual)
        assert told == ("video_too_long_for_creator", "media.0", 15, 20.0)

    def test_a_video_may_be_as_long_as_the_creator_may_post(self) -> None:
        assert self.rules(film(), max_video_post_duration_sec=20) == []

    def test_of_a_video_about_which_nothing_is_known_any_cover_may_be_there(self) -> None:
        content = replace(film(video_cover_timestamp_ms=90_000), media=(make_video(seconds=0),))

        assert self.rules(content) == []

    def test_an_app_that_is_not_audited_posts_for_the_creator_alone_and_warns_that_the_account_must_be_private(
        self,
    ) -> None:
        network = TikTok(App(client_id="id", product="unaudited"))
        metadata = {"creator_info": SETTINGS}

        told = [[(each.rule, each.severity) for each in network.validate(post, metadata)] for post in (film(), ALONE)]

        warning = ("app_not_audited", "warning")
        assert told == [[("option_invalid", "error"), warning], [warning]]
        [offered] = [each.choices for each in network.limits.options if each.name == "privacy_level"]
        assert offered == ("SELF_ONLY",)
