"""The lines of the audit log as people read them: narrowed, and as a file."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from django_filters import CharFilter
from rest_framework import serializers

from ouipost.api.csv import streamed_csv
from ouipost.api.filters import BoundedFilterSet
from ouipost.api.showing import TextOrNull, shown
from ouipost.events.models import Event

STATEMENT, PIECE = 150_000, 1_000
"""Rows per statement of an export, so that a million take seven; and rows that are in memory at one time."""


class LogSerializer(serializers.ModelSerializer[Event]):
    """A line of the audit log; user fields are null for changes by the product itself."""

    id = serializers.SerializerMethodField()
    action = serializers.CharField(source="type")
    user_id, user_email, key_id = TextOrNull(), TextOrNull(), TextOrNull()
    workspace_id, ip_address = TextOrNull(), TextOrNull()
    details = serializers.DictField()

    class Meta:
        model = Event
        fields = (
            "id",
            "user_id",
            "user_email",
            "key_id",
            "action",
            "resource_type",
            "resource_id",
            "workspace_id",
            "details",
            "ip_address",
            "user_agent",
            "created_at",
        )

    def get_id(self, event: Event) -> str:
        return f"log_{event.pk}"


class LogFilter(BoundedFilterSet):
    """Each has an index of its own; `action` is the type of the event."""

    user_id, key_id = CharFilter(), CharFilter()
    action = CharFilter(field_name="type")
    resource_type, resource_id = CharFilter(), CharFilter()
    workspace_id = CharFilter()

    class Meta:
        model = Event
        fields = ("user_id", "action", "resource_type", "resource_id", "workspace_id", "key_id")


def csv_of(events: QuerySet[Event]) -> StreamingHttpResponse:
    """Answer these lines as a file, however many."""
    return streamed_csv(map(_row, in_chunks(events)), columns=LogSerializer.Meta.fields, filename="audit.csv")


def _row(event: Event) -> Mapping[str, Any]:
    row: dict[str, Any] = shown(LogSerializer, event)
    return row | {"details": orjson.dumps(row["details"]).decode()}


def in_chunks(events: QuerySet[Event]) -> Iterator[Event]:
    """Yield rows in the order of the list, however many, each statement from where the one before ended."""
    found, read = events, STATEMENT
    while read == STATEMENT:
        read = 0
        for event in found[:STATEMENT].iterator(chunk_size=PIECE):
            yield event
            last, read = event, read + 1
        if read:
            # The first condition is for the index.
            before = Q(created_at__lt=last.created_at) | Q(id__lt=last.pk)
            found = events.filter(Q(created_at__lte=last.created_at) & before)
