"""TikTok, through the Content Posting API: https://developers.tiktok.com/doc/content-posting-api-get-started"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import ErrorCode, PlatformError, Rejected, Unavailable, Unknown
from accounts.platforms.http import dig_count, dig_list, dig_text, listed, unclear_is_unknown
from accounts.platforms.limits import Allowance, Issue, Limits
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Handles,
    Media,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from accounts.platforms.tiktok import media as tiktok_media
from accounts.platforms.tiktok import numbers as tiktok_numbers
from accounts.platforms.tiktok import posts as tiktok_posts
from accounts.platforms.tiktok import validation
from accounts.platforms.tiktok.api import TikTokApi
from accounts.platforms.tiktok.listing import photos_like
from accounts.platforms.tiktok.media import Plan
from accounts.platforms.tiktok.validation import CREATOR, LIST, PUBLISH, SCOPES, UNAUDITED
from accounts.platforms.uploads import SENT, part_of, upload_missing
from ouipost.phrases import Phrase, joined

CREATOR_HOLDS = timedelta(minutes=5)


class TikTok(TikTokApi):
    id = "tiktok"
    name = "TikTok"
    account_types = ("profile",)
    username_prefix = "@"
    post_hosts = ("tiktok.com",)
    post_address = r"[^/]+/@[^/]*/(?:video|photo)/(\d+)"
    scopes = ("user.info.basic", "user.info.profile", "user.info.stats", LIST, PUBLISH)
    scopes_to_post = (PUBLISH,)
    pace = Allowance(most=15, seconds=86_400)
    """About 15 for each creator in 24 hours, for all apps together; the exact number is not documented."""
    limits = validation.LIMITS
    metrics = ("impressions", "engagement", *tiktok_numbers.COUNTS)
    metrics_batch = 20
    supports_carousel = True
    max_video_duration = 600
    default_version = "v2"
    redirect_may_have_query = False
    products = (UNAUDITED,)
    revokes_everywhere = True
    """Revoking disconnects the app from the account."""
    pulls_media = ("image",)
    recovery = Recovery.HANDLE
    listing_lag = 180
    """Photos are listed only after their moderation, which mostly takes below a minute."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        if app.product == UNAUDITED:
            self.limits = validation.of_unaudited(self.limits)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        scopes = tokens.scopes or self.scopes
        user = self.user(session, tokens.access_token, scopes)
        profile = _profile(user, self._settings(session, tokens.access_token, scopes))
        metadata = {SCOPES: list(scopes), "union_id": dig_text(user, "union_id")}
        remote_id = dig_text(user, "open_id")
        return [Candidate(remote_id=remote_id, type="profile", profile=profile, tokens=tokens, metadata=metadata)]

    def profile(self, session: Session, account: Account) -> Profile:
        scopes = _granted(account)
        user = self.user(session, account.access_token, scopes)
        return _profile(user, self._settings(session, account.access_token, scopes))

    def _settings(self, session: Session, token: str, scopes: Sequence[str]) -> dict[str, Any]:
        """Read the creator's allowed choices; empty on failure, since the account can be connected without them."""
        try:
            return self.creator(session, token) if PUBLISH in scopes else {}
        except PlatformError:
            return {}

    def limits_for(self, content: Content, account: Mapping[str, Any]) -> Limits:
        return validation.limits_for(content, self.limits)

    def shows_title(self, content: Content) -> bool:
        """Whether the post has a title: photos have one; the title of a video is its text."""
        return bool(content.media) and not content.video

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content, account, product=self.app.product)

    def recovery_of(self, operation: Operation) -> Recovery:
        """Return the recovery: a video has a handle before its last byte; photos get one from the call.

        Public photos without a handle are searched for in the list.
        """
        handles = operation.handles
        if operation.content.video or "publish_id" in handles or "given_up" in handles:
            return Recovery.HANDLE
        return Recovery.LOOK if tiktok_posts.is_public(operation.content) else Recovery.PARK

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        video = operation.content.video
        if video and self._may_be_whole(session, operation):
            return {**operation.handles, "complete": True}
        steps = {CREATOR: partial(self._ask_creator, session, operation)}
        handles = upload_missing(operation, save, steps, not_before=operation.now - CREATOR_HOLDS)
        if video is None:
            handles = tiktok_posts.with_photos(operation.content, handles, save)
            return tiktok_posts.for_this_try(operation, handles)
        handles = tiktok_posts.for_this_try(operation, handles)
        if not tiktok_posts.takes_bytes(handles, operation.now):
            handles = self._begin_video(session, replace(operation, handles=handles), video)
        save(handles, seconds=tiktok_media.CHUNK_SECONDS)
        handles = tiktok_media.send_all_but_the_last(self, session, video, handles, save)
        return tiktok_posts.about_to_be_whole(handles)

    def _ask_creator(self, session: Session, operation: Operation) -> dict[str, Any]:
        """Read the creator's allowed choices before any byte is sent, as they may have changed since the validation."""
        creator = self.creator(session, operation.account.access_token)
        for issue in validation.of_creator(operation.content, creator):
            code = ErrorCode.MEDIA_REJECTED if issue.field.startswith("media.") else None
            raise Rejected(joined([issue.message, issue.fix], " "), code=code)
        return creator

    def _may_be_whole(self, session: Session, operation: Operation) -> bool:
        """Whether the last chunk, which makes the post, may have arrived at an upload that is now closed."""
        handles = operation.handles
        if not tiktok_posts.may_be_whole(handles) or tiktok_posts.takes_bytes(handles, operation.now):
            return False
        try:
            status = self._status(session, operation.account, operation.handles["publish_id"])
        except Rejected:
            return True
        match dig_text(status, "status"):
            case "FAILED":
                return False
            case "PROCESSING_UPLOAD":
                return not tiktok_posts.misses_bytes(operation, dig_count(status, "uploaded_bytes"))
        return True

    def _begin_video(self, session: Session, operation: Operation, video: Media) -> Handles:
        plan, handles = Plan(size=video.size), operation.handles
        source = {"video_size": plan.size, "chunk_size": plan.chunk, "total_chunk_count": plan.count}
        info = tiktok_posts.video_info(operation.content, handles)
        body = {"post_info": info, "source_info": {"source": "FILE_UPLOAD"} | source}
        begun = self.ask(session, operation.account.access_token, "post/publish/video/init", json=body)
        given = {"publish_id": dig_text(begun, "publish_id"), "upload_url": dig_text(begun, "upload_url")}
        if not all(given.values()):
            raise Unavailable(Phrase("TikTok began a video post and did not say where its bytes go."))
        return tiktok_posts.without_post(handles) | given | {"begun_at": operation.now.isoformat(), "sent": 0}

    def commit(self, session: Session, operation: Operation) -> Published:
        """Make the visible call, which always ends in StillWorking, since TikTok shows the outcome only later."""
        video = operation.content.video
        raise self._finish_video(session, operation, video) if video else self._post_photos(session, operation)

    def _finish_video(self, session: Session, operation: Operation, video: Media) -> PlatformError:
        """Send the last chunk: nothing is published before it, and sending it again does no harm."""
        handles = operation.handles
        if handles.get("complete"):
            return tiktok_posts.still_working(operation)
        last = part_of(video, handles[SENT], video.size)
        answer = tiktok_media.put(session, video, handles["upload_url"], last)
        arrived = tiktok_media.received(answer, Plan(size=video.size))
        if answer.status in tiktok_media.TAKEN or arrived == video.size:
            return tiktok_posts.taken(Phrase("TikTok is working on the video."), {**handles, "complete": True})
        if answer.status in tiktok_media.GONE:
            return tiktok_posts.taken(Phrase("TikTok has closed the upload."), {**handles, "gone": True})
        if answer.status in tiktok_media.OUT_OF_STEP:
            sent = handles["sent"] if arrived is None else arrived
            return tiktok_posts.taken(Phrase("TikTok is missing a part of the video."), {**handles, "sent": sent})
        return unclear_is_unknown(self.classify(answer))

    def _post_photos(self, session: Session, operation: Operation) -> PlatformError:
        post = tiktok_posts.photo_post(operation.content, operation.handles)
        token = operation.account.access_token
        publish_id = self.publish_call(session, token, "post/publish/content/init", json=post)
        begun = {"publish_id": publish_id, "begun_at": operation.now.isoformat()}
        return tiktok_posts.taken(Phrase("TikTok fetches the photos."), {**operation.handles, **begun})

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        publish_id = dig_text(operation.handles, "publish_id")
        if not publish_id:
            if self.recovery_of(operation) == Recovery.HANDLE:
                return []
            found = photos_like(self, session, operation)
            return [tiktok_posts.shown(operation.account, tiktok_posts.PHOTO, each) for each in found]
        status = self._status(session, operation.account, publish_id)
        match dig_text(status, "status"):
            case "":
                raise Unknown(Phrase("TikTok did not say what became of the post."))
            case "PUBLISH_COMPLETE":
                return [tiktok_posts.published(operation, publish_id, status)]
            case "FAILED":
                raise tiktok_posts.given_up(operation, dig_text(status, "fail_reason"))
            case "PROCESSING_UPLOAD" if tiktok_posts.misses_bytes(operation, dig_count(status, "uploaded_bytes")):
                return []
        raise tiktok_posts.still_working(operation)

    def may_send_again(self, operation: Operation) -> bool:
        """Photos that were sent twice without a trace are not sent again: TikTok may list them hours later."""
        handles = operation.handles
        return bool(operation.content.video) or "given_up" in handles or not handles.get("again")

    def _status(self, session: Session, account: Account, publish_id: str) -> Any:
        body = {"publish_id": publish_id}
        return self.ask(session, account.access_token, "post/publish/status/fetch", json=body)

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        """Return the numbers of public posts; a post without an id, because it is not public, has no numbers."""
        ids = {remote_id: self.listed_id(session, account, remote_id) for remote_id in remote_ids}
        numbers = self._numbers(session, account, [post_id for post_id in ids.values() if post_id])
        found = {remote_id: numbers.get(post_id) if post_id else PostNumbers() for remote_id, post_id in ids.items()}
        late = {
            remote_id: tiktok_posts.shown(account, tiktok_posts.kind_of(remote_id), post_id)
            for remote_id, post_id in ids.items()
            if post_id not in ("", remote_id)
        }
        return {
            remote_id: replace(each, published=each.published or late.get(remote_id))
            for remote_id, each in found.items()
            if each
        }

    def listed_id(self, session: Session, account: Account, remote_id: str) -> str:
        """Return the id by which a post is listed and counted; a post published without one may have got it since."""
        if remote_id.isdigit():
            return remote_id
        try:
            return dig_text(self._status(session, account, remote_id), "publicaly_available_post_id", 0)
        except Rejected:
            return ""

    def _numbers(self, session: Session, account: Account, ids: list[str]) -> dict[str, PostNumbers]:
        if not ids or LIST not in _granted(account):
            return dict.fromkeys(ids, PostNumbers())
        params = {"fields": ",".join(["id", "share_url", "view_count", *tiktok_numbers.COUNTS.values()])}
        body = {"filters": {"video_ids": ids}}
        answer = self.ask(session, account.access_token, "video/query", params=params, json=body)
        return {dig_text(each, "id"): tiktok_numbers.of_post(each) for each in listed(answer, "videos")}

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        user = self.user(session, account.access_token, _granted(account))
        return AccountNumbers(
            followers=dig_count(user, "follower_count"),
            following=dig_count(user, "following_count"),
            posts=dig_count(user, "video_count"),
        )

    def metrics_requests(self, remote_id: str, posts: int) -> int:
        """Return the most requests: each post without an id takes one more."""
        return 1 + posts


def _granted(account: Account) -> tuple[str, ...]:
    return tuple(dig_list(account.metadata, SCOPES)) or TikTok.scopes


def _profile(user: Mapping[str, Any], creator: Mapping[str, Any]) -> Profile:
    return Profile(
        name=dig_text(user, "display_name"),
        username=dig_text(user, "username") or dig_text(creator, "creator_username"),
        profile_image=dig_text(user, "avatar_url"),
        followers=dig_count(user, "follower_count"),
        following=dig_count(user, "following_count"),
        metadata={CREATOR: dict(creator)} if creator else {},
    )
