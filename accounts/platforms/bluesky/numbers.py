"""The numbers of posts on Bluesky: https://docs.bsky.app/docs/api/app-bsky-feed-get-posts"""

from typing import Any

from accounts.platforms.base import PostNumbers
from accounts.platforms.http import dig_count

OWN = {
    "likes": "likeCount",
    "reposts": "repostCount",
    "replies": "replyCount",
    "quotes": "quoteCount",
    "bookmarks": "bookmarkCount",
}
"""All are engagement; a bookmark is what others call a save."""


def of_post(post: Any) -> PostNumbers:
    """Return how a post did, as a server shows it; the network tells neither views, nor reach, nor clicks."""
    own = {name: count for name, theirs in OWN.items() if (count := dig_count(post, theirs)) is not None}
    return PostNumbers(engagement=sum(own.values()) if own else None, own=own)
