"""/admin/dashboard, /admin/stats and /admin/analytics: the installation in numbers."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from math import ceil
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Pause
from adminapi.monitoring.figures import DAYS, USUAL, Figures
from adminapi.views.pauses import PauseSerializer
from adminapi.viewsets import AdminViewSet
from analytics.periods import Period
from analytics.reports import by_workspace, report, table
from analytics.serializers import BucketSerializer, PeriodSerializer, PlatformGainsSerializer, SummarySerializer
from analytics.totals import SUMMED
from ouipost.api.csv import CSV_TYPE, FORMAT, csv_answer, wants_csv
from ouipost.api.vocabulary import JSON_TYPE
from ouipost.db.replica import on_replica
from ouipost.errors import InvalidInput
from ouipost.phrases import Phrase
from posts import pausing
from workspaces.models import Workspace

MEGABYTE = 1_000_000
LARGEST = 4


class OverviewSerializer(serializers.Serializer[Any]):
    """The totals."""

    total_workspaces = serializers.IntegerField()
    total_posts = serializers.IntegerField()
    total_accounts = serializers.IntegerField()
    total_users = serializers.IntegerField()


class ActivitySerializer(serializers.Serializer[Any]):
    """The current activity; a week begins on Monday, and failures are those of this week that still are."""

    posts_today = serializers.IntegerField()
    posts_this_week = serializers.IntegerField()
    scheduled_posts = serializers.IntegerField()
    failed_posts = serializers.IntegerField()


class ApiUsageSerializer(serializers.Serializer[Any]):
    """The use of the API."""

    requests_today = serializers.IntegerField()
    requests_this_month = serializers.IntegerField()
    active_keys = serializers.IntegerField()


class DashboardSerializer(serializers.Serializer[Any]):
    """The installation at a glance."""

    resource = ""
    overview = OverviewSerializer()
    activity = ActivitySerializer()
    api_usage = ApiUsageSerializer()
    platform_distribution = serializers.DictField(child=serializers.IntegerField())
    paused = PauseSerializer(many=True)


class PostStatsSerializer(serializers.Serializer[Any]):
    """Posts by status, and by network how many were published there."""

    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_platform = serializers.DictField(child=serializers.IntegerField())


class AccountStatsSerializer(serializers.Serializer[Any]):
    """The connected accounts."""

    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())


class UseSerializer(serializers.Serializer[Any]):
    """The used storage; a megabyte has a million bytes, and a started one counts as whole."""

    storage_used_mb = serializers.IntegerField()
    storage_limit_mb = serializers.IntegerField()
    api_calls_this_month = serializers.IntegerField()


class InstallationStatsSerializer(serializers.Serializer[Any]):
    """The installation in numbers."""

    resource = ""
    posts = PostStatsSerializer()
    accounts = AccountStatsSerializer()
    usage = UseSerializer()


class WorkspaceNumbersSerializer(PlatformGainsSerializer):
    """The gains of one workspace."""

    id = serializers.CharField()
    name = serializers.CharField()


class RequestsSerializer(serializers.Serializer[Any]):
    """The requests of one day."""

    date = serializers.DateField()
    requests = serializers.IntegerField()


class InstallationSerializer(serializers.Serializer[Any]):
    """The gains of all workspaces in a period."""

    resource = ""
    period = PeriodSerializer()
    summary = SummarySerializer()
    by_platform = serializers.DictField(child=PlatformGainsSerializer())
    timeline = BucketSerializer(many=True)
    by_workspace = WorkspaceNumbersSerializer(many=True)
    api_usage = RequestsSerializer(many=True)
    as_of = serializers.DateTimeField(allow_null=True)


class FiguresViewSet(AdminViewSet[Workspace]):
    """Numbers: an administrator's are those of all workspaces, another user's those of their own."""

    queryset = Workspace.objects.none()
    pagination_class = None
    required_permission = "analytics.view"
    query_parameters = {"analytics": ("period", "format")}

    def read_query(self) -> None:
        days = DAYS.get(self.request.query_params.get("period", USUAL))
        if days is None:
            raise InvalidInput(period=[Phrase("Must be one of: {choices}.", choices=", ".join(DAYS))])
        self.days = days

    @extend_schema(responses=DashboardSerializer)
    def dashboard(self, request: Request) -> Response:
        """Show totals, current activity, and pauses."""
        figures = Figures.for_user(self.user)
        paused = pausing.in_force_for(figures.workspace_ids)
        return Response(DashboardSerializer(_dashboard(figures, paused)).data)

    @extend_schema(responses=InstallationStatsSerializer)
    def stats(self, request: Request) -> Response:
        """Show posts and accounts by status, and the used storage."""
        return Response(InstallationStatsSerializer(_stats(Figures.for_user(self.user))).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("period", str, enum=list(DAYS), description=f"Days until today. Default: {USUAL}."),
            FORMAT,
        ],
        responses={(200, JSON_TYPE): InstallationSerializer, (200, CSV_TYPE): str},
    )
    def analytics(self, request: Request) -> Any:
        """Report the gains in a period, in all and by workspace, and the use of the API."""
        figures = Figures.for_user(self.user)
        period = figures.last_days(self.days)
        if wants_csv(request):
            rows = table(figures.scope, period)
            return csv_answer(rows, columns=("date", "platform", *SUMMED), filename="analytics.csv")
        return Response(InstallationSerializer(_analytics(figures, period)).data)


def _dashboard(figures: Figures, paused: list[Pause]) -> dict[str, Any]:
    counted, by_day = figures.activity(), figures.requests_this_month()
    return {
        "overview": {
            "total_workspaces": counted["workspaces"],
            "total_posts": counted.total_posts,
            "total_accounts": sum(counted.accounts_by_status.values()),
            "total_users": counted["users"],
        },
        "activity": {
            "posts_today": counted["today"],
            "posts_this_week": counted["this week"],
            "scheduled_posts": counted["scheduled"],
            "failed_posts": counted["failed this week"],
        },
        "api_usage": {
            "requests_today": by_day[figures.today],
            "requests_this_month": sum(by_day.values()),
            "active_keys": counted["keys"],
        },
        "platform_distribution": largest(figures.scope.posts_by_platform()),
        "paused": paused,
    }


def largest(by_platform: Mapping[str, int]) -> dict[str, int]:
    """Return the four networks with most posts, and the sum of the others."""
    shown = dict(islice(by_platform.items(), LARGEST))
    return shown | {"other": sum(by_platform.values()) - sum(shown.values())}


def _stats(figures: Figures) -> dict[str, Any]:
    counted = figures.statuses()
    return {
        "posts": {
            "total": counted.total_posts,
            "by_status": counted.posts_by_status,
            "by_platform": figures.scope.posts_by_platform(),
        },
        "accounts": {"total": sum(counted.accounts_by_status.values()), "by_status": counted.accounts_by_status},
        "usage": {
            "storage_used_mb": ceil(figures.bytes_used / MEGABYTE),
            "storage_limit_mb": settings.STORAGE_LIMIT_MB,
            "api_calls_this_month": sum(figures.requests_this_month().values()),
        },
    }


@on_replica
def _analytics(figures: Figures, period: Period) -> dict[str, Any]:
    by_day = figures.requests(period.first, period.last)
    return {
        "period": {"from": period.starts, "to": period.ends},
        **asdict(report(figures.scope, period)),
        "by_workspace": by_workspace(figures.names, period),
        "api_usage": [{"date": day, "requests": requests} for day, requests in sorted(by_day.items())],
        "as_of": figures.scope.as_of(),
    }
