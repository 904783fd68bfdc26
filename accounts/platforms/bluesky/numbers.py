"""The numbers of posts on Bluesky: https://docs.bsky.app/docs/api/app-bsky-feed-get-posts"""

from typing import Any

from accounts.platforms.http import dig_count
from accounts.platforms.shapes import PostNumbers

OWN = {
    "likes": "likeCount",
    "reposts": "repostCount",
    "replies": "replyCount",
    "quotes": "quoteCount",
    "bookmarks": "bookmarkCount",
}
"""All count as engagement; a bookmark is called a save elsewhere."""


def of_post(post: Any) -> PostNumbers:
    """Return the numbers of a post; the network gives neither views nor reach nor clicks."""
    return PostNumbers.in_parts(OWN, own={name: dig_count(post, theirs) for name, theirs in OWN.items()})
