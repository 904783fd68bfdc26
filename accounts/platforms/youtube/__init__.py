"""YouTube, through the Data API: https://developers.google.com/youtube/v3"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import PlatformError, RateLimited, Rejected, StillWorking, Unavailable, Unknown
from accounts.platforms.http import Answer, bearer, decoded, dig, dig_list, dig_text, listed
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
from accounts.platforms.youtube import errors as youtube_errors
from accounts.platforms.youtube import validation
from accounts.platforms.youtube.listing import comments_like, videos_like
from accounts.platforms.youtube.media import GIVEN_AT, VIDEO, SessionOver, Upload
from accounts.platforms.youtube.numbers import counted, post_numbers, shares
from ouipost.phrases import Phrase

REVOKE = "https://oauth2.googleapis.com/revoke"
SCOPES = "https://www.googleapis.com/auth/"
CHANNEL_PARTS = "snippet,contentDetails,statistics"
GONE_AFTER = timedelta(hours=1)
"""Time after which a video that YouTube took but does not show counts as deleted."""
SOONEST, LATEST = 3.0, 300.0
"""Bounds of the seconds between two looks at a video in processing: a quarter of the time since it was sent."""


class YouTube(OAuth2Connector):
    id = "youtube"
    name = "YouTube"
    account_types = ("channel",)
    username_prefix = "@"
    post_hosts = ("youtube.com", "youtu.be")
    post_address = r"(?:youtu\.be/|[^/]+/shorts/|[^/]+/watch\?(?:.*&)?v=)([\w-]+)"
    scopes = (
        f"{SCOPES}youtube.upload",
        f"{SCOPES}youtube.readonly",
        f"{SCOPES}youtube.force-ssl",
        f"{SCOPES}yt-analytics.readonly",
    )
    scopes_to_post = (f"{SCOPES}youtube.upload", f"{SCOPES}youtube.force-ssl")
    scopes_to_reply = (f"{SCOPES}youtube.force-ssl",)
    pace = Allowance(most=100, seconds=86_400)
    """A project's uploads in a day: https://developers.google.com/youtube/v3/determine_quota_cost."""
    replies_use_pace = False
    limits = validation.LIMITS
    other_types = {"short": validation.SHORT_LIMITS}
    metrics = ("impressions", "engagement", "likes", "comments", "shares")
    metrics_batch = 50
    max_video_duration = 43_200
    default_version = "v3"
    uses_pkce = True
    revokes_everywhere = True
    recovery = Recovery.HANDLE
    listing_lag = 30

    api = "https://youtube.googleapis.com/youtube/{version}"
    authorize_endpoint = "https://accounts.google.com/o/oauth2/v2/auth"
    token_endpoint = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
    dead_grant = frozenset({"invalid_grant", "admin_policy_enforced"})

    def authorize_url(self, *, redirect_uri: str, state: str, scopes: Sequence[str], code_challenge: str = "") -> str:
        """Ask for a refresh token, which Google gives again only after a new consent, and for the choice of an account.

        Otherwise Google would reuse the channel that the person chose before.
        """
        url = super().authorize_url(
            redirect_uri=redirect_uri, state=state, scopes=scopes, code_challenge=code_challenge
        )
        return f"{url}&access_type=offline&prompt=consent+select_account"

    def revoke(self, session: Session, account: Account) -> None:
        """Revoke the refresh token, which ends the whole grant; an already revoked token is no error."""
        answer = session.request("POST", REVOKE, data={"token": account.refresh_token or account.access_token})
        if not answer.ok and dig_text(decoded(answer), "error") != "invalid_token":
            raise self.classify_token_error(answer, refusal=Rejected)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        """Return the one channel that was chosen on Google's page."""
        channel = self._channel(session, tokens.access_token)
        remote_id = dig_text(channel, "id")
        return [Candidate(remote_id=remote_id, type="channel", profile=_profile(channel), tokens=tokens)]

    def profile(self, session: Session, account: Account) -> Profile:
        return _profile(self._channel(session, account.access_token))

    def _channel(self, session: Session, token: str) -> Any:
        answer = self.get(session, token, "channels", part=CHANNEL_PARTS, mine="true")
        if dig_text(answer, "kind") != "youtube#channelListResponse":
            raise Unknown(Phrase("YouTube did not say whose token this is."))
        channel = dig(answer, "items", 0)
        if not dig_text(channel, "id"):
            raise youtube_errors.no_channel()
        return channel

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content, limits)

    def recovery_of(self, operation: Operation) -> Recovery:
        return Recovery.LOOK if operation.reply else Recovery.HANDLE

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        if operation.reply:
            return operation.handles
        return Upload(connector=self, session=session, operation=operation).bring(save)

    def commit(self, session: Session, operation: Operation) -> Published:
        """Make the comment, or finish the video's upload and raise StillWorking until YouTube has processed it."""
        if operation.reply:
            return self._comment(session, operation)
        video_id = Upload(connector=self, session=session, operation=operation).finish()
        raise _working(_given(operation, video_id))

    def _comment(self, session: Session, operation: Operation) -> Published:
        video_id = operation.root.remote_id
        comment = {"videoId": video_id, "topLevelComment": {"snippet": {"textOriginal": operation.text}}}
        comment_id = self.call_visible(
            session,
            "POST",
            self.url("commentThreads"),
            id_at=("id",),
            headers=bearer(operation.account.access_token),
            params={"part": "snippet"},
            json={"snippet": comment},
        )
        return _published_comment(video_id, comment_id)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        if operation.reply:
            found = comments_like(self, session, operation)
            return [_published_comment(operation.root.remote_id, each) for each in found]
        if VIDEO in operation.handles:
            return [self._processed(session, operation)]
        try:
            video_id = Upload(connector=self, session=session, operation=operation).video_id()
        except SessionOver:
            return self._alike(session, operation)
        return [self._processed(session, _given(operation, video_id))] if video_id else []

    def _alike(self, session: Session, operation: Operation) -> list[Published]:
        """Return the uploads that may be this one.

        While YouTube processes a single one, its id is not kept, since it may be another target's.
        """
        found = videos_like(self, session, operation)
        try:
            if len(found) == 1:
                self._processed(session, _given(operation, found[0]))
        except StillWorking as error:
            raise Unavailable(error.message, retry_after=error.retry_after) from error
        return [_published(each) for each in found]

    def _processed(self, session: Session, operation: Operation) -> Published:
        """Return a video that YouTube has processed; raises StillWorking before, ProcessingFailed if it gave up.

        Nothing else shows whether it is processed, so while the quota for asking is spent, its end is waited for.
        """
        token, parts, video_id = operation.account.access_token, "status,processingDetails", operation.handles[VIDEO]
        try:
            videos = listed(self.get(session, token, "videos", part=parts, id=video_id), "items")
        except RateLimited as error:
            raise _not_told(operation, error) from error
        video = videos[0] if videos else None
        status = dig_text(video, "status", "uploadStatus")
        if status == "processed":
            return _published(video_id)
        if status == "deleted" or (not status and operation.now > operation.begun_again(GIVEN_AT) + GONE_AFTER):
            raise youtube_errors.removed()
        if status in {"failed", "rejected"}:
            reason = dig_text(video, "status", "failureReason") or dig_text(video, "status", "rejectionReason")
            raise youtube_errors.given_up(reason)
        if dig_text(video, "processingDetails", "processingStatus") in {"failed", "terminated"}:
            raise youtube_errors.given_up(dig_text(video, "processingDetails", "processingFailureReason"))
        raise _working(operation)

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        """Read the counters with a call whose quota publishing does not need.

        Its answer may omit videos, or even the list; only the list of videos shows whether an omitted one is gone
        (https://developers.google.com/youtube/v3/docs/videos/batchGetStats).
        """
        read = partial(self.get, session, account.access_token)
        videos = _by_id(dig_list(read("videos:batchGetStats", **_counters_of(remote_ids)), "items"))
        left_out = [video_id for video_id in remote_ids if video_id not in videos]
        if left_out:
            videos |= _by_id(listed(read("videos", **_counters_of(left_out)), "items"))
        shared = shares(self, session, account, videos, now=now)
        return {video_id: post_numbers(video, shared) for video_id, video in videos.items()}

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        channel = self._channel(session, account.access_token)
        return AccountNumbers(followers=_subscribers(channel), posts=counted(channel, "statistics", "videoCount"))

    def metrics_requests(self, remote_id: str, posts: int) -> int:
        """Return the most requests: two for the counters or the channel, and one report for each video."""
        return 2 + posts

    def classify(self, answer: Answer) -> PlatformError:
        return youtube_errors.classify(answer)


def _given(operation: Operation, video_id: str) -> Operation:
    """Return the operation with the id of its video, and the time when it became known."""
    return replace(operation, handles={**operation.handles, VIDEO: video_id, GIVEN_AT: operation.now.isoformat()})


def _working(operation: Operation) -> StillWorking:
    return StillWorking(
        Phrase("YouTube has the video and is processing it."),
        retry_after=min(max(operation.waited / 4, SOONEST), LATEST),
        handles=operation.handles,
    )


def _not_told(operation: Operation, error: RateLimited) -> StillWorking:
    """Return the state of a video that a quota keeps us from asking about."""
    working = _working(operation)
    return StillWorking(
        Phrase("YouTube has the video and cannot be asked about it yet: {error}", error=error.message),
        retry_after=max(working.retry_after, error.retry_after or 0),
        handles=operation.handles,
    )


def _published(video_id: str) -> Published:
    return Published(remote_id=video_id, url=f"https://www.youtube.com/watch?v={video_id}")


def _published_comment(video_id: str, comment_id: str) -> Published:
    return Published(remote_id=comment_id, url=f"https://www.youtube.com/watch?v={video_id}&lc={comment_id}")


def _counters_of(ids: Sequence[str]) -> dict[str, str]:
    return {"part": "id,snippet,statistics", "id": ",".join(ids)}


def _by_id(videos: Sequence[Any]) -> dict[str, Any]:
    return {dig_text(video, "id"): video for video in videos}


def _subscribers(channel: Any) -> int | None:
    hidden = dig(channel, "statistics", "hiddenSubscriberCount") is True
    return None if hidden else counted(channel, "statistics", "subscriberCount")


def _profile(channel: Any) -> Profile:
    uploads = dig_text(channel, "contentDetails", "relatedPlaylists", "uploads")
    return Profile(
        name=dig_text(channel, "snippet", "title"),
        username=dig_text(channel, "snippet", "customUrl").removeprefix("@"),
        profile_image=dig_text(channel, "snippet", "thumbnails", "default", "url"),
        followers=_subscribers(channel),
        metadata={"uploads": uploads} if uploads else {},
    )
