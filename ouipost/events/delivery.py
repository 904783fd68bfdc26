"""Delivering: claims what webhooks are to be told, signs it and sends it; as many as you like may run.

An answer that was lost is asked for again: a receiver tells repeats by their `webhook-id`. An endpoint that hangs holds
up itself alone: at most eight calls are out to it, and one to try where it has failed lately.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from ouipost import __version__, claims
from ouipost.claims import Claim, LostClaim, engine_time
from ouipost.crypto import CannotDecrypt
from ouipost.engine import Engine
from ouipost.events import signing
from ouipost.events.catalogue import TEST
from ouipost.events.masking import masked_text
from ouipost.events.models import Delivery, Webhook
from ouipost.events.settling import Report, settle_all
from ouipost.outbound.client import Answer, Client
from ouipost.outbound.errors import AnswerLost, Blocked, NotSent
from ouipost.writer import Runs

logger = logging.getLogger(__name__)

IN_FLIGHT = 8
CALL = engine_time(15)
LEASE = engine_time(40)
"""More than a call may take, and the wait for its settlement."""
LOOK_AHEAD, LOOKS = 4, 4
READ_BYTES, KEPT_CHARACTERS = 64 * 1024, 2048
HEADERS = {"Content-Type": "application/json", "User-Agent": f"Oui-Post-Webhooks/{__version__}"}
ERRORS: Mapping[type[Exception], str] = {Blocked: "address_blocked", NotSent: "not_sent", AnswerLost: "no_answer"}


class Disabled(Exception):
    """The webhook is not active any more: nothing is sent to it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A claimed delivery with its webhook and its message, as they were read right after the claim."""

    claim: Claim
    delivery: Delivery = field(repr=False)


class Deliverer(Engine[Job]):
    """One process's share of the deliveries."""

    name = "deliver"

    def claim(self, free: int, running: Collection[Job]) -> list[Job]:
        return claim_deliveries(free)

    def work(self, job: Job, writer: Runs) -> None:
        writer.run(settle_all, deliver(job))


def claim_deliveries(limit: int) -> list[Job]:
    """Claim up to `limit` deliveries, the longest due first, to no webhook more than it may have in flight."""
    due = Delivery.objects.filter(claims.is_due(claims.database_now())).order_by("due_at", "pk")
    held = {claim.pk: claim for claim in _claim(_choose(due, limit))}
    rows = Delivery.objects.select_related("webhook", "message").filter(pk__in=held).order_by("due_at", "pk")
    return [Job(claim=held[row.pk], delivery=row) for row in rows]


def _choose(due: "QuerySet[Delivery]", limit: int) -> list[str]:
    """Return deliveries; where one webhook fills what is looked at, the look goes on behind it."""
    chosen: list[str] = []
    room: dict[str, int] = {}
    for _ in range(LOOKS):
        full = [pk for pk, left in room.items() if left <= 0]
        looked = due.exclude(webhook__in=full).exclude(pk__in=chosen) if room else due
        found = list(looked.values_list("pk", "webhook_id")[: limit * LOOK_AHEAD])
        room |= _room({webhook for _, webhook in found} - room.keys())
        for pk, webhook in found:
            if room.get(webhook, 0) > 0 and len(chosen) < limit:
                chosen.append(pk)
                room[webhook] -= 1
        if len(chosen) == limit or len(found) < limit * LOOK_AHEAD:
            break
    return chosen


def _room(webhooks: Collection[str]) -> dict[str, int]:
    """Return how many more calls each of these webhooks may have, over all processes."""
    if not webhooks:
        return {}
    now = claims.database_now()
    flying = Delivery.objects.filter(lease_until__gt=now, webhook__in=webhooks).order_by().values_list("webhook_id")
    busy = Counter(dict(flying.annotate(Count("pk"))))
    rows = Webhook.objects.filter(pk__in=webhooks).values_list("pk", "rests", "held_until")
    return {pk: _most(rests, held_until, now=now) - busy[pk] for pk, rests, held_until in rows}


def _most(rests: int, held_until: datetime | None, *, now: datetime) -> int:
    """Return how many calls may be out to a webhook: none while it is left alone, then one to try."""
    if held_until is not None and held_until > now:
        return 0
    return 1 if rests else IN_FLIGHT


def _claim(pks: list[str]) -> list[Claim]:
    try:
        with transaction.atomic():
            return claims.claim(Delivery.objects.all(), pks, lease=LEASE) if pks else []
    except LostClaim:
        return []  # another worker was faster: the next look sees what is left


def deliver(job: Job) -> Report:
    """Send a delivery, unless its webhook was disabled meanwhile, and say what came of it."""
    at, began = timezone.now(), time.monotonic()
    try:
        return _report(job, at, began, _send(job.delivery, at=at))
    except Disabled:
        return _report(job, at, began, error="disabled")
    except CannotDecrypt:
        logger.exception("The secret of a webhook cannot be opened")
        return _report(job, at, began, error="secret_unreadable", says="Our operator must mend it.")
    except (Blocked, NotSent, AnswerLost) as error:
        return _report(job, at, began, error=ERRORS[type(error)], says=str(error))


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
    """Return the beginning of an answer as it is kept: without control characters, and without secrets."""
    text = body[: 4 * KEPT_CHARACTERS].decode(errors="replace")
    plain = "".join(each for each in text if each.isprintable() or each in "\n\t")
    return masked_text(plain[:KEPT_CHARACTERS])


@cache
def _client() -> Client:
    return Client()
