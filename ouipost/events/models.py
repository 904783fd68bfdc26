"""The journal: one row per change, for ever."""

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from ouipost.ids import uuid7


def event_id() -> str:
    """Return a bare UUIDv7: shown as `log_…` in the audit log and as `evt_…` in webhooks."""
    return str(uuid7())


class Event(models.Model):
    """What changed, by whom, and when. Rows have no foreign keys: they outlive what they tell of."""

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
    details = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField()

    class Meta:
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
