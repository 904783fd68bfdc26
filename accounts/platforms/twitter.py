"""X, formerly Twitter: https://docs.x.com/x-api/posts/create-post"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from accounts.platforms import rules
from accounts.platforms.base import (
    Account,
    Answer,
    AuthExpired,
    Candidate,
    Content,
    Duplicate,
    Handles,
    Issue,
    Limits,
    Media,
    Operation,
    Pace,
    PlatformError,
    Profile,
    Published,
    RateLimited,
    Recovery,
    Rejected,
    Save,
    Session,
    Tokens,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.http import (
    bearer,
    call_visible,
    decoded,
    dig,
    dig_count,
    dig_list,
    dig_text,
    is_unclear,
    moment,
    paged,
    reset_after,
    retry_after,
    said,
)
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.text import comparable, find_cashtags
from accounts.platforms.uploads import upload_missing, uploaded

API = "https://api.x.com/2"
PROFILE_FIELDS = "id,name,username,profile_image_url,public_metrics,verified,verified_type,subscription_type"
POST_FIELDS = "created_at,text,entities,attachments"
MEDIA_LIVES = timedelta(hours=20)
"""X keeps an upload for 24 hours."""
ARMED_BEFORE = timedelta(seconds=5)
MEDIA_LINK = re.compile(r"\s*https://t\.co/\w+$")
QUOTAS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")


class Twitter(OAuth2Connector):
    id = "twitter"
    name = "Twitter/X"
    account_types = ("profile",)
    username_prefix = "@"
    scopes = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
    pace = Pace(posts=100, seconds=900)
    """`POST /2/tweets`: 100 per user in 15 minutes, https://docs.x.com/x-api/fundamentals/rate-limits."""
    limits = Limits(
        max_characters=280,
        characters_counted_as="x_weighted",
        image_mime_types=("image/jpeg", "image/png", "image/gif", "image/webp"),
        max_images=4,
        max_image_bytes=5_000_000,
        max_alt_text_characters=1000,
        video_mime_types=("video/mp4", "video/quicktime"),
        max_videos=1,
        max_video_bytes=8_000_000_000,
        max_video_duration_seconds=1200,
    )
    metrics = ("impressions", "engagement", "likes", "retweets", "replies", "quotes", "bookmarks", "clicks")
    max_video_duration = 140
    uses_pkce = True
    recovery = Recovery.LOOK
    listing_lag = 10

    authorize_endpoint = "https://x.com/i/oauth2/authorize"
    token_endpoint = f"{API}/oauth2/token"
    basic_auth = True
    refresh_lifetime = timedelta(days=180)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        me = self._me(session, tokens.access_token)
        return [Candidate(remote_id=me["id"], type="profile", profile=_profile(me), tokens=tokens)]

    def profile(self, session: Session, account: Account) -> Profile:
        return _profile(self._me(session, account.access_token))

    def _me(self, session: Session, token: str) -> dict[str, Any]:
        params = {"user.fields": PROFILE_FIELDS}
        me = dig(self.call(session, "GET", f"{API}/users/me", headers=bearer(token), params=params), "data")
        if not dig_text(me, "id"):
            raise Unknown("X did not say whose token this is.")
        return dict(me)

    def revoke(self, session: Session, account: Account) -> None:
        for kind, token in (("refresh_token", account.refresh_token), ("access_token", account.access_token)):
            if not token:
                continue
            answer = self.send_form(
                session, f"{API}/oauth2/revoke", urlencode({"token": token, "token_type_hint": kind})
            )
            if not answer.ok:
                raise self.classify_token_error(answer, refusal=Rejected)

    def validate(self, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        return [*rules.check(content, self.limits_of(content.post_type), account), *_beside_the_limits(content)]

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        token = operation.account.access_token
        steps = {each.id: partial(self._upload, session, token, each) for each in operation.content.media}
        return upload_missing(operation, save, steps, not_before=operation.now - MEDIA_LIVES)

    def _upload(self, session: Session, token: str, media: Media) -> str:
        answer = self.call(
            session,
            "POST",
            f"{API}/media/upload",
            headers=bearer(token),
            data={"media_category": "tweet_image"},
            files={"media": (media.filename or "image", media.read(), media.mime_type)},
            timeout=120,
        )
        media_id = dig_text(answer, "data", "id")
        if not media_id:
            raise Unavailable("X took an image and gave no id for it.")
        if media.alt_text:
            described = {"id": media_id, "metadata": {"alt_text": {"text": media.alt_text}}}
            self.call(session, "POST", f"{API}/media/metadata", headers=bearer(token), json=described)
        return media_id

    def commit(self, session: Session, operation: Operation) -> Published:
        account, content = operation.account, operation.content
        post: dict[str, Any] = {"text": content.text} if content.text else {}
        if content.media:
            post["media"] = {"media_ids": [uploaded(operation.handles, each.id) for each in content.media]}
        post_id = call_visible(
            self,
            session,
            "POST",
            f"{API}/tweets",
            id_at=("data", "id"),
            headers=bearer(account.access_token),
            json=post,
        )
        return _published(account, post_id)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        account = operation.account
        since = (operation.armed_at or operation.now) - ARMED_BEFORE
        pages = paged(partial(self._newest, session, account, since), cursor_of=_next_token)
        posts = [each for page in pages for each in dig_list(page, "data")]
        found = [dig_text(each, "id") for each in posts if _is_it(each, operation.content, since=since)]
        return [_published(account, post_id) for post_id in dict.fromkeys(found)]

    def _newest(self, session: Session, account: Account, since: datetime, cursor: str) -> Any:
        params = {
            "max_results": 100,
            "start_time": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "exclude": "replies,retweets",
            "tweet.fields": POST_FIELDS,
        }
        params |= {"pagination_token": cursor} if cursor else {}
        url = f"{API}/users/{account.remote_id}/tweets"
        page = self.call(session, "GET", url, headers=bearer(account.access_token), params=params)
        if dig_count(page, "meta", "result_count") is None:
            raise Unknown("X did not list the account's posts.")
        return page

    def classify(self, answer: Answer) -> PlatformError:
        problem = Problem.of(answer)
        facts: dict[str, Any] = {
            "message": said("X", problem.detail, otherwise=f"answered with status {answer.status}."),
            "status": answer.status,
            "network_code": problem.code,
        }
        return _spent(answer, problem, facts) or _refused(answer, problem, facts)


def _next_token(page: Any) -> str:
    return dig_text(page, "meta", "next_token")


def _beside_the_limits(content: Content) -> Iterator[Issue]:
    images = [each for each in content.media if each.type == "image"]
    if len(images) > 1 and any(each.mime_type == "image/gif" for each in images):
        yield Issue(
            rule="gif_not_alone",
            field="media",
            message="X takes a GIF only as the one file of a post.",
            fix="Keep the GIF, or the other images.",
        )
    cashtags = find_cashtags(content.text)
    if len(cashtags) > 1:
        yield Issue(
            rule="too_many_cashtags",
            field="content",
            message=f"The text has {len(cashtags)} cashtags, such as ${cashtags[0].value}; X takes one in a post.",
            limit=1,
            actual=len(cashtags),
            fix=f"Take away at least {len(cashtags) - 1}.",
        )


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What X says about a refusal, in either of its two shapes."""

    code: str
    """The last word of the problem's type, else the number of the older shape."""
    detail: str

    @classmethod
    def of(cls, answer: Answer) -> "Problem":
        body = decoded(answer)
        old = dig(body, "errors", 0) or body
        kind = dig_text(body, "type").rpartition("/")[2]
        detail = dig_text(body, "detail") or dig_text(old, "message") or dig_text(body, "title")
        return cls(code=kind if kind not in {"", "about:blank", "blank"} else dig_text(old, "code"), detail=detail)

    def says(self, *words: str) -> bool:
        return any(each in self.detail.lower() for each in words)


def _spent(answer: Answer, problem: Problem, facts: dict[str, Any]) -> PlatformError | None:
    if answer.status == 402 or problem.code == "credits-depleted" or problem.says("any credits", "credits depleted"):
        return Rejected(code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR, **facts)
    if problem.code == "usage-capped":
        return Rejected(code="RATE_LIMITED_BY_PLATFORM", who_acts=WhoActs.OPERATOR, **facts)
    if answer.status == 429 or problem.code == "88":
        return RateLimited(retry_after=_wait(answer), **facts)
    return None


def _refused(answer: Answer, problem: Problem, facts: dict[str, Any]) -> PlatformError:
    if answer.status == 401 or problem.code in {"32", "89", "unsupported-authentication"}:
        return AuthExpired(**facts)
    if is_unclear(answer.status) or problem.code == "internal-error":
        return Unavailable(retry_after=retry_after(answer), **facts)
    if problem.code == "187" or problem.says("duplicate content"):
        return Duplicate(**facts)
    if problem.code == "client-forbidden":
        return Rejected(code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR, **facts)
    if problem.code == "not-authorized-for-resource" or problem.says("not permitted to perform"):
        return Rejected(code="TOKEN_REVOKED", who_acts=WhoActs.ACCOUNT_OWNER, **facts)
    return Rejected(code="MEDIA_REJECTED" if problem.says("media", "video", "image") else None, **facts)


def _wait(answer: Answer) -> float | None:
    """The latest reset among the quotas that are used up; where none says so, the plain one's."""
    spent = [each for each in QUOTAS if answer.headers.get(f"{each}-remaining") == "0"] or QUOTAS[:1]
    waits = [reset_after(answer, f"{each}-reset") for each in spent]
    return max((each for each in waits if each is not None), default=retry_after(answer))


def _is_it(post: Any, content: Content, *, since: datetime) -> bool:
    created = moment(dig_text(post, "created_at"))
    attached = len(dig_list(post, "attachments", "media_keys"))
    return (
        created is not None
        and created >= since
        and attached == len(content.media)
        and comparable(_written_text(post)) == comparable(content.text)
    )


def _written_text(post: Any) -> str:
    """What was sent: X escapes it, shortens its links, and adds a link to the media at the end."""
    text = dig_text(post, "text")
    links = {dig_text(each, "url"): each for each in dig_list(post, "entities", "urls") if dig_text(each, "url")}
    for short in sorted(links, key=len, reverse=True):
        is_media = dig(links[short], "media_key") is not None
        text = text.replace(short, "" if is_media else dig_text(links[short], "expanded_url") or short)
    if dig_list(post, "attachments", "media_keys"):
        text = MEDIA_LINK.sub("", text)
    return html.unescape(text)


def _published(account: Account, post_id: str) -> Published:
    return Published(remote_id=post_id, url=f"https://x.com/{account.username or 'i'}/status/{post_id}")


def _profile(me: Mapping[str, Any]) -> Profile:
    return Profile(
        name=dig_text(me, "name"),
        username=dig_text(me, "username"),
        profile_image=dig_text(me, "profile_image_url").replace("_normal.", "."),
        followers=dig_count(me, "public_metrics", "followers_count"),
        following=dig_count(me, "public_metrics", "following_count"),
    )
