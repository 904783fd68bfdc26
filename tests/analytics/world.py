"""The product and the simulated networks in one process, with one clock that stands still until a test moves it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connections

from adminapi.management.client import Client
from adminapi.management.commands import sync_analytics
from analytics import reading
from analytics.discovery import discover_all
from analytics.models import AccountSync, TargetNumbers
from analytics.settling import SyncResult
from analytics.sync import ClaimedAccount, Syncer
from ouipost import claims
from ouipost.simulator import clock
from ouipost.simulator import models as networks
from ouipost.writer import Runs
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.in_process import BASE, Send, in_process
from tests.networks.kinds import Kind
from tests.networks.working_off import work_off

RUN_SECONDS = 60
THREADS = 4


class Time:
    """The present time of the product's database and of the networks, which passes only when a test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
        self.now = now
        monkeypatch.setattr(clock, "now", lambda: self.now)
        for module in (claims, reading, sync_analytics):
            monkeypatch.setattr(module, "database_now", lambda using="default": self.now)

    def pass_by(self, **duration: float) -> datetime:
        self.now += timedelta(**duration)
        return self.now

    def go_on_to_noon(self) -> None:
        """Move the time to noon of tomorrow, so that midnight is hours away."""
        self.now = (self.now + timedelta(days=1)).replace(hour=12)


class OwnConnections(Syncer):
    """A syncer whose threads close their connections, as they run the simulator itself here."""

    tick_seconds = 0.05

    def work(self, job: ClaimedAccount, writer: Runs) -> None:
        try:
            super().work(job, writer)
        finally:
            connections.close_all()


@dataclass
class Watch:
    """Intercepts calls from the product to the networks: records them, and may disturb them."""

    asked: list[str] = field(default_factory=list)
    befall: Callable[[requests.PreparedRequest, Send], requests.Response] | None = None

    def __call__(self, request: requests.PreparedRequest, send: Send) -> requests.Response:
        path = urlsplit(str(request.url)).path
        if not path.startswith("/sandbox/"):
            return send(request)
        self.asked.append(f"{request.method} {path.removeprefix('/sandbox/')}")
        return self.befall(request, send) if self.befall else send(request)


@dataclass
class World:
    """A client of the product, and the results of its readings."""

    client: Client
    api: ApiClient
    watch: Watch
    monkeypatch: pytest.MonkeyPatch
    results: list[SyncResult] = field(default_factory=list)
    _time: Time | None = None

    @property
    def time(self) -> Time:
        """The common clock, which stands still from its first reading on."""
        self._time = self._time or Time(self.monkeypatch, max(clock.now(), claims.database_now()))
        return self._time

    def connect(self, network: str, person: str = "Demo", choose: int = 0) -> dict[str, Any]:
        """Connect an account and return it as the API shows it."""
        account = self.client.connect(network, person, choose=choose)
        shown: dict[str, Any] = self.client.call("GET", f"/api/accounts/{account['id']}")["account"]
        return shown

    def publish(self, kind: Kind, *accounts: dict[str, Any], content: str = "Fresh bread") -> Post:
        """Write a post to these accounts with the files of its kind, and publish it."""
        body = kind.request(content, accounts[0]) | {"platforms": [account["id"] for account in accounts]}
        made = self.client.call("POST", "/api/posts", json=body)
        post = Post.objects.get(pk=made["post"]["id"])
        for make in kind.files:
            answer = upload(self.api, post, make())
            assert answer.status_code == 201, answer.json()
        answer = self.api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")
        assert answer.status_code == 202, answer.json()
        for target in post.targets.order_by("pk"):
            settled = work_off(target)
            assert settled.status == "published", settled.error
        return Post.objects.get(pk=post.pk)

    def sync(self, syncer: type[Syncer] = OwnConnections, threads: int = THREADS) -> list[SyncResult]:
        """Do all due readings; returns their results."""
        self.results.clear()
        discover_all(now=claims.database_now())
        syncer(threads, tell=self.results.append).run_until_idle(seconds=RUN_SECONDS)
        return list(self.results)

    def order(self, network: str, match: str, effect: str, **options: Any) -> networks.Fault:
        """Order a fault for calls to a network."""
        times = options.pop("times", 1)
        return networks.Fault.objects.create(network=network, match=match, effect=effect, times=times, options=options)


@contextmanager
def simulated(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a product with the simulator in the same process."""
    watch = Watch()
    with in_process(monkeypatch, watch):
        headers = api.headers
        client = Client(BASE, api_key=headers["X-API-Key"], workspace_id=headers["X-Workspace-ID"])
        yield World(client=client, api=api, watch=watch, monkeypatch=monkeypatch)


def sync_of(account: dict[str, Any]) -> AccountSync:
    return AccountSync.objects.get(pk=account["id"])


def numbers_of(post: Post) -> TargetNumbers:
    return TargetNumbers.objects.get(target__post=post)


def copy_posts(post: Post, count: int) -> list[Target]:
    """Copy a published post so many times, here and at its network; returns all their targets."""
    first = Target.objects.select_related("post").get(post=post)
    there: Any = networks.Post.objects.get(network=first.platform, external_id=first.remote_id)
    files: list[Any] = list(networks.Media.objects.filter(network=first.platform, external_id=first.remote_id))
    endings = [ending for each in range(count + 1) if not first.remote_id.endswith(ending := f"{each:03}")]
    targets = [first]
    for ending in endings[:count]:
        remote_id = first.remote_id[:-3] + ending
        for row in (there, *files):
            _copy(row, external_id=remote_id)
        targets.append(_copy(first, remote_id=remote_id, post_id=_copy(first.post).pk))
    return targets


def _copy(row: Any, **values: Any) -> Any:
    columns = {each.attname: getattr(row, each.attname) for each in row._meta.concrete_fields if not each.primary_key}
    return type(row)._default_manager.create(**columns | values)
