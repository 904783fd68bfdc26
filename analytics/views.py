"""/api/analytics and /api/posts/{id}/analytics."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import registry
from analytics.audience import audience
from analytics.gains import COUNTED
from analytics.models import TargetNumbers
from analytics.periods import Granularity, Period
from analytics.post_report import numbers_of, post_period, post_report, post_table
from analytics.queries import PARAMETERS, read_granularity, read_period, require_hours
from analytics.reports import Scope, report, shown_bucket, table
from analytics.serializers import PostAnalyticsSerializer, ReportSerializer
from analytics.top import top_posts
from analytics.totals import SUMMED
from ouipost.api.csv import CSV_TYPE, FORMAT, csv_answer, wants_csv
from ouipost.api.vocabulary import JSON_TYPE
from ouipost.db.replica import on_replica
from posts.models import Post
from workspaces.models import Workspace
from workspaces.scoping import WorkspaceScopedViewSet

PERIOD = [
    OpenApiParameter(
        "from", str, description="First day or moment; its whole day is reported. Default: 30 days in all."
    ),
    OpenApiParameter("to", str, description="Last day or moment; its whole day is reported. Default: today."),
    OpenApiParameter("platform", str, enum=registry.IDS),
]


def cut(usual: str) -> OpenApiParameter:
    """Describe how finely the numbers are cut, and what is usual."""
    return OpenApiParameter("granularity", str, enum=list(Granularity), description=f"Default: {usual}.")


class AnalyticsViewSet(WorkspaceScopedViewSet[TargetNumbers]):
    """/api/analytics: the gains of a workspace."""

    queryset = TargetNumbers.objects.all()
    pagination_class = None
    scope = "analytics"
    query_parameters = {"report": PARAMETERS}

    def read_query(self) -> None:
        self.period = read_period(self.request.query_params, zone=self.workspace.timezone, now=timezone.now())

    @extend_schema(
        parameters=[*PERIOD, cut("day"), FORMAT],
        responses={(200, JSON_TYPE): ReportSerializer, (200, CSV_TYPE): str},
    )
    def report(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Report the gains in a period, of posts of any age."""
        scope, period = Scope(workspace=self.workspace, platform=request.query_params.get("platform", "")), self.period
        if wants_csv(request):
            return csv_answer(table(scope, period), columns=("date", "platform", *SUMMED), filename="analytics.csv")
        return Response(_report(self.workspace, scope, period))


@on_replica
def _report(workspace: Workspace, scope: Scope, period: Period) -> dict[str, Any]:
    """Return the report as `ReportSerializer` would show it."""
    top, as_of = top_posts(workspace, period, platform=scope.platform), scope.as_of()
    return {
        "period": {"from": shown_bucket(period.starts), "to": shown_bucket(period.ends)},
        **vars(report(scope, period)),
        "top_posts": [{**each, "published_at": shown_bucket(each["published_at"])} for each in top],
        "audience": audience(scope, period),
        "as_of": as_of and shown_bucket(as_of),
    }


class PostAnalyticsViewSet(WorkspaceScopedViewSet[Post]):
    """/api/posts/{id}/analytics: the numbers of one post."""

    queryset = Post.objects.all()
    scope = "analytics"
    query_parameters = {"retrieve": ("granularity", "format")}

    def read_query(self) -> None:
        self.granularity = read_granularity(self.request.query_params)

    @extend_schema(
        parameters=[cut("hour for a week, then day"), FORMAT],
        responses={(200, JSON_TYPE): PostAnalyticsSerializer, (200, CSV_TYPE): str},
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Show a post's numbers so far, and its gains from its publication to the last reading."""
        post = self.get_object()
        numbers, now = numbers_of(post), timezone.now()
        period = post_period(numbers, self.granularity, zone=self.workspace.timezone, now=now)
        if period is not None:
            require_hours(period, now=now)
        if wants_csv(request):
            columns = ("timestamp", "platform", *COUNTED)
            return csv_answer(post_table(numbers, period), columns=columns, filename=f"{post.pk}.csv")
        shown = {"post_id": post.pk, "analytics": vars(post_report(post, numbers, period))}
        return Response(PostAnalyticsSerializer(shown).data)
