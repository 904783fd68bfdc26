"""The numbers of videos on TikTok: https://developers.tiktok.com/doc/tiktok-api-v2-video-object"""

from typing import Any

from accounts.platforms.http import dig_count, dig_text
from accounts.platforms.shapes import PostNumbers, Published

COUNTS = {"likes": "like_count", "comments": "comment_count", "shares": "share_count"}


def of_post(video: Any) -> PostNumbers:
    """Return the numbers and the address of a post from TikTok's list; it gives neither reach nor clicks."""
    url = dig_text(video, "share_url")
    return PostNumbers.in_parts(
        COUNTS,
        own={name: dig_count(video, field) for name, field in COUNTS.items()},
        impressions=dig_count(video, "view_count"),
        published=Published(remote_id=dig_text(video, "id"), url=url) if url else None,
    )
