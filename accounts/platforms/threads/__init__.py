"""Threads: https://developers.facebook.com/docs/threads/posts"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from accounts.platforms import meta
from accounts.platforms.base import (
    Account,
    AccountNumbers,
    Answer,
    AuthExpired,
    Candidate,
    Content,
    Issue,
    Limits,
    Media,
    Operation,
    Pace,
    PlatformError,
    PostNumbers,
    ProcessingFailed,
    Profile,
    Rejected,
    Session,
    Tokens,
    WhoActs,
)
from accounts.platforms.http import dig_list, dig_text
from accounts.platforms.meta.containers import ContainerConnector, MakeAgain, NotReady, limit_of
from accounts.platforms.threads import numbers as threads_numbers
from accounts.platforms.threads import validation
from ouipost.phrases import Phrase

HOST = "https://graph.threads.net"
PROFILE_FIELDS = "id,username,name,threads_profile_picture_url"
LISTED_FIELDS = "id,text,timestamp,permalink,media_type"
REPOST = "REPOST_FACADE"
QUOTA_FIELDS = "quota_usage,config"
REPLY_QUOTA_FIELDS = "reply_quota_usage,reply_config"
NOT_READY_WAIT = 30.0
NOT_READY = "24"
RESTRICTED = "4279013"
NOT_FETCHED = "FAILED_DOWNLOADING_VIDEO"
IMAGE_NOT_FETCHED = "2207052"
"""Refused at once, with the code of a passing error; three tries are enough to see that it does not pass."""
MADE_AGAIN = {NOT_FETCHED, "UNKNOWN"}
WORDS = {
    "FAILED_DOWNLOADING_VIDEO": Phrase("it could not fetch the file from this installation's public address"),
    "FAILED_PROCESSING_AUDIO": Phrase("it cannot play its sound"),
    "FAILED_PROCESSING_VIDEO": Phrase("it cannot play a video of this format"),
    "INVALID_ASPEC_RATIO": Phrase("it does not take its shape"),
    "INVALID_BIT_RATE": Phrase("it has too much data a second"),
    "INVALID_DURATION": Phrase("it is too long or too short"),
    "INVALID_FRAME_RATE": Phrase("it has too many or too few frames a second"),
    "INVALID_AUDIO_CHANNELS": Phrase("it does not take its number of audio channels"),
    "INVALID_AUDIO_CHANNEL_LAYOUT": Phrase("it does not take its layout of audio channels"),
    "UNKNOWN": Phrase("it does not say why"),
}


class Threads(ContainerConnector):
    id = "threads"
    name = "Threads"
    account_types = ("profile",)
    username_prefix = "@"
    scopes = (
        "threads_basic",
        "threads_content_publish",
        "threads_manage_replies",
        "threads_read_replies",
        "threads_manage_insights",
    )
    limits = validation.LIMITS
    metrics = ("impressions", "engagement", "likes", "replies", "reposts", "quotes", "shares")
    pace = Pace(posts=250, seconds=86_400)
    supports_carousel = True
    max_video_duration = 300
    default_version = "v1.0"
    link_beside_text = True

    authorize_endpoint = "https://www.threads.net/oauth/authorize"
    token_endpoint = f"{HOST}/oauth/access_token"
    token_host = HOST
    grant_prefix = "th"

    containers_edge = "threads"
    publish_edge = "threads_publish"
    status_field = "status"
    reason_field = "error_message"
    text_field = "text"

    def base(self, account: Account) -> str:
        return f"{HOST}/{self.version}"

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        account = Account(remote_id="me", access_token=tokens.access_token)
        me = self.get(session, account, "me", fields=PROFILE_FIELDS)
        granted = self.get(session, account, "debug_token", input_token=tokens.access_token)
        scopes = tuple(str(scope) for scope in dig_list(granted, "data", "scopes"))
        tokens = replace(tokens, scopes=scopes)  # those of a token are told here alone
        return [Candidate(remote_id=dig_text(me, "id"), type="profile", profile=_profile(me), tokens=tokens)]

    def revoke(self, session: Session, account: Account) -> None:
        """Threads has no call for this: people remove apps in its settings."""

    def profile(self, session: Session, account: Account) -> Profile:
        me = self.get(session, account, "me", fields=PROFILE_FIELDS)
        followers = threads_numbers.followers(partial(self.get, session, account), account.remote_id)
        return _profile(me, followers=followers)

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content)

    def part_fields(self, media: Media) -> dict[str, str]:
        return {"is_carousel_item": "true", **_file(media)}

    def post_fields(self, operation: Operation, parts: Sequence[str]) -> dict[str, str]:
        if operation.reply:
            return {"media_type": "TEXT", "text": operation.reply.text, "reply_to_id": operation.parent.remote_id}
        content = operation.content
        chosen = {name: str(content.options.get(name, "")) for name in validation.CHOICES}
        return {**_shown(content, parts), "text": content.text, **chosen}

    def listing(self, operation: Operation, *, since: datetime) -> tuple[str, Mapping[str, Any]]:
        edge = "me/replies" if operation.reply else "me/threads"
        return edge, {"fields": LISTED_FIELDS, "since": int(since.timestamp())}

    def is_ours(self, post: Any, operation: Operation) -> bool:
        return dig_text(post, "media_type") != REPOST

    def quota(self, session: Session, operation: Operation) -> tuple[int | None, int | None]:
        path = f"{operation.account.remote_id}/threads_publishing_limit"
        fields = REPLY_QUOTA_FIELDS if operation.reply else QUOTA_FIELDS
        usage, config = fields.split(",")
        return limit_of(self.get(session, operation.account, path, fields=fields), usage, config)

    def failure(self, reason: str) -> PlatformError:
        words = WORDS.get(reason, Phrase("it says: {quoted}", quoted=reason) if reason else WORDS["UNKNOWN"])
        kind = MakeAgain if reason in MADE_AGAIN or not reason else ProcessingFailed
        message = Phrase("Threads could not use the file: {words}.", words=words)
        who_acts = WhoActs.OPERATOR if reason == NOT_FETCHED else None
        return kind(message, network_code=reason, code="MEDIA_REJECTED", who_acts=who_acts)

    def numbers_of(self, session: Session, account: Account, remote_id: str, *, now: datetime) -> PostNumbers | None:
        return threads_numbers.of_post(partial(self.get, session, account), remote_id)

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        return threads_numbers.of_account(partial(self.get, session, account), account.remote_id, now=now)

    def classify(self, answer: Answer) -> PlatformError:
        error = meta.classify(self.name, answer)
        codes = error.network_code.split("/")
        if codes[0] == NOT_READY:
            return NotReady(retry_after=NOT_READY_WAIT, **error.facts)
        if IMAGE_NOT_FETCHED in codes:
            return MakeAgain(who_acts=WhoActs.OPERATOR, **error.facts)
        if RESTRICTED in codes:
            return Rejected(who_acts=WhoActs.ACCOUNT_OWNER, **error.facts)
        return error

    def classify_token_error(self, answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError:
        return self.classify(answer)


def _shown(content: Content, parts: Sequence[str]) -> dict[str, str]:
    if parts:
        return {"media_type": "CAROUSEL", "children": ",".join(parts)}
    if content.media:
        return _file(content.media[0])
    return {"media_type": "TEXT", "link_attachment": content.link}


def _file(media: Media) -> dict[str, str]:
    kind = media.type
    return {"media_type": kind.upper(), f"{kind}_url": media.pull_url(), "alt_text": media.alt_text}


def _profile(me: Any, *, followers: int | None = None) -> Profile:
    username = dig_text(me, "username")
    return Profile(
        name=dig_text(me, "name") or username,
        username=username,
        profile_image=dig_text(me, "threads_profile_picture_url"),
        followers=followers,
    )
