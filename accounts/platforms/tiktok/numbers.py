"""The numbers of videos on TikTok: https://developers.tiktok.com/doc/tiktok-api-v2-video-object"""

from typing import Any

from accounts.platforms.base import PostNumbers
from accounts.platforms.http import dig_count

COUNTS = {"likes": "like_count", "comments": "comment_count", "shares": "share_count"}


def of_post(video: Any) -> PostNumbers:
    """Return how a post did, as TikTok's list of videos has it; TikTok tells neither reach nor clicks."""
    own = {name: dig_count(video, field) for name, field in COUNTS.items()}
    counted = {name: count for name, count in own.items() if count is not None}
    return PostNumbers(
        impressions=dig_count(video, "view_count"),
        engagement=sum(counted.values()) if counted else None,
        own=counted,
    )
