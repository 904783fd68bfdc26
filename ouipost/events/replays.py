"""Replays: sending a webhook its missed events again, in the background, each event once.

A step makes the deliveries of a batch of messages due and stores its progress, in one transaction, so that an
interrupted replay continues from there. A finished replay looks once more a minute after its request: a transaction
that was writing a message at that moment may have found the webhook inactive and committed behind the replay.
A replay whose webhook becomes inactive is cut short, even after its last step if deliveries that it made due still wait
then: these are discarded, so it ends and is not finished.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from ouipost import claims
from ouipost.claims import Claim, engine_time
from ouipost.db.rows import insert_each
from ouipost.errors import InvalidInput
from ouipost.events import outbox
from ouipost.events.journal import Actor, record
from ouipost.events.models import Delivery, DeliveryStatus, Message, Replay, ReplayScope, Webhook
from ouipost.events.webhooks import WebhookDisabled, lock, send_again
from ouipost.isolating import for_each
from ouipost.moments import written_in_utc
from ouipost.phrases import Phrase

REACH = timedelta(days=14)
MOST = 10_000
STEP = 500
LEASE = engine_time(60)
COMMITTED = engine_time(60)
"""Time after which a message that was being written is committed, or never will be."""


def messages_for(webhook: Webhook, *, since: datetime, until: datetime, scope: str) -> "QuerySet[Message]":
    """Match the messages of this period that a webhook subscribes to, without those that wait for an attempt already;
    with the scope `failed`, also without those that have arrived."""
    left_out = [DeliveryStatus.PENDING, *([DeliveryStatus.DELIVERED] if scope == ReplayScope.FAILED else [])]
    return _heard(webhook, since, until).exclude(pk__in=_delivered(webhook, left_out))


def waiting(webhook: Webhook, *, since: datetime, until: datetime) -> int:
    """Return how many messages of this period wait for an attempt already, counted as far as a replay reaches."""
    pending = _delivered(webhook, [DeliveryStatus.PENDING])
    return _heard(webhook, since, until).filter(pk__in=pending)[:MOST].count()


def _heard(webhook: Webhook, since: datetime, until: datetime) -> "QuerySet[Message]":
    return Message.objects.filter(webhook.heard, created_at__gte=since, created_at__lte=until)


def _delivered(webhook: Webhook, states: list[DeliveryStatus]) -> "QuerySet[Delivery, str]":
    """Match the messages whose delivery to a webhook is in one of these states."""
    return Delivery.objects.filter(webhook=webhook, status__in=states).values_list("message", flat=True)


@transaction.atomic
def replay(
    webhook: Webhook, *, since: datetime, key: str, scope: str, actor: Actor, now: datetime
) -> tuple[Replay, bool]:
    """Return a new replay and True, or the replay that has this key already and False.

    Raises InvalidInput for a key that another replay has, for more than 14 days or 10,000 events, and WebhookDisabled.
    """
    locked = lock(webhook)
    if present := find(locked, key=key, since=since, scope=scope, now=now):
        return present, False
    if not locked.is_active:
        raise WebhookDisabled
    total = require_possible(locked, since=since, scope=scope, now=now)
    begun = Replay.objects.create(
        webhook=locked, key=key, scope=scope, since=since, until=now, total=total, created_at=now,
        due_at=claims.database_now(),
    )  # fmt: skip
    record("replayed", locked, actor=actor, replay=begun.pk, since=since, scope=scope, events=total)
    return begun, True


def find(webhook: Webhook, *, key: str, since: datetime, scope: str, now: datetime) -> Replay | None:
    """Return the replay that has this key; raises InvalidInput if it has another time or scope.

    A relative time counts as the same if it goes as far back as it did when the replay began.
    """
    present = Replay.objects.filter(webhook=webhook, key=key).first()
    if present is None:
        return None
    times = (since, since - (now - present.until))
    if scope == present.scope and present.since.replace(microsecond=0) in [
        each.replace(microsecond=0) for each in times
    ]:
        return present
    message = Phrase(
        "Used already for a replay of {scope} since {moment}: choose another.",
        scope=present.scope,
        moment=written_in_utc(present.since),
    )
    raise InvalidInput(replay_id=[message])


def require_possible(webhook: Webhook, *, since: datetime, scope: str, now: datetime) -> int:
    """Return how many events a replay would send; raises InvalidInput if they are too old or too many."""
    require_recent(since, now=now)
    rows = messages_for(webhook, since=since, until=now, scope=scope)
    total = rows[: MOST + 1].count()
    if total > MOST:
        first = rows.order_by("-created_at").values_list("created_at", flat=True)[MOST - 1]
        raise InvalidInput(
            since=[Phrase("More than {most:,} events: choose {moment} or later.", most=MOST, moment=first.isoformat())]
        )
    return total


def require_recent(since: datetime, *, now: datetime) -> None:
    """Raise InvalidInput for a time more than 14 days ago or in the future."""
    if since > now:
        raise InvalidInput(since=[Phrase("Must not be in the future.")])
    if since < now - REACH:
        raise InvalidInput(since=[Phrase("At most {days} days back.", days=REACH.days)])


def work_on_due() -> int:
    """Do a step of each unfinished replay; returns how many events became due."""
    held = claims.claim_due(Replay.objects.all(), limit=10, lease=LEASE)
    return for_each(held, _step)


@transaction.atomic
def _step(claim: Claim) -> int:
    webhook_id = Replay.objects.values_list("webhook", flat=True).get(pk=claim.pk)
    webhook = Webhook.objects.select_for_update().get(pk=webhook_id)
    replay = Replay.objects.select_for_update().get(pk=claim.pk)
    if replay.fence != claim.fence:
        return 0  # another worker has it
    now = claims.database_now()
    rows = messages_for(webhook, since=replay.since, until=replay.until, scope=replay.scope)
    found = list(_ahead(rows, replay).order_by("pk").values_list("pk", flat=True)[:STEP])
    if found and not webhook.is_active:
        claims.release(Replay, claim, due_at=None)  # the replay is cut short
        return 0
    sent = _send(replay, webhook, found, now=now)
    is_over = len(found) < STEP
    looks_again = None if replay.finished_at else max(now, replay.until + COMMITTED)
    claims.release(
        Replay,
        claim,
        reached=found[-1] if found else replay.reached,
        done=replay.done + sent,
        due_at=looks_again if is_over else now,
        finished_at=replay.finished_at or (now if is_over else None),
    )
    return sent


def _ahead(rows: "QuerySet[Message]", replay: Replay) -> "QuerySet[Message]":
    """Match the messages that a replay has not seen: those ahead of it, or, once finished, those written meanwhile.

    The latter have no delivery. Older messages without one are left out: the webhook has subscribed to them since, and
    nobody asked to replay these.
    """
    if replay.finished_at is None:
        return rows.filter(pk__gt=replay.reached)
    return rows.filter(created_at__gte=replay.until - COMMITTED).exclude(
        pk__in=Delivery.objects.filter(webhook=replay.webhook_id).values("message")
    )


def _send(replay: Replay, webhook: Webhook, messages: list[str], *, now: datetime) -> int:
    """Make the deliveries of these messages due, creating missing ones."""
    rows = {row.message_id: row for row in Delivery.objects.filter(webhook=webhook, message__in=messages)}
    new = [outbox.delivery(webhook, message, now=now, replay=replay) for message in messages if message not in rows]
    insert_each(new)
    return len(new) + send_again(list(rows.values()), webhook, now=now, replay=replay)
