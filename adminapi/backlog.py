"""What is due, how late it is, and who is there to take it: six queries, whatever there is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from accounts import pauses
from accounts.models import Network
from accounts.traffic import NETWORK
from adminapi.heart import BEAT, NODE, SILENCE, TICK, WORKER
from adminapi.models import Heartbeat
from ouipost.claims import database_now, is_due
from posts.models import Target

COUNTED, LOOKED = 10_000, 1_000


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How publishing stands."""

    due: int
    """Targets that are due and that nobody holds, counted up to ten thousand."""
    oldest_due: timedelta
    """How long the first of them has been waiting that could go out."""
    workers: int
    """Processes that publish, or Celery nodes, that were heard lately."""
    nodes: int
    beats: int
    ticks: bool
    """Whether a tick of beat reached a worker lately."""
    last_beat: datetime | None
    """When a worker was last heard."""
    last_tick: datetime | None
    paused: tuple[str, ...] = ()
    """What an operator has paused, in words: it is neither counted nor late."""


def look() -> Backlog:
    """Read how publishing stands; raises what the database raises."""
    now = database_now()
    heard = dict(Heartbeat.objects.values_list("name", "at"))
    alive = [name.partition(":")[0] for name, at in heard.items() if at > now - SILENCE]
    paused = pauses.in_force()
    due = Target.objects.filter(is_due(now))
    due = due.exclude(pauses.rows_held_up(paused)) if paused else due
    nodes = alive.count(NODE)
    workers = [at for name, at in heard.items() if name.partition(":")[0] in (WORKER, NODE)]
    return Backlog(
        due=due[:COUNTED].count(),
        oldest_due=now - (_first_due(due) or now),
        workers=alive.count(WORKER) + nodes,
        nodes=nodes,
        beats=alive.count(BEAT),
        ticks=TICK in alive,
        last_beat=max(workers, default=None),
        last_tick=heard.get(TICK),
        paused=tuple(map(pauses.told, paused)),
    )


def _first_due(due: QuerySet[Target]) -> datetime | None:
    """Return when the first became due of those that wait for nothing but a worker, among the thousand longest due.

    What waits behind another post of its account, or for a network whose breaker is open, would be late anyway.
    """
    resting = set(Network.objects.exclude(held_until=None).values_list("pk", flat=True))
    busy = Target.objects.filter(in_flight=OuterRef("account_id")).exclude(pk=OuterRef("pk"))
    looked = due.annotate(network=NETWORK, is_behind=Exists(busy)).order_by("due_at", "pk")
    rows = looked.values_list("due_at", "network", "is_behind")[:LOOKED]
    return next((due_at for due_at, network, is_behind in rows if not is_behind and network not in resting), None)
