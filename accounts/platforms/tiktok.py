"""TikTok, through the Content Posting API: https://developers.tiktok.com/doc/content-posting-api-get-started"""

from accounts.platforms.base import Limits, Platform


class TikTok(Platform):
    id = "tiktok"
    name = "TikTok"
    account_types = ("profile",)
    scopes = ("user.info.basic", "user.info.profile", "user.info.stats", "video.list", "video.publish")
    limits = Limits(
        max_characters=2200,
        characters_counted_as="utf16_units",
        max_title_characters=90,
        media_required=True,
        image_mime_types=("image/jpeg", "image/webp"),
        max_images=35,
        max_image_bytes=20_000_000,
        video_mime_types=("video/mp4", "video/webm", "video/quicktime"),
        max_videos=1,
        max_video_bytes=4_000_000_000,
        max_video_duration_seconds=600,
    )
    metrics = ("impressions", "engagement", "likes", "comments", "shares")
    supports_carousel = True
    max_video_duration = 600
    default_version = "v2"
