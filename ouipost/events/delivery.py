"""Delivers webhook messages: claims due deliveries, signs them and sends them; any number of deliverers may run.

A delivery whose answer was lost is sent again: receivers recognize repeats by `webhook-id`. An endpoint that hangs
delays no other: at most eight calls to it run at a time, and one where it has failed lately. Nor does a host that many
endpoints are on: half of a process's threads are the most for it.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from ouipost import __version__, claims, traces
from ouipost.claims import Claim, engine_time
from ouipost.crypto import CannotDecrypt
from ouipost.engine import Engine
from ouipost.events import signing
from ouipost.events.catalogue import TEST
from ouipost.events.masking import masked_text
from ouipost.events.models import Delivery, DeliveryStatus, Webhook
from ouipost.events.settling import Report, settle_all
from ouipost.outbound.client import Answer, Client
from ouipost.outbound.errors import AnswerLost, Blocked, NotSent
from ouipost.phrases import Phrase
from ouipost.writer import Runs

logger = logging.getLogger(__name__)
work = logging.getLogger("ouipost.work")

IN_FLIGHT = 8
CALL = engine_time(15)
LEASE = engine_time(40)
"""Longer than a call and the wait for its settlement take."""
LOOK_AHEAD, LOOKS = 4, 4
READ_BYTES, KEPT_CHARACTERS = 64 * 1024, 2048
HEADERS = {"Content-Type": "application/json", "User-Agent": f"Oui-Post-Webhooks/{__version__}"}
ERRORS: Mapping[type[Exception], str] = {Blocked: "address_blocked", NotSent: "not_sent", AnswerLost: "no_answer"}


class Disabled(Exception):
    """The webhook is no longer active: nothing is sent to it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A claimed delivery with its webhook and message, as read right after the claim."""

    claim: Claim
    delivery: Delivery = field(repr=False)
    clock: Callable[[], datetime] = field(repr=False)
    """The database's clock, for signatures: receivers refuse a wrong time, and this machine's may be wrong."""


class Deliverer(Engine[Job]):
    """One process's share of the deliveries."""

    name = "deliver"
    claim_every_seconds = 0.1  # few calls may be out to a webhook, and most of them are short
    gather_seconds = 0.02

    def claim(self, free: int, running: Collection[Job]) -> list[Job]:
        return claim_deliveries(free, hosts=Hosts(running, most=max(1, (free + len(running)) // 2)))

    def ids(self, job: Job) -> dict[str, str | int]:
        row = job.delivery
        about = {"webhook_id": row.webhook_id, "delivery_id": row.pk, "event_id": row.message.public_id}
        return {**about, "attempt": row.attempts + 1}

    def work(self, job: Job, writer: Runs) -> None:
        report = deliver(job)
        with traces.span("settle"):
            writer.run(settle_all, report)
        outcome = report.error or ("delivered" if report.has_arrived else "refused")
        told = {"outcome": outcome, "status": report.http_status, "ms": report.milliseconds}
        work.info("Delivery settled", extra=told)


class Hosts:
    """How many calls are out to each host from this process, and how many more may be."""

    def __init__(self, running: Collection[Job], *, most: int) -> None:
        self._most = most
        self._calls = Counter(_host(job.delivery.webhook.url) for job in running)

    def takes(self, host: str) -> bool:
        """Whether one more call may go there."""
        return self._calls[host] < self._most

    def take(self, host: str) -> None:
        self._calls[host] += 1

    def spare(self, due: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
        """Leave out what is for hosts that take no more, which may be a thousand deliveries ahead of any other."""
        full = [host for host in self._calls if not self.takes(host)]
        return due.exclude(reduce(or_, map(_is_at, full))) if full else due


def _host(url: str) -> str:
    """Return the beginning of a webhook's address, up to its path or query, whether or not it can be read."""
    return "/".join(url.partition("?")[0].split("/")[:3])


def _is_at(host: str) -> Q:
    """Match deliveries to this host."""
    return Q(webhook__url=host) | Q(webhook__url__startswith=f"{host}/") | Q(webhook__url__startswith=f"{host}?")


def claim_deliveries(limit: int, *, hosts: Hosts | None = None) -> list[Job]:
    """Claim up to `limit` deliveries, the longest due first, within each webhook's and host's limit of calls."""
    clock = claims.database_clock()
    chosen = _choose(limit, hosts or Hosts([], most=limit), now=clock())
    held = {claim.pk: claim for claim in claims.claim_chosen(Delivery.objects.all(), chosen, lease=LEASE)}
    if not held:
        return []
    rows = list(Delivery.objects.select_related("message").filter(pk__in=held).order_by("due_at", "pk"))
    _discard_empty(held.keys() - {row.pk for row in rows})
    webhooks = Webhook.objects.in_bulk({row.webhook_id for row in rows})  # few, and each once
    for row in rows:
        row.webhook = webhooks[row.webhook_id]
    return [Job(claim=held[row.pk], delivery=row, clock=clock) for row in rows]


def _discard_empty(pks: Collection[str]) -> None:
    """Discard deliveries whose messages are gone, as after half a restore: they would take the places of others."""
    ended = {"status": DeliveryStatus.DISCARDED, "finished_at": Now(), "due_at": None, "lease_until": None}
    if Delivery.objects.filter(pk__in=pks).update(**ended):  # others went with their webhook since the claim
        logger.error("Deliveries without a message are discarded: %s", ", ".join(sorted(pks)))


class Candidate(NamedTuple):
    """A due delivery, with what decides whether it is chosen."""

    pk: str
    webhook: str
    url: str
    rests: int
    held_until: datetime | None

    def most(self, now: datetime) -> int:
        """Return how many calls its webhook may have in flight: none while it rests, one to try it after that."""
        if self.held_until is not None and self.held_until > now:
            return 0
        return 1 if self.rests else IN_FLIGHT


def _choose(limit: int, hosts: Hosts, *, now: datetime) -> list[str]:
    """Return the ids of deliveries to claim; looks further, up to LOOKS times, where full webhooks crowd out others."""
    due = Delivery.objects.filter(claims.is_due(now)).order_by("due_at", "pk")
    columns = ("pk", "webhook_id", "webhook__url", "webhook__rests", "webhook__held_until")
    chosen: list[str] = []
    room: dict[str, int] = {}
    flying: Counter[str] = Counter()
    for _ in range(LOOKS):
        full = [webhook for webhook, left in room.items() if left <= 0]
        looked = due.exclude(webhook__in=full).exclude(pk__in=chosen) if room else due
        found = [Candidate(*row) for row in hosts.spare(looked).values_list(*columns)[: limit * LOOK_AHEAD]]
        flying = flying if room or not found else _in_flight(now)
        for each in found:
            left = room.setdefault(each.webhook, each.most(now) - flying[each.webhook])
            host = _host(each.url)
            if left > 0 and len(chosen) < limit and hosts.takes(host):
                chosen.append(each.pk)
                room[each.webhook] -= 1
                hosts.take(host)
        if len(chosen) == limit or len(found) < limit * LOOK_AHEAD:
            break
    return chosen


def _in_flight(now: datetime) -> Counter[str]:
    """Return the number of calls in flight to each webhook, from all processes."""
    flying = Delivery.objects.filter(lease_until__gt=now).order_by().values_list("webhook_id")
    return Counter(dict(flying.annotate(Count("pk"))))


def deliver(job: Job) -> Report:
    """Send a delivery, unless its webhook was disabled meanwhile, and return the report to settle."""
    at, began = job.clock(), time.monotonic()
    try:
        return _report(job, at, began, _send(job.delivery, at=at))
    except Disabled:
        return _report(job, at, began, error="disabled")
    except CannotDecrypt:
        logger.exception("The secret of a webhook cannot be opened")
        return _report(job, at, began, error="secret_unreadable", says=Phrase("Our operator must mend it."))
    except (Blocked, NotSent, AnswerLost) as error:
        return _report(job, at, began, error=ERRORS[type(error)], says=str(error))
    except Exception:  # it is tried as often as any other that fails, and not for ever
        logger.exception("A delivery met an error of ours")
        return _report(job, at, began, error="internal_error", says=Phrase("Our operator must mend it."))


def _send(delivery: Delivery, *, at: datetime) -> Answer:
    webhook, message = delivery.webhook, delivery.message
    if webhook.deleted_at or not (webhook.is_active or message.type == TEST):
        raise Disabled
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


def _report(
    job: Job, at: datetime, began: float, answer: Answer | None = None, *, error: str = "", says: str = ""
) -> Report:
    return Report(
        claim=job.claim,
        delivery=job.delivery,
        at=at,
        milliseconds=round((time.monotonic() - began) * 1000),
        http_status=answer.status if answer else None,
        error=error,
        answer=_shown(answer.body) if answer else says,
        address=answer.address if answer else "",
        retry_after=answer.headers.get("Retry-After", "") if answer else "",
    )


def _shown(body: bytes) -> str:
    """Return the beginning of an answer's body for the log, without control characters and secrets."""
    text = body[: 4 * KEPT_CHARACTERS].decode(errors="replace")
    plain = "".join(each for each in text if each.isprintable() or each in "\n\t")
    return masked_text(plain)[:KEPT_CHARACTERS]


@cache
def _client() -> Client:
    return Client()
