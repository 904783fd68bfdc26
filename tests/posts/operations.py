"""The deeds on posts for `two_at_once`: small worlds to do them in, each deed by its name, and the resulting state."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.shortcuts import get_object_or_404

from accounts import connecting
from accounts.models import Pause, SocialAccount
from accounts.platforms.base import Session
from accounts.platforms.shapes import Operation, Published
from ouipost.claims import database_now
from ouipost.events.models import Event, Message
from posts import counts, reviewing
from posts.media import files
from posts.media.intake import Processed
from posts.models import Attempt, Media, MediaBytes, Post, Schedule, Slot, Target
from posts.publishing import one_target
from posts.publishing.arming import load_ahead
from posts.removal import CALLED_OFF
from posts.schedules import services as schedules
from posts.status import in_step, sync
from tests.accounts.fakes import make_candidate
from tests.factories import make_account, make_media, make_post, make_schedule, make_workspace
from tests.posts.fakes import ACTOR, ScriptedNetwork, claim_targets, never
from tests.two_at_once import Caller, Deed, Persevering, World, as_view, asks
from workspaces import services as workspaces
from workspaces.models import Workspace

SOME_TIME, FAR, FARTHER = (datetime(2036, month, 1, 9, tzinfo=UTC) for month in (1, 2, 3))


class Everywhere(ScriptedNetwork):
    """Accepts every post, and gives each an id of its own."""

    def commit(self, session: Session, operation: Operation) -> Published:
        super().commit(session, operation)
        return Published(remote_id=uuid4().hex, url="https://network.example/42")


@dataclass(kw_only=True)
class PostsWorld(World):
    """A workspace with two posts, each with a file, two accounts that they go to, and a schedule."""

    workspace: Workspace

    @property
    def targets(self) -> Any:
        return Target.objects.filter(post__workspace=self.workspace)


STATES: dict[str, dict[str, Any]] = {
    "draft": {},
    "scheduled": {"at": SOME_TIME},
    "due": {"status": "scheduled", "at": timedelta(seconds=-5)},
    "called_off": {"status": "scheduled", "at": SOME_TIME},
    "parted": {"status": "scheduled", "at": SOME_TIME},
    "publishing": {"at": timedelta(seconds=-5)},
    "queued": {"status": "draft"},
    "on_hold": {"status": "draft"},
    "failed": {"at": timedelta(seconds=-5), "error": {"code": "CONTENT_REJECTED", "message": "No."}},
    "missed": {"at": timedelta(seconds=-5), "error": {"code": "MISSED_WINDOW", "message": "Too late."}},
    "published": {"at": timedelta(seconds=-5), "remote_id": "1", "url": "https://network.example/1"},
    "needs_review": {
        "at": timedelta(seconds=-5),
        "error": {"code": "OUTCOME_UNKNOWN", "message": "Who knows?"},
        "outcome_unknown": True,
        "sends": 1,
    },
}
"""The states of a world's posts by name: their status, their time, and further columns of their targets. Targets that
are `called_off` were so at the page, which is connected again. Posts that are `parted` name it, and it is not."""


@transaction.atomic
def make_world(state: str) -> PostsWorld:
    """Make a world whose posts are in this state."""
    workspace, now = make_workspace(), database_now()
    world = PostsWorld(workspace=workspace, began=now)
    for count in (counts.add_posts, counts.add_bytes):
        count(workspace.pk, 0)  # the numbers are kept from now on
    page = make_account(workspace, remote_id=uuid4().hex)
    x = make_account(workspace, platform="twitter", remote_id=uuid4().hex)
    other = make_account(workspace, remote_id=uuid4().hex, default_of=None)
    soon = (now + timedelta(days=3)).weekday()
    slots = [(soon, "09:00", ["facebook", "twitter"]), (soon, "15:00", ["facebook"])]
    schedule = make_schedule(workspace, slots=slots, timezone="UTC")
    world.ids |= {"ws": workspace.pk, "page": page.pk, "x": x.pk, "other": other.pk, "sched": schedule.pk}
    for name in ("post", "second"):
        _make_post(world, name, state, [page, x], schedule)
    if state == "parted":
        _part(page, other)
    if state == "on_hold":
        schedules.update_schedule(schedule, values={"is_active": False}, actor=ACTOR, now=now)
    return world


def _part(account: SocialAccount, heir: SocialAccount) -> None:
    """Disconnect an account, and give its place as the default to another."""
    SocialAccount.objects.filter(pk=account.pk).update(disconnected_at=account.connected_at, default_of=None)
    SocialAccount.objects.filter(pk=heir.pk).update(default_of=heir.platform)


def _make_post(world: PostsWorld, name: str, state: str, accounts: list[SocialAccount], schedule: Schedule) -> None:
    given = dict(STATES[state])
    at, status = given.pop("at", None), given.pop("status", state)
    at = world.began + at if isinstance(at, timedelta) else at
    post = make_post(world.workspace, accounts=accounts, content=f"The {name}", status=status, scheduled_at=at)
    counts.add_posts(world.workspace.pk, 1)
    file = make_media(post, size=500, stored_name=f"media/{uuid4().hex}.jpg", thumbnail_name="")
    counts.add_bytes(world.workspace.pk, file.size)
    targets = Target.objects.filter(post=post)
    world.ids |= {name: post.pk, f"{name}_file": file.pk}
    world.ids |= {f"{name}_to_{each.platform}": each.pk for each in targets}
    if at is not None:
        out = {"published_at": world.began} if status == "published" else {}
        targets.update(give_up_at=at + timedelta(hours=6), **given, **out)
        sync(post)
    if state in ("called_off", "parted"):
        targets.filter(account=world.page).update(**CALLED_OFF)
    if state == "parted":
        Post.objects.filter(pk=post.pk).update(destinations=[each.pk for each in accounts])
    if state in ("queued", "on_hold"):
        schedules.queue_post(post, schedule, actor=ACTOR, now=world.began)


def attach(world: PostsWorld, _: Caller) -> tuple[int, Any]:
    """Add a file as the API does once it has looked into it."""
    file = Processed(type="image", path=Path(), mime_type="image/jpeg", size=500, width=1, height=1)
    stored = files.Stored(file=file, filename="a.jpg", name=f"media/{uuid4().hex}.jpg", thumbnail_name="")

    def write() -> Media:
        return files.attach(get_object_or_404(Post, pk=world.post), stored, alt_text="", actor=ACTOR)

    return as_view(write)


def look_again(world: PostsWorld, _: Caller) -> tuple[int, Any]:
    """Have the network asked once more, as the operator's command does."""
    target = Target.objects.filter(pk=world.post_to_facebook).select_related("post").first()
    if target is None:
        return 404, {}
    return as_view(lambda: reviewing.look_again(target, actor=ACTOR, now=database_now()))


def connect_again(world: PostsWorld, _: Caller) -> tuple[int, Any]:
    """Connect the page, which keeps its id."""
    account = SocialAccount.objects.get(pk=world.page)
    return _connect(world, platform=account.platform, remote_id=account.remote_id)


def connect_first(world: PostsWorld, _: Caller) -> tuple[int, Any]:
    """Connect the first account of a network."""
    return _connect(world, platform="bluesky", remote_id=uuid4().hex)


def _connect(world: PostsWorld, *, platform: str, remote_id: str) -> tuple[int, Any]:
    """Connect an account as the end of a sign-in does."""
    given: dict[str, Any] = {"platform": platform, "candidate": make_candidate(remote_id)}
    return as_view(lambda: connecting.connect(world.workspace, **given, actor=ACTOR, now=database_now()))


def work(world: PostsWorld, _: Caller | None = None) -> None:
    """Be a worker for one turn."""
    claims = claim_targets(4)
    loaded = load_ahead(claims)
    names = {pk: name for name, pk in world.ids.items()}
    for claim in sorted(claims, key=lambda claim: names.get(claim.pk, "")):
        one_target.publish(claim, writer=Persevering(), loaded=loaded.get(claim.pk), is_ending=never)


ONCE = {"Idempotency_Key": "one key for $ws"}
NEW = {"content": "New", "platforms": ["facebook"]}
THURSDAY = {"day": "thursday", "time": "10:00"}
DEEDS: dict[str, Deed] = {
    "create": asks("POST", "/api/posts", NEW),
    "create for another": asks("POST", "/api/posts", NEW | {"platforms": ["facebook", "bluesky"]}),
    "create once": asks("POST", "/api/posts", NEW, **ONCE),
    "create in vain": asks("POST", "/api/posts", NEW | {"content": 50 * "Long", "scheduled_at": f"{FAR}"}, **ONCE),
    "create scheduled": asks("POST", "/api/posts", NEW | {"scheduled_at": f"{FAR}"}),
    "edit": asks("PUT", "/api/posts/$post", {"content": "Edited"}),
    "narrow": asks("PUT", "/api/posts/$post", {"platforms": ["$x"]}),
    "widen": asks("PUT", "/api/posts/$post", {"platforms": ["$page", "$x", "$other"]}),
    "widen to another": asks("PUT", "/api/posts/$post", {"platforms": ["facebook", "bluesky"]}),
    "schedule": asks("POST", "/api/posts/$post/schedule", {"scheduled_at": f"{FAR}"}),
    "put off": asks("POST", "/api/posts/$post/schedule", {"scheduled_at": f"{FARTHER}"}),
    "queue": asks("POST", "/api/posts/$post/schedule", {"schedule_id": "$sched"}),
    "queue the second": asks("POST", "/api/posts/$second/schedule", {"schedule_id": "$sched"}),
    "unschedule": asks("POST", "/api/posts/$post/unschedule"),
    "publish": asks("POST", "/api/posts/$post/publish"),
    "publish once": asks("POST", "/api/posts/$post/publish", None, **ONCE),
    "retry": asks("POST", "/api/posts/$post/retry"),
    "retry once": asks("POST", "/api/posts/$post/retry", None, **ONCE),
    "say it is out": asks(
        "POST",
        "/api/posts/$post/targets/$post_to_facebook/resolve",
        {"outcome": "published", "url": "https://facebook.com/1"},
    ),
    "say it is not": asks("POST", "/api/posts/$post/targets/$post_to_facebook/resolve", {"outcome": "not_published"}),
    "look again": look_again,
    "delete": asks("DELETE", "/api/posts/$post"),
    "delete once": asks("DELETE", "/api/posts/$post", None, **ONCE),
    "attach": attach,
    "change the file": asks("PUT", "/api/media/$post_file", {"alt_text": "B", "position": 7}),
    "remove the file": asks("DELETE", "/api/media/$post_file"),
    "new slots": asks("PUT", "/api/schedules/$sched", {"slots": [THURSDAY | {"platforms": ["facebook", "twitter"]}]}),
    "slots for some": asks("PUT", "/api/schedules/$sched", {"slots": [THURSDAY | {"platforms": ["$page", "$x"]}]}),
    "hold": asks("PUT", "/api/schedules/$sched", {"is_active": False}),
    "activate": asks("PUT", "/api/schedules/$sched", {"is_active": True}),
    "another zone": asks("PUT", "/api/schedules/$sched", {"timezone": "Asia/Tokyo"}),
    "end the schedule": asks("DELETE", "/api/schedules/$sched"),
    "disconnect": asks("DELETE", "/api/accounts/$page"),
    "connect again": connect_again,
    "connect the first": connect_first,
    "disconnect another": asks("DELETE", "/api/accounts/$x"),
    "another default": asks("PUT", "/api/accounts/$other", {"is_default": True}),
    "disconnect the other": asks("DELETE", "/api/accounts/$other"),
    "close": asks("DELETE", "/api/workspaces/$ws"),
    "purge": lambda world, _: workspaces.purge_deleted(),
    "less patience": asks("PUT", "/api/workspaces/$ws", {"settings": {"publish_late_up_to_minutes": 1}}),
    "pause": asks("POST", "/admin/pause", {"scope": "workspace", "id": "$ws", "reason": "Why not"}),
    "work": work,
}
"""The deeds by name; `once` and `in vain` are sent with the one Idempotency-Key of their world."""


def settle(world: PostsWorld) -> None:
    """Work until all due targets are settled."""
    Pause.objects.in_force().update(in_force=None, resumed_at=database_now())
    soon = world.began + timedelta(hours=12)
    for _ in range(8):
        now = database_now()
        world.targets.filter(due_at__gt=now, due_at__lt=soon).update(due_at=now - timedelta(milliseconds=1))
        work(world)
        if not world.targets.filter(due_at__lt=soon).exists():
            return
    raise AssertionError(f"It goes on for ever: {list(world.targets.values())}")


def is_open(world: PostsWorld) -> bool:
    return Workspace.objects.present().filter(pk=world.ws).exists()


def leave(world: PostsWorld) -> None:
    """Leave nothing of this world due."""
    world.targets.update(due_at=None, lease_until=None, in_flight=None)
    Workspace.objects.filter(pk=world.ws).update(deleted_at=None)


SHOWN: tuple[tuple[Any, str, str], ...] = (
    (Post, "workspace", "pk content status scheduled_at scheduled_timezone schedule slot__time slot_date published_at"),
    (Post, "workspace", "pk moment platforms destinations media"),
    (Target, "post__workspace", "pk account status scheduled_at due_at give_up_at in_flight attempts sends error"),
    (Media, "post__workspace", "pk post alt_text position"),
    (Attempt, "target__post__workspace", "target number step outcome"),
    (Slot, "schedule__workspace", "day time platforms"),
    (Schedule, "workspace", "pk timezone is_active"),
    (SocialAccount, "workspace", "pk default_of disconnected_at status due_at"),
)
"""The compared rows and columns."""


def look(world: PostsWorld, network: ScriptedNetwork) -> Any:
    """Return the complete state of the world; for a closed one, only the remains and their owners."""
    rows = [
        sorted(world.plain(list(model._default_manager.filter(**{owner: world.ws}).values(*names.split()))), key=str)
        for model, owner, names in SHOWN
    ]
    return {
        "rows": rows if is_open(world) else [],
        "told": _told(world) if is_open(world) else [],
        "sent": sorted(world.plain(sent(world, network)).items()),
    }


def _told(world: PostsWorld) -> Any:
    """Return what the journal and the webhooks' messages say of each resource, in the order of its own events."""
    told = defaultdict(list)
    for event in Event.objects.filter(workspace_id=world.ws).order_by("pk"):
        told[event.resource_id].append([event.type, bool(event.key_id), event.details])
    for message in Message.objects.filter(workspace_id=world.ws).order_by("pk"):
        body = json.loads(message.body)
        told[f"{next(iter(body['data'].values())).get('id')} in messages"].append([body["type"], body["data"]])
    return sorted(world.plain([[name, each] for name, each in told.items()]), key=str)


def sent(world: PostsWorld, network: ScriptedNetwork) -> Counter[str]:
    """Return how often which text went to which account."""
    accounts = dict(SocialAccount.objects.filter(workspace=world.workspace).values_list("remote_id", "pk"))
    pairs = [(operation.account.remote_id, operation.content.text) for operation in network.sent]
    return Counter(f"{accounts[account]}: {text}" for account, text in pairs if account in accounts)


def wrongs(world: PostsWorld, network: ScriptedNetwork) -> list[str]:
    """Return the violated invariants."""
    found = [f"{text} was sent {count} times" for text, count in sent(world, network).items() if count > 1]
    if not is_open(world):
        return found
    posts = list(Post.objects.filter(workspace=world.workspace))
    if counts.posts_of(world.ws) != len(posts):
        found.append(f"{counts.posts_of(world.ws)} posts are counted, there are {len(posts)}")
    sizes = Media.objects.filter(post__workspace=world.workspace).values_list("size", flat=True)
    kept = MediaBytes.objects.get(pk=world.ws).total
    if kept != sum(sizes):
        found.append(f"{kept} bytes are counted, there are {sum(sizes)}")
    return (
        found + _accounts_wrong(world) + _numbers_wrong(world) + [text for post in posts for text in _post_wrong(post)]
    )


def _post_wrong(post: Post) -> list[str]:
    targets = list(Target.objects.filter(post=post).values_list("status", "published_at"))
    columns = in_step(post, targets)
    told = [f"{name} is {getattr(post, name)!r}, by its targets {each!r}" for name, each in columns.items()]
    found = [text for text, (name, each) in zip(told, columns.items(), strict=True) if getattr(post, name) != each]
    files_of_it = list(Media.objects.filter(post=post).order_by("position", "pk").values_list("pk", flat=True))
    return found + ["its files are others"] * ([each["id"] for each in post.media] != files_of_it)


def _accounts_wrong(world: PostsWorld) -> list[str]:
    accounts = list(SocialAccount.objects.filter(workspace=world.workspace))
    connected = [each for each in accounts if each.is_connected]
    gone = {each.pk for each in accounts} - {each.pk for each in connected}
    defaults = sorted(each.platform for each in connected if each.is_default)
    found = [f"the defaults are {defaults}"] * (defaults != sorted({each.platform for each in connected}))
    slots = Slot.objects.filter(schedule__workspace=world.workspace)
    found += ["a slot is for an account that went"] * any(gone & set(slot.platforms) for slot in slots)
    waiting = world.targets.filter(account__in=gone, status="scheduled")
    return found + ["something waits for an account that went"] * waiting.exists()


def _numbers_wrong(world: PostsWorld) -> list[str]:
    """Return of which resources the messages are not numbered one after the other."""
    numbers = defaultdict(list)
    for message in Message.objects.filter(workspace_id=world.ws):
        body = json.loads(message.body)
        numbers[next(iter(body["data"].values())).get("id")].append(body["sequence"])
    return [f"{pk} has {each}" for pk, each in numbers.items() if sorted(each) != [*range(1, len(each) + 1)]]
