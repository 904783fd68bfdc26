"""What operators do to stop and resume publishing, beside workers and those whose posts it holds up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Pause
from adminapi.models import Gap, Mark
from adminapi.processes import restored
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts.models import Target
from posts.operating import restoring
from tests.posts import deeds
from tests.posts.deeds import Everywhere, PostsWorld
from tests.posts.fakes import ACTOR
from tests.two_at_once import Caller, Deed, as_view, asks

SINCE = timedelta(hours=-1)
SCOPES: dict[str, dict[str, str]] = {
    "all": {"scope": "all"},
    "the network": {"scope": "network", "id": "facebook"},
    "the workspace": {"scope": "workspace", "id": "$ws"},
    "the page": {"scope": "account", "id": "$page"},
}


def doubt(world: PostsWorld, _: Caller) -> list[Any]:
    """Have the network asked about all that may be out, as the command does once everything is paused."""
    if not Pause.objects.in_force().filter(scope="all").exists():
        return []
    since, now = world.began + SINCE, database_now()
    rows = list(restoring.overdue(now, since=since).filter(post__workspace=world.workspace).order_by("pk"))
    return [as_view(_doubted(row, since)) for row in rows]


def _doubted(target: Target, since: datetime) -> Callable[[], Any]:
    return lambda: restoring.doubt(target, since=since, actor=ACTOR, now=database_now())


DEEDS: dict[str, Deed] = {
    **deeds.DEEDS,
    **{f"pause {name}": asks("POST", "/admin/pause", where | {"reason": "One"}) for name, where in SCOPES.items()},
    **{f"pause {name}, too": asks("POST", "/admin/pause", where | {"reason": "Two"}) for name, where in SCOPES.items()},
    **{f"resume {name}": asks("POST", "/admin/resume", where) for name, where in SCOPES.items()},
    "notice": lambda _, __: str(restored.look()),
    "doubt": doubt,
}


@dataclass
class Operations:
    """How that is played: posts that are due, which the network takes."""

    network: Everywhere
    two: Sequence[Caller]
    deeds: Mapping[str, Deed] = field(default_factory=lambda: DEEDS)
    left: list[Any] = field(default_factory=list)
    """What was paused in the end."""

    def make_world(self, state: str) -> PostsWorld:
        """Make posts that are due, or were sent with an answer that was lost, with something paused or not."""
        self.network.forget()
        of_posts, _, paused = state.partition(", ")
        world = deeds.make_world(of_posts)
        Pause.objects.all().delete()
        if paused:
            scope = {name: world.filled(each) for name, each in SCOPES[paused].items()}
            key = f"{scope['scope']}:{scope.get('id', '')}"
            given = {"in_force": key, "reason": "Zero", "paused_at": world.began + SINCE / 2}
            Pause.objects.create(scope=scope["scope"], subject_id=scope.get("id", ""), **given)
        Mark.objects.update_or_create(pk=1, defaults={"at": world.began + SINCE, "database": "here"})
        restored.path("here").write_text(world.began.isoformat())
        return world

    def callers(self, world: PostsWorld) -> Sequence[Caller]:
        return self.two

    def settle(self, world: PostsWorld) -> None:
        rows = Pause.objects.order_by("scope", "paused_at")
        names = ("scope", "subject_id", "in_force", "reason", "after_restore", "restored_at", "resumed_at")
        self.left = list(rows.values(*names))
        deeds.settle(world)

    def look(self, world: PostsWorld) -> Any:
        told = Event.objects.filter(resource_type="pause", created_at__gte=world.began).order_by("pk")
        said = [[each.type, each.details] for each in told]
        marks = list(Mark.objects.values("at", "copied_at"))
        found = [self.left, said, marks, Gap.objects.count()]
        return [world.plain(found), deeds.look(world, self.network)]

    def wrongs(self, world: PostsWorld) -> list[str]:
        paused = {each["subject_id"] for each in self.left if each["in_force"]}
        found = deeds.wrongs(world, self.network)
        is_closed = not deeds.is_open(world)
        return found + ["what was closed is paused"] * (is_closed and bool({world.ws, world.page} & paused))

    def leave(self, world: PostsWorld) -> None:
        deeds.leave(world)
        Gap.objects.all().delete()
        Pause.objects.all().delete()
