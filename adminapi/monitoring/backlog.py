"""Measure the due work, its lateness, and the processes that take it: eight queries, whatever the amount."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet, Value

from accounts import pauses
from accounts.models import Network, Pause
from accounts.shares import NETWORK
from adminapi.models import Heartbeat
from adminapi.processes.heartbeats import BEAT, NODE, SILENCE, TICK, WORKER, of_queue
from ouipost import queues
from ouipost.claims import database_now, is_due
from ouipost.db.pages import MOST
from ouipost.events import figures
from posts.models import Target
from posts.obstacles import resting_since

LOOKED = 1_000


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """The state of publishing."""

    due: int
    """The number of due targets that no worker holds, counted up to ten thousand."""
    oldest_due: timedelta
    """The waiting time of the first of them that could go out."""
    oldest_delivery: timedelta
    """The waiting time of the first webhook call that could be made."""
    workers: int
    """The number of publishing processes, or Celery nodes, with a recent heartbeat."""
    nodes: int
    beats: int
    ticks: bool
    """True if a tick of beat reached a worker lately."""
    last_beat: datetime | None
    """The last heartbeat of a worker."""
    last_tick: datetime | None
    since_tick: timedelta | None
    """The time since then, by the database's clock."""
    taken: Sequence[str] = ()
    """Celery queues that a node consumes, however busy it is."""
    unheard: Sequence[str] = ()
    """Celery queues that a node consumed once, and none does now; empty while a worker without Celery runs."""
    paused: Sequence[Pause] = ()
    """The operator's pauses; paused targets are neither counted nor late."""
    held: Mapping[str, datetime] = field(default_factory=dict)
    """The times until which networks are, or were, left alone."""


def measure(now: datetime | None = None) -> Backlog:
    """Read the state of publishing, by default now by the database's clock; raises the database's errors."""
    now = now or database_now()
    heard, held = _heard_and_held()
    alive = [name.partition(":")[0] for name, at in heard.items() if abs(now - at) < SILENCE]
    paused = pauses.in_force()
    due = Target.objects.filter(is_due(now))
    due = due.exclude(pauses.rows_held_up(paused)) if paused else due
    nodes, others = alive.count(NODE), alive.count(WORKER)
    resting = {network for network, until in held.items() if until > resting_since(now)}
    taken = [queue for queue in queues.ALL if of_queue(queue) in alive]
    unheard = [queue for queue in queues.ALL if of_queue(queue) in heard and queue not in taken]
    workers = [at for name, at in heard.items() if name.partition(":")[0] in (WORKER, NODE)]
    return Backlog(
        due=due[:MOST].count(),
        oldest_due=now - (_first_due(due, resting) or now),
        oldest_delivery=now - (figures.first_waiting(now) or now),
        workers=others + nodes,
        nodes=nodes,
        beats=alive.count(BEAT),
        ticks=TICK in alive,
        last_beat=max(workers, default=None),
        last_tick=heard.get(TICK),
        since_tick=abs(now - heard[TICK]) if TICK in heard else None,
        taken=taken,
        unheard=[] if others else unheard,
        paused=paused,
        held=held,
    )


def _heard_and_held() -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Return each process's last heartbeat, and until when each network is left alone: two tables, one query."""
    heard = Heartbeat.objects.values_list(Value("heard"), "name", "at")
    held = Network.objects.exclude(held_until=None).values_list(Value("held"), "pk", "held_until")
    found: dict[str, dict[str, datetime]] = {"heard": {}, "held": {}}
    for kind, name, at in heard.union(held, all=True):
        found[kind][name] = at
    return found["heard"], found["held"]


def _first_due(due: QuerySet[Target], resting: Collection[str]) -> datetime | None:
    """Return the due time of the first target that waits only for a worker, among the thousand longest due.

    Targets behind another post of their account, or of a network that takes nothing, would be late anyway.
    """
    busy = Target.objects.filter(in_flight=OuterRef("account_id")).exclude(pk=OuterRef("pk"))
    looked = due.annotate(network=NETWORK, is_behind=Exists(busy)).order_by("due_at", "pk")
    rows = looked.values_list("due_at", "network", "is_behind")[:LOOKED]
    return next((due_at for due_at, network, is_behind in rows if not is_behind and network not in resting), None)
