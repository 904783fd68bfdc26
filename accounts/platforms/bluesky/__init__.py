"""Bluesky, and any other server of the AT Protocol: https://docs.bsky.app/docs/advanced-guides/posts"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from accounts.platforms.base import PasswordConnector, Recovery, Save, Session, SignIn
from accounts.platforms.bluesky import errors as bluesky_errors
from accounts.platforms.bluesky import media as bluesky_media
from accounts.platforms.bluesky import numbers as bluesky_numbers
from accounts.platforms.bluesky import records as bluesky_records
from accounts.platforms.bluesky import validation
from accounts.platforms.bluesky.api import DEFAULT_SERVICE, get, lives_at, service_of, xrpc
from accounts.platforms.bluesky.atproto import (
    COLLECTION,
    home_server,
    record_key,
    service_origin,
    session_tokens,
    timestamp,
)
from accounts.platforms.bluesky.listing import records_like
from accounts.platforms.errors import AuthExpired, PlatformError, Rejected, Unavailable, Unknown
from accounts.platforms.http import Answer, bearer, dig_count, dig_text, listed, moment
from accounts.platforms.limits import Allowance, Issue, Limits
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
from accounts.platforms.text import UNSEEN

USUAL_HANDLES_END = ".bsky.social"
NO_PROFILES = {"InvalidRequest", *bluesky_errors.NOT_THERE}
"""Error codes for app.bsky calls of a server that is not connected to Bluesky's own service."""
TIMELY = timedelta(minutes=1)
"""A post's date may be this much earlier than its sending."""
POST_PATH = re.compile(r"/profile/([^/]+)/post/([\w.:~-]+)/?", re.ASCII)
"""The path of a post's address: the DID or handle of its author, and the key of its record."""
MAY_BE_THERE = {"InvalidSwap", "InternalServerError"}
"""Error codes for a key that already has a record."""


class Bluesky(PasswordConnector):
    id = "bluesky"
    name = "Bluesky"
    account_types = ("profile",)
    scopes = ()
    pace = Allowance(most=1666, seconds=3600)
    """5,000 points an hour, at most 3 a post, https://docs.bsky.app/docs/advanced-guides/rate-limits."""
    limits = validation.LIMITS
    metrics = ("engagement", *bluesky_numbers.OWN)
    metrics_batch = 25
    max_video_duration = 600
    recovery = Recovery.KEY
    handles_are_proof = True
    link_beside_text = True
    has_servers = True
    identifier_example = "alice.bsky.social"
    password_example = "xxxx-xxxx-xxxx-xxxx"  # noqa: S105 (nobody's)
    service_example = DEFAULT_SERVICE

    @classmethod
    def server_of(cls, account: Mapping[str, Any]) -> str:
        return validation.own_server(account)

    def sign_in(self, session: Session, credentials: SignIn, *, now: datetime) -> list[Candidate]:
        service = service_origin(credentials.service or DEFAULT_SERVICE)
        login = {"identifier": _identifier(credentials.identifier, service), "password": credentials.password}
        try:
            given = self.call(session, "POST", xrpc(service, "com.atproto.server.createSession"), json=login)
        except AuthExpired as error:
            raise bluesky_errors.refused_login(error) from error
        tokens, did = session_tokens(given, now=now), dig_text(given, "did")
        pds = home_server(given) or service
        account = Account(
            remote_id=did,
            access_token=tokens.access_token,
            username=dig_text(given, "handle"),
            metadata={"service": pds},
        )
        profile = self.profile(session, account)
        return [Candidate(remote_id=did, type="profile", profile=profile, tokens=tokens, metadata={"service": pds})]

    def is_theirs(
        self, session: Session, candidate: Candidate, credentials: SignIn, *, known: Mapping[str, Any]
    ) -> bool:
        """Trust Bluesky's server and the account's known server; for any other ask the account's identity document."""
        service = service_origin(credentials.service or DEFAULT_SERVICE)
        if service in (DEFAULT_SERVICE, dig_text(known, "service")):
            return True
        return lives_at(session, candidate.remote_id) == service

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        url = xrpc(service_of(account), "com.atproto.server.refreshSession")
        return session_tokens(self.call(session, "POST", url, headers=bearer(account.refresh_token)), now=now)

    def revoke(self, session: Session, account: Account) -> None:
        url = xrpc(service_of(account), "com.atproto.server.deleteSession")
        self.call(session, "POST", url, headers=bearer(account.refresh_token))

    def profile(self, session: Session, account: Account) -> Profile:
        shown = self._shown(session, account)
        handle = dig_text(shown, "handle") or account.username
        return Profile(
            name=dig_text(shown, "displayName") or handle,
            username=handle,
            profile_image=dig_text(shown, "avatar"),
            followers=dig_count(shown, "followersCount"),
            following=dig_count(shown, "followsCount"),
        )

    def _shown(self, session: Session, account: Account) -> Any:
        """Return the profile; empty if the server is not connected to Bluesky's service."""
        try:
            return get(self, session, account, "app.bsky.actor.getProfile", actor=account.remote_id)
        except (Rejected, Unavailable) as error:
            if error.network_code not in NO_PROFILES:
                raise
            return {}

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content, account)

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        """Upload the files, then write the record and choose its key, both of which every further try repeats.

        A record that has waited unsent gets a new date, since readers see posts ordered by the date in them. Its key
        stays, so that a try that succeeded is found there, whatever the server answered.
        """
        handles = operation.handles if operation.reply else bluesky_media.prepare(self, session, operation, save)
        if operation.armed_at is None and _is_old(handles, now=operation.now):
            handles = {name: value for name, value in handles.items() if name != "record"}
        if "record" in handles and handles["record"].get("embed") == bluesky_records.embed(operation, handles):
            return handles
        # Each part of a thread is dated a moment later than the one before it, and has a key of its own.
        at = operation.now + timedelta(milliseconds=len(operation.out))
        created_at = dig_text(handles, "record", "createdAt") or timestamp(at)
        try:
            record = bluesky_records.written(self, session, operation, handles, created_at=created_at)
        except (Unavailable, Unknown):
            save({bluesky_records.FAILING_SINCE: operation.now.isoformat()} | dict(handles))
            raise
        handles = {**handles, "rkey": handles.get("rkey") or record_key(at), "record": record}
        save(handles)
        return handles

    def commit(self, session: Session, operation: Operation) -> Published:
        account, handles = operation.account, operation.handles
        # swapRecord null: create, never replace. The same record is accepted again, so that this can be repeated.
        record = _place(operation) | {"swapRecord": None, "record": handles["record"]}
        url = xrpc(service_of(account), "com.atproto.repo.putRecord")
        headers = bearer(account.access_token)
        try:
            cid = self.call_visible(session, "POST", url, id_at=("cid",), headers=headers, json=record)
        except bluesky_errors.BlobMissing as error:
            handles = bluesky_media.without_uploads(operation)
            raise bluesky_errors.BlobMissing(handles=handles, **error.facts) from error
        except Unknown as error:
            found = self._earlier_try(session, operation) if error.network_code in MAY_BE_THERE else []
            if not found:
                raise
            return found[0]
        return _published(account, handles["rkey"], cid)

    def _earlier_try(self, session: Session, operation: Operation) -> list[Published]:
        """Return the record at the operation's key: only an earlier try of it can have made one there."""
        try:
            return self.recover(session, operation)
        except PlatformError:
            return []

    def lists(self, operation: Operation) -> bool:
        return True

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        if "rkey" not in operation.handles:
            found = records_like(self, session, operation)
            keys = [(dig_text(each, "uri").rpartition("/")[2], dig_text(each, "cid")) for each in found]
            return [_published(operation.account, rkey, cid) for rkey, cid in keys]
        try:
            found = get(self, session, operation.account, "com.atproto.repo.getRecord", **_place(operation))
        except Rejected as error:
            if error.network_code == "RecordNotFound":
                return []
            raise
        rkey = operation.handles["rkey"]
        return [_published(operation.account, rkey, dig_text(found, "cid"))] if dig_text(found, "uri") else []

    def post_id_at(self, url: str, account: Account) -> str:
        found = POST_PATH.fullmatch(unquote(urlsplit(url).path))
        if found is None or found[1] not in (account.remote_id, account.username):
            return ""
        return _uri(account, found[2])

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        url = xrpc(service_of(account), "app.bsky.feed.getPosts")
        params = [("uris", uri) for uri in remote_ids]
        try:
            answer = self.call(session, "GET", url, headers=bearer(account.access_token), params=params)
        except (Rejected, Unavailable) as error:
            if not bluesky_errors.has_no_bluesky(error):
                raise
            return {uri: PostNumbers() for uri in remote_ids}
        posts = {dig_text(each, "uri"): each for each in listed(answer, "posts")}
        return {uri: bluesky_numbers.of_post(posts[uri]) for uri in remote_ids if uri in posts}

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        shown = self._shown(session, account)
        return AccountNumbers(
            followers=dig_count(shown, "followersCount"),
            following=dig_count(shown, "followsCount"),
            posts=dig_count(shown, "postsCount"),
        )

    def classify(self, answer: Answer) -> PlatformError:
        return bluesky_errors.classify(answer)


def _identifier(given: str, service: str) -> str:
    """Return a handle, an email address or a DID as its server knows it; many people omit the end of their handle.

    Bluesky's own pages put invisible characters around a handle, which are copied with it.
    """
    plain = UNSEEN.sub("", given).strip().removeprefix("@")
    is_whole = service != DEFAULT_SERVICE or not plain or any(sign in plain for sign in ".@:")
    return plain if is_whole else f"{plain}{USUAL_HANDLES_END}"


def _is_old(handles: Handles, *, now: datetime) -> bool:
    """Whether the written record has a date that is too old."""
    created_at = moment(dig_text(handles, "record", "createdAt"))
    return created_at is not None and created_at < now - TIMELY


def _place(operation: Operation) -> dict[str, Any]:
    return {"repo": operation.account.remote_id, "collection": COLLECTION, "rkey": operation.handles["rkey"]}


def _published(account: Account, rkey: str, cid: str) -> Published:
    did = account.remote_id
    # With the DID, the address outlives a change of the handle.
    url = f"https://bsky.app/profile/{did}/post/{rkey}"
    return Published(remote_id=_uri(account, rkey), url=url, facts={"cid": cid})


def _uri(account: Account, rkey: str) -> str:
    return f"at://{account.remote_id}/{COLLECTION}/{rkey}"
