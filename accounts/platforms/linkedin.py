"""LinkedIn, for members and organizations: https://learn.microsoft.com/linkedin/marketing/community-management"""

from accounts.platforms.base import Limits, Platform


class LinkedIn(Platform):
    id = "linkedin"
    name = "LinkedIn"
    account_types = ("profile", "organization")
    scopes = ("openid", "profile", "email", "w_member_social")
    limits = Limits(
        max_characters=3000,
        image_mime_types=("image/jpeg", "image/png", "image/gif"),
        max_images=20,
        max_image_bytes=5_000_000,
        max_alt_text_characters=4086,
        video_mime_types=("video/mp4",),
        max_videos=1,
        max_video_bytes=500_000_000,
        max_video_duration_seconds=1800,
    )
    metrics = ("impressions", "reach", "engagement", "likes", "comments", "shares", "clicks")
    max_video_duration = 1800
    default_version = "202609"
