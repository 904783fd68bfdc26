"""Delivers webhook messages: claims due deliveries, signs them and sends them; any number of deliverers may run.

A delivery whose answer was lost is sent again: receivers recognize repeats by `webhook-id`. A hanging endpoint delays
no other: at most eight calls to it run at a time, and only one if it has failed lately. A host with many endpoints
gets at most three quarters of a process's threads, for the same reason.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Now

from ouipost import __version__, claims
from ouipost.claims import Claim, engine_time
from ouipost.crypto import CannotDecrypt
from ouipost.engine import Engine
from ouipost.events import signing
from ouipost.events.models import TEST, Delivery, DeliveryStatus, Webhook
from ouipost.events.pruning import KEPT
from ouipost.events.settling import NOT_SENDABLE, DeliveryResult, settle_all
from ouipost.masking import masked_text
from ouipost.observability import traces
from ouipost.outbound.client import Answer, Client
from ouipost.outbound.errors import AnswerLost, Blocked, NotSent
from ouipost.phrases import Phrase
from ouipost.writer import Runs

logger = logging.getLogger(__name__)
work = logging.getLogger("ouipost.work")

IN_FLIGHT = 8
CALL = engine_time(15)
LEASE = engine_time(40)
"""Longer than a call and the wait for its settlement."""
LOOK_AHEAD, LOOKS = 4, 4
READ_BYTES, KEPT_CHARACTERS = 64 * 1024, 2048
HEADERS = {"Content-Type": "application/json", "User-Agent": f"Oui-Post-Webhooks/{__version__}"}
ERRORS: Mapping[type[Exception], str] = {Blocked: "address_blocked", NotSent: "not_sent", AnswerLost: "no_answer"}


class NotSendable(Exception):
    """The webhook is inactive or does not ask for the event any more, or its receiver may have forgotten the id of so
    old an event: nothing is sent."""


@dataclass(frozen=True, kw_only=True)
class ClaimedDelivery:
    """A claimed delivery with its webhook and message, as read right after the claim."""

    claim: Claim
    delivery: Delivery = field(repr=False)
    clock: Callable[[], datetime] = field(repr=False)
    """The database's clock, for signatures: receivers refuse a wrong time, and this machine's may be wrong."""


class Deliverer(Engine[ClaimedDelivery]):
    """One process's share of the deliveries."""

    name = "deliver"
    claim_every_seconds = 0.1  # a webhook gets few calls at a time, and most are short
    gather_seconds = 0.02

    def claim(self, free: int, running: Collection[ClaimedDelivery]) -> list[ClaimedDelivery]:
        threads = free + len(running)
        return claim_deliveries(free, hosts=Hosts(running, most=max(1, threads * 3 // 4)))

    def ids(self, job: ClaimedDelivery) -> dict[str, str | int]:
        row = job.delivery
        about = {"webhook_id": row.webhook_id, "delivery_id": row.pk, "event_id": row.message.public_id}
        return {**about, "attempt": row.attempts + 1}

    def work(self, job: ClaimedDelivery, writer: Runs) -> None:
        attempt(job, writer)


class Hosts:
    """The number of this process's calls in flight to each host, and its limit."""

    def __init__(self, running: Collection[ClaimedDelivery], *, most: int) -> None:
        self._most = most
        self._calls = Counter(job.delivery.webhook.host for job in running)

    def takes(self, host: str) -> bool:
        """Whether one more call may go to this host."""
        return self._calls[host] < self._most

    def take(self, host: str) -> None:
        self._calls[host] += 1


def claim_deliveries(limit: int, *, hosts: Hosts) -> list[ClaimedDelivery]:
    """Claim up to `limit` deliveries, those due longest first, within each webhook's and host's limit of calls."""
    clock = claims.database_clock()
    return _claim(_choose(limit, hosts, now=clock()), clock)


def claim_one(pk: str) -> list[ClaimedDelivery]:
    """Claim this delivery, which is due, whatever its webhook's and host's limit; returns none if another has it."""
    return _claim([pk], claims.database_clock())


def _claim(chosen: list[str], clock: Callable[[], datetime]) -> list[ClaimedDelivery]:
    held = {claim.pk: claim for claim in claims.claim_chosen(Delivery.objects.all(), chosen, lease=LEASE)}
    if not held:
        return []
    rows = list(Delivery.objects.select_related("message").filter(pk__in=held).order_by("due_at", "pk"))
    _discard_empty(held.keys() - {row.pk for row in rows})
    webhooks = Webhook.objects.in_bulk({row.webhook_id for row in rows})  # few, so each is read once
    for row in rows:
        row.webhook = webhooks[row.webhook_id]
    return [ClaimedDelivery(claim=held[row.pk], delivery=row, clock=clock) for row in rows]


def _discard_empty(pks: Collection[str]) -> None:
    """Discard deliveries whose messages are missing, as after a partial restore: they would block others."""
    ended = {"status": DeliveryStatus.DISCARDED, "finished_at": Now(), "due_at": None, "lease_until": None}
    if Delivery.objects.filter(pk__in=pks).update(**ended):  # others were deleted with their webhook
        logger.error("Deliveries without a message are discarded: %s", ", ".join(sorted(pks)))


@dataclass
class Room:
    """The number of further calls that a webhook may have in flight."""

    host: str
    left: int


def _choose(limit: int, hosts: Hosts, *, now: datetime) -> list[str]:
    """Return the ids of deliveries to claim; if full webhooks crowd out others, look among the others, LOOKS times.

    The query has no join: with few webhooks MariaDB would begin with these, and sort all due deliveries.
    """
    due = Delivery.objects.filter(claims.is_due(now)).order_by("due_at", "pk")
    looked = due
    chosen: list[str] = []
    rooms: dict[str, Room] = {}
    for _ in range(LOOKS):
        found = list(looked.values_list("pk", "webhook_id")[: limit * LOOK_AHEAD])
        rooms |= _rooms({webhook for _, webhook in found} - rooms.keys(), now=now)
        for pk, webhook in found:
            room = rooms.get(webhook)
            if room and room.left > 0 and len(chosen) < limit and hosts.takes(room.host):
                chosen.append(pk)
                room.left -= 1
                hosts.take(room.host)
        if len(chosen) == limit or len(found) < limit * LOOK_AHEAD:
            break
        full = [webhook for webhook, room in rooms.items() if room.left <= 0]
        others = _others(full, hosts, now=now)
        looked = due.filter(webhook__in=others, status=DeliveryStatus.PENDING).exclude(pk__in=chosen)
    return chosen


def _rooms(pks: Collection[str], *, now: datetime) -> dict[str, Room]:
    if not pks:
        return {}
    flying = _in_flight(now)
    webhooks = Webhook.objects.filter(pk__in=pks).only("url", "rests", "held_until")
    return {each.pk: Room(each.host, _most(each, now=now) - flying[each.pk]) for each in webhooks}


def _most(webhook: Webhook, *, now: datetime) -> int:
    """Return how many calls a webhook may have in flight: none while it rests, one to try it after that."""
    if webhook.held_until is not None and webhook.held_until > now:
        return 0
    return 1 if webhook.rests else IN_FLIGHT


def _others(full: Collection[str], hosts: Hosts, *, now: datetime) -> list[str]:
    """Return the other webhooks that have due deliveries, in flight or not, and whose hosts take more calls.

    Each is looked up in a covering index, since thousands of deliveries may be due ahead of its own. The subquery
    has a limit, so that MariaDB does not rewrite it and read all due deliveries.
    """
    theirs = Delivery.objects.filter(webhook=OuterRef("pk"), status=DeliveryStatus.PENDING, due_at__lte=now)
    waiting = Webhook.objects.exclude(pk__in=full).annotate(one=Subquery(theirs.values("due_at")[:1]))
    return [each.pk for each in waiting.exclude(one=None).only("url") if hosts.takes(each.host)]


def _in_flight(now: datetime) -> Counter[str]:
    """Return the number of calls in flight to each webhook, from all processes."""
    flying = Delivery.objects.filter(lease_until__gt=now).order_by().values_list("webhook_id")
    return Counter(dict(flying.annotate(Count("pk"))))


def attempt(job: ClaimedDelivery, writer: Runs) -> None:
    """Make the call of a claimed delivery, settle it through the writer, and log what came of it."""
    result = deliver(job)
    with traces.span("settle"):
        writer.run(settle_all, result)
    outcome = result.error or ("delivered" if result.has_arrived else "refused")
    fields = {"outcome": outcome, "status": result.http_status, "ms": result.milliseconds}
    work.info("Delivery settled", extra=fields)


def deliver(job: ClaimedDelivery) -> DeliveryResult:
    """Send a delivery, unless its webhook has stopped wanting it or it is too old, and return the result to settle."""
    at, began = job.clock(), time.monotonic()
    try:
        return _result(job, at, began, _send(job.delivery, at=at))
    except NotSendable:
        return _result(job, at, began, error=NOT_SENDABLE)
    except CannotDecrypt:
        logger.exception("The secret of a webhook cannot be opened")
        return _result(job, at, began, error="secret_unreadable", says=Phrase("Our operator must fix it."))
    except (Blocked, NotSent, AnswerLost) as error:
        address = error.address if isinstance(error, AnswerLost) else ""
        return _result(job, at, began, error=ERRORS[type(error)], says=str(error), address=address)
    except Exception:  # retried as often as any other failure, not forever
        logger.exception("A delivery met an error of ours")
        return _result(job, at, began, error="internal_error", says=Phrase("Our operator must fix it."))


def _send(delivery: Delivery, *, at: datetime) -> Answer:
    webhook, message = delivery.webhook, delivery.message
    is_too_old = message.created_at < at - KEPT  # as after a month without a worker, which would have pruned it
    is_on = webhook.is_active or message.type == TEST
    # Asked again, for one that was in flight or being written while its webhook was changed: nothing has discarded it.
    if is_too_old or webhook.deleted_at or not (is_on and webhook.wants(message)):
        raise NotSendable
    signed = signing.headers(message.public_id, message.body, signed_with=webhook.secrets(now=at), at=at)
    return _client().request(
        "POST",
        webhook.url,
        headers=HEADERS | signed,
        data=message.body.encode(),
        timeout=CALL.total_seconds(),
        max_bytes=READ_BYTES,
        truncate=True,
    )


def _result(
    job: ClaimedDelivery,
    at: datetime,
    began: float,
    answer: Answer | None = None,
    *,
    error: str = "",
    says: str = "",
    address: str = "",
) -> DeliveryResult:
    return DeliveryResult(
        claim=job.claim,
        delivery=job.delivery,
        at=at,
        milliseconds=round((time.monotonic() - began) * 1000),
        http_status=answer.status if answer else None,
        error=error,
        answer=_shown(answer.body) if answer else says,
        address=answer.address if answer else address,
        retry_after=answer.headers.get("Retry-After", "") if answer else "",
    )


def _shown(body: bytes) -> str:
    """Return the beginning of an answer's body for the delivery log, without control characters and secrets."""
    text = body[: 4 * KEPT_CHARACTERS].decode(errors="replace")
    plain = "".join(each for each in text if each.isprintable() or each in "\n\t")
    return masked_text(plain)[:KEPT_CHARACTERS]


@cache
def _client() -> Client:
    return Client()
