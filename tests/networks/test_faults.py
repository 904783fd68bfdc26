"""Every kind of post of every network, with faults at every request: what people see of it is there once.

The requests that make something visible meet every fault, the others those that differ for them.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from urllib3 import HTTPResponse

from accounts.models import Network, SocialAccount
from adminapi.client import Client
from ouipost.outbound.transport import current_call
from ouipost.simulator import clock
from ouipost.simulator import models as networks
from ouipost.writer import Inline
from posts import publishing
from posts.claiming import claim_targets
from posts.models import Media, Post, Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.in_process import BASE, Send, in_process
from tests.networks.conftest import FAULTS_TRIED
from tests.networks.kinds import KINDS, Kind
from tests.posts.fakes import bring_forward

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database, pytest.mark.thorough]

Fault = Callable[[requests.PreparedRequest, Send], requests.Response]
MOST_STEPS = 60
PROCESSING_SECONDS = 3
"""By which the networks' time moves on while they are asked about something that they are at work on."""
SETTLED = ("published", "failed", "needs_review")


def lost_after(request: requests.PreparedRequest, send: Send) -> requests.Response:
    send(request)
    current_call.get().has_left = True
    raise ConnectionError("The answer is lost.")


def lost_before(request: requests.PreparedRequest, send: Send) -> requests.Response:
    current_call.get().has_left = True
    raise ConnectionError("Nothing arrived.")


def not_sent(request: requests.PreparedRequest, send: Send) -> requests.Response:
    raise ConnectionError("There is no connection.")


def answering(status: int, body: bytes, *, after: bool = False, headers: dict[str, str] | None = None) -> Fault:
    def fault(request: requests.PreparedRequest, send: Send) -> requests.Response:
        if after:
            send(request)
        current_call.get().has_left = True
        raw = HTTPResponse(io.BytesIO(body), headers=headers or {}, status=status, preload_content=False)
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    return fault


def cut(request: requests.PreparedRequest, send: Send) -> requests.Response:
    answer = send(request)
    half = answer.content[: len(answer.content) // 2]
    return answering(answer.status_code, half)(request, send)


FAULTS: dict[str, Fault] = {
    "lost after it was taken": lost_after,
    "lost before it was taken": lost_before,
    "not sent": not_sent,
    "500 after it was taken": answering(500, b"{}", after=True),
    "502 after it was taken": answering(502, b"<html>Bad gateway</html>", after=True),
    "503": answering(503, b""),
    "429": answering(429, b"", headers={"Retry-After": "1"}),
    "cut": cut,
}


COPIED = ("type", "filename", "size", "mime_type", "width", "height", "facts", "stored_name", "position")
INVISIBLE = ("lost after it was taken", "not sent", "503")


@dataclass
class Meddler:
    """Counts the requests to networks while a post goes out, and spoils one of them."""

    fault: Fault | None = None
    at: int = -1
    seen: int = 0
    visible: list[bool] = field(default_factory=list)
    """Whether each request made something visible."""
    watching: bool = False

    def __call__(self, request: requests.PreparedRequest, send: Send) -> requests.Response:
        if not self.watching or not urlsplit(str(request.url)).path.startswith("/sandbox/"):
            return send(request)
        self.seen += 1
        before = networks.Post.objects.count()
        try:
            return self.fault(request, send) if self.fault and self.seen == self.at + 1 else send(request)
        finally:
            self.visible.append(networks.Post.objects.count() > before)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of one post: its status, and how many copies of its parts people see."""

    target: Target
    texts: Counter[str]
    in_order: bool
    """Whether each part of a thread answers the one before it."""
    visible: list[bool]
    """Of each request, whether it made something visible."""

    @property
    def copies(self) -> int:
        return max(self.texts.values(), default=0)


@dataclass
class World:
    """A client, and what stands between it and the networks."""

    client: Client
    api: ApiClient
    meddler: Meddler
    kept: dict[Kind, list[Media]] = field(default_factory=dict)

    def publish(self, kind: Kind, account: dict[str, Any], meddler: Meddler) -> Seen:
        """Write a post of this kind, let it go out through this trouble, and count what people see."""
        _forget_the_last_post()
        post = self._write(kind, account)
        with_trouble = replace(meddler, watching=True, visible=[])
        self.meddler.__dict__.update(with_trouble.__dict__)
        target = _work_off(Target.objects.get(post=post))
        self.meddler.watching = False
        shown = list(networks.Post.objects.alive().exclude(kind=networks.Post.RECORD).order_by("pk"))
        texts = Counter(f"{each.kind} {each.text} {each.parent and 'reply'}" for each in shown)
        in_order = all(after.parent == before.external_id for before, after in pairwise(shown))
        return Seen(target=target, texts=texts, in_order=in_order, visible=self.meddler.visible)

    def _write(self, kind: Kind, account: dict[str, Any]) -> Post:
        made = self.client.call("POST", "/api/posts", json=kind.request("Fresh bread", account))
        post = Post.objects.get(pk=made["post"]["id"])
        self._add_files(post, kind)
        answer = self.api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")
        assert answer.status_code == 202, answer.json()
        return post

    def _add_files(self, post: Post, kind: Kind) -> None:
        """Upload the files for the first post of a kind; those after it get the same, which were looked into once."""
        if kind not in self.kept:
            for make in kind.files:
                answer = upload(self.api, post, make())
                assert answer.status_code == 201, answer.json()
            self.kept[kind] = list(Media.objects.filter(post=post).order_by("position"))
            return
        Media.objects.bulk_create(
            Media(**{name: getattr(media, name) for name in COPIED}, post=post) for media in self.kept[kind]
        )
        media = Media.objects.filter(post=post).order_by("position")
        post.media = [{"id": each.pk, "type": each.type, "name": each.stored_name, "thumbnail": ""} for each in media]
        post.save()


def _forget_the_last_post() -> None:
    """Take away what would make the next post a twin, or be over a quota."""
    for model in (networks.Post, networks.Media, networks.Piece, networks.Counter, networks.Clock):
        model._default_manager.all().delete()
    Post.objects.all().delete()
    Network.objects.all().delete()


def _work_off(target: Target) -> Target:
    """Do what is due about a target again and again, as if the time between had passed, until it is settled."""
    for _ in range(MOST_STEPS):
        SocialAccount.objects.update(paced_at=None, recent_calls="")
        bring_forward(target)
        for held in claim_targets(10):
            publishing.publish(held, writer=Inline())
        target = Target.objects.get(pk=target.pk)
        if target.status in SETTLED:
            return target
        if target.waits_for:
            clock.advance(PROCESSING_SECONDS)
    raise AssertionError(f"{target} did not settle: {target.status} {target.waits_for} {target.error}")


@pytest.fixture
def world(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    meddler = Meddler()
    with in_process(monkeypatch, meddler):
        headers = api.headers
        client = Client(BASE, api_key=headers["X-API-Key"], workspace_id=headers["X-Workspace-ID"])
        yield World(client=client, api=api, meddler=meddler)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_fault_at_every_request_leaves_one_copy(
    world: World, kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    account = world.client.connect(kind.network, choose=kind.choose)
    account = world.client.call("GET", f"/api/accounts/{account['id']}")["account"]
    clean = world.publish(kind, account, Meddler())
    assert (clean.target.status, clean.target.error) == ("published", None)
    assert (clean.copies, clean.texts.total()) == (1, kind.parts), clean.texts
    wrong, counts = [], Counter(kinds=1)

    for step, is_visible in enumerate(clean.visible):
        for name in FAULTS if is_visible else INVISIBLE:
            seen = world.publish(kind, account, Meddler(fault=FAULTS[name], at=step))
            is_right = seen.copies <= 1 and _is_right(seen, kind)
            counts["faults"] += 1
            counts["copies above 1"] += seen.copies > 1
            counts["wrong"] += not is_right
            counts["needs_review"] += seen.target.status == "needs_review"
            if not is_right:
                wrong.append((name, step, seen.target.status, dict(seen.texts), seen.target.error))

    record_property(FAULTS_TRIED, (kind.network, dict(counts)))
    assert not wrong, "\n".join(map(str, wrong))


def _is_right(seen: Seen, kind: Kind) -> bool:
    """Published with all its parts, or, where nobody can find out, as with LinkedIn's members, left to a person."""
    match seen.target.status:
        case "published":
            is_chain = seen.in_order or "thread" not in kind.options
            return seen.target.error is None and seen.texts.total() == kind.parts and is_chain
        case "needs_review":
            return seen.target.outcome_unknown and kind.network == "linkedin" and not kind.choose
    return False
