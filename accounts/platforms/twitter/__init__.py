"""X, formerly Twitter: https://docs.x.com/x-api/posts/create-post"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import PlatformError, Rejected, Unknown
from accounts.platforms.http import Answer, bearer, dig, dig_count, dig_text
from accounts.platforms.limits import Allowance, Issue, Limits
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    Candidate,
    Content,
    Handles,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from accounts.platforms.twitter import errors as twitter_errors
from accounts.platforms.twitter import media as twitter_media
from accounts.platforms.twitter import numbers as twitter_numbers
from accounts.platforms.twitter import validation
from accounts.platforms.twitter.listing import posts_like
from accounts.platforms.uploads import uploaded
from ouipost.phrases import Phrase

PROFILE_FIELDS = "id,name,username,profile_image_url,public_metrics,verified,verified_type,subscription_type"
KEPT_IN_METADATA = ("subscription_type", "verified_type")


class Twitter(OAuth2Connector):
    id = "twitter"
    name = "Twitter/X"
    account_types = ("profile",)
    username_prefix = "@"
    post_hosts = ("x.com", "twitter.com")
    post_address = r"[^/]+/(?:\w+|i/web)/status/(\d+)"
    scopes = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
    pace = Allowance(most=100, seconds=900)
    """`POST /2/tweets`: 100 per user in 15 minutes, https://docs.x.com/x-api/fundamentals/rate-limits."""
    limits = validation.LIMITS
    raised = validation.RAISED
    metrics = (
        "impressions",
        "engagement",
        "likes",
        "retweets",
        "replies",
        "quotes",
        "bookmarks",
        "video_views",
        "clicks",
    )
    metrics_batch = 100
    max_video_duration = 140
    default_version = "2"
    uses_pkce = True
    recovery = Recovery.LOOK
    listing_lag = 10

    api = "https://api.x.com/{version}"
    authorize_endpoint = "https://x.com/i/oauth2/authorize"
    token_endpoint = f"{api}/oauth2/token"
    dead_grant = frozenset({"invalid_grant", "invalid_request"})
    revoke_endpoint = f"{api}/oauth2/revoke"
    basic_auth = True
    refresh_lifetime = timedelta(days=180)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        me = self._me(session, tokens.access_token)
        return [Candidate(remote_id=dig_text(me, "id"), type="profile", profile=_profile(me), tokens=tokens)]

    def profile(self, session: Session, account: Account) -> Profile:
        return _profile(self._me(session, account.access_token))

    def _me(self, session: Session, token: str) -> dict[str, Any]:
        me = dig(self.get(session, token, "users/me", **{"user.fields": PROFILE_FIELDS}), "data")
        if not dig_text(me, "id"):
            raise Unknown(Phrase("Twitter/X did not say whose token this is."))
        return dict(me)

    def revoke(self, session: Session, account: Account) -> None:
        for kind, token in (("refresh_token", account.refresh_token), ("access_token", account.access_token)):
            if token:
                fields = {"token": token, "token_type_hint": kind}
                self.send_form(session, self.revoke_endpoint, fields, refusal=Rejected)

    def limits_of(self, post_type: str, account: Mapping[str, Any] | None = None) -> Limits:
        return self.raised.get(validation.paid(account or {}), self.limits)

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content)

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        if operation.reply:
            return operation.handles
        return twitter_media.prepare(self, session, operation, save)

    def commit(self, session: Session, operation: Operation) -> Published:
        account, reply = operation.account, operation.reply
        post_id = self.call_visible(
            session,
            "POST",
            self.url("tweets"),
            id_at=("data", "id"),
            headers=bearer(account.access_token),
            json=_reply(operation, is_comment=reply.is_comment) if reply else _post(operation),
        )
        return _published(account, post_id)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        return [_published(operation.account, post_id) for post_id in posts_like(self, session, operation)]

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        return twitter_numbers.read_posts(self, session, account, remote_ids, now)

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        numbers = self._me(session, account.access_token).get("public_metrics")
        posts = dig_count(numbers, "tweet_count")
        return AccountNumbers(
            followers=dig_count(numbers, "followers_count"),
            following=dig_count(numbers, "following_count"),
            posts=dig_count(numbers, "post_count") if posts is None else posts,
        )

    def classify(self, answer: Answer) -> PlatformError:
        return twitter_errors.classify(answer)


def _post(operation: Operation) -> dict[str, Any]:
    content = operation.content
    post = _chosen(content, "reply_settings", *validation.DISCLOSURES)
    if content.text:
        post["text"] = content.text
    if content.media:
        post["media"] = {"media_ids": [uploaded(operation.handles, each.id) for each in content.media]}
    return post


def _reply(operation: Operation, *, is_comment: bool) -> dict[str, Any]:
    """Return a reply; the parts of a thread are disclosed as its first post is, a comment is not."""
    disclosed = {} if is_comment else _chosen(operation.content, *validation.DISCLOSURES)
    return {"text": operation.text, "reply": {"in_reply_to_tweet_id": operation.parent.remote_id}, **disclosed}


def _chosen(content: Content, *names: str) -> dict[str, Any]:
    return {name: content.options[name] for name in names if content.options.get(name)}


def _published(account: Account, post_id: str) -> Published:
    return Published(remote_id=post_id, url=f"https://x.com/{account.username or 'i'}/status/{post_id}")


def _profile(me: Mapping[str, Any]) -> Profile:
    return Profile(
        name=dig_text(me, "name"),
        username=dig_text(me, "username"),
        profile_image=dig_text(me, "profile_image_url").replace("_normal.", "."),
        followers=dig_count(me, "public_metrics", "followers_count"),
        following=dig_count(me, "public_metrics", "following_count"),
        metadata={name: me[name] for name in KEPT_IN_METADATA if dig_text(me, name)},
    )
