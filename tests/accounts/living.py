"""The product, its networks and the persons who sign in there, in one process with one clock: two workspaces, whatever
is said to anybody, and every secret that must not be in it."""

import io
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from django.db import connection
from urllib3 import HTTPResponse

from accounts import calls, connecting, tokens
from accounts.models import Connection, SocialAccount
from accounts.platforms.base import Account as Held
from accounts.tokens import refresh_due
from analytics.discovery import discover
from analytics.reading import read
from analytics.sync import claim_accounts
from ouipost.db import sealed
from ouipost.db.pruning import remove_all
from ouipost.events.models import Event
from ouipost.outbound.errors import AnswerLost
from ouipost.simulator import models as networks
from ouipost.simulator.tokens import digest
from ouipost.writer import Inline
from posts import expiring
from tests.conftest import ApiClient
from tests.factories import make_key, make_workspace
from tests.in_process import Send, in_process
from tests.posts.fakes import never
from tests.posts.living import HOOK, Clock, Product, one_clock
from workspaces.keys import usage
from workspaces.models import Workspace
from workspaces.services import purge_deleted

NETWORKS = ("facebook", "instagram", "twitter", "linkedin", "tiktok", "youtube", "pinterest", "threads", "bluesky")
EVENTS = [f"account.{each}" for each in ("connected", "disconnected", "expired", "expiring", "error")]
CALLBACK = "http://127.0.0.1:9/callback"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PASSWORD = "demo-demo-demo-demo"
APP = {"client_id": "one-app", "client_secret": "its-secret"}
OTHER_PRODUCTS: dict[str, dict[str, str]] = {
    "facebook": APP,
    "instagram": APP | {"product": "facebook"},
    "linkedin": APP,
}
"""One app for Facebook and for Instagram by its login; LinkedIn without the product that gives refresh tokens."""
TOKENS = ("access_token", "refresh_token", "accessJwt", "refreshJwt")
HELD = ("access", "refresh", "user", "page")
"""The kinds of tokens that an app is given to keep."""


class Memory(logging.Handler):
    """What is logged, whatever its level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Town(Product):
    """Two workspaces, a client and a stranger with a key of their own, and everybody at the networks."""

    def __init__(self, clock: Clock, memory: Memory) -> None:
        self.memory = memory
        super().__init__(clock)
        _, self.secret = make_key()
        _, self.other_secret = make_key()
        self.depth = len(connection.savepoint_ids)

    def begin_anew(self) -> None:
        super().begin_anew()
        self.secrets: set[str] = {PASSWORD}
        self.tokens: set[str] = set()
        self.retired: set[str] = set()
        self.answers: list[str] = []
        self.is_person = False
        self.memory.lines.clear()

    def settle(self) -> None:
        """Make two workspaces, and listen to all that is told of accounts."""
        self.depth = len(connection.savepoint_ids)
        self.workspaces = [make_workspace(name=name) for name in ("First", "Second")]
        self.operate("/admin/webhooks", {"url": HOOK, "events": EVENTS})

    # Asking

    def ask_in(self, where: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask the API in one of the workspaces."""
        self.api = self.watched(self.apis(where))
        return self.ask(method, path, body, **headers)

    def apis(self, where: int) -> ApiClient:
        return ApiClient(self.secret, self.workspaces[where].pk)

    def new_second_workspace(self) -> None:
        self.workspaces[1] = make_workspace(name="Second")

    def ask_as_stranger(self, where: int, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.api = self.watched(ApiClient(self.other_secret, self.workspaces[where].pk))
        return self.ask(method, path, body)

    def watched(self, api: ApiClient) -> Any:
        def ask(*given: Any, **headers: str) -> Any:
            answer = api(*given, **headers)
            self.commit()
            self.answers.append(answer.content.decode())
            return answer

        return ask

    def commit(self) -> None:
        """Do what waits for a commit: the test itself is a transaction, which never commits."""
        assert len(connection.savepoint_ids) == self.depth
        while connection.run_on_commit:
            connection.run_on_commit.pop(0)[1]()

    # Working

    def care(self, *, strike: Callable[[], None] | None = None, after: int = 0) -> None:
        """Be a worker that does what is due beside publishing; something may happen at its so manieth moment."""
        self.moments_left, self.strike = after, strike
        refresh_due()
        discover(now=self.clock.now)
        for job in claim_accounts(40, share=40, busy=Counter(), workspace_id=""):
            read(job.claim, writer=Inline(), is_ending=never)
        self.strike = None
        purge_deleted()
        self.commit()
        expiring.tell(self.clock.now)
        remove_all(connecting.old(self.clock.now))

    def meddle(self, request: requests.PreparedRequest, send: Send) -> requests.Response:
        """Stand between the product and all others."""
        if request.url == HOOK:
            return self.receive(request)
        if self.is_person or "/sandbox/" not in urlsplit(request.url or "").path:
            return send(request)
        assert len(connection.savepoint_ids) == self.depth, "a transaction is open while a network is asked"
        self.look_at(request)
        self.moment()
        answer = send(request)
        if answer.headers.get("Content-Length") == "unanswered":
            raise AnswerLost("The connection was closed.")
        self.keep_secrets(request, answer)
        self.moment()
        return answer

    def look_at(self, request: requests.PreparedRequest) -> None:
        """What was replaced or given up is never sent again."""
        sent = " ".join([request.url or "", request.headers.get("Authorization", ""), sent_text(request)])
        old = [each for each in self.retired if each in sent]
        assert not old, (request.method, request.url, "an old token was used")

    def keep_secrets(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        sent = [*parse_qsl(sent_text(request)), *parse_qsl(urlsplit(request.url or "").query)]
        self.secrets |= {value for name, value in sent if name in ("code", "code_verifier")}
        content = answer.raw.read()
        answer.raw = HTTPResponse(
            io.BytesIO(content), headers=answer.raw.headers, status=answer.status_code, preload_content=False
        )
        try:
            found = json.loads(content)
        except ValueError:
            return
        given = set(tokens_in(found))
        self.secrets |= given
        self.tokens |= {each for each in given if is_kept(each)}

    # Persons at their networks

    def consent(
        self, auth_url: str, person: str, *, decision: str = "allow", pages: Sequence[str], without: int = 0
    ) -> dict[str, str]:
        """Decide on the network's page, and return what comes back with the person; nothing where it went wrong.

        The last so many scopes are left out, where the page lets them.
        """
        asked = dict(parse_qsl(urlsplit(auth_url).query))
        scopes = asked.get("scope", "").replace(",", " ").split()
        form: dict[str, Any] = {"decision": decision, "login": person, "pages": pages}
        if without:
            form |= {"choosing": "scopes", "scopes": scopes[:-without]}
        if "/connect/" in auth_url:
            given = {"handle": f"{person.lower()}.bsky.social", "app_password": PASSWORD, "action": decision}
            form = {"state": asked["state"], "service": "", **given}
        self.is_person = "/sandbox/" in auth_url
        try:
            page = requests.post(
                auth_url, data=urlencode(form, doseq=True), headers=FORM, allow_redirects=False, timeout=5
            )
        finally:
            self.is_person = False
            self.commit()
        self.answers.append(page.text if "/connect/" not in auth_url else page.text.replace(asked["state"], ""))
        back = parse_qs(urlsplit(page.headers.get("Location", "")).query)
        self.secrets |= {value for values in [*back.values()][:1] for value in values if "code" in back}
        return {name: values[0] for name, values in back.items()}

    # What nobody else sees

    def rows(self) -> dict[str, SocialAccount]:
        return {row.pk: row for row in SocialAccount.objects.select_related("workspace")}

    def retire(self) -> None:
        """Remember which tokens nobody may use from now on: those that were given and are not kept any more."""
        kept = {value for row in self.rows().values() if row.access_token for value in values_of(row.unseal())}
        kept |= {value for each in Connection.objects.exclude(sealed="") for value in found_in(each, self.tokens)}
        self.retired = self.tokens - kept

    def leaks(self) -> list[str]:
        """Return what has a secret in it of all that was answered, told, logged or recorded since the last time."""
        told = [*self.answers, *map(json.dumps, self.told), *self.memory.lines]
        told += map(str, Event.objects.order_by("-pk").values_list("details", flat=True)[:40])
        self.answers.clear()
        self.memory.lines.clear()
        return [text for text in told if any(secret in text for secret in self.secrets)]

    def readable(self) -> set[str]:
        """Return the rows from which whoever has the keys can read tokens."""
        found = set()
        for column in sealed.columns():
            for row in column.filled():
                text = sealed.opened(row, column.name)
                found |= {f"{row._meta.db_table} {row.pk}" for each in self.tokens if each in text}
        return found


def sent_text(request: requests.PreparedRequest) -> str:
    """Return the body of a request, where it is a text."""
    return request.body.decode(errors="replace") if isinstance(request.body, bytes) else request.body or ""


def tokens_in(found: Any) -> Iterator[str]:
    """Yield the tokens in an answer, wherever they are."""
    if isinstance(found, list):
        for each in found:
            yield from tokens_in(each)
    elif isinstance(found, dict):
        for name, value in found.items():
            if name in TOKENS and isinstance(value, str):
                yield value
            else:
                yield from tokens_in(value)


def found_in(row: Connection, secrets: set[str]) -> Iterator[str]:
    text = row.unseal()
    return (each for each in secrets if each in text)


def is_kept(value: str) -> bool:
    """Whether this is a token that an app keeps: not one that only a file is sent with."""
    return networks.Token.objects.filter(digest=digest(value), kind__in=HELD).exists()


def values_of(held: Held) -> list[str]:
    return list(filter(None, dict.fromkeys([held.access_token, held.refresh_token])))


def tokens_of(row: SocialAccount) -> list[networks.Token]:
    """Return what the network knows of the tokens that are kept of an account, the access token first."""
    found = [networks.Token.objects.filter(digest=digest(value)).first() for value in values_of(row.unseal())]
    return [each for each in found if each is not None]


def is_alive(token: networks.Token, clock: Clock) -> bool:
    return token.revoked_at is None and not token.expired(clock.now)


@contextmanager
def at_home() -> Iterator[Town]:
    """Let the product run in this process, with nobody connected."""
    memory = Memory()
    with one_clock() as clock, pytest.MonkeyPatch.context() as patch:
        for flusher in (usage.FLUSHER, calls.FLUSHER):
            patch.setattr(flusher, "flush_soon", lambda: None)
        patch.setattr(tokens, "close_old_connections", lambda: None)
        patch.setattr(logging.getLogger(), "handlers", [*logging.getLogger().handlers, memory])
        town = Town(clock, memory)
        with in_process(patch, town.meddle):
            yield town


def gone(workspace: Workspace) -> bool:
    return not Workspace.objects.filter(pk=workspace.pk).exists()
