"""/admin/audit: reading the journal."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from django_filters import CharFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from adminapi.viewsets import AdminViewSet
from ouipost.api.csv import CSV_TYPE, FORMAT, streamed_csv, wants_csv
from ouipost.api.filters import BoundedFilterSet
from ouipost.api.pagination import BoundedPages
from ouipost.api.schema import JSON_TYPE
from ouipost.api.showing import TextOrNull, shown
from ouipost.api.viewsets import Lists
from ouipost.events.models import Event
from workspaces.models import Role, User, Workspace

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


class AuditViewSet(Lists[Event], AdminViewSet[Event]):
    """/admin/audit."""

    queryset = Event.objects.order_by("-created_at", "-id")
    resource, resources = "log", "logs"
    required_permission = "audit.view"
    serializer_class, filterset_class, pagination_class = LogSerializer, LogFilter, BoundedPages
    query_parameters = {"list": ("format",)}

    def get_queryset(self) -> QuerySet[Event]:
        return visible_to(self.user, super().get_queryset())

    @extend_schema(
        parameters=[FORMAT],
        responses={(200, JSON_TYPE): LogSerializer(many=True), (200, CSV_TYPE): str},
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return the entries of the audit log, newest first, in pages or all of them as CSV."""
        if not wants_csv(request):
            return super().list(request, *args, **kwargs)
        events = self.filter_queryset(self.get_queryset())
        return csv_of(events)


def visible_to(user: User, events: QuerySet[Event]) -> QuerySet[Event]:
    """Keep the lines that this user may see: all for an administrator, for others those of their workspaces."""
    if user.role == Role.ADMIN:
        return events
    return events.filter(workspace_id__in=list(Workspace.objects.open_to(user).values_list("pk", flat=True)))


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
