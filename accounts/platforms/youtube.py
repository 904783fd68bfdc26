"""YouTube, through the Data API: https://developers.google.com/youtube/v3"""

from accounts.platforms.base import Limits, Platform


class YouTube(Platform):
    id = "youtube"
    name = "YouTube"
    account_types = ("channel",)
    scopes = (
        "https://www.googleapis.com/auth/youtube.upload",
        "https://www.googleapis.com/auth/youtube.readonly",
        "https://www.googleapis.com/auth/yt-analytics.readonly",
    )
    limits = Limits(
        max_characters=5000,
        max_text_bytes=5000,
        max_title_characters=100,
        media_required=True,
        video_mime_types=("video/mp4", "video/quicktime", "video/webm"),
        max_videos=1,
        max_video_bytes=274_877_906_944,
        max_video_duration_seconds=43_200,
    )
    metrics = ("impressions", "engagement", "likes", "comments", "shares")
    max_video_duration = 43_200
    default_version = "v3"
