"""The journal: one row per change, for ever."""

from collections.abc import Iterable
from typing import Any, ClassVar, NoReturn

from django.db import models

from ouipost.ids import uuid7


def event_id() -> str:
    """Return a bare UUIDv7: shown as `log_…` in the audit log and as `evt_…` in webhooks."""
    return str(uuid7())


class JournalIsAppendOnly(Exception):
    """A row of the journal was to be changed or removed: nobody may."""

    def __init__(self) -> None:
        super().__init__("Rows of the journal are written once: they are neither changed nor removed.")


class EventQuerySet(models.QuerySet["Event"]):
    """Reads, and adds; raises JournalIsAppendOnly for all else."""

    def unsealed(self) -> "EventQuerySet":
        """Keep what is not in the chain yet."""
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
    """What changed, by whom, and when. Rows have no foreign keys: they outlive what they tell of.

    They are added, sealed once (`ouipost.events.sealing`), and never changed or removed.
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
    details = models.JSONField(default=dict)
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
    """The last row that was sealed: the one row of its table, locked by whoever seals."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    seq = models.PositiveBigIntegerField(default=0)
    seal = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return f"{self.seq}:{self.seal}"
