"""Instagram, for business and creator accounts: https://developers.facebook.com/docs/instagram-platform"""

from accounts.platforms.base import Limits, Platform


class Instagram(Platform):
    id = "instagram"
    name = "Instagram"
    account_types = ("business", "creator")
    scopes = (
        "instagram_business_basic",
        "instagram_business_content_publish",
        "instagram_business_manage_comments",
        "instagram_business_manage_insights",
    )
    limits = Limits(
        max_characters=2200,
        media_required=True,
        image_mime_types=("image/jpeg",),
        max_images=10,
        max_image_bytes=8_000_000,
        max_alt_text_characters=1000,
        video_mime_types=("video/mp4", "video/quicktime"),
        max_videos=10,
        max_video_bytes=300_000_000,
        max_video_duration_seconds=900,
        mixes_images_and_videos=True,
    )
    metrics = ("impressions", "reach", "engagement", "likes", "comments", "shares", "saves")
    supports_carousel = True
    supports_stories = True
    max_video_duration = 60
    default_version = "v26.0"
