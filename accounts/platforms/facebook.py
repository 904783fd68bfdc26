"""Facebook Pages: https://developers.facebook.com/docs/pages-api/posts"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from accounts.platforms import meta, rules
from accounts.platforms.base import (
    Account,
    Answer,
    AuthExpired,
    Candidate,
    Content,
    Handles,
    Issue,
    Limits,
    Media,
    Operation,
    PlatformError,
    Profile,
    Published,
    Recovery,
    Rejected,
    Save,
    Session,
    Tokens,
    Unavailable,
    Unknown,
)
from accounts.platforms.http import (
    MOST_PAGES,
    bearer,
    call_visible,
    dig,
    dig_count,
    dig_list,
    dig_text,
    moment,
    paged,
)
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.text import comparable
from accounts.platforms.uploads import UPLOADS, upload_missing, uploaded

PAGE_FIELDS = "id,name,username,access_token,category,link,picture.type(large){url},followers_count,fan_count,tasks"
PROFILE_FIELDS = "id,name,username,picture.type(large){url},followers_count,fan_count"
POST_FIELDS = "id,message,created_time,permalink_url,status_type,attachments{media_type,target{id},url}"
MAY_PUBLISH = "CREATE_CONTENT"
MOST_LISTS = 50
PHOTO_LIVES = timedelta(hours=20)
"""Facebook deletes an unpublished photo after about 24 hours."""
LISTED_BEFORE = timedelta(minutes=5)
ARMED_BEFORE = timedelta(seconds=5)
PHOTO_ATTACHMENTS = {"photo", "album"}


class Facebook(OAuth2Connector):
    id = "facebook"
    name = "Facebook"
    account_types = ("page",)
    scopes = ("pages_show_list", "pages_manage_posts", "pages_read_engagement", "read_insights")
    limits = Limits(
        max_characters=63_206,
        image_mime_types=("image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"),
        max_images=10,
        max_image_bytes=10_000_000,
        video_mime_types=("video/mp4", "video/quicktime"),
        max_videos=1,
        max_video_bytes=1_000_000_000,
        max_video_duration_seconds=1200,
    )
    metrics = ("impressions", "reach", "engagement", "reactions", "comments", "shares", "clicks")
    supports_carousel = True
    supports_stories = True
    max_video_duration = 240
    default_version = "v26.0"
    recovery = Recovery.LOOK
    listing_lag = 10
    link_beside_text = True

    authorize_endpoint = "https://www.facebook.com/{version}/dialog/oauth"
    token_endpoint = "https://graph.facebook.com/{version}/oauth/access_token"  # noqa: S105
    scope_separator = ","

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        short = super().exchange(session, code=code, redirect_uri=redirect_uri, now=now)
        params = {
            "grant_type": "fb_exchange_token",
            "client_id": self.app.client_id,
            "client_secret": self.app.client_secret,
            "fb_exchange_token": short.access_token,
        }
        return self.tokens(self.call(session, "GET", self._url("oauth/access_token"), params=params), now=now)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        token = tokens.access_token
        person = dig_text(self._get(session, token, "me", fields="id,name"), "id")
        scopes = self._granted(session, token)
        return [
            _candidate(page, user_token=token, user_id=person, scopes=scopes) for page in self._pages(session, token)
        ]

    def _granted(self, session: Session, token: str) -> tuple[str, ...]:
        permissions = dig_list(self._get(session, token, "me/permissions"), "data")
        return tuple(dig_text(each, "permission") for each in permissions if dig(each, "status") == "granted")

    def _pages(self, session: Session, token: str) -> list[Mapping[str, Any]]:
        """The Pages that this person may publish to; others are of no use to anyone here."""
        pages = self._edge(session, token, "me/accounts", most=MOST_LISTS, fields=PAGE_FIELDS)
        mine = [each for each in pages if MAY_PUBLISH in dig_list(each, "tasks")]
        return [each for each in mine if dig_text(each, "access_token")]

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        """Read the Page's token anew: it has no end of its own, and the person's token gives the present one."""
        if account.refresh_token:
            for page in self._pages(session, account.refresh_token):
                if dig_text(page, "id") == account.remote_id:
                    return Tokens(access_token=dig_text(page, "access_token"), refresh_token=account.refresh_token)
        raise AuthExpired("This person may no longer publish to the Facebook Page: connect it again.")

    def revoke(self, session: Session, account: Account) -> None:
        user_id = dig_text(account.metadata, "user_id") or "me"
        token = account.refresh_token
        self.call(
            session, "DELETE", self._url(f"{user_id}/permissions"), headers=bearer(token), params=self._proof(token)
        )

    def profile(self, session: Session, account: Account) -> Profile:
        return _profile(self._get(session, account.access_token, account.remote_id, fields=PROFILE_FIELDS))

    def validate(self, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        return [*rules.check(content, self.limits_of(content.post_type), account), *_unreachable(content.link)]

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        media = operation.content.media
        if len(media) < 2:
            return operation.handles
        steps = {each.id: partial(self._upload, session, operation.account, each) for each in media}
        return upload_missing(operation, save, steps, not_before=operation.now - PHOTO_LIVES)

    def _upload(self, session: Session, account: Account, media: Media) -> str:
        url = self._url(f"{account.remote_id}/photos")
        fields = {"published": "false"}
        photo_id = dig_text(self.call(session, "POST", url, **self._photo(account, media, fields)), "id")
        if not photo_id:
            raise Unavailable("Facebook took an image and gave no id for it.")
        return photo_id

    def commit(self, session: Session, operation: Operation) -> Published:
        account, content = operation.account, operation.content
        if len(content.media) == 1:
            fields = {"caption": content.text, "published": "true"}
            request = self._photo(account, content.media[0], fields)
            post_id = self._publish(session, account, "photos", id_at=("post_id",), **request)
        else:
            fields = _feed_fields(content, operation.handles) | self._proof(account.access_token)
            request = {"headers": bearer(account.access_token), "data": fields}
            post_id = self._publish(session, account, "feed", id_at=("id",), **request)
        return Published(remote_id=post_id, url=self._permalink(session, account, post_id))

    def _publish(self, session: Session, account: Account, edge: str, *, id_at: tuple[str, ...], **request: Any) -> str:
        return call_visible(self, session, "POST", self._url(f"{account.remote_id}/{edge}"), id_at=id_at, **request)

    def _photo(self, account: Account, media: Media, fields: dict[str, str]) -> dict[str, Any]:
        described = {"alt_text_custom": media.alt_text} if media.alt_text else {}
        return {
            "headers": bearer(account.access_token),
            "data": {key: value for key, value in fields.items() if value}
            | described
            | self._proof(account.access_token),
            "files": {"source": (media.filename or "image", media.read(), media.mime_type)},
            "timeout": 120,
        }

    def _permalink(self, session: Session, account: Account, post_id: str) -> str:
        """The post is out: an address that can't be read must not make it look otherwise."""
        try:
            answer = self._get(session, account.access_token, post_id, timeout=10, fields="permalink_url")
        except PlatformError:
            answer = None
        return _post_url(post_id, answer)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        account = operation.account
        armed_at = operation.armed_at or operation.now
        since = int((armed_at - LISTED_BEFORE).timestamp())
        edge = f"{account.remote_id}/published_posts"
        posts = self._edge(session, account.access_token, edge, fields=POST_FIELDS, since=since)
        found = [each for each in posts if _is_it(each, operation, since=armed_at - ARMED_BEFORE)]
        by_id = {dig_text(each, "id"): each for each in found}
        return [Published(remote_id=post_id, url=_post_url(post_id, each)) for post_id, each in by_id.items()]

    def classify(self, answer: Answer) -> PlatformError:
        return meta.classify(self.name, answer)

    def classify_token_error(self, answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError:
        return self.classify(answer)

    def _url(self, path: str) -> str:
        return f"https://graph.facebook.com/{self.version}/{path}"

    def _proof(self, token: str) -> dict[str, str]:
        return meta.app_secret_proof(token, self.app.client_secret)

    def _edge(
        self, session: Session, token: str, path: str, *, most: int = MOST_PAGES, **params: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Read all entries of an edge, in as many lists as it takes."""

        def read(after: str) -> Any:
            cursor: dict[str, Any] = {"after": after} if after else {}
            return self._get(session, token, path, limit=100, **params, **cursor)

        for answer in paged(read, cursor_of=_cursor, most=most):
            if not isinstance(dig(answer, "data"), list):
                raise Unknown("Facebook answered without the list that was asked for.")
            yield from dig_list(answer, "data")

    def _get(self, session: Session, token: str, path: str, *, timeout: float = 30, **params: Any) -> Any:
        params |= self._proof(token)
        return self.call(session, "GET", self._url(path), headers=bearer(token), params=params, timeout=timeout)


def _cursor(answer: Any) -> str:
    """Only the cursor is taken: the token must not follow an address that an answer names."""
    address = dig_text(answer, "paging", "next")
    after = parse_qs(address.partition("?")[2]).get("after", [""])[0]
    if address and not after:
        raise Unknown("Facebook did not say how its list goes on.")
    return after


def _unreachable(link: str) -> Iterator[Issue]:
    """Facebook reads the page behind a link, and refuses the post where it cannot."""
    if link and "." not in (urlsplit(link).hostname or ""):
        yield Issue(
            rule="link_unreachable",
            field="link",
            message="Facebook cannot reach this address: its host is no public name.",
            actual=link,
            fix="Use the page's public address, or remove the link.",
        )


def _feed_fields(content: Content, handles: Handles) -> dict[str, str]:
    photos = [{"media_fbid": uploaded(handles, each.id)} for each in content.media]
    fields = {
        "message": content.text,
        "link": "" if photos else content.link,
        "attached_media": json.dumps(photos) if photos else "",
    }
    return {key: value for key, value in fields.items() if value}


def _is_it(post: Any, operation: Operation, *, since: datetime) -> bool:
    created = moment(dig_text(post, "created_time"))
    return (
        created is not None
        and created >= since
        and comparable(dig_text(post, "message")) == comparable(operation.content.text)
        and _has_the_photos(post, operation)
    )


def _has_the_photos(post: Any, operation: Operation) -> bool:
    attachments = dig_list(post, "attachments", "data")
    photos = [each for each in attachments if dig(each, "media_type") in PHOTO_ATTACHMENTS]
    uploads = operation.handles.get(UPLOADS, {})
    ours = {uploaded(operation.handles, key) for key in uploads}
    if not ours or any(dig(each, "media_type") == "album" for each in photos):
        return bool(photos) == bool(operation.content.media)
    return any(dig_text(each, "target", "id") in ours for each in photos)


def _post_url(post_id: str, answer: Any) -> str:
    return dig_text(answer, "permalink_url") or f"https://www.facebook.com/{post_id}"


def _candidate(page: Mapping[str, Any], *, user_token: str, user_id: str, scopes: tuple[str, ...]) -> Candidate:
    page_id = dig_text(page, "id")
    return Candidate(
        remote_id=page_id,
        type="page",
        profile=_profile(page),
        tokens=Tokens(access_token=dig_text(page, "access_token"), refresh_token=user_token, scopes=scopes),
        metadata={"page_id": page_id, "category": dig_text(page, "category"), "user_id": user_id},
    )


def _profile(page: Any) -> Profile:
    return Profile(
        name=dig_text(page, "name"),
        username=dig_text(page, "username"),
        profile_image=dig_text(page, "picture", "data", "url"),
        followers=dig_count(page, "followers_count"),
    )
