"""Threads: https://developers.facebook.com/docs/threads"""

from accounts.platforms.base import Limits, Platform


class Threads(Platform):
    id = "threads"
    name = "Threads"
    account_types = ("profile",)
    scopes = ("threads_basic", "threads_content_publish", "threads_manage_replies", "threads_manage_insights")
    limits = Limits(
        max_characters=500,
        image_mime_types=("image/jpeg", "image/png"),
        max_images=20,
        max_image_bytes=8_000_000,
        max_alt_text_characters=1000,
        video_mime_types=("video/mp4", "video/quicktime"),
        max_videos=20,
        max_video_bytes=1_000_000_000,
        max_video_duration_seconds=300,
        mixes_images_and_videos=True,
    )
    metrics = ("impressions", "engagement", "likes", "replies", "reposts", "quotes", "shares")
    supports_carousel = True
    max_video_duration = 300
    default_version = "v1.0"
