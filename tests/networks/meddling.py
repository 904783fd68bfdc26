"""Publish a post while one request to its network is disturbed."""

from collections import Counter
from collections.abc import Callable, Sequence
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


COPIED = ("type", "filename", "size", "mime_type", "width", "height", "facts", "stored_name", "thumbnail_name")
KEPT: dict[Callable[[], bytes], Media] = {}
"""The files that this process has uploaded already, by what makes them: see `files_stay` in `conftest.py`."""


@dataclass
class Meddler:
    """Counts the requests to networks while a post goes out, and disturbs one of them."""

    fault: Fault | None = None
    at: int = -1
    seen: int = 0
    visible: list[bool] = field(default_factory=list)
    """For each request, whether it made something visible."""
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
    """The result of one post: its status, and the visible copies of its parts."""

    target: Target
    texts: Counter[str]
    in_order: bool
    """True if each part of a thread answers the one before it."""
    visible: list[bool]
    """For each request, whether it made something visible."""

    @property
    def copies(self) -> int:
        return max(self.texts.values(), default=0)


@dataclass
class World:
    """A client of the product, with the networks in the same process."""

    client: Client
    api: ApiClient
    meddler: Meddler

    def publish(self, kind: Kind, account: dict[str, Any], meddler: Meddler) -> Seen:
        """Write a post of this kind, publish it through this meddler, and count the visible parts."""
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
        add_files(self.api, post, kind.files)
        answer = self.api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")
        assert answer.status_code == 202, answer.json()
        return post


def add_files(api: ApiClient, post: Post, makers: Sequence[Callable[[], bytes]]) -> None:
    """Give the post these files: each is uploaded and checked for the first post that has it in this process."""
    for make in makers:
        if make not in KEPT:
            answer = upload(api, post, make())
            assert answer.status_code == 201, answer.json()
            KEPT[make] = post.files.latest("position")
    post.refresh_from_db()
    post.files.all().delete()
    media = [
        Media(**{name: getattr(KEPT[make], name) for name in COPIED}, post=post, position=position)
        for position, make in enumerate(makers)
    ]
    Media.objects.bulk_create(media)
    post.media = [
        {"id": each.pk, "type": each.type, "name": each.stored_name, "thumbnail": each.thumbnail_name} for each in media
    ]
    post.save()


def _forget_the_last_post() -> None:
    """Delete rows that would make the next post a duplicate, or exceed a quota."""
    for model in (networks.Post, networks.Media, networks.Piece, networks.Counter, networks.Clock):
        model._default_manager.all().delete()
    Post.objects.all().delete()
    Network.objects.all().delete()
