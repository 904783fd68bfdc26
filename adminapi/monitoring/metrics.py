"""/metrics, for Prometheus: the counts of the web processes, and figures from the database.

The web processes of a server share one folder of metrics, in which each writes files of its own; so any of them can
show the sums of all. `prometheus_client` is loaded only if METRICS_TOKEN is set.
"""

import logging
import os
import shutil
import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import BigIntegerField, Count, DateTimeField, Min, QuerySet, Sum, Value
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.calls import EVER, PUBLISH, REQUEST, SYNC
from accounts.models import CallCount, PauseScope
from accounts.shares import parts_of
from adminapi.monitoring import backlog
from adminapi.monitoring.backlog import Backlog
from adminapi.monitoring.callers import is_monitor
from adminapi.monitoring.probes import PROBES, percent_used
from adminapi.monitoring.threads import LIMIT_SECONDS, SharedCall
from analytics.models import AccountSync
from analytics.sync import due_unless_held
from ouipost import __version__, folders, queues
from ouipost.api.routes import method_of, route_of
from ouipost.claims import database_now
from ouipost.events import figures as webhooks
from ouipost.events.models import Event
from posts.expiring import ending
from posts.models import MediaBytes, Post, PostStatus

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.core import Metric

logger = logging.getLogger(__name__)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
ROOM = 1 << 20
"""The size of each metrics file in bytes, written at its creation. The library maps the file into memory, and if a full
disk has no room for a page, the system kills the process."""
STORAGE_TRIED_EVERY = 30.0
"""Seconds: an attempt writes a file, and a store may charge for it."""
ENDING = "ending"
"""Stands among the kinds of calls for accounts that end soon."""
NO_NUMBER = Value(None, output_field=BigIntegerField())
NO_MOMENT = Value(None, output_field=DateTimeField())
TOLD = {
    PUBLISH: ("publishes", "Attempts to publish, by how they ended."),
    SYNC: ("syncs", "Accounts that were read for their numbers: read, or the error."),
    REQUEST: (
        "network_requests",
        "Requests to networks: ok, refused, limited by a quota, failed, lost without an answer, outdated version of the"
        " API, or stopped, as the app is refused.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Meters:
    """The metrics of a web process."""

    requests: "Counter"
    seconds: "Histogram"


@cache
def meters() -> Meters | None:
    """Return this process's meters; creates its files, and removes those of servers that are gone.

    Returns None if the files cannot be written: then the process serves without counting.
    """
    mine = folder()
    try:
        folders.make(mine)
        clear_up(mine)
        for kind in ("counter", "histogram"):
            _make_room(mine / f"{kind}_{os.getpid()}.db")
    except OSError as error:
        logger.error("Requests are not counted until this process starts again: %s", error)
        return None
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(mine)  # read when the library is loaded, which is now
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    labels = ("route", "method")
    return Meters(
        requests=Counter("ouipost_requests", "Requests.", (*labels, "status"), registry=registry),
        seconds=Histogram("ouipost_request_seconds", "How long they took.", labels, buckets=SECONDS, registry=registry),
    )


def _make_room(path: Path) -> None:
    """Create a file of zeros, which others see only when it is complete; leaves none if there is no room."""
    new = path.with_suffix(".new")
    try:
        if not path.exists():
            new.write_bytes(bytes(ROOM))
            new.rename(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _renew() -> None:
    """After a fork, start this process's own metrics files, if its parent counted requests."""
    if meters.cache_info().currsize:
        meters.cache_clear()
        meters()


os.register_at_fork(after_in_child=_renew)


def folder() -> Path:
    """Return the folder of all processes with our parent: a server's workers, including those it starts later."""
    parent = os.getppid()
    home: Path = settings.OUIPOST_HOME
    return home / "metrics" / f"{parent}-{_start_of(parent)}"


def clear_up(mine: Path) -> None:
    """Remove the folders of servers that are gone."""
    for other in mine.parent.iterdir():
        if other != mine and not _serves(other.name):
            shutil.rmtree(other, ignore_errors=True)


def _serves(name: str) -> bool:
    """Return whether the parent process that a folder is named after still runs."""
    parent, _, start = name.partition("-")
    return parent.isdecimal() and _start_of(int(parent)) == start


def _start_of(pid: int) -> str:
    """Return a process's start time, which distinguishes it from later ones with the same id; empty if it is gone."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def count(request: HttpRequest, *, status: int, seconds: float) -> None:
    """Count an answered request."""
    route, method = route_of(request), method_of(request)
    if ours := meters():
        ours.requests.labels(route, method, status).inc()
        ours.seconds.labels(route, method).observe(seconds)


@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """/metrics: all figures, as text; 404 without METRICS_TOKEN, 401 for callers without that token."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not is_monitor(token.strip()):
        return HttpResponse(
            "Send METRICS_TOKEN as a bearer token.\n", status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    meters()
    registry = CollectorRegistry()
    if folder().is_dir():
        MultiProcessCollector(registry, path=str(folder()))
    registry.register(Installation())
    return registry


Call = tuple[str, str, str, int, int]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Measurements from the database."""

    backlog: Backlog
    counts: list[Call]
    """Calls by network, kind and outcome, with number and milliseconds, since the installation began."""
    expiring: dict[tuple[str, str], int]
    """Accounts that end soon, by platform and mode of the workspace."""
    breakers: list[str]
    deliveries: webhooks.DeliveryFigures
    answered_in: float
    """Seconds that the database took to return its time, including the connection."""
    skew: float
    """Seconds that this machine's clock is ahead of the database's."""
    needs_review: int
    oldest_unsealed: timedelta
    oldest_due_sync: timedelta
    files_bytes: int


def read() -> Measurements:
    """Read all figures in twelve queries, whatever the amount; raises the database's errors."""
    began = time.monotonic()
    now = database_now()
    took, skew = time.monotonic() - began, timezone.now() - now
    found = backlog.measure(now)
    breakers = [network for network, until in found.held.items() if until > now]
    calls, expiring = _calls_and_expiring(now)
    numbers, moments = _numbers_and_moments(due_unless_held(now, resting=breakers, paused=found.paused))
    return Measurements(
        backlog=found,
        counts=calls,
        expiring=expiring,
        breakers=breakers,
        deliveries=webhooks.measure(now),
        answered_in=took,
        skew=skew.total_seconds(),
        needs_review=numbers["needs_review"],
        oldest_unsealed=max(timedelta(0), now - moments.get("unsealed", now)),
        oldest_due_sync=now - moments.get("due_sync", now),
        files_bytes=numbers["files_bytes"],
    )


def _calls_and_expiring(now: datetime) -> tuple[list[Call], dict[tuple[str, str], int]]:
    """Return the calls of networks, and the numbers of accounts that end soon by platform and mode, in one query."""
    calls = CallCount.objects.filter(at=EVER).values_list("network", "kind", "outcome", "calls", "milliseconds")
    accounts = ending(now).order_by()
    counted = accounts.values("platform", "workspace__mode").annotate(many=Count("pk"))
    ends = counted.values_list("platform", Value(ENDING), "workspace__mode", "many", Value(0))
    rows: list[Call] = list(calls.union(ends, all=True))
    expiring = {(platform, mode): many for platform, kind, mode, many, _ in rows if kind == ENDING}
    return [row for row in rows if row[1] != ENDING], expiring


def _numbers_and_moments(due: QuerySet[AccountSync]) -> tuple[dict[str, int], dict[str, datetime]]:
    """Return, by name, some counts and sums, and the earliest times of other things, in one query."""
    first = Event.objects.unsealed().order_by("pk").values("pk")[:1]
    doubtful = Post.objects.filter(workspace__deleted_at=None, status=PostStatus.NEEDS_REVIEW)
    rows = _of(doubtful, "needs_review", many=Count("pk")).union(
        _of(MediaBytes.objects.all(), "files_bytes", many=Sum("total")),
        _of(Event.objects.filter(pk=first), "unsealed", at=Min("created_at")),
        _of(due, "due_sync", at=Min("due_at")),
        all=True,
    )
    found = list(rows)
    return {row["of"]: row["many"] or 0 for row in found}, {row["of"]: row["at"] for row in found if row["at"]}


def _of(rows: QuerySet[Any], name: str, *, many: Any = NO_NUMBER, at: Any = NO_MOMENT) -> QuerySet[Any, Any]:
    """Return a query of these rows for one row with a name, a number and a moment."""
    one: QuerySet[Any, Any] = rows.order_by().values(of=Value(name)).annotate(many=many, at=at)
    return one


FIGURES = SharedCall(read)


class Installation:
    """Collects the figures from the database, for a second at most."""

    def collect(self) -> "Iterator[Metric]":
        ends = time.monotonic() + LIMIT_SECONDS
        asked, redis = FIGURES.start(), PROBES["cache"].start() if settings.REDIS_URL else None
        storage = PROBES["storage"].start(kept_for=STORAGE_TRIED_EVERY)
        yield _family("info", "What runs.", ["version"], [((__version__,), 1)])
        yield _gauge(
            "disk_used_ratio", "How full the disk of OUIPOST_HOME is.", percent_used(settings.OUIPOST_HOME) / 100
        )
        try:
            figures = asked.result(timeout=LIMIT_SECONDS)
        except Exception as error:
            logger.warning("The database has no figures: %s", error)
            figures = None
        if redis is not None:
            yield _gauge(
                "redis_up", "Whether Redis answered within a second; absent without one.", _has_answered(redis, ends)
            )
        yield from _of_storage(storage, ends)
        yield _gauge("database_up", "Whether the database answered within a second.", figures is not None)
        if figures is not None:
            yield from _of_backlog(figures.backlog)
            yield from _of_networks(figures)
            yield from _of_webhooks(figures.deliveries, figures.backlog)
            yield from _of_the_rest(figures)


def _has_answered(asked: "Future[Any]", ends: float) -> bool:
    """Return whether there is an answer by then, and no error."""
    try:
        asked.result(timeout=max(0.0, ends - time.monotonic()))
    except Exception:
        return False
    return True


def _of_storage(asked: "Future[Any]", ends: float) -> "Iterator[Metric]":
    is_up = _has_answered(asked, ends)
    yield _gauge("storage_up", "Whether a file could be written, read and removed in the last half minute.", is_up)
    if is_up and (percent := asked.result()) is not None:
        yield _gauge("storage_used_ratio", "How full the disk of the files is; absent for a bucket.", percent / 100)


def _of_the_rest(found: Measurements) -> "Iterator[Metric]":
    unsealed, sync = found.oldest_unsealed.total_seconds(), found.oldest_due_sync.total_seconds()
    yield _gauge("database_seconds", "How long the database took for its time, connecting included.", found.answered_in)
    yield _gauge("clock_skew_seconds", "How far this machine's clock is ahead of the database's.", found.skew)
    yield _gauge("needs_review", "Posts of which nobody knows whether they are out.", found.needs_review)
    yield _gauge("oldest_unsealed_seconds", "How old the first entry is that waits to be sealed.", unsealed)
    yield _gauge("oldest_due_sync_seconds", "How long the first account waits for its numbers to be read.", sync)
    yield _gauge("files_bytes", "What the files of all posts take.", found.files_bytes)
    yield _gauge("files_limit_bytes", "What they may take: STORAGE_LIMIT_MB.", settings.STORAGE_LIMIT_MB * 1_000_000)


def _of_backlog(found: Backlog) -> "Iterator[Metric]":
    yield _gauge("due_targets", "Targets that are due and that nobody holds, up to 10,000.", found.due)
    yield _gauge("oldest_due_seconds", "How long the first of them has waited.", found.oldest_due.total_seconds())
    yield _gauge("workers", "Processes that publish and were heard lately.", found.workers)
    yield _gauge("celery_nodes", "Those of them that are nodes of Celery.", found.nodes)
    yield _gauge("beats", "Beats of Celery that were heard lately.", found.beats)
    if found.since_tick is not None:
        says = "How long ago a tick of Celery's beat last came through the broker; absent if none ever did."
        yield _gauge("last_tick_seconds", says, found.since_tick.total_seconds())
    unheard = [((queue,), queue in found.unheard) for queue in queues.ALL]
    says = "Whether a node of Celery took the queue once, none does now, and no worker without Celery is there."
    yield _family("queue_unheard", says, ["queue"], unheard)
    many = Tally(each.scope for each in found.paused)
    pauses = [((scope,), many[scope]) for scope in PauseScope.values]
    yield _family("pauses", "Pauses in force: what they are of does not go out.", ["scope"], pauses)


def _of_networks(figures: Measurements) -> "Iterator[Metric]":
    for kind, (name, says) in TOLD.items():
        counts = [
            ((*parts_of(network), outcome), many) for network, of, outcome, many, _ in figures.counts if of == kind
        ]
        yield _family(name, says, ["network", "mode", "outcome"], counts, ever=True)
    spent = [
        ((*parts_of(network), outcome), milliseconds / 1000)
        for network, kind, outcome, _, milliseconds in figures.counts
        if kind == REQUEST
    ]
    labels = ["network", "mode", "outcome"]
    yield _family("network_request_seconds", "How long requests to networks took.", labels, spent, ever=True)
    expiring = figures.expiring.items()
    yield _family("accounts_expiring", "Accounts that end within 7 days.", ["network", "mode"], expiring)
    open_ones = [(parts_of(network), 1) for network in figures.breakers]
    yield _family("breakers_open", "Networks whose circuit breaker is open.", ["network", "mode"], open_ones)


def _of_webhooks(found: webhooks.DeliveryFigures, backlog: Backlog) -> "Iterator[Metric]":
    oldest = backlog.oldest_delivery.total_seconds()
    ended = [(("delivered",), found.delivered), (("failed",), found.failed)]
    yield _family(
        "deliveries", "Deliveries to webhooks that have ended; again if sent again.", ["outcome"], ended, ever=True
    )
    yield _gauge("due_deliveries", "Deliveries that are due and that nobody holds, up to 10,000.", found.due)
    yield _gauge("oldest_due_delivery_seconds", "How long the first waits that could be made.", oldest)


def _gauge(name: str, says: str, value: float) -> "Metric":
    return _family(name, says, [], [((), value)])


def _family(
    name: str,
    says: str,
    labels: list[str],
    values: Iterable[tuple[tuple[str, ...], float]],
    *,
    ever: bool = False,
) -> "Metric":
    """Return one figure with all its labels: a counter with `ever`, else a gauge."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    made = (CounterMetricFamily if ever else GaugeMetricFamily)(f"ouipost_{name}", says, labels=labels)
    for of, value in values:
        made.add_metric(of, value)
    return made
