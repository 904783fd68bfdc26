"""The deeds of people, workers and events on webhooks: a webhook for a post's events, and two of its deliveries."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import Error, transaction

from adminapi.jobs import catalogue
from adminapi.jobs.kinds import Bulk, nothing
from ouipost.claims import database_now
from ouipost.db.pruning import remove_all
from ouipost.events import backoff, pruning, replays
from ouipost.events.delivery import deliver
from ouipost.events.journal import Actor
from ouipost.events.models import Delivery, DeliveryAttempt, EndedDeliveries, Event, Message, Replay, Webhook
from ouipost.events.settling import settle_all
from ouipost.outbound.client import Answer
from ouipost.writer import TRIES
from tests.factories import make_account, make_delivery, make_post, make_webhook, make_workspace
from tests.posts.fakes import ACTOR
from tests.two_at_once import Caller, Deed, Persevering, World, answered, asks, journal
from tests.webhooks.conftest import claim_deliveries
from workspaces.models import User

NAMES = ("first", "second")
HOUR = timedelta(hours=1)


@dataclass(kw_only=True)
class Mailbox(World):
    """A webhook of one workspace with a post, whose two messages wait for it or were sent."""

    own, near_hours = (*World.own, "secret", "milliseconds"), 1000
    messages: dict[str, str] = field(default_factory=dict)
    """Their names, by id."""
    counted: int = 0
    """Ended deliveries of all webhooks before."""

    @property
    def deliveries(self) -> Any:
        return Delivery.objects.filter(webhook=self.hook).order_by("message")

    def name_of(self, message: str) -> str:
        """Return the name of a message, or of what it is about."""
        return self.messages.get(message) or str(Message.objects.values_list("type", flat=True).get(pk=message))


WAITS: dict[str, Any] = {"status": "pending", "finished_at": None}
TRIED = WAITS | {"attempts": 1, "tries": 1}
STATES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "due": ({}, WAITS | {"due_at": timedelta(seconds=-5)}),
    "ended": ({"successful_deliveries": 2}, {"attempts": 1, "tries": 1}),
    "gave up": ({"failed_deliveries": 2}, {"status": "failed", "attempts": 10, "tries": 10}),
    "off": ({"is_active": False, "disabled_reason": "It was switched off."}, {"status": "discarded"}),
    "rests": (
        {"rests": 1, "failures": 5, "failing_since": -HOUR, "held_until": timedelta(seconds=-5)},
        TRIED | {"due_at": None},
    ),
    "held": ({"rests": 1, "failures": 5, "failing_since": -HOUR, "held_until": HOUR}, TRIED | {"due_at": None}),
    "recovered": ({}, TRIED | {"due_at": None}),
    "fails": ({"failures": 4, "failing_since": -HOUR}, WAITS | {"due_at": timedelta(seconds=-5)}),
    "fails for long": (
        {"failures": 19, "failing_since": timedelta(days=-6)},
        WAITS | {"due_at": timedelta(seconds=-5)},
    ),
    "replays": ({"successful_deliveries": 2}, {"attempts": 1, "tries": 1}),
    "old": ({"successful_deliveries": 2}, {"attempts": 1, "tries": 1}),
    "old and due": ({}, WAITS | {"due_at": timedelta(seconds=-5)}),
    "deleted": ({"is_active": False, "successful_deliveries": 2, "deleted_at": -HOUR}, {"attempts": 1}),
}
"""The columns of the webhook, and of its deliveries; times from now."""
ANSWERS = {"fails": 500, "fails for long": 500, "rests": 500}


@transaction.atomic
def make_mailbox(state: str) -> Mailbox:
    box, workspace, other = Mailbox(began=database_now()), make_workspace(), make_workspace()
    post = make_post(workspace, accounts=[make_account(workspace, remote_id=uuid4().hex)])
    of_webhook, of_deliveries = ({name: _from(box, value) for name, value in each.items()} for each in STATES[state])
    hook = make_webhook(events=["post.updated"], workspace_ids=[workspace.pk], **of_webhook)
    box.ids |= {"ws": workspace.pk, "other": other.pk, "post": post.pk, "hook": hook.pk}
    at = box.began - (timedelta(days=31) if state.startswith("old") else timedelta(minutes=5))
    for name in NAMES:
        given: dict[str, Any] = {"type": "post.updated", "at": at, "workspace_id": workspace.pk}
        row = make_delivery(hook, **given, **of_deliveries)
        box.ids[name], box.messages[row.message_id] = row.pk, name
    box.ids["hour_ago"] = (box.began - HOUR).isoformat()
    if state == "replays":
        replays.replay(hook, since=box.began - HOUR, key="present", scope="all", actor=ACTOR, now=box.began)
    box.counted = counted()
    return box


def _from(box: Mailbox, value: Any) -> Any:
    return box.began + value if isinstance(value, timedelta) else value


def counted() -> int:
    rows = [*Webhook.objects.values_list("successful_deliveries", "failed_deliveries")]
    return sum(map(sum, [*rows, *EndedDeliveries.objects.values_list("delivered", "failed")]))


class Receiver:
    """Replaces the client of all deliveries: gives the test's answer, and records the calls."""

    def __init__(self) -> None:
        self.status = 204
        self.calls: list[tuple[str, str, int]] = []
        self._lock = threading.Lock()

    def request(self, _method: str, url: str, *, headers: Mapping[str, str], **_: Any) -> Answer:
        with self._lock:
            self.calls.append((headers["webhook-id"], url, len(headers["webhook-signature"].split())))
        return Answer(status=self.status, headers={}, body=b"")


def again(do: Callable[[], Any]) -> Deed:
    """Return a deed that a worker repeats every few seconds: a lost race for a lock is left to the next time."""

    def work(_world: World, _caller: Caller) -> None:
        for _ in range(TRIES - 1):
            try:
                do()
                return
            except Error:
                pass
        do()

    return work


def work_off() -> None:
    """Send what is due, and settle all of it together, as a busy worker does."""
    results = [deliver(job) for job in claim_deliveries(8)]
    if results:
        Persevering().run(lambda items: [settle_all(items[0])], results)


def in_bulk(kind: Bulk, name: str) -> Deed:
    """Return the deed of the console, or of a job, on a row of a list."""

    def do(box: Mailbox, _: Caller) -> tuple[int, Any]:
        user = User.objects.get(email="admin@example.com")
        row = kind.rows_of(user).filter(pk=box.ids[name]).first()
        actor = Actor(user_id=user.pk)
        return (404, {}) if row is None else answered(lambda: kind.perform(row, actor, "", nothing))

    return do


HOOK = "/admin/webhooks/$hook"
DEEDS: dict[str, Deed] = {
    "event": asks("PUT", "/api/posts/$post", {"content": "Edited"}),
    "another event": asks("PUT", "/api/posts/$post", {"content": "Edited again"}),
    "deliver": lambda _, __: work_off(),
    "bring back": again(backoff.bring_back),
    "replay on": again(replays.work_on_due),
    "prune": again(lambda: remove_all(pruning.old(database_now()))),
    "move": asks("PUT", HOOK, {"url": "https://1.1.1.1/moved"}),
    "move elsewhere": asks("PUT", HOOK, {"url": "https://1.1.1.1/elsewhere", "is_active": True}),
    "narrow": asks("PUT", HOOK, {"events": ["post.deleted"]}),
    "widen": asks("PUT", HOOK, {"events": ["post.updated", "post.deleted"]}),
    "turn to another": asks("PUT", HOOK, {"workspaces": ["$other"]}),
    "switch off": asks("PUT", HOOK, {"is_active": False}),
    "switch on": asks("PUT", HOOK, {"is_active": True}),
    "delete": asks("DELETE", HOOK),
    "rotate": asks("POST", HOOK + "/rotate-secret"),
    "rotate at once": asks("POST", HOOK + "/rotate-secret", {"grace_hours": 0}),
    "test": asks("POST", HOOK + "/test"),
    "replay": asks("POST", HOOK + "/replay", {"since": "$hour_ago"}),
    "replay what failed": asks("POST", HOOK + "/replay", {"since": "$hour_ago", "scope": "failed"}),
    "replay once": asks("POST", HOOK + "/replay", {"since": "$hour_ago", "replay_id": "one"}),
    "redeliver": asks("POST", HOOK + "/deliveries/$first/redeliver"),
    "redeliver the second": asks("POST", HOOK + "/deliveries/$second/redeliver"),
    "redeliver in bulk": in_bulk(catalogue.REDELIVER, "first"),
    "test in bulk": in_bulk(catalogue.TEST_WEBHOOKS, "hook"),
    "delete in bulk": in_bulk(catalogue.DELETE_WEBHOOKS, "hook"),
    "list": asks("GET", HOOK + "/deliveries"),
    "close": asks("DELETE", "/api/workspaces/$ws"),
}
SHOWN = (
    "url events workspace_ids is_active disabled_reason failures failing_since rests deleted_at "
    "successful_deliveries failed_deliveries last_triggered_at previous_secret_until"
)
"""The compared columns of a webhook."""


@dataclass
class Mailboxes:
    """The play: one receiver for all webhooks, and the same two callers."""

    receiver: Receiver
    two: Sequence[Caller]
    deeds: Mapping[str, Deed] = field(default_factory=lambda: DEEDS)

    def make_world(self, state: str) -> Mailbox:
        self.receiver.calls.clear()
        self.receiver.status = ANSWERS.get(state, 204)
        return make_mailbox(state)

    def callers(self, world: Mailbox) -> Sequence[Caller]:
        return self.two

    def settle(self, world: Mailbox) -> None:
        """Make the receiver accept everything, and let time pass."""
        self.receiver.status = 204
        for _ in range(8):
            now = database_now() - timedelta(milliseconds=1)
            Webhook.objects.filter(pk=world.hook, held_until__gt=now).update(held_until=now)
            world.deliveries.filter(status="pending", due_at__gt=now).update(due_at=now)
            Replay.objects.filter(webhook=world.hook, due_at__gt=now).update(due_at=now)
            replays.work_on_due()
            backoff.bring_back()
            work_off()

    def look(self, world: Mailbox) -> Any:
        hooks = Webhook.objects.filter(pk=world.hook)
        rows = world.deliveries.values_list("message", "status", "attempts", "tries", "due_at")
        deliveries = [(world.name_of(message), *rest) for message, *rest in rows]
        logs = DeliveryAttempt.objects.filter(delivery__in=world.deliveries.values("pk"))
        found = {
            "webhook": list(hooks.values(*SHOWN.split())),
            "deliveries": sorted(deliveries, key=str),
            "log": sorted(logs.values_list("number", "http_status", "error")),
            "replays": sorted(Replay.objects.filter(webhook=world.hook).values_list("key", "scope", "total", "done")),
            "messages": sorted(Message.objects.filter(workspace_id=world.ws).values_list("type", flat=True)),
            "told": journal(world, Event.objects.filter(resource_id__in=[world.hook, world.post])),
            "sent": sorted(Counter(_call(world, each) for each in self.receiver.calls).items()),
            "ended": counted() - world.counted,
        }
        return world.plain(found)

    def wrongs(self, world: Mailbox) -> list[str]:
        found = []
        hook = Webhook.objects.filter(pk=world.hook).first()
        statuses = Counter(world.deliveries.values_list("status", flat=True))
        if statuses["pending"]:
            found.append("something waits for ever")
        if hook is None and statuses:
            found.append("there are deliveries without a webhook")
        kept = Message.objects.filter(pk__in=world.messages).count() == len(world.messages)
        if hook and not hook.deleted_at and kept:
            counts = (hook.successful_deliveries, hook.failed_deliveries)
            there = (statuses["delivered"], statuses["failed"])
            found += [f"{counts} are counted, there are {there}"] * (counts != there)
        orphans = world.deliveries.exclude(message__in=Message.objects.all()).count()
        return found + [f"{orphans} deliveries have no message"] * bool(orphans)

    def leave(self, world: Mailbox) -> None:
        Message.objects.filter(deliveries__webhook=world.hook).delete()
        Delivery.objects.filter(webhook=world.hook).delete()
        Replay.objects.filter(webhook=world.hook).delete()
        Webhook.objects.filter(pk=world.hook).delete()
        Message.objects.filter(workspace_id=world.ws).delete()


def _call(box: Mailbox, call: tuple[str, str, int]) -> str:
    event, url, signatures = call
    name = box.messages.get(event.removeprefix("evt_"), "an event")
    return f"{name} to {url.rpartition('/')[2]}, signed {signatures} times"
