"""Bluesky, and any other server of the AT Protocol: https://docs.bsky.app/docs/advanced-guides/posts"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from accounts.platforms import rules
from accounts.platforms.atproto import (
    CARD,
    COLLECTION,
    byte_range,
    embed,
    home_server,
    record_key,
    service_origin,
    session_tokens,
    timestamp,
)
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
    Option,
    Pace,
    PasswordConnector,
    PlatformError,
    Profile,
    Published,
    RateLimited,
    Recovery,
    Rejected,
    Save,
    Session,
    SignIn,
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
    dig_text,
    is_unclear,
    reset_after,
    retry_after,
    said,
)
from accounts.platforms.linkcard import fetch_link_card
from accounts.platforms.text import Span, find_hashtags, find_links, find_mentions, length
from accounts.platforms.uploads import upload_missing

Feature = dict[str, Any] | None

DEFAULT_SERVICE = "https://bsky.social"
BLOB_LIVES = timedelta(hours=1)
"""Servers drop a blob that no record names after some hours."""
NO_PROFILES = {"InvalidRequest", "MethodNotImplemented"}
"""What a server says to app.bsky calls without Bluesky's own service beside it."""
LONGEST_TAG, LONGEST_TAG_BYTES = 64, 640
TOKEN_IS_OVER = {"ExpiredToken", "InvalidToken"}
PERMISSION_MISSING = {"AccountNotFound", "ScopeMissingError"}


class BlobMissing(Unavailable):
    """Surely not posted: the server has dropped an upload, and `prepare` makes it again."""


class Bluesky(PasswordConnector):
    id = "bluesky"
    name = "Bluesky"
    account_types = ("profile",)
    scopes = ()
    pace = Pace(posts=1666, seconds=3600)
    """5,000 points an hour, at most 3 a post, https://docs.bsky.app/docs/advanced-guides/rate-limits."""
    limits = Limits(
        max_characters=300,
        characters_counted_as="graphemes",
        max_text_bytes=3000,
        image_mime_types=("image/jpeg", "image/png", "image/webp"),
        max_images=4,
        max_image_bytes=1_000_000,
        max_alt_text_characters=2000,
        video_mime_types=("video/mp4",),
        max_videos=1,
        max_video_bytes=300_000_000,
        max_video_duration_seconds=600,
        options=(Option(name="langs", kind="texts", max_items=3),),
    )
    metrics = ("engagement", "likes", "reposts", "replies", "quotes", "bookmarks")
    max_video_duration = 600
    recovery = Recovery.KEY
    link_beside_text = True
    identifier_example = "alice.bsky.social"
    password_example = "xxxx-xxxx-xxxx-xxxx"  # noqa: S105 (nobody's)
    service_example = DEFAULT_SERVICE

    def sign_in(self, session: Session, credentials: SignIn, *, now: datetime) -> list[Candidate]:
        service = service_origin(credentials.service or DEFAULT_SERVICE)
        login = {"identifier": credentials.identifier.strip().removeprefix("@"), "password": credentials.password}
        try:
            given = self.call(session, "POST", _xrpc(service, "com.atproto.server.createSession"), json=login)
        except AuthExpired as error:
            raise _refused_login(error) from error
        tokens, did = session_tokens(given), dig_text(given, "did")
        pds = home_server(given) or service
        account = Account(
            remote_id=did,
            access_token=tokens.access_token,
            username=dig_text(given, "handle"),
            metadata={"service": pds},
        )
        profile = self.profile(session, account)
        return [Candidate(remote_id=did, type="profile", profile=profile, tokens=tokens, metadata={"service": pds})]

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        url = _xrpc(_service(account), "com.atproto.server.refreshSession")
        return session_tokens(self.call(session, "POST", url, headers=bearer(account.refresh_token)))

    def revoke(self, session: Session, account: Account) -> None:
        url = _xrpc(_service(account), "com.atproto.server.deleteSession")
        self.call(session, "POST", url, headers=bearer(account.refresh_token))

    def profile(self, session: Session, account: Account) -> Profile:
        try:
            shown = self._get(session, account, "app.bsky.actor.getProfile", actor=account.remote_id)
        except (Rejected, Unavailable) as error:
            if error.network_code not in NO_PROFILES:
                raise
            shown = {}
        handle = dig_text(shown, "handle") or account.username
        return Profile(
            name=dig_text(shown, "displayName") or handle,
            username=handle,
            profile_image=dig_text(shown, "avatar"),
            followers=dig_count(shown, "followersCount"),
            following=dig_count(shown, "followsCount"),
        )

    def validate(self, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        issues = rules.check(content, self.limits_of(content.post_type), account)
        if not _are_languages(content.options.get("langs", [])):
            issues.append(
                Issue(
                    rule="langs_invalid",
                    field="options.langs",
                    message="Bluesky takes a list of at most three language tags.",
                    limit=3,
                    fix='Write it like ["en", "fr-CA"].',
                )
            )
        return issues

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        """Upload, then write the record and choose its key, both of which every further try repeats."""
        handles = upload_missing(
            operation, save, self._uploads(session, operation), not_before=_uploads_count_from(operation)
        )
        if "record" in handles and handles["record"].get("embed") == embed(operation.content, handles):
            return handles
        created_at = dig_text(handles, "record", "createdAt") or timestamp(operation.now)
        handles = {
            **handles,
            "rkey": handles.get("rkey") or record_key(operation.now),
            "record": self._record(session, operation, handles, created_at=created_at),
        }
        save(handles)
        return handles

    def _uploads(self, session: Session, operation: Operation) -> dict[str, Callable[[], Any]]:
        account, content = operation.account, operation.content
        if content.link and not content.media:
            return {CARD: partial(self._card, session, account, content.link)}
        return {each.id: partial(self._upload_image, session, account, each) for each in content.media}

    def _upload_image(self, session: Session, account: Account, media: Media) -> Any:
        return self._upload(session, account, media.read(), media.mime_type)

    def _upload(self, session: Session, account: Account, content: bytes, mime_type: str) -> Any:
        url = _xrpc(_service(account), "com.atproto.repo.uploadBlob")
        headers = bearer(account.access_token) | {"Content-Type": mime_type}
        blob = dig(self.call(session, "POST", url, headers=headers, data=content, timeout=120), "blob")
        if not isinstance(blob, dict):
            raise Unavailable("Bluesky took an image and did not say where it is.")
        return blob

    def _card(self, session: Session, account: Account, link: str) -> Any:
        card = fetch_link_card(session, link)
        external = {"uri": link, "title": card.title or link, "description": card.description}
        if card.picture:
            try:
                external["thumb"] = self._upload(session, account, card.picture.content, card.picture.mime_type)
            except (Rejected, Unavailable, Unknown):
                # A post without its link's picture is better than none.
                return external
        return external

    def _record(self, session: Session, operation: Operation, handles: Handles, *, created_at: str) -> dict[str, Any]:
        content = operation.content
        parts = {
            "langs": list(content.options.get("langs", [])),
            "facets": self._facets(session, operation.account, content.text),
            "embed": embed(content, handles),
        }
        record = {"$type": COLLECTION, "text": content.text, "createdAt": created_at}
        return record | {key: value for key, value in parts.items() if value}

    def _facets(self, session: Session, account: Account, text: str) -> list[dict[str, Any]]:
        spans: list[tuple[Span, Callable[[str], Feature]]] = [(each, self._link) for each in find_links(text)]
        spans += [(each, partial(self._mention, session, account)) for each in find_mentions(text)]
        spans += [(each, self._tag) for each in find_hashtags(text)]
        facets: list[dict[str, Any]] = []
        end = 0
        for span, describe in sorted(spans, key=lambda each: each[0].start):
            feature = describe(span.value) if span.start >= end else None
            if feature:
                facets.append({"index": byte_range(text, span), "features": [feature]})
                end = span.end
        return facets

    def _link(self, address: str) -> Feature:
        return {"$type": "app.bsky.richtext.facet#link", "uri": address}

    def _mention(self, session: Session, account: Account, handle: str) -> Feature:
        """An unknown handle stays plain text."""
        try:
            did = dig_text(self._get(session, account, "com.atproto.identity.resolveHandle", handle=handle), "did")
        except Rejected:
            return None
        return {"$type": "app.bsky.richtext.facet#mention", "did": did} if did else None

    def _tag(self, word: str) -> Feature:
        is_short = length(word, "graphemes") <= LONGEST_TAG and len(word.encode()) <= LONGEST_TAG_BYTES
        return {"$type": "app.bsky.richtext.facet#tag", "tag": word} if is_short else None

    def commit(self, session: Session, operation: Operation) -> Published:
        account, handles = operation.account, operation.handles
        # swapRecord null: create, never replace. The same record again is taken again, so that this can be repeated.
        record = _place(account, handles) | {"swapRecord": None, "record": handles["record"]}
        url = _xrpc(_service(account), "com.atproto.repo.putRecord")
        headers = bearer(account.access_token)
        try:
            uri = call_visible(self, session, "POST", url, id_at=("uri",), headers=headers, json=record)
        except Unknown as error:
            # Another record under a key that only this operation knows: an earlier try of it, so it is published.
            found = self.recover(session, operation) if error.network_code == "InvalidSwap" else []
            if not found:
                raise
            return found[0]
        return _published(operation, uri)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        account = operation.account
        try:
            found = self._get(session, account, "com.atproto.repo.getRecord", **_place(account, operation.handles))
        except Rejected as error:
            if error.network_code == "RecordNotFound":
                return []
            raise
        return [_published(operation, dig_text(found, "uri"))] if dig_text(found, "uri") else []

    def classify(self, answer: Answer) -> PlatformError:
        body = decoded(answer)
        name, words = dig_text(body, "error"), dig_text(body, "message")
        facts: dict[str, Any] = {
            "message": said("Bluesky", words or name, otherwise=f"answered with status {answer.status}."),
            "status": answer.status,
            "network_code": name,
        }
        if answer.status == 429:
            return RateLimited(retry_after=retry_after(answer) or reset_after(answer, "RateLimit-Reset"), **facts)
        if is_unclear(answer.status):
            return Unavailable(retry_after=retry_after(answer), **facts)
        return _refused(answer, name, words, facts)

    def _get(self, session: Session, account: Account, method: str, **params: str) -> Any:
        return self.call(
            session, "GET", _xrpc(_service(account), method), headers=bearer(account.access_token), params=params
        )


def _refused(answer: Answer, name: str, words: str, facts: dict[str, Any]) -> PlatformError:
    if name == "InvalidSwap":
        return Unknown(**facts)
    if name == "BlobNotFound":
        return BlobMissing(**facts)
    if answer.status == 401 or name in TOKEN_IS_OVER:
        return AuthExpired(**facts)
    if name in PERMISSION_MISSING:
        return Rejected(code="TOKEN_REVOKED", who_acts=WhoActs.ACCOUNT_OWNER, **facts)
    is_about_media = answer.status == 413 or "blob" in words.lower()
    return Rejected(code="MEDIA_REJECTED" if is_about_media else None, **facts)


def _refused_login(error: AuthExpired) -> Rejected:
    message = error.message
    if error.network_code == "AuthFactorTokenRequired":
        message = "This password needs a code by e-mail: make an app password in Bluesky's settings and use that."
    elif error.network_code == "AuthenticationRequired":
        message = "The handle or the app password is wrong."
    return Rejected(
        message,
        code="TOKEN_REVOKED",
        who_acts=WhoActs.ACCOUNT_OWNER,
        status=error.status,
        network_code=error.network_code,
    )


def _service(account: Account) -> str:
    return dig_text(account.metadata, "service") or DEFAULT_SERVICE


def _xrpc(service: str, method: str) -> str:
    return f"{service}/xrpc/{method}"


def _place(account: Account, handles: Handles) -> dict[str, Any]:
    return {"repo": account.remote_id, "collection": COLLECTION, "rkey": handles["rkey"]}


def _published(operation: Operation, uri: str) -> Published:
    # By the DID, so that the address outlives a change of the handle.
    where = f"https://bsky.app/profile/{operation.account.remote_id}/post/{operation.handles['rkey']}"
    return Published(remote_id=uri, url=where)


def _uploads_count_from(operation: Operation) -> datetime:
    """Uploads from before the first try are made again: it may have failed because they were gone, and they are
    content-addressed, so that one too many changes nothing."""
    oldest = operation.now - BLOB_LIVES
    return max(oldest, operation.armed_at) if operation.armed_at else oldest


def _are_languages(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 3 and all(isinstance(each, str) and each for each in value)
