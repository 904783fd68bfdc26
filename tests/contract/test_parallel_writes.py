"""Clients that write by every route at the same time: no deadlock and no lost wait reaches any of them."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection, transaction
from django.test import Client

from ouipost.events.models import Event
from posts import counts
from posts.models import Post
from tests.conftest import AdminClient, ApiClient
from tests.contract.writes import NEW_USER, WRITES, World
from tests.factories import make_account, make_media, make_token, make_user, make_workspace
from tests.foundation.threads import at_once

WRITERS = 8
SECONDS = float(os.environ.get("WRITERS_SECONDS", "4"))
"""A minute in `make crash`."""
SHARED = 0.7


@dataclass(kw_only=True)
class Busy(World):
    """The world of one of many writers: its rows are everybody's, its connections its own."""

    def post(self, status: str = "draft", **values: Any) -> Post:
        """Return the latest such post, which others are at as well, or a new one."""
        latest = Post.objects.filter(workspace=self.workspace, status=status).order_by("-pk").first()
        return latest if latest is not None and random.random() < SHARED else self.new_post(status, **values)

    @transaction.atomic
    def new_post(self, status: str = "draft", **values: Any) -> Post:
        """Return a post that the others see when it is whole: one that they deleted before would be saved again."""
        made = super().post(status, **values)
        counts.add_posts(self.workspace.pk, 1)  # as who makes posts must say
        return made

    def media(self) -> str:
        """Return the address of a file of a post that others may change, and not delete: it is about to go out."""
        return f"/api/media/{make_media(self.new_post('scheduled')).pk}"


def _user() -> str:
    return f"/admin/users/{make_user(email=f'{uuid4().hex}@example.com', role='editor').pk}"


def _log_out(_: Busy) -> Any:
    return AdminClient(make_token(make_user(email=f"{uuid4().hex}@example.com"))).post("/admin/logout")


def _disconnect(busy: Busy) -> Any:
    account = make_account(busy.workspace, remote_id=uuid4().hex, default_of=None)
    return busy.act("DELETE", f"/api/accounts/{account.pk}")


OWN: dict[str, Callable[[Busy], Any]] = {
    "PUT /api/media/{pk}": lambda busy: busy.act("PUT", busy.media(), {"alt_text": "B"}),
    "DELETE /api/media/{pk}": lambda busy: busy.act("DELETE", busy.media()),
    "PUT /api/posts/{pk}": lambda busy: busy.act("PUT", f"/api/posts/{busy.post().pk}", {"content": uuid4().hex}),
    "DELETE /api/workspaces/{pk}": lambda busy: busy.act("DELETE", f"/api/workspaces/{make_workspace().pk}"),
    "DELETE /api/accounts/{pk}": _disconnect,
    "POST /admin/logout": _log_out,
    "POST /admin/users": lambda busy: busy.act(
        "POST", "/admin/users", NEW_USER | {"email": f"{uuid4().hex}@example.com"}
    ),
    "PUT /admin/users/{pk}": lambda busy: busy.act("PUT", _user(), {"role": "viewer"}),
    "DELETE /admin/users/{pk}": lambda busy: busy.act("DELETE", _user()),
}
"""What would end the others' world, or is there once, is done to rows of the writer's own; each edit is another."""
TOLD = {
    "POST /api/posts": "post.created",
    "PUT /api/posts/{pk}": "post.updated",
    "DELETE /api/posts/{pk}": "post.deleted",
}


def write(given: World, until: float) -> Counter[tuple[str, int]]:
    """Write by all routes in turn, in an order of this writer's own; returns how often each was answered how."""
    api, admin = (copied(client) for client in (given.api, given.admin))
    busy = Busy(workspace=given.workspace, key=given.key, api=api, user=given.user, admin=admin)
    writes = list((WRITES | OWN).items())
    answered: Counter[tuple[str, int]] = Counter()
    while time.monotonic() < until:
        random.shuffle(writes)
        for route, act in writes:
            try:
                answered[route, act(busy).status_code] += 1
            except (DatabaseError, ObjectDoesNotExist):
                answered[route, 0] += 1  # of rows that the test makes by itself: no answer is an exception
    return answered


def copied(client: Any) -> Any:
    """Return a client with the same credentials and a connection of its own."""
    copy = ApiClient("") if isinstance(client, ApiClient) else AdminClient("")
    copy.client, copy.headers = Client(raise_request_exception=False), client.headers
    return copy


@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("unlimited")
def test_writers_at_every_route_meet_no_deadlock_and_the_totals_add_up(world: World) -> None:
    counts.add_posts(world.workspace.pk, 0)  # the number is kept from now on
    assert world.account
    until = time.monotonic() + SECONDS

    ended = at_once(*[lambda: write(world, until)] * WRITERS)

    assert [each for each in ended if isinstance(each, Exception)] == []
    answered = sum(ended, Counter[tuple[str, int]]())
    assert {key: number for key, number in answered.items() if key[1] >= 500} == {}
    done: Counter[str] = Counter()
    for (route, status), number in answered.items():
        done[route] += number if 200 <= status < 300 else 0
    assert {event: Event.objects.filter(type=event).count() for event in TOLD.values()} == {
        event: done[route] for route, event in TOLD.items()
    }
    assert counts.posts_of(world.workspace.pk) == Post.objects.filter(workspace=world.workspace).count()
    assert {route for route in WRITES if not done[route]} == set(), answered
