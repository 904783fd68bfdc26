"""/admin/audit: reading the journal."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from adminapi.audit import LogFilter, LogSerializer, csv_of
from adminapi.viewsets import AdminViewSet
from ouipost.api.csv import CSV_TYPE, FORMAT, wants_csv
from ouipost.api.pagination import BoundedPages
from ouipost.api.viewsets import Lists
from ouipost.api.vocabulary import JSON_TYPE
from ouipost.events.models import Event
from workspaces.reach import visible_to


class AuditViewSet(Lists[Event], AdminViewSet[Event]):
    """/admin/audit."""

    queryset = Event.objects.order_by("-created_at", "-id")
    resource, resources = "log", "logs"
    required_permission = "audit.view"
    serializer_class, filterset_class, pagination_class = LogSerializer, LogFilter, BoundedPages
    query_parameters = {"list": ("format",)}

    def get_queryset(self) -> QuerySet[Event]:
        return visible_to(super().get_queryset(), self.user)

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
