"""Instagram, for businesses and creators: https://developers.facebook.com/docs/instagram-platform/content-publishing"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import AuthExpired, PlatformError, Rejected, Unknown
from accounts.platforms.facebook import Facebook
from accounts.platforms.http import Answer, bearer, dig, dig_count, dig_list, dig_text
from accounts.platforms.instagram import comments, errors, validation
from accounts.platforms.instagram import facebook as instagram_facebook
from accounts.platforms.instagram import numbers as instagram_numbers
from accounts.platforms.instagram.facebook import FACEBOOK, LOGIN, is_linked
from accounts.platforms.limits import Allowance, Issue, Limits
from accounts.platforms.meta.containers import ContainerConnector, limit_of
from accounts.platforms.meta.graph import VERSIONS_END, app_secret_proof
from accounts.platforms.meta.rules import as_sent
from accounts.platforms.meta.visibility import of_the_account
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
from ouipost.phrases import Phrase

PROFILE_FIELDS = "username,name,profile_picture_url,followers_count,follows_count,media_count"
OWN_PROFILE_FIELDS = f"user_id,account_type,{PROFILE_FIELDS}"
LISTED_FIELDS = "id,caption,timestamp,permalink,media_type,media_product_type"
STORY_FIELDS = "id,timestamp,permalink,media_type"
CREATOR = "MEDIA_CREATOR"


class Instagram(ContainerConnector):
    """Connects by Instagram's login, or by Facebook's if the app is registered for it: accounts with a linked Page."""

    id = "instagram"
    name = "Instagram"
    account_types = ("business", "creator")
    username_prefix = "@"
    post_hosts = ("instagram.com",)
    scopes: tuple[str, ...] = (
        "instagram_business_basic",
        "instagram_business_content_publish",
        "instagram_business_manage_comments",
        "instagram_business_manage_insights",
    )
    scopes_to_post = ("instagram_business_content_publish", "instagram_content_publish")
    scopes_to_reply = ("instagram_business_manage_comments", "instagram_manage_comments")
    limits = validation.LIMITS
    other_types = {"story": validation.STORY_LIMITS, "reel": validation.REEL_LIMITS}
    metrics = ("impressions", "reach", "engagement", "likes", "comments", "shares", "saves", "replies")
    pace = Allowance(most=100, seconds=86_400)
    """One page of the documentation says 50; the account's own quota is read before each post."""
    replies_use_pace = False
    supports_carousel = True
    supports_stories = True
    max_video_duration = 60
    products = (FACEBOOK,)
    default_version = "v26.0"
    revokes_everywhere = True
    """With Instagram's login: it takes back all that the person allowed the app. With Facebook's, `user_id` decides."""
    shares_grants_with = ("facebook",)
    versions_end = VERSIONS_END
    listing_lag = 10
    """Needed for comments only, which are searched for in a list."""

    authorize_endpoint = "https://www.instagram.com/oauth/authorize"
    token_endpoint = "https://api.instagram.com/oauth/access_token"  # noqa: S105
    token_host = "https://graph.instagram.com"  # noqa: S105
    grant_prefix = "ig"

    containers_edge = "media"
    publish_edge = "media_publish"
    status_field = "status_code"
    reason_field = "status"
    text_field = "caption"
    doubtful = ContainerConnector.doubtful | {errors.PUBLISHED_AGAIN}
    disguised = errors.DISGUISED

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.facebook = Facebook(replace(app, limits={}))
        if app.product == FACEBOOK:
            self.scopes, self.nothing_opened = instagram_facebook.SCOPES, instagram_facebook.NOTHING_OPENED

    def is_of_this_product(self, metadata: Mapping[str, Any]) -> bool:
        return (dig_text(metadata, LOGIN) == FACEBOOK) == (self.app.product == FACEBOOK)

    def base(self, account: Account) -> str:
        host = "graph.facebook.com" if is_linked(account) else "graph.instagram.com"
        return f"https://{host}/{self.version}"

    def proof(self, account: Account) -> dict[str, str]:
        if not is_linked(account):
            return {}
        return app_secret_proof(account.access_token, self.app.client_secret)

    def authorize_url(self, *, redirect_uri: str, state: str, scopes: Sequence[str], code_challenge: str = "") -> str:
        authorize = self.facebook.authorize_url if self.app.product == FACEBOOK else super().authorize_url
        return authorize(redirect_uri=redirect_uri, state=state, scopes=scopes, code_challenge=code_challenge)

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        exchange = self.facebook.exchange if self.app.product == FACEBOOK else super().exchange
        return exchange(session, code=code, redirect_uri=redirect_uri, now=now, code_verifier=code_verifier)

    def tokens(self, payload: Any, *, now: datetime) -> Tokens:
        """Read the first answer in both of its documented forms: flat, and as a list of one."""
        flat = dig(payload, "data", 0) or payload
        granted = dig_list(flat, "permissions") or dig_text(flat, "permissions").split(",")
        scope = ",".join(each.strip() for each in granted if isinstance(each, str))
        return super().tokens({**flat, "scope": scope} if isinstance(flat, dict) else flat, now=now)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        if self.app.product == FACEBOOK:
            return instagram_facebook.candidates(self.facebook, session, tokens)
        url = f"https://graph.instagram.com/{self.version}/me"
        me = self.call(session, "GET", url, headers=bearer(tokens.access_token), params={"fields": OWN_PROFILE_FIELDS})
        if not dig_text(me, "user_id"):
            raise Unknown(Phrase("Instagram did not say whose token this is."))
        kind = "creator" if dig_text(me, "account_type") == CREATOR else "business"
        metadata = {LOGIN: "instagram"}
        return [
            Candidate(
                remote_id=dig_text(me, "user_id"), type=kind, profile=_profile(me), tokens=tokens, metadata=metadata
            )
        ]

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        if is_linked(account):
            return instagram_facebook.refresh(self.facebook, session, account)
        return super().refresh(session, account, now=now)

    def revoke(self, session: Session, account: Account) -> None:
        if is_linked(account):
            self.facebook.revoke(session, account)
        else:
            self.call(session, "DELETE", f"{self.base(account)}/me/permissions", headers=bearer(account.access_token))

    def profile(self, session: Session, account: Account) -> Profile:
        with of_the_account():
            return _profile(self.read(session, account, account.remote_id, fields=PROFILE_FIELDS))

    def as_shown(self, content: Content) -> Content:
        return as_sent(content)

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content, limits)

    def recovery_of(self, operation: Operation) -> Recovery:
        return Recovery.LOOK if operation.reply else self.recovery

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        return operation.handles if operation.reply else super().prepare(session, operation, save)

    def commit(self, session: Session, operation: Operation) -> Published:
        if operation.reply:
            return comments.write(self, session, operation)
        return super().commit(session, operation)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        if operation.reply:
            return comments.find(self, session, operation)
        return super().recover(session, operation)

    def part_fields(self, media: Media) -> dict[str, str]:
        kind = {"media_type": "VIDEO"} if media.type == "video" else {"alt_text": media.alt_text}
        return {"is_carousel_item": "true", **kind, **_pulled(media)}

    def post_fields(self, operation: Operation, parts: Sequence[str]) -> dict[str, str]:
        content = operation.content
        if parts:
            return {"media_type": "CAROUSEL", "children": ",".join(parts), "caption": content.text}
        media = content.media[0]
        if content.post_type == "story":
            return {"media_type": "STORIES", **_pulled(media)}
        if media.type == "image":
            return {**_pulled(media), "caption": content.text, "alt_text": media.alt_text}
        return {"media_type": "REELS", **_pulled(media), "caption": content.text, **_reel_options(content.options)}

    def written(self, operation: Operation) -> str:
        return "" if operation.content.post_type == "story" else operation.text

    def listing(self, operation: Operation, *, since: datetime) -> tuple[str, Mapping[str, Any]]:
        is_story = operation.content.post_type == "story"
        edge, fields = ("stories", STORY_FIELDS) if is_story else ("media", LISTED_FIELDS)
        return f"{operation.account.remote_id}/{edge}", {"fields": fields}

    def quota(self, session: Session, operation: Operation) -> tuple[int | None, int | None]:
        path = f"{operation.account.remote_id}/content_publishing_limit"
        return limit_of(
            self.read(session, operation.account, path, fields="quota_usage,config"), "quota_usage", "config"
        )

    def failure(self, reason: str) -> PlatformError:
        return errors.failure(reason)

    def numbers_of(self, session: Session, account: Account, remote_id: str, *, now: datetime) -> PostNumbers | None:
        read = partial(self.read, session, account)
        return instagram_numbers.of_post(read, remote_id, of=account.remote_id, now=now)

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        return instagram_numbers.of_account(partial(self.read, session, account), account.remote_id, now=now)

    def classify(self, answer: Answer) -> PlatformError:
        return errors.classify(answer)

    def classify_token_error(self, answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError:
        return errors.of_sign_in(answer, refusal=refusal) or self.classify(answer)


def _pulled(media: Media) -> dict[str, str]:
    return {"video_url" if media.type == "video" else "image_url": media.pull_url()}


def _reel_options(options: Mapping[str, Any]) -> dict[str, str]:
    fields = {}
    if "share_to_feed" in options:
        fields["share_to_feed"] = "true" if options["share_to_feed"] else "false"
    if "thumb_offset" in options:
        fields["thumb_offset"] = str(options["thumb_offset"])
    return fields


def _profile(shown: Any) -> Profile:
    username = dig_text(shown, "username")
    return Profile(
        name=dig_text(shown, "name") or username,
        username=username,
        profile_image=dig_text(shown, "profile_picture_url"),
        followers=dig_count(shown, "followers_count"),
        following=dig_count(shown, "follows_count"),
    )
