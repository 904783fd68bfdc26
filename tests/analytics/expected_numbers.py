"""The numbers of simulated networks at a moment, computed from their growth and not from their answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from accounts.platforms.shapes import PostNumbers
from ouipost.simulator import growth
from ouipost.simulator import models as networks
from ouipost.simulator.networks.facebook import insights as facebook
from ouipost.simulator.networks.facebook import nodes as facebook_nodes
from ouipost.simulator.networks.linkedin import social as linkedin
from ouipost.simulator.networks.pinterest import insights as pinterest
from ouipost.simulator.networks.threads import insights as threads
from ouipost.simulator.networks.tiktok import videos as tiktok
from ouipost.simulator.networks.twitter import views as twitter
from ouipost.simulator.networks.youtube import reports as youtube_reports
from ouipost.simulator.networks.youtube import videos as youtube

Most = Mapping[str, int]
INSTAGRAM_LIKES, INSTAGRAM_COMMENTS = 60, 12
PINS = pinterest.COUNTED | pinterest.LIFETIME


@dataclass(frozen=True, kw_only=True)
class Counters:
    """By our names, of which of the network's counters each number is the sum, and how far those grow."""

    counted: Mapping[str, Most]
    own: Mapping[str, Most]
    engagement: Sequence[str]
    """The names of its own numbers that are engagement."""


def one(table: Most, **names: str) -> dict[str, Most]:
    """Return numbers that are one counter of this table each."""
    return {ours: {theirs: table[theirs]} for ours, theirs in names.items()}


COUNTERS: Mapping[str, Counters] = {
    "facebook": Counters(
        counted=one(
            facebook.POST_METRICS,
            impressions="post_media_view",
            reach="post_total_media_view_unique",
            clicks="post_clicks",
        ),
        own={
            "reactions": facebook_nodes.REACTIONS,
            "comments": {"comments": facebook_nodes.MOST_COMMENTS},
            "shares": {"shares": facebook_nodes.MOST_SHARES},
            **one(facebook.VIDEO_METRICS, video_views="post_video_views"),
        },
        engagement=("reactions", "comments", "shares"),
    ),
    "instagram": Counters(
        counted={"impressions": {"views": 900}, "reach": {"reach": 450}},
        own={
            "likes": {"likes": INSTAGRAM_LIKES},
            "comments": {"comments": INSTAGRAM_COMMENTS},
            "shares": {"shares": 10},
            "saves": {"saved": 15},
        },
        engagement=("likes", "comments", "shares", "saves"),
    ),
    "twitter": Counters(
        counted=one(twitter.PUBLIC_METRICS, impressions="impression_count")
        | one(twitter.PRIVATE_METRICS, clicks="url_link_clicks"),
        own=one(
            twitter.PUBLIC_METRICS,
            likes="like_count",
            retweets="retweet_count",
            replies="reply_count",
            quotes="quote_count",
            bookmarks="bookmark_count",
        )
        | {"video_views": {"view_count": 900}},
        engagement=("likes", "retweets", "replies", "quotes", "bookmarks"),
    ),
    "linkedin": Counters(
        counted=one(linkedin.MOST, impressions="impressions", reach="reach", clicks="clicks"),
        own=one(linkedin.MOST, likes="reactions", comments="comments", shares="shares"),
        engagement=("likes", "comments", "shares"),
    ),
    "tiktok": Counters(
        counted=one(tiktok.COUNTS, impressions="view_count"),
        own=one(tiktok.COUNTS, likes="like_count", comments="comment_count", shares="share_count"),
        engagement=("likes", "comments", "shares"),
    ),
    "youtube": Counters(
        counted=one(youtube.NUMBERS, impressions="viewCount"),
        own=one(youtube.NUMBERS, likes="likeCount", comments="commentCount"),
        engagement=("likes", "comments"),
    ),
    "pinterest": Counters(
        counted=one(PINS, impressions="IMPRESSION", clicks="OUTBOUND_CLICK"),
        own=one(
            PINS,
            saves="SAVE",
            comments="TOTAL_COMMENTS",
            reactions="TOTAL_REACTIONS",
            pin_clicks="PIN_CLICK",
            follows="USER_FOLLOW",
            profile_visits="PROFILE_VISIT",
            video_views="VIDEO_MRC_VIEW",
            video_starts="VIDEO_START",
        ),
        engagement=("saves", "comments", "reactions"),
    ),
    "threads": Counters(
        counted=one(threads.MEDIA_METRICS, impressions="views"),
        own=one(
            threads.MEDIA_METRICS, likes="likes", replies="replies", reposts="reposts", quotes="quotes", shares="shares"
        ),
        engagement=("likes", "replies", "reposts", "quotes", "shares"),
    ),
    "bluesky": Counters(
        counted={},
        own={
            "likes": {"like": 40},
            "reposts": {"repost": 8},
            "replies": {"reply": 6},
            "quotes": {"quote": 3},
            "bookmarks": {"bookmark": 4},
        },
        engagement=("likes", "reposts", "replies", "quotes", "bookmarks"),
    ),
}
VIDEO = ("video_views", "video_starts")
"""Numbers of videos only."""
ALWAYS = {"facebook": ("video_views",)}
"""The numbers of videos that a network gives for every post, with 0 for posts without a video."""


def expected_numbers(network: str, post: networks.Post, at: datetime, *, is_video: bool = False) -> PostNumbers:
    """Return a network's numbers of a post at a moment, by our names."""
    counters, since = COUNTERS[network], _since(network, post)

    def count(most_of: Most) -> int:
        return sum(
            growth.grown(post.external_id, name, since=since, now=at, most=most) for name, most in most_of.items()
        )

    own = {name: count(most) for name, most in counters.own.items() if is_video or name not in VIDEO}
    own |= {name: 0 for name in ALWAYS.get(network, ()) if not is_video}
    engagement = sum(own[name] for name in counters.engagement)
    if network == "youtube" and (shares := _shares(post, at)) is not None:
        own["shares"], engagement = shares, engagement + shares
    counted: dict[str, Any] = {name: count(most) for name, most in counters.counted.items()}
    return PostNumbers(engagement=engagement, own=own, **counted)


def _since(network: str, post: networks.Post) -> datetime:
    """Return when a network starts to count: YouTube from the upload, others from the publication."""
    if network != "youtube":
        return post.created_at
    return networks.Media.objects.get(network=network, external_id=post.external_id).created_at


def _shares(post: networks.Post, at: datetime) -> int | None:
    """Return YouTube's shares, which come by whole days, two and a half days late."""
    end = datetime.combine((at - timedelta(hours=60)).astimezone(UTC).date(), time(), UTC)
    most = youtube_reports.METRICS["shares"]
    if post.created_at.astimezone(UTC) >= end:
        return None
    return growth.grown(post.external_id, "shares", since=post.created_at, now=end, most=most)
