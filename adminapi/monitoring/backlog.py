"""What is due, how late it is, and which processes are there to take it: eight queries, whatever the amount."""

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

LOOKED = 1_000


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How publishing stands."""

    due: int
    """Targets that are due and that nobody holds, counted up to ten thousand."""
    oldest_due: timedelta
    """How long the first of them has been waiting that could go out."""
    oldest_delivery: timedelta
    """How long the first call of a webhook has been waiting that could be made."""
    workers: int
    """Processes that publish, or Celery nodes, that were heard lately."""
    nodes: int
    beats: int
    ticks: bool
    """Whether a tick of beat reached a worker lately."""
    last_beat: datetime | None
    """When a worker was last heard."""
    last_tick: datetime | None
    unheard: Sequence[str] = ()
    """Queues of Celery that a node consumed once, and none does now; none while a worker without Celery is there."""
    paused: Sequence[Pause] = ()
    """What an operator has paused: it is neither counted nor late."""
    held: Mapping[str, datetime] = field(default_factory=dict)
    """Until when networks are, or were, left alone."""


def look(now: datetime | None = None) -> Backlog:
    """Read how publishing stands, now by the database's clock; raises what the database raises."""
    now = now or database_now()
    heard, held = _heard_and_held()
    alive = [name.partition(":")[0] for name, at in heard.items() if abs(now - at) < SILENCE]
    paused = pauses.in_force()
    due = Target.objects.filter(is_due(now))
    due = due.exclude(pauses.rows_held_up(paused)) if paused else due
    nodes, others = alive.count(NODE), alive.count(WORKER)
    unheard = [queue for queue in queues.ALL if of_queue(queue) in heard and of_queue(queue) not in alive]
    workers = [at for name, at in heard.items() if name.partition(":")[0] in (WORKER, NODE)]
    return Backlog(
        due=due[:MOST].count(),
        oldest_due=now - (_first_due(due, held) or now),
        oldest_delivery=now - (figures.first_waiting(now) or now),
        workers=others + nodes,
        nodes=nodes,
        beats=alive.count(BEAT),
        ticks=TICK in alive,
        last_beat=max(workers, default=None),
        last_tick=heard.get(TICK),
        unheard=[] if others else unheard,
        paused=paused,
        held=held,
    )


def _heard_and_held() -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Return when each process was last heard, and until when each network is left alone: two tables, one query."""
    heard = Heartbeat.objects.values_list(Value("heard"), "name", "at")
    held = Network.objects.exclude(held_until=None).values_list(Value("held"), "pk", "held_until")
    found: dict[str, dict[str, datetime]] = {"heard": {}, "held": {}}
    for kind, name, at in heard.union(held, all=True):
        found[kind][name] = at
    return found["heard"], found["held"]


def _first_due(due: QuerySet[Target], held: Collection[str]) -> datetime | None:
    """Return since when the first target waits for nothing but a worker, among the thousand longest due.

    What waits behind another post of its account, or for a network whose breaker is open, would be late anyway.
    """
    busy = Target.objects.filter(in_flight=OuterRef("account_id")).exclude(pk=OuterRef("pk"))
    looked = due.annotate(network=NETWORK, is_behind=Exists(busy)).order_by("due_at", "pk")
    rows = looked.values_list("due_at", "network", "is_behind")[:LOOKED]
    return next((due_at for due_at, network, is_behind in rows if not is_behind and network not in held), None)
