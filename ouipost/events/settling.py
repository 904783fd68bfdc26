"""Settling deliveries after their calls: the one place that decides on retries, giving up, and disabling webhooks."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from ouipost import claims
from ouipost.claims import Claim, engine_time, spread
from ouipost.db.rows import in_parts, insert_each, update_each
from ouipost.events import backoff, journal
from ouipost.events.models import Delivery, DeliveryAttempt, DeliveryStatus, Message, Replay, Webhook
from ouipost.phrases import Phrase

DELIVERED, FAILED, DISCARDED = DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.DISCARDED

WAITS = tuple(engine_time(seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""The wait after each failed try; there are ten tries."""
BATCH = 500
MOST_WAIT = engine_time(86_400)
DISABLE_AFTER, DISABLE_FAILURES = engine_time(5 * 86_400), 20
GONE = Phrase("It answered 410 Gone.")
NO_SUCCESS = Phrase("Nothing arrived for 5 days.")
NOT_SENDABLE = "not_sendable"
"""The error of a delivery that was not sent, which does not count as an attempt."""
COUNTED = ("successful_deliveries", "failed_deliveries")
STANDING = (
    *("failures", "failing_since", "held_until", "rests", "last_triggered_at", "is_active", "disabled_reason"),
    *COUNTED,
)
"""The columns of a webhook that settling may change."""


@dataclass(frozen=True, kw_only=True)
class DeliveryResult:
    """The outcome of one call."""

    claim: Claim
    delivery: Delivery = field(repr=False)
    at: datetime
    milliseconds: int
    http_status: int | None
    error: str
    """A word for the reason why there is no answer; empty if there is one."""
    answer: str
    address: str
    retry_after: str
    """The header's value, unparsed."""

    @property
    def has_arrived(self) -> bool:
        return self.http_status is not None and 200 <= self.http_status < 300

    @property
    def was_sent(self) -> bool:
        return self.error != NOT_SENDABLE

    def went_elsewhere(self, webhook: Webhook) -> bool:
        """Whether the webhook's address was changed meanwhile, so that the old one's answer does not count."""
        return self.delivery.webhook.url != webhook.url


def settle_all(results: Sequence[DeliveryResult]) -> list[bool]:
    """Settle these calls in the caller's transaction; returns for each whether its claim was still valid.

    The number of statements does not grow with the results.
    """
    now = claims.database_now()
    pks = {result.delivery.webhook_id for result in results}
    webhooks = {each.pk: each for each in Webhook.objects.select_for_update().filter(pk__in=pks).order_by("pk")}
    ours = claims.lock_each(Delivery, [result.claim for result in results])
    settled = [result for result in results if result.claim in ours]
    before = {pk: (webhook.is_active, webhook.held_until) for pk, webhook in webhooks.items()}
    for result in settled:
        _take_note(webhooks[result.delivery.webhook_id], result, now=now)
    rows = {result.claim.pk: _next_state(webhooks[result.delivery.webhook_id], result, now=now) for result in settled}
    update_each(Delivery, rows)
    insert_each([_attempt(result) for result in settled if result.was_sent])
    update_each(Webhook, {pk: {name: getattr(each, name) for name in STANDING} for pk, each in webhooks.items()})
    if unsent := {each.delivery.replay_id for each in settled if _is_missed(webhooks[each.delivery.webhook_id], each)}:
        _cut_short(Replay.objects.filter(pk__in=unsent))
    for pk, webhook in webhooks.items():
        was_active, held_until = before[pk]
        if was_active and not webhook.is_active:
            _record_disabled(webhook)
        elif webhook.held_until and webhook.held_until != held_until:
            backoff.set_aside(webhook)
        elif held_until and held_until > now and webhook.held_until is None:
            backoff.put_off(webhook, until=held_until)
    return [result.claim in ours for result in results]


def _take_note(webhook: Webhook, result: DeliveryResult, *, now: datetime) -> None:
    """Update a webhook's failures after a call; it may begin a rest, or be disabled."""
    if not result.was_sent:
        return
    webhook.last_triggered_at = max(result.at, webhook.last_triggered_at or result.at)  # a short call may end first
    if result.went_elsewhere(webhook):
        return
    if result.has_arrived:
        backoff.note_success(webhook)
        return
    backoff.note_failure(webhook, now=now)
    if result.http_status == HTTPStatus.GONE:
        _disable(webhook, GONE)
    elif webhook.failures >= DISABLE_FAILURES and (webhook.failing_since or now) <= now - DISABLE_AFTER:
        _disable(webhook, NO_SUCCESS)


def _disable(webhook: Webhook, reason: str) -> None:
    if webhook.is_active:
        webhook.is_active, webhook.disabled_reason = False, reason


def _next_state(webhook: Webhook, result: DeliveryResult, *, now: datetime) -> dict[str, Any]:
    """Return the new columns of a delivery after its call; an ended delivery is counted on the webhook."""
    delivery = result.delivery
    tries = delivery.tries + (not result.went_elsewhere(webhook))
    sent = {"attempts": delivery.attempts + 1, "tries": tries} if result.was_sent else {}
    is_wanted = webhook.is_active and webhook.wants(delivery.message)
    if result.was_sent and not result.has_arrived and is_wanted and tries <= len(WAITS):
        return result.claim.released | sent | {"due_at": _next_due(webhook, tries, result, now=now)}
    ended = DELIVERED if result.has_arrived else FAILED if result.was_sent else DISCARDED
    count(webhook, ended)
    return result.claim.released | sent | {"due_at": None, "status": ended, "finished_at": now}


def _is_missed(webhook: Webhook, result: DeliveryResult) -> bool:
    """Whether a replay's delivery was not sent although its webhook asks for it: the webhook was not active then."""
    return result.delivery.replay_id is not None and not result.was_sent and webhook.wants(result.delivery.message)


def count(webhook: Webhook, status: str, change: int = 1) -> None:
    """Add `change`, which may be -1, to the webhook's counter of deliveries with this final status."""
    name = {DELIVERED: "successful_deliveries", FAILED: "failed_deliveries"}.get(DeliveryStatus(status))
    if name:
        setattr(webhook, name, max(0, getattr(webhook, name) + change))


def _next_due(webhook: Webhook, tries: int, result: DeliveryResult, *, now: datetime) -> datetime | None:
    """Return the next time to try a failed delivery: now if the address is new, unless the webhook already rests."""
    if result.went_elsewhere(webhook):
        return None if webhook.rests else now
    return now + _wait(tries, result, now=now)


def _wait(tries: int, result: DeliveryResult, *, now: datetime) -> timedelta:
    """Return the wait until the next try: as planned, plus or minus 20 %, but no less than Retry-After asks for."""
    return max(spread(WAITS[tries - 1]), min(_asked(result.retry_after, now=now), MOST_WAIT))


def _asked(header: str, *, now: datetime) -> timedelta:
    """Return the wait that a Retry-After header asks for, in seconds or as a date; zero if it cannot be parsed."""
    with suppress(ValueError, OverflowError):
        if header.isascii() and header.isdecimal():
            return engine_time(min(int(header), 86_400))
        moment = parsedate_to_datetime(header)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return timedelta(0)


def _attempt(result: DeliveryResult) -> DeliveryAttempt:
    return DeliveryAttempt(
        delivery=result.delivery,
        number=result.delivery.attempts + 1,
        at=result.at,
        milliseconds=result.milliseconds,
        http_status=result.http_status,
        error=result.error or ("" if result.has_arrived else "refused"),
        answer=result.answer,
        address=result.address,
    )


def _record_disabled(webhook: Webhook) -> None:
    """Discard the waiting deliveries of a webhook that was just disabled, and record that in the journal."""
    discard(webhook)
    reason, failures = webhook.disabled_reason, webhook.failures
    journal.record("disabled", webhook, actor=journal.SYSTEM, reason=reason, url=webhook.url, failures=failures)


def discard(webhook: Webhook) -> int:
    """Discard the pending deliveries of a locked webhook that are not in flight; returns how many.

    A replay can send them again; those that made some of them due, or still run, are cut short.
    """
    waiting = backoff.waiting_for(webhook)
    begun = set(waiting.exclude(replay=None).values_list("replay", flat=True).distinct())
    _cut_short(Replay.objects.filter(Q(finished_at=None) | Q(pk__in=begun), webhook=webhook))
    return _discard(waiting)


def _cut_short(replays: "QuerySet[Replay]") -> None:
    """End replays of locked webhooks as cut short, also those that are finished."""
    replays.update(finished_at=None, due_at=None, lease_until=None, fence=F("fence") + 1)


def discard_unheard(webhook: Webhook) -> int:
    """Discard waiting deliveries that a locked webhook no longer subscribes to, but no test; returns how many."""
    waiting = backoff.waiting_for(webhook)
    unheard = waiting.exclude(message__in=Message.objects.filter(webhook.wanted))
    # By their own ids: MariaDB would find the rows of a join first, and fail if one has changed since.
    pks = list(unheard.values_list("pk", flat=True))
    return sum(_discard(waiting.filter(pk__in=some)) for some in in_parts(pks, BATCH))


def _discard(waiting: "QuerySet[Delivery]") -> int:
    ended = {"status": DISCARDED, "due_at": None, "finished_at": Now()}
    return waiting.update(**ended, fence=F("fence") + 1)
