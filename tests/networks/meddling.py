"""A world in which one request to a network is spoilt while a post goes out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import requests

from accounts.models import Network
from adminapi.management.client import Client
from ouipost.simulator import models as networks
from posts.models import Media, Post, Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.in_process import Send
from tests.networks.kinds import Kind
from tests.networks.working_off import work_off

Fault = Callable[[requests.PreparedRequest, Send], requests.Response]


COPIED = ("type", "filename", "size", "mime_type", "width", "height", "facts", "stored_name", "position")


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
        post = self.write(kind, account)
        with_trouble = replace(meddler, watching=True, visible=[])
        self.meddler.__dict__.update(with_trouble.__dict__)
        target = work_off(Target.objects.get(post=post))
        self.meddler.watching = False
        shown = list(networks.Post.objects.alive().exclude(kind=networks.Post.RECORD).order_by("pk"))
        texts = Counter(f"{each.kind} {each.text} {each.parent and 'reply'}" for each in shown)
        in_order = all(after.parent == before.external_id for before, after in pairwise(shown))
        return Seen(target=target, texts=texts, in_order=in_order, visible=self.meddler.visible)

    def write(self, kind: Kind, account: dict[str, Any]) -> Post:
        """Write a post of this kind, and have it published at once."""
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
