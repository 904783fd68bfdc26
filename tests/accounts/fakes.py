"""A fake network: it gives the test's answers, and records the calls."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from accounts.platforms.base import Connector, PasswordConnector, Session, SignIn
from accounts.platforms.shapes import Account, App, Candidate, Profile, Tokens
from accounts.session import NetworkSession

GRANTED = ("read", "write", "pages_manage_posts")
PAGE_TOKENS = Tokens(access_token="page-token", refresh_token="person-token", scopes=GRANTED)
OLD_ERROR = {"code": "OLD", "message": "It was away."}
PROFILE = Profile(name="Company Page", username="companypage", profile_image="https://p.example/1", followers=15420)


def make_candidate(remote_id: str = "1001", **values: Any) -> Candidate:
    given: dict[str, Any] = {"type": "page", "profile": PROFILE, "tokens": PAGE_TOKENS, "metadata": {"page_id": "1"}}
    return Candidate(remote_id=remote_id, **given | values)


def answer(said: Any) -> Any:
    """Return the test's answer, raise it, or call it."""
    if isinstance(said, BaseException):
        raise said
    return said() if isinstance(said, Callable) else said  # type: ignore[arg-type]


class FakeNetwork(Connector):
    """A network with a consent page; `exchanged`, `granted`, … are its answers."""

    id = "facebook"
    name = "Facebook"
    scopes = ("read", "write")
    uses_pkce = True

    def __init__(self) -> None:
        super().__init__(App())
        self.calls: list[tuple[Any, ...]] = []
        self.sessions: list[Session] = []
        self.exchanged: Any = Tokens(access_token="person-token")
        self.granted: Any = [make_candidate()]
        self.refreshed: Any = Tokens(access_token="new-token")
        self.revoked: Any = None
        self.shown: Any = PROFILE

    def authorize_url(self, *, redirect_uri: str, state: str, scopes: Sequence[str], code_challenge: str = "") -> str:
        asked = {"redirect_uri": redirect_uri, "state": state, "scope": " ".join(scopes), "challenge": code_challenge}
        return f"https://network.example/consent?{urlencode(asked)}"

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        self.calls.append(("exchange", code, redirect_uri, code_verifier))
        tokens: Tokens = answer(self.exchanged)
        return tokens

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        self.calls.append(("candidates", tokens.access_token))
        found: list[Candidate] = answer(self.granted)
        return found

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        self.sessions.append(session)
        self.calls.append(("refresh", account.remote_id, account.refresh_token))
        tokens: Tokens = answer(self.refreshed)
        return tokens

    def revoke(self, session: Session, account: Account) -> None:
        self.calls.append(("revoke", account.remote_id, account.access_token))
        answer(self.revoked)

    def profile(self, session: Session, account: Account) -> Profile:
        self.calls.append(("profile", account.remote_id, account.access_token))
        shown: Profile = answer(self.shown)
        return shown


class FakePasswordNetwork(PasswordConnector):
    """A network without a consent page for apps."""

    id = "bluesky"
    name = "Bluesky"
    scopes = ()

    def __init__(self) -> None:
        super().__init__(App())
        self.credentials: list[SignIn] = []
        self.opened: Any = [make_candidate("did:plc:1", type="profile", metadata={"service": "https://pds.example"})]
        self.believed = True

    def sign_in(self, session: Session, credentials: SignIn, *, now: datetime) -> list[Candidate]:
        self.credentials.append(credentials)
        found: list[Candidate] = answer(self.opened)
        return found

    def is_theirs(
        self, session: Session, candidate: Candidate, credentials: SignIn, *, known: Mapping[str, Any]
    ) -> bool:
        return self.believed


class FakeClient:
    """Records the requests, and gives the test's answer."""

    def __init__(self, said: Any) -> None:
        self.said = said
        self.sent: dict[str, Any] = {}

    def request(self, method: str, url: str, **sent: Any) -> Any:
        self.sent = {"method": method, "url": url} | sent
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def make_session(said: Any, **values: Any) -> tuple[NetworkSession, FakeClient]:
    session, client = NetworkSession(**values), FakeClient(said)
    session._client = client  # type: ignore[assignment]
    return session, client
