"""A connector at work against the simulator: the engine in small, without a database of ours."""

import base64
import hashlib
import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from accounts.platforms.base import (
    Account,
    Candidate,
    Connector,
    Content,
    Handles,
    Media,
    Operation,
    Published,
    Unavailable,
    Unknown,
)
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.session import NetworkSession
from ouipost.simulator import clock
from ouipost.simulator.models import Fault, Post
from tests.in_process import BASE

GATEWAY = f"{BASE}/sandbox"
CALLBACK = "https://app.example/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
MOST_WAITS = 20


def make_file(media_id: str, content: bytes, **facts: Any) -> Media:
    return Media(id=media_id, size=len(content), open=lambda: io.BytesIO(content), **facts)


def order(network: str, effect: str, match: str = "", **options: Any) -> None:
    """Order a trouble for the next call that matches."""
    Fault.objects.create(network=network, effect=effect, match=match, options=options)


def consent(connector: OAuth2Connector, login: str) -> list[Candidate]:
    """Go through the network's consent page as this person, and return the accounts that it opened."""
    address = connector.authorize_url(
        redirect_uri=CALLBACK, state="s1", scopes=connector.scopes, code_challenge=CHALLENGE
    )
    form = urlencode({"decision": "allow", "login": login})
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
    """One account, and what is published for it."""

    connector: Connector
    candidate: Candidate
    lost: bool = False
    """Whether the answer to every visible call is lost."""

    @property
    def account(self) -> Account:
        candidate = self.candidate
        return Account(
            remote_id=candidate.remote_id,
            access_token=candidate.tokens.access_token,
            refresh_token=candidate.tokens.refresh_token,
            username=candidate.profile.username,
            metadata=candidate.metadata,
        )

    @property
    def session(self) -> NetworkSession:
        return NetworkSession(gateway=GATEWAY)

    def publish(self, content: Content) -> tuple[Published, ...]:
        """Publish a post and what follows it, after it passed validation."""
        issues = self.connector.validate(content, self.account.metadata)
        assert [each for each in issues if each.severity == "error"] == []
        out: tuple[Published, ...] = ()
        for _ in range(1 + len(content.replies)):
            out = (*out, self._publish_one(Operation(content=content, account=self.account, now=now(), out=out)))
        return out

    def _publish_one(self, operation: Operation) -> Published:
        operation = replace(self.prepare(operation), armed_at=now())
        if not self.lost:
            return self.connector.commit(self.session, operation)
        order(self.connector.id, "status", status=502, body="", after_accept=True)
        try:
            self.connector.commit(self.session, operation)
        except Unknown:
            [found] = self.connector.recover(self.session, operation)
            return found
        raise AssertionError("The answer was not lost.")

    def prepare(self, operation: Operation) -> Operation:
        """Make everything that is invisible, again where the network has to be waited for, by the simulator's clock."""
        saved: list[Handles] = [operation.handles]

        def save(handles: Handles, *, seconds: float = 0) -> None:
            saved.append(handles)

        for _ in range(MOST_WAITS):
            try:
                handles = self.connector.prepare(self.session, replace(operation, handles=saved[-1]), save)
            except Unavailable as waiting:
                clock.advance(waiting.retry_after or 1)
            else:
                return replace(operation, handles=handles)
        raise AssertionError("The network never came to an end.")


def visible() -> list[tuple[str, str, int]]:
    """Return kind, text and number of files of all that can be seen, oldest first."""
    return [(post.kind, post.text, len(post.media)) for post in Post.objects.alive().order_by("pk")]
