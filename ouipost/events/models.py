"""The journal, with one row per change, kept forever; and webhooks with their messages, kept for 30 days."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, NoReturn

from django.db import models
from django.utils import timezone

from ouipost.claims import Claimable
from ouipost.crypto import CannotDecrypt
from ouipost.db import sealed
from ouipost.db.stored_json import JsonColumn, for_nobody, is_object, is_strings
from ouipost.ids import public_id, uuid7

TEST = "webhook.test"
"""The type of the event that tests a webhook; it cannot be subscribed to."""


def event_id() -> str:
    """Return a new UUIDv7 without a prefix: the audit log shows it as `log_…`, webhooks as `evt_…`."""
    return str(uuid7())


class JournalIsAppendOnly(Exception):
    """Raised on every attempt to change or delete a row of the journal."""

    def __init__(self) -> None:
        super().__init__("Rows of the journal are written once: they are neither changed nor removed.")


class EventQuerySet(models.QuerySet["Event"]):
    """Allows reading and inserting; every other write raises JournalIsAppendOnly."""

    def unsealed(self) -> "EventQuerySet":
        """Match the rows that are not in the chain yet."""
        return self.filter(seq=None)

    def update(self, **values: Any) -> NoReturn:
        raise JournalIsAppendOnly

    def bulk_update(self, objs: Iterable["Event"], fields: Iterable[str], batch_size: int | None = None) -> NoReturn:
        raise JournalIsAppendOnly

    def bulk_create(self, objs: Iterable["Event"], *args: Any, **options: Any) -> "list[Event]":
        if options.get("update_conflicts") or args[2:]:
            raise JournalIsAppendOnly
        return super().bulk_create(objs, *args, **options)

    def delete(self) -> NoReturn:
        raise JournalIsAppendOnly


class Event(models.Model):
    """A change, its author and its time. It has no foreign keys, since it outlives the rows that it is about.

    Rows are inserted, sealed once (`ouipost.events.sealing`), and never changed or deleted.
    """

    id = models.CharField(primary_key=True, max_length=36, default=event_id, editable=False)
    type = models.CharField(max_length=60)
    resource_type = models.CharField(max_length=40)
    resource_id = models.CharField(max_length=45)
    workspace_id = models.CharField(max_length=45, blank=True)
    user_id = models.CharField(max_length=45, blank=True)
    user_email = models.CharField(max_length=254, blank=True)
    key_id = models.CharField(max_length=45, blank=True)
    ip_address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    details = JsonColumn(default=dict, fits=is_object, instead=dict)
    created_at = models.DateTimeField()
    seq = models.PositiveBigIntegerField(null=True, unique=True, editable=False, help_text="Its place in the chain.")
    seal = models.CharField(max_length=64, default="", db_default="", editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        indexes: ClassVar = [
            models.Index(fields=["resource_id", "created_at"], name="event_resource"),
            models.Index(fields=["workspace_id", "created_at"], name="event_workspace"),
            models.Index(fields=["created_at"], name="event_created"),
            models.Index(fields=["user_id", "created_at"], name="event_user"),
            models.Index(fields=["key_id", "created_at"], name="event_key"),
            models.Index(fields=["type", "created_at"], name="event_type"),
            models.Index(fields=["resource_type", "created_at"], name="event_resource_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.resource_id}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise JournalIsAppendOnly
        super().save(*args, **options | {"force_insert": True})

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise JournalIsAppendOnly


class ChainHead(models.Model):
    """The place and seal of the last sealed row: a table with one row, which is locked while rows are sealed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    seq = models.PositiveBigIntegerField(default=0)
    seal = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return f"{self.seq}:{self.seal}"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def present(self) -> "WebhookQuerySet":
        """Leave out deleted webhooks, whose deliveries are removed in the background."""
        return self.filter(deleted_at=None)


class Webhook(models.Model):
    """A URL that events are sent to. `failures` and `failing_since` count from the last success."""

    id = public_id("wh")
    url = models.CharField(max_length=2000)
    events = JsonColumn(default=list, fits=is_strings, instead=list)
    workspace_ids = JsonColumn(
        default=list,
        blank=True,
        fits=is_strings,
        instead=for_nobody,
        help_text="Empty: every workspace.",
    )
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    secret = sealed.SealedField(editable=False)
    previous_secret = sealed.SealedField(blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_triggered_at = models.DateTimeField(null=True, editable=False)
    successful_deliveries = models.PositiveBigIntegerField(default=0, editable=False)
    failed_deliveries = models.PositiveBigIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    held_until = models.DateTimeField(null=True, editable=False, help_text="Nothing is sent until then.")
    rests = models.PositiveSmallIntegerField(default=0, editable=False, help_text="How often it was held in a row.")
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = WebhookQuerySet.as_manager()
    journal_name = "webhook"

    def __str__(self) -> str:
        return self.url

    @property
    def host(self) -> str:
        """The beginning of the address, up to its path or query, even if the address is malformed."""
        return "/".join(self.url.partition("?")[0].split("/")[:3])

    def hears(self, event_type: str, workspace_id: str) -> bool:
        """Whether it subscribes to events of this type and workspace."""
        return event_type in self.events and (not self.workspace_ids or workspace_id in self.workspace_ids)

    def wants(self, message: "Message") -> bool:
        """Whether a message may be sent to it: one that it subscribes to, or a test."""
        return message.type == TEST or self.hears(message.type, message.workspace_id)

    @property
    def heard(self) -> models.Q:
        """Condition for the messages that it subscribes to."""
        here = models.Q(workspace_id__in=self.workspace_ids) if self.workspace_ids else models.Q()
        return models.Q(type__in=self.events) & here

    @property
    def wanted(self) -> models.Q:
        """Condition for the messages that `wants` allows."""
        return self.heard | models.Q(type=TEST)

    @property
    def secret_mark(self) -> str:
        """A mark that differs for each secret, and reveals nothing of it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()[:16]

    @property
    def readable_secret(self) -> str:
        """The secret; empty if it cannot be decrypted."""
        try:
            return sealed.opened(self, "secret")
        except CannotDecrypt:
            return ""

    @property
    def old_secret_signs_until(self) -> datetime | None:
        """The time until which the previous secret also signs; None if it no longer does."""
        until = self.previous_secret_until
        return until if until is not None and timezone.now() < until else None

    def seal(self, secret: str) -> None:
        """Set the secret, encrypted for this row."""
        sealed.seal(self, "secret", secret)

    def keep_previous(self, *, until: datetime) -> None:
        """Keep the present secret as the previous one, which also signs until then; an older one ends at once."""
        self.end_previous()
        if self.readable_secret:  # an unreadable one signed nothing either
            sealed.seal(self, "previous_secret", self.readable_secret)
            self.previous_secret_until = until

    def end_previous(self) -> None:
        """Let the present secret sign alone."""
        self.previous_secret, self.previous_secret_until = "", None

    def secrets(self, *, now: datetime) -> list[str]:
        """Return the secrets that sign now, the newest first; raises CannotDecrypt."""
        found = [sealed.opened(self, "secret")]
        if self.previous_secret_until is not None and now < self.previous_secret_until:
            found.append(sealed.opened(self, "previous_secret"))
        return found


class Message(models.Model):
    """The body that webhooks receive about an event, the same for all of them; `id` is the event's."""

    id = models.CharField(primary_key=True, max_length=36, default=event_id, editable=False)
    type = models.CharField(max_length=60)
    workspace_id = models.CharField(max_length=45, blank=True)
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="message_created")]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"

    @property
    def public_id(self) -> str:
        """The id that receivers see, and recognize repeats by."""
        return f"evt_{self.pk}"


class DeliveryStatus(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISCARDED = "discarded"


class Delivery(Claimable):
    """One message for one webhook, tried until it arrives or its tries are used up; `due_at` is the next try's time.

    A pending delivery without `due_at` waits until its webhook no longer rests: `ouipost.events.backoff`.
    """

    id = public_id("dlv")
    # No database constraints: they would make a transaction that records an event wait for one that settles deliveries
    # of the same webhook. The webhook needs no index of its own: two others begin with it.
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False
    )
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False)
    status = models.CharField(max_length=9, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(
        default=0, editable=False, help_text="Attempts since it was made, or asked for again."
    )
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    replay = models.ForeignKey(
        "Replay",
        on_delete=models.DO_NOTHING,
        null=True,
        editable=False,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
        help_text="The replay that made it due last.",
    )

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [models.UniqueConstraint(fields=["webhook", "message"], name="one_delivery_per_event")]
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], name="delivery_due"),
            models.Index(fields=["lease_until", "webhook"], name="delivery_in_flight"),
            models.Index(fields=["webhook", "status", "due_at"], name="delivery_waiting"),
        ]

    def __str__(self) -> str:
        return self.pk


class EndedDeliveries(models.Model):
    """Ended deliveries that no webhook counts, as it was deleted or sends them again: a table with one row.

    It keeps the counters in /metrics from falling.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    delivered = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "ended deliveries"

    def __str__(self) -> str:
        return f"{self.delivered} delivered, {self.failed} failed"


class DeliveryAttempt(models.Model):
    """One call to a webhook, with its answer or the reason why there was none."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="log", db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    http_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=40, blank=True)
    answer = models.TextField(blank=True, help_text="The beginning of the answer's body.")
    address = models.CharField(max_length=45, blank=True, help_text="Where it went.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["delivery", "number"], name="attempt_of_delivery")]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}: {self.http_status or self.error}"


class ReplayScope(models.TextChoices):
    ALL = "all"
    FAILED = "failed"


class ReplayStatus(models.TextChoices):
    """Progress of a replay. It is cut short if its webhook becomes inactive while some of its events wait: made due by
    it, or still ahead of it."""

    RUNNING = "running"
    FINISHED = "finished"
    CUT_SHORT = "cut_short"


class Replay(Claimable):
    """A request to send a webhook its events since a time again; done in batches, each message once."""

    id = public_id("rpl")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="replays")
    key = models.CharField(max_length=100, help_text="The caller's name for it: the same again is no second replay.")
    scope = models.CharField(max_length=6, choices=ReplayScope.choices, default=ReplayScope.ALL)
    since = models.DateTimeField()
    until = models.DateTimeField()
    total = models.PositiveIntegerField(help_text="How many events there were when it was asked for.")
    done = models.PositiveIntegerField(default=0)
    reached = models.CharField(max_length=36, blank=True, editable=False, help_text="The last message that was seen.")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["webhook", "key"], name="one_replay_per_key")]
        indexes: ClassVar = [models.Index(fields=["due_at"], name="replay_due")]

    def __str__(self) -> str:
        return f"{self.webhook_id} since {self.since}"

    @property
    def status(self) -> ReplayStatus:
        """The progress, derived from the row's times."""
        if self.finished_at is not None:
            return ReplayStatus.FINISHED
        return ReplayStatus.RUNNING if self.due_at is not None else ReplayStatus.CUT_SHORT

    @property
    def is_cut_short(self) -> bool:
        return self.status == ReplayStatus.CUT_SHORT

    @property
    def is_over(self) -> bool:
        return self.status != ReplayStatus.RUNNING
