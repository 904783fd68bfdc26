"""What a worker does row by row for a job, beside those who stop it, begin it again, or do the same to a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import Error, transaction

from adminapi.jobs import catalogue, running
from adminapi.jobs.models import Job, JobRow
from adminapi.models import Session
from ouipost.claims import LostClaim, database_now
from ouipost.events.journal import Actor
from ouipost.events.models import Delivery, Event, Message, Webhook
from posts import counts
from posts.models import Post
from tests.conftest import AdminClient, ApiClient
from tests.factories import (
    make_account,
    make_delivery,
    make_key,
    make_post,
    make_token,
    make_user,
    make_webhook,
    make_workspace,
)
from tests.two_at_once import Caller, Deed, World, as_view, asks, journal
from workspaces.models import User

KINDS: dict[str, tuple[str, str]] = {
    "posts.delete_posts": ("post", "second"),
    "posts.duplicate": ("post", "second"),
    "posts.publish_now": ("post", "second"),
    "accounts.disconnect": ("page", "x"),
    "keys.revoke": ("key", "other_key"),
    "users.deactivate": ("b", "a"),
    "webhooks.delete": ("hook", "other_hook"),
    "webhooks.test": ("hook", "other_hook"),
    "deliveries.redeliver": ("dlv", "other_dlv"),
}
"""What a job does, to which rows."""


@dataclass(kw_only=True)
class Workshop(World):
    """Two of everything, the administrators `a` and `b`, and a job of `a`."""

    tokens: dict[str, str] = field(default_factory=dict)
    secret: str = ""
    kind: str = ""
    done_by_then: list[tuple[int, int]] = field(default_factory=list)
    """The rows that were done and refused when the job was stopped."""


@transaction.atomic
def make_workshop(kind: str) -> Workshop:
    shop, workspace, some = Workshop(began=database_now(), kind=kind), make_workspace(), uuid4().hex
    shop.ids["ws"] = workspace.pk
    counts.add_posts(workspace.pk, 0)  # the number is kept from now on
    for who in "ab":
        user = make_user(email=f"{who}-{some}@example.com", name=who)
        shop.ids[who], shop.tokens[who] = user.pk, make_token(user)
    page = make_account(workspace, remote_id=uuid4().hex)
    x = make_account(workspace, platform="twitter", remote_id=uuid4().hex)
    shop.ids |= {"page": page.pk, "x": x.pk}
    for name in ("post", "second"):
        shop.ids[name] = make_post(workspace, accounts=[page, x], content=name).pk
        counts.add_posts(workspace.pk, 1)
    for name in ("key", "other_key"):
        key, shop.secret = make_key(name=name)
        shop.ids[name] = key.pk
    for prefix in ("", "other_"):
        hook = make_webhook(workspace_ids=[workspace.pk], successful_deliveries=1)
        shop.ids[f"{prefix}hook"] = hook.pk
        shop.ids[f"{prefix}dlv"] = make_delivery(hook, at=shop.began, workspace_id=workspace.pk).pk
    shop.ids["job"] = begin(shop).pk
    return shop


def begin(shop: Workshop) -> Job:
    rows = [(shop.ids[name], name) for name in KINDS[shop.kind]]
    actor = Actor(user_id=shop.a, user_email="a@example.com")
    key = f"form {shop.ws[3:]}"[:45]
    kind = catalogue.BY_NAME[shop.kind]
    return running.begin(kind, rows, key=key, total=len(rows), actor=actor, now=database_now())


def step(_shop: Any = None, _: Any = None) -> None:
    """Be a worker that works on jobs; where the database gives way it goes on once its lease is over."""
    for _ in range(3):
        try:
            running.work_on_due()
            return
        except Error:
            Job.objects.filter(status="working").update(lease_until=None)
        except LostClaim:
            return


def stop(shop: Workshop, _: Caller) -> tuple[int, Any]:
    """Stop the job, and note what was done by then."""
    told = as_view(lambda: running.stop(Job(pk=shop.job, kind=shop.kind), actor=Actor(user_id=shop.a), now=shop.began))
    shop.done_by_then.append(settled(shop))
    return told


def settled(shop: Workshop) -> tuple[int, int]:
    """Return how many rows are done, and how many are refused."""
    rows = JobRow.objects.filter(job=shop.job)
    return rows.filter(status="done").count(), rows.filter(status="refused").count()


def by(who: str, method: str, path: str, body: Any = None) -> Deed:
    """Return what an administrator asks the admin API, or a program the API."""
    ask = asks(method, path, body)
    return lambda shop, _: ask(shop, Caller(api=ApiClient(shop.secret), admin=AdminClient(shop.tokens[who])))


DEEDS: dict[str, Deed] = {
    "work": step,
    "stop": stop,
    "begin again": lambda shop, _: as_view(lambda: begin(shop)),
    "delete the post": by("a", "DELETE", "/api/posts/$post"),
    "edit the post": by("a", "PUT", "/api/posts/$post", {"content": "Edited"}),
    "publish the post": by("a", "POST", "/api/posts/$post/publish"),
    "disconnect the page": by("a", "DELETE", "/api/accounts/$page"),
    "revoke the key": by("a", "DELETE", "/admin/keys/$key"),
    "rotate the key": by("a", "POST", "/admin/keys/$key/rotate"),
    "switch the key off": by("a", "PUT", "/admin/keys/$key", {"is_active": False}),
    "b demotes a": by("b", "PUT", "/admin/users/$a", {"role": "viewer"}),
    "a deletes b": by("a", "DELETE", "/admin/users/$b"),
    "b deletes a": by("b", "DELETE", "/admin/users/$a"),
    "b switches a off": by("b", "PUT", "/admin/users/$a", {"is_active": False}),
    "delete the webhook": by("a", "DELETE", "/admin/webhooks/$hook"),
    "switch the webhook off": by("a", "PUT", "/admin/webhooks/$hook", {"is_active": False}),
    "test the webhook": by("a", "POST", "/admin/webhooks/$hook/test"),
    "redeliver": by("a", "POST", "/admin/webhooks/$hook/deliveries/$dlv/redeliver"),
    "replay": by("a", "POST", "/admin/webhooks/$hook/replay", {"since": "2026-11-30T00:00:00Z"}),
    "close": by("a", "DELETE", "/api/workspaces/$ws"),
}


@dataclass
class Workshops:
    """How that is played."""

    deeds: Mapping[str, Deed] = field(default_factory=lambda: DEEDS)

    def make_world(self, state: str) -> Workshop:
        return make_workshop(state)

    def callers(self, world: Workshop) -> Sequence[Caller]:
        nobody = Caller(api=ApiClient(""), admin=AdminClient(""))
        return nobody, nobody

    def settle(self, world: Workshop) -> None:
        Job.objects.filter(status="working").update(lease_until=None, due_at=database_now() - timedelta(seconds=1))
        step()

    def look(self, world: Workshop) -> Any:
        posts = Post.objects.filter(workspace=world.ws, workspace__deleted_at=None)
        hooks = Webhook.objects.order_by("pk")
        return world.plain(
            {
                "job": list(Job.objects.filter(pk=world.job).values("status", "done", "refused", "total")),
                "jobs": Job.objects.filter(created_at__gte=world.began).count(),
                "rows": list(JobRow.objects.filter(job=world.job).order_by("place").values("name", "status", "note")),
                "posts": sorted(posts.values("content", "status"), key=str),
                "users": list(User.objects.order_by("email").values("name", "role", "is_active")),
                "hooks": list(hooks.values("pk", "is_active", "deleted_at", "successful_deliveries")),
                "deliveries": sorted(Delivery.objects.values_list("webhook", "status", "message__type"), key=str),
                "told": journal(world, Event.objects.filter(created_at__gte=world.began)),
            }
        )

    def wrongs(self, world: Workshop) -> list[str]:
        job, over = Job.objects.get(pk=world.job), settled(world)
        found = [f"{job.done} and {job.refused} are counted, there are {over}"] * ((job.done, job.refused) != over)
        found += ["it went on after it was stopped"] * any(then != over for then in world.done_by_then)
        found += ["it goes on for ever"] * (job.status == "working")
        posts = Post.objects.filter(workspace=world.ws)
        if posts.filter(workspace__deleted_at=None).exists() and counts.posts_of(world.ws) != posts.count():
            found.append(f"{counts.posts_of(world.ws)} posts are counted, there are {posts.count()}")
        rules = User.objects.filter(role="admin", is_active=True).exists()
        return found + ["no administrator is left"] * (not rules)

    def leave(self, world: Workshop) -> None:
        for model in (Job, Session, User, Delivery, Message, Webhook):
            model._default_manager.all().delete()
