"""Run a connector against the simulator, like a small engine without the product's database."""

import base64
import hashlib
import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from accounts.platforms.base import Connector
from accounts.platforms.errors import StillWorking, Unavailable, Unknown
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import Account, Candidate, Content, Handles, Media, Operation, Published
from accounts.session import NetworkSession
from ouipost.simulator import clock
from ouipost.simulator.models import Fault, Post
from tests.in_process import BASE

GATEWAY = f"{BASE}/sandbox"
CALLBACK = "https://app.example/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
MOST_WAITS = 20
LOOKED_FOR_AFTER_SECONDS = 600


def make_file(media_id: str, content: bytes, **facts: Any) -> Media:
    return Media(id=media_id, size=len(content), open=lambda: io.BytesIO(content), **facts)


def order(network: str, effect: str, match: str = "", **options: Any) -> None:
    """Order a fault for the next matching call."""
    Fault.objects.create(network=network, effect=effect, match=match, options=options)


def consent(connector: OAuth2Connector, login: str = "Demo", *more: str) -> list[Candidate]:
    """Go through the network's consent page as this person, and return the accounts of the sign-in.

    `more` are scopes to request in addition.
    """
    address = connector.authorize_url(
        redirect_uri=CALLBACK, state="s1", scopes=(*connector.scopes, *more), code_challenge=CHALLENGE
    )
    decision = "continue" if "facebook.com" in address else "allow"
    form = urlencode({"decision": decision, "login": login, "pages": ["0", "1"]}, doseq=True)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    page = requests.post(
        address.replace("https://", f"{GATEWAY}/"), data=form, headers=headers, allow_redirects=False, timeout=5
    )
    code = dict(parse_qsl(urlsplit(page.headers["Location"]).query))["code"]
    session = NetworkSession(gateway=GATEWAY)
    tokens = connector.exchange(session, code=code, redirect_uri=CALLBACK, now=now(), code_verifier=VERIFIER)
    return connector.candidates(session, tokens)


def now() -> datetime:
    return clock.now().astimezone(UTC)


@dataclass(kw_only=True)
class Desk:
    """One account, and the publishing for it."""

    connector: Connector
    candidate: Candidate
    lost: bool = False
    """True if the answer to every visible call is lost."""
    behind: timedelta = timedelta()
    """How far its clock is behind the simulator's."""

    @property
    def now(self) -> datetime:
        return now() - self.behind

    @property
    def account(self) -> Account:
        candidate = self.candidate
        return Account(
            remote_id=candidate.remote_id,
            access_token=candidate.tokens.access_token,
            refresh_token=candidate.tokens.refresh_token,
            username=candidate.profile.username,
            metadata={**candidate.metadata, **candidate.profile.metadata},
            access_expires_at=candidate.tokens.access_expires_at,
        )

    @property
    def session(self) -> NetworkSession:
        return NetworkSession(gateway=GATEWAY)

    def rules(self, content: Content) -> list[str]:
        """Return the rules that forbid this."""
        issues = self.connector.validate(content, self.account.metadata)
        return [each.rule for each in issues if each.severity == "error"]

    def operation(self, content: Content, *out: Published) -> Operation:
        return Operation(content=content, account=self.account, now=self.now, out=out)

    def publish(self, content: Content) -> tuple[Published, ...]:
        """Publish a post and what follows it, after it passed validation."""
        assert self.rules(content) == []
        out: tuple[Published, ...] = ()
        for _ in range(1 + len(content.replies)):
            out = (*out, self.send(self.operation(content, *out)))
        return out

    def send(self, operation: Operation) -> Published:
        """Do the engine's steps until the post is visible; raises the error that ends them otherwise."""
        operation = self.prepare(operation)
        if self.lost:
            order(self.connector.id, "status", status=502, body="", after_accept=True)
        try:
            return self.connector.commit(self.session, operation)
        except StillWorking as taken:
            operation = operation if taken.handles is None else replace(operation, handles=taken.handles)
        except Unknown:
            assert self.lost
            clock.advance(LOOKED_FOR_AFTER_SECONDS)
        [found] = self.recover(operation)
        return found

    def prepare(self, operation: Operation) -> Operation:
        """Do all invisible steps; repeat them if the network needs time, by the simulator's clock."""
        saved: list[Handles] = [operation.handles]

        def save(handles: Handles, *, seconds: float = 0) -> None:
            saved.append(handles)

        for _ in range(MOST_WAITS):
            try:
                known = replace(operation, handles=saved[-1], now=self.now)
                handles = self.connector.prepare(self.session, known, save)
            except Unavailable as waiting:
                clock.advance(waiting.retry_after or 1)
            else:
                return replace(operation, handles=handles, armed_at=self.now)
        raise AssertionError("The network never came to an end.")

    def recover(self, operation: Operation) -> list[Published]:
        """Look for a post; repeat the look while the network is processing it."""
        for _ in range(MOST_WAITS):
            try:
                return self.connector.recover(self.session, replace(operation, now=self.now))
            except StillWorking as waiting:
                clock.advance(waiting.retry_after)
        raise AssertionError("The network never came to an end.")


def visible() -> list[tuple[str, str, int]]:
    """Return kind, text and number of files of all visible posts, oldest first."""
    return [
        (post.kind, post.text, len(post.media))
        for post in Post.objects.alive().exclude(kind=Post.FAILED).order_by("pk")
    ]
