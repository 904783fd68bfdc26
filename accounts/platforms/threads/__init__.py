"""Threads: https://developers.facebook.com/docs/threads/posts"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from accounts.platforms.base import Session
from accounts.platforms.errors import AuthExpired, PlatformError, Rejected, Unknown
from accounts.platforms.http import Answer, dig_list, dig_text
from accounts.platforms.limits import Allowance, Issue, Limits
from accounts.platforms.meta.containers import ContainerConnector, limit_of
from accounts.platforms.shapes import (
    Account,
    AccountNumbers,
    Candidate,
    Content,
    Media,
    Operation,
    PostNumbers,
    Profile,
    Tokens,
)
from accounts.platforms.threads import errors as threads_errors
from accounts.platforms.threads import numbers as threads_numbers
from accounts.platforms.threads import validation
from ouipost.phrases import Phrase

HOST = "https://graph.threads.net"
PROFILE_FIELDS = "id,username,name,threads_profile_picture_url"
LISTED_FIELDS = "id,text,timestamp,permalink,media_type"
REPLY_FIELDS = f"{LISTED_FIELDS},replied_to"
QUOTA_FIELDS = "quota_usage,config"
REPLY_QUOTA_FIELDS = "reply_quota_usage,reply_config"


class Threads(ContainerConnector):
    id = "threads"
    name = "Threads"
    account_types = ("profile",)
    username_prefix = "@"
    post_hosts = ("threads.com", "threads.net")
    scopes = (
        "threads_basic",
        "threads_content_publish",
        "threads_manage_replies",
        "threads_read_replies",
        "threads_manage_insights",
    )
    scopes_to_post = ("threads_content_publish",)
    scopes_to_reply = ("threads_manage_replies",)
    limits = validation.LIMITS
    metrics = ("impressions", "engagement", "likes", "replies", "reposts", "quotes", "shares")
    pace = Allowance(most=250, seconds=86_400)
    replies_use_pace = False
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
    replies_have_a_quota = True

    def base(self, account: Account) -> str:
        return f"{HOST}/{self.version}"

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        account = Account(remote_id="me", access_token=tokens.access_token)
        me = self.read(session, account, "me", fields=PROFILE_FIELDS)
        if not dig_text(me, "id"):
            raise Unknown(Phrase("Threads did not say whose token this is."))
        tokens = replace(tokens, scopes=self._granted(session, account))
        return [Candidate(remote_id=dig_text(me, "id"), type="profile", profile=_profile(me), tokens=tokens)]

    def _granted(self, session: Session, account: Account) -> tuple[str, ...]:
        """Return the token's scopes, which only this call gives; an error in reading them must not end the sign-in."""
        try:
            token = self.read(session, account, "debug_token", input_token=account.access_token)
        except PlatformError:
            return ()
        return tuple(str(scope) for scope in dig_list(token, "data", "scopes"))

    def profile(self, session: Session, account: Account) -> Profile:
        me = self.read(session, account, "me", fields=PROFILE_FIELDS)
        followers = threads_numbers.followers(partial(self.read, session, account), account.remote_id)
        return _profile(me, followers=followers)

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content)

    def part_fields(self, media: Media) -> dict[str, str]:
        return {"is_carousel_item": "true", **_file(media)}

    def post_fields(self, operation: Operation, parts: Sequence[str]) -> dict[str, str]:
        if operation.reply:
            return {"media_type": "TEXT", "text": operation.text, "reply_to_id": operation.parent.remote_id}
        content = operation.content
        chosen = {name: str(content.options.get(name, "")) for name in validation.CHOICES}
        return {**_shown(content, parts), "text": content.text, **chosen}

    def listing(self, operation: Operation, *, since: datetime) -> tuple[str, Mapping[str, Any]]:
        edge, fields = ("me/replies", REPLY_FIELDS) if operation.reply else ("me/threads", LISTED_FIELDS)
        return edge, {"fields": fields, "since": int(since.timestamp())}

    def is_ours(self, post: Any, operation: Operation) -> bool:
        """Whether a listed entry may be this one; a reply in the list of all replies may lack its parent's id."""
        answered = dig_text(post, "replied_to", "id")
        return not operation.reply or answered in ("", operation.parent.remote_id)

    def quota(self, session: Session, operation: Operation) -> tuple[int | None, int | None]:
        path = f"{operation.account.remote_id}/threads_publishing_limit"
        fields = REPLY_QUOTA_FIELDS if operation.reply else QUOTA_FIELDS
        usage, config = fields.split(",")
        return limit_of(self.read(session, operation.account, path, fields=fields), usage, config)

    def failure(self, reason: str) -> PlatformError:
        return threads_errors.failure(reason)

    def numbers_of(self, session: Session, account: Account, remote_id: str, *, now: datetime) -> PostNumbers | None:
        read = partial(self.read, session, account)
        return threads_numbers.of_post(read, remote_id, of=account.remote_id, now=now)

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        return threads_numbers.of_account(partial(self.read, session, account), account.remote_id, now=now)

    def classify(self, answer: Answer) -> PlatformError:
        return threads_errors.classify(answer)

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
