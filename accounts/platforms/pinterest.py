"""Pinterest, where a post is a Pin on a board: https://developers.pinterest.com/docs/api/v5"""

from accounts.platforms.base import Limits, Platform


class Pinterest(Platform):
    id = "pinterest"
    name = "Pinterest"
    account_types = ("pinner", "business")
    scopes = ("boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read")
    limits = Limits(
        max_characters=800,
        max_title_characters=100,
        media_required=True,
        image_mime_types=("image/jpeg", "image/png"),
        max_images=5,
        max_image_bytes=20_000_000,
        max_alt_text_characters=500,
        video_mime_types=("video/mp4", "video/quicktime"),
        max_videos=1,
        max_video_bytes=2_000_000_000,
        max_video_duration_seconds=900,
    )
    metrics = ("impressions", "engagement", "clicks", "saves", "comments", "reactions")
    supports_carousel = True
    max_video_duration = 900
    default_version = "v5"
