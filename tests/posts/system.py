"""The product, its networks and a webhook receiver in one process, with one clock, and a worker that can be struck."""

import io
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import requests
import time_machine
from django.db import connection
from urllib3 import HTTPResponse

from accounts import calls
from accounts.models import SocialAccount
from adminapi.management.client import Client
from ouipost.api import limits
from ouipost.events import delivery, settling
from ouipost.outbound.errors import AnswerLost, NotSent
from ouipost.simulator import models as networks
from ouipost.writer import Inline
from posts.publishing import one_target
from posts.publishing.arming import load_ahead
from tests.conftest import AdminClient, ApiClient
from tests.factories import make_key, make_token, make_user, make_workspace
from tests.in_process import BASE, Send, in_process
from tests.posts.fakes import claim_targets, never
from workspaces.keys import usage

PLATFORMS = ("twitter", "bluesky", "threads", "facebook", "linkedin")
"""Networks that recover a lost post by a search, by a key, or by a handle, and one that cannot be asked."""
HOOK = "https://1.1.1.1/hook"
BEGINNING = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
A_MOMENT = 0.05
"""The duration of each request and of each step of a worker, in seconds."""
MAY = {
    "edit": {"draft", "scheduled"},
    "schedule": {"draft", "scheduled", "missed"},
    "unschedule": {"scheduled", "missed", "failed"},
    "publish": {"draft", "scheduled", "missed"},
    "retry": {"failed", "partially_published"},
    "resolve": {"needs_review"},
    "delete": {"draft", "scheduled", "missed", "failed", "partially_published", "needs_review", "published"},
}
"""What may be done to a post, by its status. Whatever is published again only shows its results."""
COMMON_FAULTS: list[dict[str, Any]] = [
    {"effect": "timeout_after_accept", "options": {"hold": 0}},
    {"effect": "timeout_before_accept", "options": {"hold": 0}},
    {"effect": "status", "options": {"status": 500}},
    {"effect": "status", "options": {"status": 503, "after_accept": True}},
    {"effect": "status", "options": {"status": 502}, "match": "/"},
    {"effect": "status", "options": {"status": 403, "body": {"error": "no"}}},
    {"effect": "cut_json"},
    {"effect": "expire_token"},
    {"effect": "revoke"},
    {"effect": "slow_processing", "options": {"seconds": 90}},
    {"effect": "list_lag", "options": {"seconds": 20}},
]
"""Faults of networks that may come in any life."""


Acts = dict[str, tuple[int, tuple[Sequence[Any], ...]]]
"""Possible acts by name, each with its relative frequency and the choices for its arguments."""


class Killed(BaseException):
    """The process of the worker is gone."""


class Clock:
    """The time of this process, of the database and of the networks, which passes only when a test moves it."""

    def __init__(self, moved: Any) -> None:
        self.moved = moved
        self.began = time.monotonic()

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.began + (self.now - BEGINNING).total_seconds()

    def go_on(self, seconds: float) -> None:
        self.moved.shift(seconds)
        self.tell_database()

    def begin_anew(self) -> None:
        self.moved.move_to(BEGINNING)
        self.tell_database()

    def tell_database(self) -> None:
        connection.ensure_connection()
        connection.connection.create_function("strftime", -1, self.strftime)

    def strftime(self, form: str, _: str) -> str:
        """Answer as SQLite's function for the present time, its only use in the product."""
        return self.now.strftime(form.replace("%f", f"%S.{self.now.microsecond // 1000:03d}"))


@contextmanager
def one_clock() -> Iterator[Clock]:
    """Use one clock for everything during the block."""
    with time_machine.travel(BEGINNING, tick=False) as moved, pytest.MonkeyPatch.context() as patch:
        clock = Clock(moved)
        patch.setattr(time, "monotonic", clock.monotonic)
        clock.tell_database()
        yield clock
    connection.close()


class Product:
    """The product as its users and its operator see it, and the networks' real state."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.workspace = make_workspace()
        _, secret = make_key()
        self.api = ApiClient(secret, self.workspace.pk)
        self.operator = make_user()
        self.client = Client(BASE, api_key=secret, workspace_id=self.workspace.pk)
        self.begin_anew()

    def begin_anew(self) -> None:
        self.clock.begin_anew()
        self.told: list[dict[str, Any]] = []
        self.is_working = self.is_down = False
        self.moments_left = 0
        self.strike: Callable[[], None] | None = None

    def connect_all(self, names: Sequence[str]) -> None:
        """Connect an account of each of these networks, and a webhook for all events."""
        self.accounts = {name: str(self.client.connect(name)["id"]) for name in names}
        rows = SocialAccount.objects.in_bulk(self.accounts.values())
        self.places = {(row.platform, row.remote_id): pk for pk, row in rows.items()}
        outcomes = ["published", "partially_published", "failed", "needs_review", "missed"]
        events = ["created", "scheduled", "deleted", *outcomes]
        self.operate("/admin/webhooks", {"url": HOOK, "events": [f"post.{each}" for each in events]})

    # Asking

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Call the API; a refusal must have a reason, and no error 500 may come. Returns status, and data or error."""
        limits.IN_PROCESS.reset()
        self.clock.go_on(A_MOMENT)
        answer = self.api(method, path, body, Prefer="wait=0", **headers)
        content = answer.json()
        assert answer.status_code < 500, content
        if content["success"]:
            return answer.status_code, content["data"]
        error = content["error"]
        assert error["code"], error
        assert error["message"], error
        assert error["code"] != "VALIDATION_ERROR" or error["details"]["fields"], error
        return answer.status_code, error

    def get(self, path: str) -> Any:
        status, data = self.ask("GET", path)
        assert status == 200, data
        return data

    @property
    def admin(self) -> AdminClient:
        """Return a newly logged-in client of the admin API, as a session may end during a long wait."""
        return AdminClient(make_token(self.operator))

    def operate(self, path: str, body: Any) -> None:
        answer = self.admin.post(path, body)
        assert answer.status_code < 300, answer.content

    def figures(self, path: str) -> Any:
        answer = self.admin.get(path)
        assert answer.status_code == 200, answer.content
        return answer.json()["data"]

    def copies(self) -> dict[str, list[networks.Post]]:
        """Return every visible post at the networks, by account, the oldest first."""
        found: dict[str, list[networks.Post]] = {pk: [] for pk in self.places.values()}
        rows = networks.Post.objects.alive().exclude(kind=networks.Post.RECORD).order_by("created_at", "pk")
        for row in rows:
            found[self.places[row.network, row.account]].append(row)
        return found

    # Working

    def work(self, *, strike: Callable[[], None] | None = None, after: int = 0) -> None:
        """Run a worker for one turn, and call `strike` at its moment number `after`."""
        self.moments_left, self.strike = after, strike
        self.is_working = True
        try:
            claims = claim_targets(4)
            loaded = load_ahead(claims)
            for claim in claims:
                self.moment()
                one_target.publish(claim, writer=self, loaded=loaded.get(claim.pk), is_ending=never)
        finally:
            self.is_working, self.strike = False, None

    def work_and_die(self, after: int) -> None:
        """Run a worker that is killed at its moment number `after`, if it has that many."""

        def die() -> None:
            raise Killed

        with suppress(Killed):
            self.work(strike=die, after=after)

    def work_and_freeze(self, after: int, seconds: int, *, meanwhile: Callable[[], None]) -> None:
        """Run a worker that is frozen for longer than its lease, while `meanwhile` is called again and again."""

        def freeze() -> None:
            for pause in (seconds, 45, 0):
                self.clock.go_on(pause)
                meanwhile()

        self.work(strike=freeze, after=after)

    def run(self, work: Any, item: Any) -> Any:
        """Do the worker's database work; the worker may be struck before it, and after its commit."""
        self.moment()
        result = Inline().run(work, item)
        self.moment()
        return result

    def moment(self) -> None:
        self.clock.go_on(A_MOMENT)
        self.moments_left -= 1
        if self.strike is not None and self.moments_left == 0:
            strike, self.strike, self.is_working = self.strike, None, False
            strike()
            self.is_working = True

    def deliver(self) -> None:
        """Deliver all webhooks that are due."""
        while jobs := delivery.claim_deliveries(20, hosts=delivery.Hosts([], most=20)):
            for job in jobs:
                Inline().run(settling.settle_all, delivery.deliver(job))

    def meddle(self, request: requests.PreparedRequest, send: Send) -> requests.Response:
        """Intercept all requests of the product."""
        if request.url == HOOK:
            return self.receive(request)
        if not self.is_working:
            return send(request)
        self.moment()
        if self.is_down and "/sandbox/" in urlsplit(request.url or "").path:
            raise NotSent("Nobody is there.")
        answer = send(request)
        if answer.headers.get("Content-Length") == "unanswered":
            raise AnswerLost("The connection was closed.")
        self.moment()
        return answer

    def receive(self, request: requests.PreparedRequest) -> requests.Response:
        self.told.append(json.loads(request.body or b"{}"))
        answer = requests.Response()
        answer.raw = HTTPResponse(io.BytesIO(b""), status=200, preload_content=False)
        return answer

    def moment_in(self, seconds: float) -> str:
        return f"{self.clock.now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


Kind = TypeVar("Kind", bound=Product)


def running(names: Sequence[str] = PLATFORMS) -> AbstractContextManager[Product]:
    """Let the product run in this process, with an account of each of these networks."""
    return running_as(Product, names)


@contextmanager
def running_as(kind: type[Kind], names: Sequence[str]) -> Iterator[Kind]:
    """Run this kind of product in this process, with an account of each of these networks."""
    with one_clock() as clock, pytest.MonkeyPatch.context() as patch:
        for flusher in (usage.FLUSHER, calls.FLUSHER):
            patch.setattr(flusher, "flush_soon", lambda: None)
        product = kind(clock)
        with in_process(patch, product.meddle):
            product.connect_all(names)
            yield product


def drawn(acts: Acts, count: int) -> list[tuple[Any, ...]]:
    """Draw the acts of a life at random."""
    names = random.choices([*acts], [weight for weight, _ in acts.values()], k=count)
    return [(name, *(random.choice(each) for each in acts[name][1])) for name in names]


def lived(life: Any, acts: Sequence[tuple[Any, ...]], *, which: str) -> None:
    """Run these acts of a life, and compare it with its model after each; a failure names the life."""
    try:
        for name, *given in acts:
            getattr(life, name)(*given)
            life.check()
        life.end()
    except Exception as error:
        error.add_note(f"The life was {acts}, {which}.")
        raise
