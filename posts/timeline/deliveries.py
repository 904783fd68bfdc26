"""Webhook deliveries about a post: delivered, tried again, or given up.

A webhook is named by its id only: readers of posts see neither its address nor its answer.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import F, FilteredRelation, Q
from django.utils.translation import gettext_noop as _

from accounts.platforms.errors import WhoActs
from ouipost.events.models import Delivery, DeliveryStatus
from ouipost.phrases import Phrase
from posts.timeline.entries import Cause, Entry

MOST = 200
"""The most events, and the most deliveries of them, that are shown: the last ones."""
DELIVERED, WAITING, GIVEN_UP = "webhook_delivered", "webhook_waiting", "webhook_given_up"
KINDS = {
    DeliveryStatus.DELIVERED: DELIVERED,
    DeliveryStatus.PENDING: WAITING,
    DeliveryStatus.FAILED: GIVEN_UP,
    DeliveryStatus.DISCARDED: GIVEN_UP,
}
ANSWERS = {
    "refused": _("It answered {status}."),
    "no_answer": _("It was sent, and no complete answer came."),
    "not_sent": _("It could not be reached."),
    "address_blocked": _("Its address must not be called."),
    "secret_unreadable": _("Its secret cannot be opened on this installation."),
    "internal_error": _("An error of this installation kept it from being sent."),
}
"""Sentences by the stored error of a failed attempt."""


class Sent(NamedTuple):
    """A delivery, and the result of its last attempt."""

    webhook: str
    event: str
    status: str
    attempts: int
    due_at: datetime | None
    lease_until: datetime | None
    finished_at: datetime | None
    error: str | None
    http_status: int | None


COLUMNS = (
    *("webhook_id", "message_id", "status", "attempts", "due_at", "lease_until", "finished_at"),
    *("last__error", "last__http_status"),
)


def delivery_entries(events: Mapping[str, str], *, now: datetime) -> list[Entry]:
    """Return a line for each delivery of these events, given as type by id in order of time.

    Runs one query, by the index of a message's deliveries. Deliveries older than a month were pruned and are missing.
    """
    if not events:
        return []
    rows = Delivery.objects.filter(message__in=list(events)[-MOST:], webhook__deleted_at=None)
    last = rows.annotate(last=FilteredRelation("log", condition=Q(log__number=F("attempts"))))
    found = [Sent(*row) for row in last.order_by("-message", "-pk").values_list(*COLUMNS)[:MOST]]
    return [_entry(sent, events[sent.event], now=now) for sent in reversed(found)]


def _entry(sent: Sent, event: str, *, now: datetime) -> Entry:
    """Describe one delivery. Sending it again is always safe, as receivers recognize repeats."""
    kind = KINDS[DeliveryStatus(sent.status)]
    is_busy = sent.lease_until is not None and sent.lease_until > now
    words = {"webhook": sent.webhook, "event": event, "attempts": sent.attempts}
    return Entry(
        at=sent.finished_at or now,
        kind=kind,
        message=Phrase(_words(sent, is_busy=is_busy), **words),
        cause=_cause(sent),
        who_acts=WhoActs.OPERATOR if sent.error else None,
        retry_safe=None if kind == DELIVERED else True,
        next_attempt_at=None if is_busy else sent.due_at,
    )


def _words(sent: Sent, *, is_busy: bool) -> str:
    match sent.status:
        case DeliveryStatus.DELIVERED:
            return _("The webhook {webhook} has accepted {event}, on attempt {attempts}.")
        case DeliveryStatus.FAILED:
            return _(
                "The webhook {webhook} has not accepted {event}, and it will not be tried again. Attempts: {attempts}."
            )
        case DeliveryStatus.DISCARDED:
            return _(
                "The webhook {webhook} was switched off, or no longer "
                "asked for this, before it accepted {event}. Attempts: {attempts}."
            )
    if is_busy:
        return _("The webhook {webhook} is being sent {event}. Attempts before: {attempts}.")
    if sent.due_at is None:
        return _("The webhook {webhook} is failing: {event} waits until it works again. Attempts so far: {attempts}.")
    if sent.error:
        return _(
            "The webhook {webhook} has not accepted {event} yet. It will be tried again. Attempts so far: {attempts}."
        )
    return _("The webhook {webhook} is to be sent {event}.")


def _cause(sent: Sent) -> Cause | None:
    """Return why the last attempt failed, without the receiver's own words, which may be confidential."""
    if not sent.error:
        return None
    message = Phrase(ANSWERS[sent.error], status=sent.http_status)
    return Cause(code="WEBHOOK_FAILED", message=message, http_status=sent.http_status)
